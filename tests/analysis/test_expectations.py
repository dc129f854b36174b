"""What the article leads one to expect: every rule turned every way by numbers."""

from __future__ import annotations

import pytest

from vae.analysis.expectations import AGAINST, AS_EXPECTED, EXPECTATIONS, NOT_MEASURED, outcome, sentence
from vae.analysis.sentences import Quantity, differences

QUANTITY = Quantity("Some loss", "9 test images")
LOWER = {0: 1.0, 1: 2.0, 2: 3.0}
OUTCOMES = {
    "as expected": ({seed: value + 1 + 0.01 * seed for seed, value in LOWER.items()}, f"Over 3 seeds: {AS_EXPECTED}."),
    "against": ({seed: value - 1 + 0.01 * seed for seed, value in LOWER.items()}, f"Over 3 seeds: {AGAINST}."),
    "no clear difference": ({0: 2.0, 1: 1.0, 2: 3.1}, "Over 3 seeds: no clear difference."),
    "a tie in the digits shown": (
        {seed: value + 0.001 for seed, value in LOWER.items()},
        "Over 3 seeds: no clear difference.",
    ),
    "one seed, as expected": (
        {0: 1.5},
        f"In this one seed: {AS_EXPECTED}. Only one seed: not enough to conclude.",
    ),
    "one seed, against": ({0: 0.5}, f"In this one seed: {AGAINST}. Only one seed: not enough to conclude."),
    "one seed, a tie": (
        {0: 1.001},
        "In this one seed: no difference in the digits shown. Only one seed: not enough to conclude.",
    ),
    "two seeds": ({0: 1.5, 1: 2.5}, f"In these 2 seeds: {AS_EXPECTED}. Only 2 seeds: not enough to conclude."),
    "not measured": ({}, "That is not measured here."),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("name", EXPECTATIONS)
def test_every_expectation_is_told_every_way(name: str, outcome: str) -> None:
    higher, end = OUTCOMES[outcome]
    found = differences(QUANTITY, {"lower": LOWER, "higher": higher}).get("higher")
    said = sentence(name, {"": found})
    assert said == f"Expected from the article: {EXPECTATIONS[name].said}. {end}"
    assert "prove" not in said


def test_several_things_are_told_apart_and_the_fewest_seeds_are_named() -> None:
    both = {
        "in one unit": differences(QUANTITY, {"lower": LOWER, "higher": OUTCOMES["as expected"][0]})["higher"],
        "in another": differences(QUANTITY, {"lower": LOWER, "higher": OUTCOMES["against"][0]})["higher"],
        "in a third": None,
    }
    end = f"Over 3 seeds: in one unit: {AS_EXPECTED}; in another: {AGAINST}; in a third: {NOT_MEASURED}."
    assert sentence("nudge", both).endswith(end)


def test_nothing_measured_is_not_an_outcome() -> None:
    assert outcome(None) == NOT_MEASURED
    assert sentence("path", {"a": None, "b": None}).endswith("That is not measured here.")


def test_only_what_is_in_the_registry_is_expected() -> None:
    with pytest.raises(KeyError):
        sentence("nonsense", {})
    assert all(1 <= expectation.claim <= 11 for expectation in EXPECTATIONS.values())
