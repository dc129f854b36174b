"""What only the page two_losses uses."""
