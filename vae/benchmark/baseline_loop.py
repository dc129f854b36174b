"""The loop that most tutorials write, as the yardstick: PIL images, a DataLoader, autograd on the summed loss, Adam."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from ..choices.variants import VARIANTS
from ..config import RunConfig
from ..datasets import Images, Shape, Split
from ..datasets.torchvision_sets import torchvision_datasets


class PilImages(Dataset[tuple[Tensor, int]]):
    """Images in memory, read the way torchvision.datasets.MNIST reads its own: one PIL image at a time."""

    def __init__(self, data: Images, transform: Callable[[Any], Tensor]) -> None:
        self.x = torch.from_numpy(data.train_x).reshape(-1, *data.shape[1:])
        self.y, self.transform = torch.from_numpy(data.train_y), transform

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.x[row].numpy())), int(self.y[row])


class PlainNetwork(nn.Module):
    """An encoder, a decoder and their loss as tutorials write it; without `to_logvar` an autoencoder."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, hidden: int, latent_dim: int, with_logvar: bool) -> None:
        super().__init__()
        self.encoder, self.decoder, self.to_mu = encoder, decoder, nn.Linear(hidden, latent_dim)
        self.to_logvar = nn.Linear(hidden, latent_dim) if with_logvar else None

    def loss(self, x: Tensor) -> Tensor:
        """Nats, summed over the batch `x` (B, C, H, W)."""
        h = self.encoder(x)
        z, kl = self.to_mu(h), torch.zeros(())
        if self.to_logvar:
            mu, logvar = z, self.to_logvar(h)
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
            kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum") + kl


def plain_mlp(config: RunConfig, shape: Shape, with_logvar: bool) -> PlainNetwork:
    """The network of PyTorch's VAE example."""
    pixels, hidden, latent_dim = config.layers(math.prod(shape))
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU())
    decoder = nn.Sequential(nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, pixels), nn.Unflatten(1, shape))
    return PlainNetwork(encoder, decoder, hidden, latent_dim, with_logvar)


def plain_conv(config: RunConfig, shape: Shape, with_logvar: bool) -> PlainNetwork:
    """Two strided convolutions and their mirror, for images whose sides are multiples of four."""
    (first, second), (hidden,) = config.channels, config.hidden
    small = (second, shape[1] // 4, shape[2] // 4)
    flat = math.prod(small)
    encoder = nn.Sequential(
        nn.Conv2d(shape[0], first, 4, 2, 1),
        nn.ReLU(),
        nn.Conv2d(first, second, 4, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(flat, hidden),
        nn.ReLU(),
    )
    decoder = nn.Sequential(
        nn.Linear(config.latent_dim, hidden),
        nn.ReLU(),
        nn.Linear(hidden, flat),
        nn.ReLU(),
        nn.Unflatten(1, small),
        nn.ConvTranspose2d(second, first, 4, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(first, shape[0], 4, 2, 1),
    )
    return PlainNetwork(encoder, decoder, hidden, config.latent_dim, with_logvar)


PLAIN: dict[str, Callable[[RunConfig, Shape, bool], PlainNetwork]] = {"mlp": plain_mlp, "conv": plain_conv}


class PlainLoop:
    """Both models as most tutorials train them, one after the other, each with its look at the validation images."""

    def __init__(self, config: RunConfig, data: Images, split: Split, root: Path | None) -> None:
        mnist = torchvision_datasets().MNIST
        from torchvision.transforms import ToTensor

        read = mnist(str(root), transform=ToTensor()) if root else PilImages(data, ToTensor())
        self.train = DataLoader(Subset(read, split.train.tolist()), batch_size=config.batch_size, shuffle=True)
        self.validation = DataLoader(Subset(read, split.validation.tolist()), batch_size=config.batch_size)
        self.validation_size = len(split.validation)
        kinds = [VARIANTS[name] for name in config.variants]
        self.networks = [PLAIN[config.network](config, data.shape, kind.has_logvar) for kind in kinds]
        self.optimisers = [torch.optim.Adam(network.parameters()) for network in self.networks]
        self.epochs = 0

    def epoch(self) -> list[float]:
        """One epoch of each network; their validation losses in nats per image."""
        losses = []
        for network, optimiser in zip(self.networks, self.optimisers, strict=True):
            for x, _ in self.train:
                optimiser.zero_grad()
                network.loss(x).backward()
                optimiser.step()
            with torch.no_grad():
                total = sum(network.loss(x).item() for x, _ in self.validation)
            losses.append(total / self.validation_size)
        self.epochs += 1
        return losses

    def seconds(self) -> list[float]:
        """Seconds of one more epoch; the first call warms up with another."""
        if not self.epochs:
            self.epoch()
        started = time.perf_counter()
        self.epoch()
        return [time.perf_counter() - started]
