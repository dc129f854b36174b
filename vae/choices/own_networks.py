"""Networks of the operator's own: the files that VAE_NETWORKS names, read as text and not run.

A class without bases that has the functions `encoder` and `decoder` is a network, its docstring's first line what the
form says of it. What it builds stands in `learning.own`, which runs the file: pages that only offer it
needn't. A process stays with a file as it first read it, so that all its runs are of the same one.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections import UserDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import InputError
from .choice import Choice

VARIABLE = "VAE_NETWORKS"
PARTS = ("encoder", "decoder")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}:[A-Za-z_][A-Za-z0-9_]{0,39}")  # my_networks:small
STEM = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
LARGEST = 1_000_000  # bytes of a file


@dataclass(frozen=True)
class NetworkFile:
    """One file, as this process read it first."""

    path: Path
    source: bytes
    sha256: str  # 64 hex digits
    sentences: Mapping[str, str]  # by name of a network, such as small: what it is, in its author's words


def of_file(name: str) -> bool:
    """Whether an architecture's name is that of a network of somebody's own, wherever its file is."""
    return NAME.fullmatch(name) is not None


def files(environment: Mapping[str, str] | None = None) -> dict[str, NetworkFile]:
    """The files that the environment names, by name without `.py`. Raises InputError when one can't be read."""
    env = os.environ if environment is None else environment
    found: dict[str, NetworkFile] = {}
    for word in (env.get(VARIABLE) or "").split(","):
        if not word.strip():
            continue
        path = Path(word.strip()).expanduser().resolve()
        if path.suffix != ".py" or not STEM.fullmatch(path.stem):
            raise InputError(
                f"{VARIABLE} names {word.strip()!r}, but it must be files such as my_networks.py, whose names are made "
                "of letters, digits and _, with commas between them."
            )
        if path.stem in found and found[path.stem].path != path:
            raise InputError(f"{VARIABLE} names two files called {path.name}; their networks would have the same name.")
        found[path.stem] = read(path)
    return found


def offered() -> dict[str, str]:
    """By name, such as my_networks:small: what each network of the environment's files is, in a sentence.

    Empty where a file can't be read; `Settings.from_environment` says why.
    """
    try:
        there = files()
    except InputError:
        return {}
    return {f"{stem}:{name}": said for stem, file in there.items() for name, said in file.sentences.items()}


def file_of(network: str, environment: Mapping[str, str] | None = None) -> NetworkFile | None:
    """The file that a network such as my_networks:small is in, or None. Raises InputError as `files`."""
    stem, _, name = network.partition(":")
    file = files(environment).get(stem) if of_file(network) else None
    return file if file and name in file.sentences else None


def current_hash(network: str) -> str:
    """SHA-256 of the file that a network is in; empty for one that is in none, or in none that is here."""
    try:
        file = file_of(network)
    except InputError:  # told where the environment is read
        return ""
    return file.sha256 if file else ""


@lru_cache(maxsize=64)
def read(path: Path) -> NetworkFile:
    """A file's networks, found in its text. Raises InputError when it can't be read or holds none."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InputError(f"{VARIABLE} names {path}, which can't be read ({error.strerror}).") from None
    if len(source) > LARGEST:
        raise InputError(f"{path.name} is larger than {LARGEST:,} bytes, which no file of networks is.")
    try:
        tree = ast.parse(source, filename=str(path))
    except SyntaxError as error:
        raise InputError(f"{path.name} is no Python: {error.msg} (line {error.lineno}).") from None
    except ValueError:  # NUL bytes
        raise InputError(f"{path.name} is no Python text.") from None
    sentences = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or node.bases:
            continue
        missing = set(PARTS) - {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
        if len(missing) == 1:
            raise InputError(
                f"{path.name}: the network {node.name} has no function {missing.pop()}(shape, latent_dim)."
            )
        if not missing and STEM.fullmatch(node.name):
            sentences[node.name] = (ast.get_docstring(node) or "").partition("\n")[0].strip()
    if not sentences:
        raise InputError(
            f"{path.name} holds no network: a class with the functions encoder(shape, latent_dim) and "
            "decoder(shape, latent_dim). docs/own_networks.md shows one."
        )
    return NetworkFile(path, source, hashlib.sha256(source).hexdigest(), sentences)


@dataclass(frozen=True)
class InAFile(Choice):
    """A network of somebody's own, in words."""

    as_written = True
    ignored: tuple[str, ...] = ("hidden", "normalisation", "dropout", "activation")  # its layers stand in its file


class WithFiles(UserDict[str, Choice]):
    """The networks of this program, then those of the files that VAE_NETWORKS names at the moment.

    Another file's network is known, though not offered: a run of it can still be listed, named and compared.
    """

    def __iter__(self) -> Iterator[str]:
        yield from self.data
        yield from offered()

    def __len__(self) -> int:
        return len(self.data) + len(offered())

    def __contains__(self, name: object) -> bool:
        return name in self.data or (isinstance(name, str) and of_file(name))

    def __getitem__(self, name: str) -> Choice:
        if name in self.data or not of_file(name):
            return self.data[name]
        return InAFile(name, offered().get(name) or "A network of one's own, in a file.")
