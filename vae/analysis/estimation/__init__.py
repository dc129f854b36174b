"""How well gradients are estimated."""
