"""What only the page sampling uses."""
