"""Networks of one's own for Latent Twins: VAE_NETWORKS=docs/examples/my_networks.py (see docs/own_networks.md).

Each class is one network. `encoder(shape, latent_dim)` gives a module from images (B, C, H, W), levels from 0 to 1, to
features of each image; the program adds the linear layers that make μ and log σ² of them. `decoder(shape, latent_dim)`
gives a module from codes (B, latent_dim) to numbers of the `shape` it is given.
"""

import torch
from torch import nn


class small_conv:
    """Two convolutions with a stride, and their mirror image."""

    def encoder(shape, latent_dim):
        return nn.Sequential(
            nn.Conv2d(shape[0], 8, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
        )

    def decoder(shape, latent_dim):
        channels, height, width = shape  # each side a multiple of 4, or the shapes don't fit
        return nn.Sequential(
            nn.Linear(latent_dim, 16 * (height // 4) * (width // 4)),
            nn.ReLU(),
            nn.Unflatten(1, (16, height // 4, width // 4)),
            nn.ConvTranspose2d(16, 8, kernel_size=4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, channels, kernel_size=4, stride=2, padding=1),
        )


class Scaled(nn.Module):
    """A layer of one's own with a parameter of its own: it says how that is drawn."""

    def __init__(self, width):
        super().__init__()
        self.linear, self.scale = nn.Linear(width, width), nn.Parameter(torch.empty(width))

    def reset_parameters(self, generator):
        self.scale.uniform_(0.5, 1.5, generator=generator)

    def forward(self, h):
        return h + self.scale * torch.tanh(self.linear(h))


class residual:
    """Fully connected, with a residual layer, batch normalisation and dropout."""

    def encoder(shape, latent_dim):
        channels, height, width = shape
        return nn.Sequential(
            nn.Flatten(), nn.Linear(channels * height * width, 64), nn.BatchNorm1d(64), Scaled(64), nn.Dropout(0.1)
        )

    def decoder(shape, latent_dim):
        channels, height, width = shape
        return nn.Sequential(nn.Linear(latent_dim, 64), Scaled(64), nn.Linear(64, channels * height * width))
