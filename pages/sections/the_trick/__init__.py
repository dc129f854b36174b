"""What only the page the_trick uses."""
