"""The questions that lessons ask before their verdicts: one registry, with which choice the measured numbers give.

Where the article claims something, the question is the claim's own, and one answer counts on every page that asks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from vae.argument import rules_of_steps
from vae.argument.claims import CLAIMS
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.config import RunConfig

from . import predicted

if TYPE_CHECKING:
    from vae.analysis.comparing import Difference


@dataclass(frozen=True)
class Question:
    """One question of a page."""

    page: str  # its file
    text: str  # with {words} that the page fills in
    choices: tuple[str, ...]
    given: Callable[[Any], int | None]  # what the page has measured → which choice that is; None where it is none


def before(
    name: str,
    show: Callable[[], object],
    measured: Callable[[], Any],
    config: RunConfig,
    words: Mapping[str, object] | None = None,
    about: str = "",
) -> bool:
    """Ask QUESTIONS[name] in the place of what `show` draws, as `predicted` does.

    `measured` is what the question's `given` takes; it is called after the reveal. `about`: what else, beside the
    settings, makes another question of it. Returns whether `show` has drawn.
    """
    question = QUESTIONS[name]
    return predicted(
        f"{name} {about}".rstrip(),
        question.text.format(**words or {}),
        question.choices,
        show,
        measured=lambda: question.given(measured()),
        config=config,
    )


def whose_picture(ratios: pd.DataFrame) -> int | None:
    """Rows of `sensitivity.ratios` at one size, in every unit."""
    from vae.analysis.verdict import judgement

    more = {"AE moves more": True, "VAE moves more": False}
    found = {judgement(row) for _, row in ratios.iterrows()} - {"no ratio"}
    return rules_of_steps.whose_picture(more.get(each) for each in found)


def least_moved(table: pd.DataFrame) -> int | None:
    """Rows of `sensitivity.table` at one size, of several seeds: who is clearly least, in every unit that all have."""
    units = []
    for _, rows in table.groupby("unit"):
        moved = {name: dict(zip(of["seed"], of["rmse"], strict=True)) for name, of in rows.groupby("variant")}
        if set(rules_of_steps.INGREDIENTS) <= set(moved):
            units.append(moved)
    return rules_of_steps.least_moved(units)


def who_passes(norms: Mapping[str, float]) -> int | None:
    """By estimator: the norm of the reconstruction's gradient with respect to the encoder's weights."""
    passing = {name for name, norm in norms.items() if norm > 0}
    choices = [{"pathwise"}, set(ESTIMATOR_SETUPS) - {"detached"}, set(ESTIMATOR_SETUPS)]
    return choices.index(passing) if passing in choices else None


def both_terms(apart: Mapping[str, Difference]) -> int | None:
    """By "kl" and "reconstruction": from the least β to the greatest, by seed."""
    found = tuple(apart[term].judgement if term in apart else "open" for term in ("kl", "reconstruction"))
    lower, higher = "B is lower", "B is higher"
    choices = [(lower, lower), (lower, higher), (higher, higher), (higher, lower)]
    return choices.index(found) if found in choices else None


def how_many(active_units: tuple[int, int]) -> int:
    """How many dimensions are active, and how many there are."""
    active, latent_dim = active_units
    return 0 if active == 0 else 2 if active == latent_dim else 1


def whose_last_step(steps: pd.DataFrame) -> int | None:
    """`effects.steps` of an autoencoder and a VAE."""
    last = steps.groupby("variant")["said"].last()
    if "too few seeds" in set(last):
        return None
    return [(True, True), (True, False), (False, True), (False, False)].index(
        (last["ae"] == "falls", last["vae"] == "falls")
    )


QUESTIONS = {
    "claim 3": Question("perturbation.py", CLAIMS[3].question, CLAIMS[3].choices, whose_picture),
    "claim 6": Question("perturbation.py", CLAIMS[6].question, CLAIMS[6].choices, least_moved),
    "claim 11": Question("the_trick.py", CLAIMS[11].question, CLAIMS[11].choices, who_passes),
    "betas": Question(
        "two_losses.py",
        "From {first} to {last}: what happens to the KL and to the reconstruction loss?",
        ("both fall", "the KL falls, the reconstruction loss rises", "both rise", "the KL rises, the other falls"),
        both_terms,
    ),
    "reduction": Question(
        "two_losses.py",
        "Averages instead of sums: how many of the {latent_dim} dimensions does this VAE still use?",
        ("none", "some", "all"),
        how_many,
    ),
    "last step": Question(
        "sweeps.py",
        "{setting}, from {first} to {last}: whose {measure} still falls at the last step, from {start} to {last}?",
        CLAIMS[4].choices,
        whose_last_step,
    ),
}
