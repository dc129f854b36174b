"""What only the page server uses."""
