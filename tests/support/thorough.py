"""Parameters of which a few tell most: those run with `make test`, the rest with `make test-slow`."""

from collections.abc import Container, Iterable
from typing import Any

import pytest


def thorough(values: Iterable[Any], quick: Container[Any]) -> list[Any]:
    """All values, those that aren't in `quick` marked slow."""
    return [value if value in quick else pytest.param(value, marks=pytest.mark.slow) for value in values]
