"""The loop that most tutorials write, as the yardstick: PIL images, a DataLoader, autograd on the summed loss, Adam."""

from __future__ import annotations

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
from ..datasets import Images, Split
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
    """The network of PyTorch's VAE example; without `to_logvar` the autoencoder beside it."""

    def __init__(self, pixels: int, hidden: int, latent_dim: int, with_logvar: bool) -> None:
        super().__init__()
        self.to_hidden, self.to_mu = nn.Linear(pixels, hidden), nn.Linear(hidden, latent_dim)
        self.to_logvar = nn.Linear(hidden, latent_dim) if with_logvar else None
        self.from_code, self.to_logits = nn.Linear(latent_dim, hidden), nn.Linear(hidden, pixels)

    def loss(self, x: Tensor) -> Tensor:
        """Nats, summed over the batch `x` (B, P)."""
        h = F.relu(self.to_hidden(x))
        z, kl = self.to_mu(h), torch.zeros(())
        if self.to_logvar:
            mu, logvar = z, self.to_logvar(h)
            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
            kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        logits = self.to_logits(F.relu(self.from_code(z)))
        return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl


class PlainLoop:
    """Both models as most tutorials train them, one after the other, each with its look at the validation images."""

    def __init__(self, config: RunConfig, data: Images, split: Split, root: Path | None) -> None:
        mnist = torchvision_datasets().MNIST
        from torchvision.transforms import ToTensor

        read = mnist(str(root), transform=ToTensor()) if root else PilImages(data, ToTensor())
        self.train = DataLoader(Subset(read, split.train.tolist()), batch_size=config.batch_size, shuffle=True)
        self.validation = DataLoader(Subset(read, split.validation.tolist()), batch_size=config.batch_size)
        self.validation_size = len(split.validation)
        pixels, hidden, latent_dim = config.layers(data.pixels)
        kinds = [VARIANTS[name] for name in config.variants]
        self.networks = [PlainNetwork(pixels, hidden, latent_dim, kind.has_logvar) for kind in kinds]
        self.optimisers = [torch.optim.Adam(network.parameters()) for network in self.networks]
        self.epochs = 0

    def epoch(self) -> list[float]:
        """One epoch of each network; their validation losses in nats per image."""
        losses = []
        for network, optimiser in zip(self.networks, self.optimisers, strict=True):
            for x, _ in self.train:
                optimiser.zero_grad()
                network.loss(x.flatten(1)).backward()
                optimiser.step()
            with torch.no_grad():
                total = sum(network.loss(x.flatten(1)).item() for x, _ in self.validation)
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
