"""What the article leads us to expect, and whether these runs came out so: said either way, with the number of seeds.

One registry. What was measured comes in as a difference by seed: the side that is expected to be higher, less the one
that is expected to be lower (`sentences.differences` makes it, given the lower side first).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .comparing import Difference
from .intervals import SEEDS_FOR_A_VERDICT
from .sentences import NO_CLEAR_DIFFERENCE, conclusion

AS_EXPECTED, AGAINST, NOT_MEASURED = "as expected", "**not as expected**", "not measured"


@dataclass(frozen=True)
class Expectation:
    """One thing that the article leads us to expect."""

    claim: int  # its number among the article's claims, in the order of the article
    said: str  # goes on after "Expected from the article:"


EXPECTATIONS = {
    "nudge": Expectation(
        3, "the same step of the code changes an autoencoder's pictures more than a variational autoencoder's"
    ),
    "ingredient": Expectation(
        6, "pictures change less with both noise and KL than with only one of them, or with neither"
    ),
    "path": Expectation(
        6, "a path between two images is longer in an autoencoder: its neighbouring codes may give different pictures"
    ),
    "beta_kl": Expectation(9, "a larger β gives a lower KL"),
    "beta_reconstruction": Expectation(9, "a larger β gives a higher reconstruction loss"),
    "estimator": Expectation(11, "training with the trick ends at a lower loss than training without it"),
}


def outcome(found: Difference | None) -> str:
    """How a difference, expected to be above 0, came out: in words that go on after what it is of.

    Below SEEDS_FOR_A_VERDICT seeds it is only the direction in which these few came out.
    """
    if found is None:
        return NOT_MEASURED
    if found.pairs < SEEDS_FOR_A_VERDICT:
        if found.tied or found.mean == 0:
            return "no difference in the digits shown"
        return AS_EXPECTED if found.mean > 0 else AGAINST
    return {"B is higher": AS_EXPECTED, "B is lower": AGAINST}.get(found.judgement, NO_CLEAR_DIFFERENCE)


def sentence(name: str, found: Mapping[str, Difference | None]) -> str:
    """What EXPECTATIONS[name] expects, and how it came out; `found`: what it is of → the difference. "" of one thing.

    Raises KeyError for a name that is not in the registry.
    """
    expected = f"Expected from the article: {EXPECTATIONS[name].said}."
    measured = [difference.pairs for difference in found.values() if difference is not None]
    if not measured:
        return f"{expected} That is not measured here."
    seeds = min(measured)
    where = f"Over {seeds} seeds" if seeds >= SEEDS_FOR_A_VERDICT else f"In {_these(seeds)}"
    parts = "; ".join(f"{what}: {outcome(difference)}".removeprefix(": ") for what, difference in found.items())
    return f"{expected} {where}: {parts}. {conclusion(seeds)}".rstrip()


def _these(seeds: int) -> str:
    return "this one seed" if seeds == 1 else f"these {seeds} seeds"
