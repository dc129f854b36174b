"""What pictures are judged by: a small classifier, and the real images themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..datasets import Images
from ..learning.adam import adam_step
from ..learning.randomness import stream

HIDDEN = 128
BATCH = 128
STEPS = 2000  # four passes over 60,000 images; small sets are seen more often
LEARNING_RATE = 5e-3
REAL_IMAGES = 10_000  # that a picture's nearest neighbour is looked for among
SEED = 0  # the same classifier whoever trains it


class Classifier(nn.Module):
    """Image → logits of its class. One hidden layer: quick, and right on 97.6 % of MNIST's test images."""

    def __init__(self, pixels: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(pixels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)  # (B, classes)

    @torch.no_grad()
    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Softmax over the classes of images `x` (n, P) in [0, 1]: (n, classes)."""
        return torch.softmax(self(torch.from_numpy(x)), dim=-1).numpy()

    @torch.no_grad()
    def features(self, x: np.ndarray) -> np.ndarray:
        """Hidden units of images `x` (n, P) in [0, 1], from which the classes follow linearly: (n, HIDDEN)."""
        return self.body[:-1](torch.from_numpy(x)).numpy()


def train_classifier(images: Images) -> Classifier:
    """Learn the classes of the training images: Adam, a learning rate that falls to 0, the same seed always.

    Without torch's optimiser classes: the first of them loads a compiler, 150 MB of the dashboard.
    """
    x, y = _grey(images.train_x, images.white), torch.from_numpy(images.train_y).long()
    model = Classifier(images.pixels, len(images.classes))
    weights = stream(SEED, "classifier weights")
    with torch.no_grad():
        for layer in (layer for layer in model.body if isinstance(layer, nn.Linear)):
            bound = layer.in_features**-0.5
            for parameter in (layer.weight, layer.bias):
                parameter.uniform_(-bound, bound, generator=weights)
    order = stream(SEED, "classifier order")
    parameters = list(model.parameters())
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))  # Adam's moments
    taken = [torch.zeros(()) for _ in parameters]
    for step in range(STEPS):
        rows = torch.randint(len(x), (BATCH,), generator=order)
        gradients = torch.autograd.grad(F.cross_entropy(model(x[rows]), y[rows]), parameters)
        with torch.no_grad():
            adam_step(
                [p.data for p in parameters], list(gradients), first, second, taken, LEARNING_RATE * (1 - step / STEPS)
            )
    return model.eval().requires_grad_(False)


@torch.inference_mode()
def accuracy(model: Classifier, images: Images) -> float:
    """Share of the test images whose class it names."""
    named = model(_grey(images.test_x, images.white)).argmax(dim=-1)
    return float((named == torch.from_numpy(images.test_y)).float().mean())


@dataclass(frozen=True)
class RealImages:
    """Training images, ready to be compared with."""

    x: Tensor  # (R, P) in [0, 1]
    half_square: Tensor  # (R,) ½ ‖x‖²

    @classmethod
    def of(cls, images: Images, rows: np.ndarray) -> RealImages:
        """The first `REAL_IMAGES` of the training images with these row numbers."""
        x = _grey(images.train_x[rows[:REAL_IMAGES]], images.white)
        return cls(x, 0.5 * x.square().sum(-1))

    @torch.inference_mode()
    def nearest(self, x: Tensor, count: int = 1) -> tuple[Tensor, Tensor]:
        """Distance to the nearest `count` of them, as pixel RMSE, and their places: each (n, count), nearest first."""
        likeness = torch.addmm(-self.half_square, x, self.x.T)  # (n, R): −½ ‖x − xᵣ‖² up to ½ ‖x‖²
        best, places = likeness.topk(min(count, len(self.x)), dim=-1)
        squares = (x.square().sum(-1, keepdim=True) - 2 * best).clamp_min(0)
        return (squares / x.shape[1]).sqrt(), places


def _grey(x: np.ndarray, white: int) -> Tensor:
    return torch.from_numpy(x).float().div_(white)  # (N, P)
