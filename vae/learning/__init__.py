"""Networks, losses, gradient estimators, and the one training loop."""
