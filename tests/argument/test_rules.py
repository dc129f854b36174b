"""Every rule, turned every way by made-up tables: what was measured decides, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from vae.argument.claims import CLAIMS, judge
from vae.argument.evidence import FAMILIES, Evidence
from vae.argument.findings import BADGES, Finding
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.config import RunConfig

Values = Sequence[float]  # one for each seed
UNITS = ("absolute", "latent_std", "neighbour")


def evidence(
    measures: Mapping[tuple[str, ...], Values] | None = None,
    nudges: Mapping[tuple[str, str], Values] | None = None,
    base: RunConfig | None = None,
) -> Evidence:
    """By (measure, variant) or (measure, variant, member), and by (variant, unit)."""
    rows = [
        ("member" if len(key) < 3 else key[2], seed, key[1], key[0], value, 100)
        for key, values in (measures or {}).items()
        for seed, value in enumerate(values)
    ]
    nudged = [
        ("member", seed, variant, unit, size, value * size / 0.1)
        for (variant, unit), values in (nudges or {}).items()
        for seed, value in enumerate(values)
        for size in (0.1, 0.5)
    ]
    return Evidence(
        base or RunConfig(),
        pd.DataFrame(rows, columns=["member", "seed", "variant", "measure", "value", "n"]),
        pd.DataFrame(nudged, columns=["member", "seed", "variant", "unit", "size", "rmse"]),
        "Digits",
    )


def near(value: float, seeds: int = 3) -> list[float]:
    """Values that lie close together, for a clear difference from others."""
    return [value * (1 + 0.01 * seed) for seed in range(seeds)]


def wide(value: float) -> list[float]:
    """Values so far apart that their interval holds anything near."""
    return [value * 0.5, value, value * 2]


def first(ae: Values, mean_image: float = 0.07, pca: float = 0.05) -> Evidence:
    count = len(ae)
    return evidence({("mse", "ae"): ae, ("mean_image_mse", ""): [mean_image] * count, ("pca_mse", ""): [pca] * count})


def second(kl_ae: Values, kl_vae: Values, mmd_ae: Values, mmd_vae: Values) -> Evidence:
    return evidence(
        {
            ("kl_to_prior", "ae"): kl_ae,
            ("kl_to_prior", "vae"): kl_vae,
            ("mmd_to_prior", "ae"): mmd_ae,
            ("mmd_to_prior", "vae"): mmd_vae,
            ("kl_to_prior", ""): near(0.01, len(kl_ae)),
        }
    )


def third(*ratios: Values) -> Evidence:
    """AE ÷ VAE in each unit; the VAE has one more, which the AE has not."""
    vae = {("vae", unit): [0.02] * len(ratios[0]) for unit in UNITS}
    ae = {("ae", unit): [0.02 * value for value in values] for unit, values in zip(UNITS, ratios, strict=True)}
    return evidence({}, ae | vae | {("vae", "posterior_std"): [0.01] * len(ratios[0])})


def fourth(ae: Sequence[Values], vae: Sequence[Values]) -> Evidence:
    sizes = FAMILIES["sizes"](RunConfig())
    return evidence(
        {
            ("mse", name, size): values
            for name, of_name in (("ae", ae), ("vae", vae))
            for size, values in zip(sizes, of_name, strict=False)
        }
    )


FALLING = [near(0.04), near(0.02), near(0.01), near(0.005)]
STOPPING = [near(0.04), near(0.02), near(0.01), near(0.0101)]
UNCLEAR = [near(0.04), near(0.02), near(0.01), wide(0.01)]
NEVER = [near(0.04)] * 4


def fifth(std: Values, neighbour: float = 0.1, means: float = 1.0) -> Evidence:
    count = len(std)
    return evidence(
        {
            ("posterior_std", "vae"): std,
            ("neighbour_distance", "vae"): [neighbour] * count,
            ("code_std", "vae"): [means] * count,
        }
    )


def sixth(noise: Sequence[Values], kl: float = 0.9, both: float = 0.5) -> Evidence:
    """Beside an AE that moves by 1, in two units."""
    count, found = len(noise[0]), {}
    for unit, values in zip(UNITS, noise, strict=False):
        found |= {("ae", unit): [1.0] * count, ("noise_only", unit): values}
        found |= {("kl_only", unit): near(kl, count), ("vae", unit): near(both, count)}
    return evidence({("code_std", "ae"): near(4, count), ("code_std", "noise_only"): near(5, count)}, found)


def seventh(spread: Values, error: float = 0.2) -> Evidence:
    """In grey levels of 255."""
    count = len(spread)
    return evidence(
        {
            ("spread", "vae"): [value / 255 for value in spread],
            ("rebuilt_rmse", "vae"): [error] * count,
            ("spread", "ae"): [0.0] * count,
        }
    )


def eighth(*shares: float) -> Evidence:
    return evidence({("negative_share", "vae"): shares})


def ninth(distances: Sequence[Values], errors: Sequence[Values]) -> Evidence:
    """With β = 0, 1, 20."""
    betas = FAMILIES["betas"](RunConfig())
    found = {("coverage_distance", "vae", beta): values for beta, values in zip(betas, distances, strict=False)}
    return evidence(found | {("mse", "vae", beta): values for beta, values in zip(betas, errors, strict=False)})


def tenth(medians: Values) -> Evidence:
    count = len(medians)
    return evidence(
        {
            ("eps_median", ""): medians,
            ("eps_std", ""): [1.0] * count,
            ("eps_small_share", ""): [0.08] * count,
            ("noise_rms", "vae"): [0.1] * count,
            ("code_std", "vae"): [1.0] * count,
        }
    )


def eleventh(pathwise: Values, score: Values, detached: Values) -> Evidence:
    by_estimator = {"pathwise": pathwise, "score_function": score, "score_function_loo": score, "detached": detached}
    assert set(by_estimator) == set(ESTIMATOR_SETUPS)
    return evidence(
        {
            (f"gradient_{place}_{name}", "vae"): values
            for name, values in by_estimator.items()
            for place in ("mu", "logvar")
        }
    )


ZERO = [0.0, 0.0, 0.0]
MUCH, LESS = near(2), near(0.5)
TURNS = [
    # 1: below both, below the mean image alone, above both, anything
    (1, first(near(0.035)), "holds", 1, ""),
    (1, first(near(0.006)), "holds", 3, ""),
    (1, first(near(0.017)), "holds", 2, ""),
    (1, first(near(0.06)), "depends", 0, "the comparison"),
    (1, first(near(0.08)), "fails", 0, ""),
    (1, first(wide(0.06)), "open", None, ""),
    (1, first(near(0.035, 2)), "too_few", None, ""),
    # 2: further by both, by one, nearer by both, by neither; a collapsed code is infinitely far
    (2, second(near(10), near(0.1), near(0.4), near(0.01)), "holds", 1, ""),
    (2, second(near(10), near(0.1), wide(0.1), wide(0.1)), "depends", None, "the measure"),
    (2, second(near(0.1), near(10), near(0.4), near(0.01)), "depends", None, "the measure"),
    (2, second(near(0.1), near(10), near(0.01), near(0.4)), "fails", 0, ""),
    (2, second(wide(1), wide(1)[::-1], wide(0.1), wide(0.1)[::-1]), "open", 2, ""),
    (2, second([math.inf] * 3, near(0.1), near(0.4), near(0.01)), "holds", 1, ""),
    (2, second(near(1), [math.inf] * 3, near(0.01), near(0.4)), "fails", 0, ""),
    (2, second([math.inf] * 3, [math.inf] * 3, near(0.4), near(0.01)), "depends", None, "the measure"),
    (2, second([math.inf, 1, 1], near(0.1), near(0.4), near(0.01)), "depends", None, "the measure"),
    (2, second([10], [0.1], [0.4], [0.01]), "too_few", None, ""),
    # 3: more in all units, in some, less in all, unclear
    (3, third(MUCH, MUCH, MUCH), "holds", 0, ""),
    (3, third(LESS, MUCH, MUCH), "depends", 2, "the unit"),
    (3, third(wide(1), MUCH, MUCH), "depends", None, "the unit"),  # no unit is shown to say the contrary
    (3, third(LESS, LESS, LESS), "fails", 1, ""),
    (3, third(LESS, wide(1), LESS), "fails", None, ""),
    (3, third(wide(1), wide(1), wide(1)), "open", None, ""),
    (3, third(near(2, 1), near(2, 1), near(2, 1)), "too_few", None, ""),
    # 4: both stop, one does, none does, nobody knows
    (4, fourth(STOPPING, STOPPING), "holds", 3, ""),
    (4, fourth(FALLING, STOPPING), "depends", 1, "the model"),
    (4, fourth(STOPPING, FALLING), "depends", 2, "the model"),
    (4, fourth(FALLING, FALLING), "fails", 0, ""),
    (4, fourth(UNCLEAR, UNCLEAR), "open", None, ""),
    (4, fourth(NEVER, NEVER), "open", None, ""),
    (4, fourth([of_size[:2] for of_size in FALLING], [of_size[:2] for of_size in STOPPING]), "too_few", None, ""),
    (4, fourth(FALLING[:2], FALLING[:2]), "not_measured", None, ""),
    # 5: wide, about alike, narrow but no point, a point, collapsed, anything
    (5, fifth(near(0.5)), "holds", 2, ""),
    (5, fifth(near(0.1)), "holds", 1, ""),
    (5, fifth(near(0.02)), "holds", 0, ""),
    (5, fifth(near(0.002)), "fails", 0, ""),
    (5, fifth(near(1.0), 0.001, 0.01), "fails", 2, ""),
    (5, fifth(wide(0.01)), "open", None, ""),
    (5, fifth([0.1, 1.0, 10.0], 0.001, 1.0), "open", 2, ""),  # wide, but perhaps the same for all images
    (5, fifth(near(0.5, 2)), "too_few", None, ""),
    # 6: noise alone moves less in all units, in some, more in all, unclear; who moves least is asked apart
    (6, sixth([near(0.6), near(0.6)]), "holds", 2, ""),
    (6, sixth([near(0.6), near(0.6)], both=0.8), "holds", 0, ""),
    (6, sixth([near(0.95), near(0.95)], kl=0.3), "holds", 1, ""),
    (6, sixth([near(0.3), near(0.8)]), "holds", 3, ""),
    (6, sixth([near(0.8), near(1.2)]), "depends", 2, "the unit"),
    (6, sixth([near(0.3), wide(1)]), "depends", None, "the unit"),  # least in one unit; no unit says another
    (6, sixth([near(1.2), near(1.2)]), "fails", 2, ""),
    (6, sixth([wide(1), wide(1)], kl=1.0, both=1.0), "open", None, ""),
    (6, sixth([near(0.6, 1), near(0.6, 1)]), "too_few", None, ""),
    # 7: seen and less than the error, more than it, not seen, at the edge
    (7, seventh(near(5)), "holds", 1, ""),
    (7, seventh(near(100)), "holds", 2, ""),
    (7, seventh(near(0.2)), "fails", 0, ""),
    (7, seventh(wide(1)), "open", None, ""),
    (7, seventh(near(5, 2)), "too_few", None, ""),
    # 8: most, a few, none, in some seeds
    (8, eighth(0.9, 0.95, 0.99), "holds", 2, ""),
    (8, eighth(0.1, 0.11, 0.12), "holds", 1, ""),
    (8, eighth(0, 0, 0), "fails", 0, ""),
    (8, eighth(0, 0.1, 0.2), "open", None, ""),
    (8, eighth(0.9), "too_few", None, ""),
    # 9: both are lost, one is, none is and the reverse is clear, nothing is clear
    (9, ninth([near(0.25), near(0.2), near(0.26)], [near(0.04), near(0.04), near(0.07)]), "holds", 3, ""),
    (9, ninth([near(0.25), near(0.2), near(0.2)], [near(0.04)] * 3), "depends", 1, "the loss"),
    (9, ninth([near(0.2)] * 3, [near(0.04), near(0.04), near(0.07)]), "depends", 2, "the loss"),
    (9, ninth([near(0.1), near(0.2), near(0.2)], [near(0.04)] * 3), "fails", 0, ""),
    (9, ninth([near(0.2)] * 3, [near(0.04)] * 3), "open", None, ""),
    (9, ninth([near(0.25, 1)] * 3, [near(0.04, 1)] * 3), "too_few", None, ""),
    (9, ninth([near(0.25)] * 2, [near(0.04)] * 2), "not_measured", None, ""),
    # 10
    (10, tenth(near(0.67)), "fails", 1, ""),
    (10, tenth(near(0.05)), "holds", 0, ""),
    (10, tenth(near(3)), "fails", 2, ""),
    (10, tenth(wide(0.1)), "open", None, ""),
    (10, tenth(near(0.67, 2)), "too_few", None, ""),
    # 11: exactly 0 without the trick, with one way, with none, in some seeds
    (11, eleventh(near(1), ZERO, ZERO), "holds", 0, ""),
    (11, eleventh(near(1), near(20), ZERO), "depends", 1, "the estimator"),
    (11, eleventh(near(1), near(20), [1e-12] * 3), "fails", 2, ""),
    (11, eleventh(near(1), [0, 1, 1], [0, 1, 1]), "open", None, ""),
    (11, eleventh(ZERO, ZERO, ZERO), "holds", None, ""),
    (11, eleventh([1.0], [20.0], [0.0]), "too_few", None, ""),
]


@pytest.mark.parametrize(("number", "given", "badge", "answer", "depends_on"), TURNS)
def test_numbers_turn_the_badge(number: int, given: Evidence, badge: str, answer: int | None, depends_on: str) -> None:
    finding = judge(number, given)
    assert (finding.badge, finding.answer, finding.depends_on) == (badge, answer, depends_on)
    assert finding.said.endswith(".") and finding.turned_by.endswith(".")
    assert "nan" not in f"{finding.said} {finding.turned_by} {[number.text for number in finding.numbers]}"
    if badge != "not_measured":
        assert finding.numbers
        assert ("not enough to conclude" in finding.said) == (badge == "too_few")
    if BADGES[badge].verdict:
        assert finding.seeds == 3
        assert not math.isnan(finding.numbers[0].low) or "infinite" in finding.said


def test_every_rule_is_turned_every_way_it_can_be() -> None:
    turned = {number: {badge for of_one, _, badge, *_ in TURNS if of_one == number} for number in CLAIMS}
    both = {"holds", "fails", "open", "too_few"}
    assert {number: both - badges for number, badges in turned.items()} == {number: set() for number in CLAIMS}
    assert {number for number, badges in turned.items() if "depends" in badges} == {1, 2, 3, 4, 6, 9, 11}


@pytest.mark.parametrize("number", CLAIMS)
def test_without_a_table_nothing_is_said_of_it(number: int) -> None:
    finding = judge(number, evidence())
    assert (finding.badge, finding.answer, finding.seeds, finding.on) == ("not_measured", None, 0, "")
    assert finding.said.startswith("Not measured yet: ")


@pytest.mark.parametrize("number", CLAIMS)
def test_what_is_not_finite_is_not_counted(number: int) -> None:
    """Of one seed in four: the others are judged as they are."""
    given = next(of_one for wanted, of_one, badge, *_ in TURNS if wanted == number and badge == "holds")
    seed = {"seed": 3, "value": np.nan, "rmse": np.nan}
    measures, nudges = (
        pd.concat([table, table[table["seed"] == 0].assign(**{name: seed[name] for name in seed if name in table})])
        for table in (given.measures, given.nudges)
    )
    found = judge(number, Evidence(given.base, measures, nudges, given.dataset))
    expected = judge(number, given)
    if number in (3, 6):  # a ratio that some seed lacks is none: leaving the seed out would bend it
        assert found.badge == "not_measured"
    else:
        assert (found.badge, found.seeds, found.said) == (expected.badge, expected.seeds, expected.said)


def test_an_answer_is_one_of_the_choices() -> None:
    for number, given, *_ in TURNS:
        answer = judge(number, given).answer
        assert answer is None or 0 <= answer < len(CLAIMS[number].choices)


def test_sentences_follow_the_numbers() -> None:
    """Claim 3 with one set of numbers, and with another."""
    finding = judge(3, third(near(0.5), near(2), near(2)))
    assert finding.said == (
        "After a nudge of 0.1, the AE’s pictures change, compared with the VAE’s, 0.50 times as much in absolute "
        "units, 2.02 times as much relative to the spread of the codes and 2.02 times as much relative to the distance "
        "between neighbouring codes. The AE’s pictures change clearly more relative to the spread of the codes and "
        "relative to the distance between neighbouring codes; clearly less in absolute units."
    )
    assert finding.title == "depends on the unit"
    assert finding.numbers[1].text == "2.02 times (95 % interval 1.97 to 2.07)"


def other_ways(**moved: Sequence[Values]) -> Evidence:
    """Claim 6 as it holds, and by variant what else was measured, in both units."""
    given = sixth([near(0.6), near(0.6)])
    rows = evidence(
        {},
        {(name, unit): values for name, units in moved.items() for unit, values in zip(UNITS, units, strict=False)},
    )
    return Evidence(given.base, given.measures, pd.concat([given.nudges, rows.nudges]), "Digits")


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        ([near(0.5), near(0.5)], "less in every unit: regularised AE"),
        ([near(0.5), wide(1)], "less in some units, and in none clearly more: regularised AE"),
        ([near(2), near(0.5)], "less or more, as the unit is: regularised AE"),
        ([wide(1), wide(1)], "neither clearly less nor clearly more: regularised AE"),
        ([near(2), wide(1)], "more in some units, and in none clearly less: regularised AE"),
        ([near(2), near(2)], "more in every unit: regularised AE"),
    ],
)
def test_claim_6_says_what_other_ways_do_whichever_way_that_is(moved: list[Values], said: str) -> None:
    usual, found = judge(6, sixth([near(0.6), near(0.6)])), judge(6, other_ways(rae=moved))
    assert found.said == f"{usual.said} Other ways, compared with the AE: pictures change {said}."
    assert (found.badge, found.answer, found.turned_by) == (usual.badge, usual.answer, usual.turned_by)
    more = found.numbers[len(usual.numbers) :]
    assert [number.title.partition(",")[0] for number in more] == ["regularised AE ÷ AE"] * 2
    assert more[0].value == pytest.approx(float(np.exp(np.log(moved[0]).mean())))


def test_several_ways_are_sorted_and_too_few_seeds_are_no_verdict_on_one() -> None:
    found = judge(
        6, other_ways(denoising=[near(2), near(2)], rae=[near(0.5), near(0.5)], contractive=[near(0.5, 2)] * 2)
    )
    assert found.said.endswith(
        "Other ways, compared with the AE: pictures change less in every unit: regularised AE; more in every unit: "
        "denoising AE."
    )
    assert "contractive AE ÷ AE, in absolute units" in [number.title for number in found.numbers]


def test_a_vae_of_another_beta_is_called_so() -> None:
    given = first(near(0.035))
    rows = evidence({("mse", "vae"): near(0.05)}).measures
    other = Evidence(RunConfig(beta=4), pd.concat([given.measures, rows]), given.nudges, "Digits")
    titles = [number.title for number in judge(1, other).numbers]
    assert "Squared error, VAE (β = 4)" in titles
    assert judge(1, other).on == "100 test images of Digits"


def test_an_interval_ends_where_the_quantity_does() -> None:
    share = judge(8, evidence({("negative_share", "vae"): [0.5, 0.7, 1.0]})).numbers[0]
    assert (share.short, share.interval) == ("73.3 %", "95 % interval 10.8 to 100")
    grey = judge(7, seventh([0.0, 0.01, 0.04])).numbers[0]
    assert grey.low == 0 < grey.value
    distance = judge(2, second(near(10), near(0.1), [0.3, 0.4, 0.5], [-0.01, 0.0, 0.02])).numbers[3]
    assert distance.title == "MMD² to N(0, I), VAE" and distance.low < 0  # an unbiased estimate may be


def test_many_times_have_no_digits_after_the_point() -> None:
    assert judge(5, fifth(near(1000.0))).numbers[0].text == "10,100 times (95 % interval 9,854 to 10,351)"


def test_an_infinite_kl_is_said_in_words() -> None:
    finding: Finding = judge(2, second([math.inf] * 3, near(0.1), near(0.4), near(0.01)))
    assert "AE infinite nats, VAE 0.101 nats" in finding.said
    assert "The AE’s KL is infinite in 3 of 3 seeds" in finding.said
    assert "infinite" not in judge(2, second(near(10), near(0.1), near(0.4), near(0.01))).said


@pytest.mark.parametrize(
    ("base", "family", "expected"),
    [
        (RunConfig(), "pair", {"pair": RunConfig()}),
        (RunConfig(variants=("ae",)), "pair", {"pair": RunConfig()}),
        (RunConfig(variants=("ae",)), "vae", {"vae": RunConfig(variants=("vae",))}),
        (RunConfig(beta=4), "betas", {"1": RunConfig(variants=("vae",))}),
        (RunConfig(), "betas", {"0": RunConfig(variants=("vae",), beta=0), "1": RunConfig()}),
        (RunConfig(latent_dim=20), "sizes", {"2": RunConfig(), "64": RunConfig(latent_dim=64)}),
        (RunConfig(), "variants", {"variants": RunConfig(variants=("ae", "noise_only", "kl_only", "vae"))}),
        (RunConfig(variants=("ae", "noise_only", "kl_only", "vae")), "sizes", {"8": RunConfig(latent_dim=8)}),
    ],
)
def test_a_family_is_the_base_with_what_it_lacks(
    base: RunConfig, family: str, expected: Mapping[str, RunConfig]
) -> None:
    found = FAMILIES[family](base)
    assert {name: found[name] for name in expected} == expected


def test_all_four_variants_serve_where_two_are_asked_for() -> None:
    base = RunConfig(variants=("ae", "noise_only", "kl_only", "vae"))
    assert FAMILIES["pair"](base)["pair"] == FAMILIES["vae"](base)["vae"] == FAMILIES["sizes"](base)["2"] == base
