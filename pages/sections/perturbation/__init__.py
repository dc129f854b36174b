"""What only the page perturbation uses."""
