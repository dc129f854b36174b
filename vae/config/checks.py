"""What is done with a setting's value before it is believed, and what is wrong with it. ValueErrors are sentences."""

from __future__ import annotations

from typing import Any

from ..choices import own_networks
from .named_values import CHOICES
from .values import shown


def with_its_file(values: Any) -> Any:
    """The file's hash beside a network of one's own, and none beside any other."""
    if isinstance(values, dict) and isinstance(name := values.get("network", ""), str):
        own = own_networks.of_file(name)
        if own and not values.get("network_file"):
            return values | {"network_file": own_networks.current_hash(name)}
        if not own and values.get("network_file"):
            return values | {"network_file": ""}
    return values


def known(field: str, value: Any) -> Any:
    """Names of CHOICES alone; several in one order, and each once."""
    choices = CHOICES[field]
    names = value if isinstance(value, tuple) else (value,)
    if unknown := [name for name in names if name not in choices]:
        raise ValueError(f"{shown(', '.join(map(repr, unknown)))} is not one of {', '.join(choices)}")
    if isinstance(value, tuple):
        if not value:
            raise ValueError(f"choose at least one of {', '.join(choices)}")
        return tuple(name for name in choices if name in value)  # one order everywhere, and no doubles
    return value


def printable(value: str) -> str:
    """A name that comes from outside."""
    if not value.isprintable():  # nor would a database take all of it
        raise ValueError(f"{shown(repr(value))} holds characters that can't be printed")
    return value


def class_name(value: Any) -> Any:
    """A class that somebody typed: 8 is the class "8"."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9:
        return str(value)
    return value.strip() if isinstance(value, str) else value
