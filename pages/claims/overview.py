"""All claims with their badges, as one picture."""

from __future__ import annotations

from vae.store.runs import Run


def all_claims(run: Run) -> None:
    """Every claim."""
