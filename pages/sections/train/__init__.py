"""What only the page train uses."""
