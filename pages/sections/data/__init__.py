"""What only the page data uses."""
