"""What the server keeps for all visitors: resources, caches, measurements in the background, outages."""
