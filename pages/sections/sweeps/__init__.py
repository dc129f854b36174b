"""What only the page sweeps uses."""
