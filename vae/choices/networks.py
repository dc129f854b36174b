"""Architectures of encoder and decoder, in words. What each is made of stands in `learning.networks`."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator

from . import own_networks
from .choice import Choice


class Networks(UserDict[str, Choice]):
    """Those of this program, then those of the files that VAE_NETWORKS names at the moment.

    Another file's network is known, though not offered: a run of it can still be listed, named and compared.
    """

    def __iter__(self) -> Iterator[str]:
        yield from self.data
        yield from own_networks.offered()

    def __len__(self) -> int:
        return len(self.data) + len(own_networks.offered())

    def __contains__(self, name: object) -> bool:
        return name in self.data or (isinstance(name, str) and own_networks.of_file(name))

    def __getitem__(self, name: str) -> Choice:
        if name in self.data or not own_networks.of_file(name):
            return self.data[name]
        return Choice(name, own_networks.offered().get(name) or "A network of one's own, in a file.")


NETWORKS = Networks(
    {
        "mlp": Choice(
            "fully connected", "Layers in which every number depends on every number before; decoder mirrored."
        ),
    }
)
