"""Architectures of encoder and decoder, in words. What each is made of stands in `learning.networks`."""

from __future__ import annotations

from .choice import Choice

NETWORKS: dict[str, Choice] = {
    "mlp": Choice("fully connected", "Layers in which every number depends on every number before; decoder mirrored."),
}
