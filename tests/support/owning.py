"""Files of networks of one's own, as an operator would write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae.choices import own_networks
from vae.settings import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "my_networks.py"
SMALL, RESIDUAL = "my_networks:small_conv", "my_networks:residual"
PLAIN = '''
from torch import nn


class plain:
    """One layer there, one back."""

    def encoder(shape, latent_dim):
        return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], 16), nn.Tanh())

    def decoder(shape, latent_dim):
        return nn.Linear(latent_dim, shape[0] * shape[1] * shape[2])
'''


def write(folder: Path, source: str, name: str = "mine") -> Path:
    """A file of this text, never read before."""
    path = folder / f"{name}.py"
    path.write_text(source)
    own_networks.read.cache_clear()
    return path


def name_files(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    monkeypatch.setenv(own_networks.VARIABLE, ",".join(map(str, paths)))
