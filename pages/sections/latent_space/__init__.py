"""What only the page latent_space uses."""
