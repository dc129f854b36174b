"""What ratios say in words: every way the numbers may come out, from tables made by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from vae.analysis.comparing import ratios
from vae.analysis.expectations import EXPECTATIONS
from vae.analysis.verdict import in_numbers, judgement, logarithm, verdict, ways
from vae.choices.nudge_units import NUDGE_UNITS

SHARED_UNITS = ("absolute", "latent_std", "neighbour")  # those that an autoencoder has too
INTERVALS = {"ae": (2.0, 1.5, 2.7), "vae": (0.5, 0.4, 0.6), "open": (1.2, 0.8, 1.8)}
ON = "297 test images"
EXPECTED = f"Expected from the article: {EXPECTATIONS['nudge'].said}."


def table(*found: str, seeds: int = 3, size: float = 0.1) -> pd.DataFrame:
    """As `comparing.ratios` gives it: one row per unit, with an interval of the kind that is named."""
    rows = [(unit, size, *INTERVALS[kind], seeds) for unit, kind in zip(SHARED_UNITS, found, strict=False)]
    return pd.DataFrame(rows, columns=["unit", "size", "ratio", "low", "high", "seeds"])


def rows_of(ratio: float, low: float, high: float, seeds: int) -> pd.Series:
    return pd.Series({"unit": "absolute", "size": 0.1, "ratio": ratio, "low": low, "high": high, "seeds": seeds})


@pytest.mark.parametrize(
    ("ratio", "low", "high", "seeds", "said"),
    [
        (2.0, 1.5, 2.7, 3, "AE moves more"),
        (0.5, 0.4, 0.6, 3, "VAE moves more"),
        (1.2, 0.8, 1.8, 3, "open"),
        (1.2, 1.0, 1.8, 3, "open"),
        (0.8, 0.7, 1.0, 10, "open"),
        (5.0, 4.0, 6.0, 2, "too few seeds"),
        (5.0, np.nan, np.nan, 1, "too few seeds"),
    ],
)
def test_one_row_is_judged_by_its_interval(ratio: float, low: float, high: float, seeds: int, said: str) -> None:
    assert judgement(rows_of(ratio, low, high, seeds)) == said


def test_a_ratio_that_does_not_exist_decides_nothing() -> None:
    assert judgement(rows_of(np.nan, np.nan, np.nan, 3)) not in ("AE moves more", "VAE moves more")


def test_one_seed_has_ratios_but_no_interval_and_concludes_nothing() -> None:
    assert verdict(table("ae", "vae", seeds=1), 0.1) == "Only one seed: not enough to conclude."
    assert in_numbers(table("ae", "vae", seeds=1), 0.1, ON) == (
        "After a nudge of 0.1, the AE's pictures change, compared with the VAE's, 2.00 times as much in absolute "
        "units; 0.50 times as much relative to the spread of the codes. In pixel RMSE over 297 test images. "
        f"{EXPECTED} In this one seed: in absolute units: as expected; relative to the spread of the codes: **not as "
        "expected**. Only one seed: not enough to conclude."
    )


def test_two_seeds_are_not_enough() -> None:
    said = in_numbers(table("ae", "ae", "ae", seeds=2), 0.1, ON)
    assert said.endswith("Only 2 seeds: not enough to conclude.")
    assert "interval" not in said
    assert verdict(table("ae", "ae", "ae", seeds=2), 0.1) == "Only 2 seeds: not enough to conclude."


def test_a_flip_says_that_the_unit_decides() -> None:
    assert verdict(table("vae", "ae"), 0.1) == "3 seeds. Which of the two moves more depends on the unit."
    assert in_numbers(table("vae", "ae"), 0.1, ON) == (
        "After a nudge of 0.1, the AE's pictures change, compared with the VAE's, 0.50 times as much in absolute units "
        "(95 % interval 0.40 to 0.60); 2.00 times as much relative to the spread of the codes (95 % interval 1.50 to "
        f"2.70). In pixel RMSE over 297 test images. {EXPECTED} Over 3 seeds: in absolute units: **not as expected**; "
        "relative to the spread of the codes: as expected."
    )


def test_a_tie_in_the_digits_shown_is_no_order() -> None:
    """A ratio of 1.004 for certain, which reads 1.00."""
    row = rows_of(1.004, 1.003, 1.005, 3)
    assert judgement(row) == "open" and logarithm(row).judgement == "open"
    assert logarithm(rows_of(2.0, 1.5, 2.7, 3)).judgement == "B is higher"
    assert logarithm(rows_of(np.nan, np.nan, np.nan, 3)) is None


@pytest.mark.parametrize(
    ("found", "end"),
    [
        (("ae", "ae", "ae"), "The autoencoder moves more in every unit measured."),
        (("vae", "vae", "vae"), "The VAE moves more in every unit measured."),
        (("open", "open", "open"), "There is no clear difference in any unit."),
        (("ae", "open", "ae"), "The autoencoder moves more in some units; in the others there is no clear difference."),
        (("open", "vae", "open"), "The VAE moves more in some units; in the others there is no clear difference."),
        (("ae", "open", "vae"), "Which of the two moves more depends on the unit."),
        (("open",), "There is no clear difference in any unit."),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_the_end_follows_from_all_units_together(found: tuple[str, ...], end: str) -> None:
    assert verdict(table(*found), 0.1) == f"3 seeds. {end}"


@pytest.mark.parametrize("seeds", [1, 2, 3, 7])
@pytest.mark.parametrize("found", list(product(INTERVALS, repeat=3)), ids="-".join)
def test_no_order_is_claimed_where_an_interval_includes_one(found: tuple[str, ...], seeds: int) -> None:
    said, all_numbers = verdict(table(*found, seeds=seeds), 0.1), in_numbers(table(*found, seeds=seeds), 0.1, ON)
    listed = all_numbers[all_numbers.index("VAE's, ") : all_numbers.index(". In pixel")].split("; ")
    assert len(listed) == 3
    for unit, kind, part in zip(SHARED_UNITS, found, listed, strict=True):
        assert NUDGE_UNITS[unit].measured in part
        assert f"{INTERVALS[kind][0]:.2f} times as much" in part
        assert ("no clear difference" in part) == (kind == "open" and seeds >= 3)
    if "open" in found or seeds < 3:
        assert "in every unit" not in said
    if seeds < 3:
        assert "moves more" not in said
    if seeds < 3 or not {"ae", "vae"} <= set(found):
        assert "depends on the unit" not in said, "a flip needs two intervals on either side of 1"
    assert said.endswith(".") and all_numbers.endswith(".")


def test_only_the_rows_of_the_asked_size_count() -> None:
    both = pd.concat([table("ae", "ae", "ae"), table("vae", "vae", "vae", size=2.0)])
    assert "The autoencoder moves more in every unit" in verdict(both, 0.1)
    assert "The VAE moves more in every unit" in verdict(both, 2.0)
    assert in_numbers(both, 2.0, ON).startswith("After a nudge of 2, the AE's pictures change")
    assert in_numbers(both, 2.0, ON).count("0.50 times as much") == 3


@pytest.mark.parametrize("ratio_table", [table(), table("ae", size=0.5)], ids=["no rows", "none of this size"])
def test_without_rows_there_is_nothing_to_compare(ratio_table: pd.DataFrame) -> None:
    assert verdict(ratio_table, 0.1) == "Nothing to compare: it takes two models."


def measured(values: dict[str, list[float]], unit: str = "absolute") -> pd.DataFrame:
    """variant → rmse by seed, as `sensitivity.table` has it."""
    rows = [(variant, unit, 0.1, rmse, seed) for variant, found in values.items() for seed, rmse in enumerate(found)]
    return pd.DataFrame(rows, columns=["variant", "unit", "size", "rmse", "seed"])


def test_measurements_become_ratios_and_ratios_words() -> None:
    """Equal ratios in each seed leave no doubt: 2 ± 0, and ½ ± 0 in the other unit."""
    both = pd.concat(
        [
            measured({"ae": [0.2, 0.4, 0.6], "vae": [0.1, 0.2, 0.3]}),
            measured({"ae": [0.1, 0.2, 0.3], "vae": [0.2, 0.4, 0.6]}, "latent_std"),
        ]
    )
    said = in_numbers(ratios(both), 0.1, ON)
    assert "2.00 times as much in absolute units (95 % interval 2.00 to 2.00)" in said
    assert "0.50 times as much relative to the spread of the codes (95 % interval 0.50 to 0.50)" in said
    assert verdict(ratios(both), 0.1) == "3 seeds. Which of the two moves more depends on the unit."


def test_a_ratio_that_does_not_exist_is_not_told_as_a_number_nor_as_an_interval_about_one() -> None:
    """A collapsed model does not move at all in units of its own spread: 0 / 0."""
    both = pd.concat(
        [
            measured({"ae": [0.2, 0.4, 0.6], "vae": [0.1, 0.2, 0.3]}),
            measured({"ae": [0.1, 0.2, 0.3], "vae": [0.0, 0.0, 0.0]}, "latent_std"),
        ]
    )
    said = in_numbers(ratios(both), 0.1, ON)
    assert "2.00 times as much in absolute units" in said
    assert "nan" not in said
    assert "relative to the spread of the codes: not measured" in said


# Any two variants, and all beside one


def table_of(**rmse: object) -> pd.DataFrame:
    """By variant: RMSE by seed, in each of two units."""
    rows = [
        (name, unit, 0.1, value, 100, seed)
        for name, units in rmse.items()
        for unit, values in zip(("absolute", "latent_std"), units, strict=True)
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["variant", "unit", "size", "rmse", "n", "seed"])


LITTLE, MUCH, ANY = (0.1, 0.101, 0.102), (0.4, 0.404, 0.408), (0.05, 0.2, 0.8)


@pytest.mark.parametrize(
    ("other", "said", "sorted_as"),
    [
        ((LITTLE, LITTLE), "The denoising AE moves more in every unit measured.", "less in every unit"),
        ((MUCH, MUCH), "The contractive AE moves more in every unit measured.", "more in every unit"),
        ((LITTLE, MUCH), "Which of the two moves more depends on the unit.", "less or more, as the unit is"),
        ((ANY, ANY), "There is no clear difference in any unit.", "neither clearly less nor clearly more"),
        ((LITTLE, ANY), "The denoising AE moves more in some units;", "less in some units, and in none clearly more"),
        ((ANY, MUCH), "The contractive AE moves more in some units;", "more in some units, and in none clearly less"),
    ],
)
def test_any_two_variants_are_compared(other: object, said: str, sorted_as: str) -> None:
    table, pair = table_of(denoising=((0.2, 0.202, 0.204),) * 2, contractive=other), ("denoising", "contractive")
    assert verdict(ratios(table, *pair), 0.1, *pair).startswith(f"3 seeds. {said}")
    assert ways(table, 0.1, "denoising") == (
        f"3 seeds. Compared with the denoising AE, pictures change {sorted_as}: contractive AE."
    )
    numbers = in_numbers(ratios(table, *pair), 0.1, "100 images", *pair)
    assert numbers.startswith("After a nudge of 0.1, the denoising AE's pictures change, compared with the contractive")
    assert "Expected" not in numbers, "the article speaks of the AE and the VAE"


def test_all_are_sorted_by_what_came_out() -> None:
    table = table_of(ae=((0.2, 0.202, 0.204),) * 2, vae=(LITTLE,) * 2, noise_only=(MUCH,) * 2, rae=(LITTLE,) * 2)
    assert ways(table, 0.1) == (
        "3 seeds. Compared with the autoencoder, pictures change less in every unit: VAE, regularised AE; more in "
        "every unit: noise only."
    )
    assert ways(table[table["seed"] == 0], 0.1) == "Only one seed: not enough to conclude."
    assert ways(table[table["variant"] == "ae"], 0.1) == "Nothing to compare with the autoencoder."
    pair = ("noise_only", "vae")
    assert "The model with noise only moves more" in verdict(ratios(table, *pair), 0.1, *pair)
