"""Signal to noise of the encoder's gradient: against numpy, against a known one, and the direction it takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from vae.analysis.estimation import gradient_snr as measured
from vae.analysis.estimation.gradient_snr import GROUPS, Sums, gradient_snr, slope_of
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.learning.estimators import ESTIMATORS, k_sample_bound
from vae.learning.models import Autoencoder, initialise, mlp
from vae.learning.randomness import stream

COLUMNS = ["way", "samples", "snr", "low", "high", "clear", "median", "by_chance", "bound", "bound_error"]
COLUMNS += ["slope", "slope_low", "slope_high", "weights", "repeats"]


def tiny() -> Autoencoder:
    generator = torch.Generator().manual_seed(3)
    return (
        initialise(mlp(RunConfig(hidden=(5,), latent_dim=2, activation="tanh"), 6, True), generator)
        .eval()
        .requires_grad_(False)
    )


def images() -> np.ndarray:
    x = torch.rand(4, 6, generator=torch.Generator().manual_seed(4)).numpy()
    x[:, 2] = 0  # a pixel that is black in all images
    return x


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return gradient_snr(tiny(), images(), "bce", seed=1, samples=(1, 4, 16, 64), repeats=200)


def drawn(ratios: np.ndarray, repeats: int, seed: int) -> np.ndarray:
    """Numbers of a known |mean| / std, (repeats, W)."""
    scale = np.geomspace(1e-4, 1e4, len(ratios))
    return scale * (ratios + np.random.default_rng(seed).standard_normal((repeats, len(ratios))))


# The numbers


@pytest.mark.parametrize("ratio", [0.0, 0.03, 0.3, 3.0])
def test_a_known_ratio_is_found_again_on_average(ratio: float) -> None:
    """20 estimates of 20,000 weights: what noise alone gives, √(1/20) = 0.22, is taken off."""
    found = Sums.of(drawn(np.full(20_000, ratio), 20, 0), 4).squared_ratios()
    assert abs(found.mean() - ratio**2) < 4 * found.std() / 20_000**0.5
    plain = Sums.of(drawn(np.full(20_000, ratio), 20, 0), 4)
    mean = plain.first.sum(0) / 20
    assert np.mean(mean**2 / (plain.second.sum(0) / 20 - mean**2)) > ratio**2 + 0.04, "without that it is too much"


def test_the_summary_is_the_root_mean_square_over_weights() -> None:
    ratios = np.random.default_rng(1).uniform(0, 2, 5000)
    found = Sums.of(drawn(ratios, 100, 2), GROUPS).signal_to_noise()
    assert found == pytest.approx(np.sqrt(np.mean(ratios**2)), rel=0.01)


@pytest.mark.parametrize("group", [None, 0, 3])
def test_a_group_left_out_is_as_if_it_had_not_been_measured(group: int | None) -> None:
    estimates = drawn(np.linspace(0, 2, 7), 40, 5)
    parts = estimates.reshape(4, 10, 7)
    rest = estimates if group is None else np.delete(parts, group, axis=0).reshape(-1, 7)
    n, mean, variance = len(rest), rest.mean(0), rest.var(0, ddof=1)
    expected = (n - 3) / (n - 1) * mean**2 / variance - 1 / n
    np.testing.assert_allclose(Sums.of(estimates, 4).squared_ratios(group), expected, rtol=1e-8)


def test_what_never_moves_has_no_ratio() -> None:
    assert np.isnan(Sums.of(np.zeros((40, 3)), 4).signal_to_noise())
    one = np.hstack([np.zeros((40, 1)), drawn(np.ones(1), 40, 1)])
    assert Sums.of(one, 4).signal_to_noise() == pytest.approx(Sums.of(one[:, 1:], 4).signal_to_noise(), rel=1e-12)


def test_noise_alone_is_no_signal() -> None:
    """Where more was taken off than was there it is 0, and never an imaginary number."""
    found = [Sums.of(drawn(np.zeros(500), 40, seed), 4).signal_to_noise() for seed in range(20)]
    assert min(found) == 0.0
    assert max(found) < 0.08


@pytest.mark.parametrize("exponent", [-0.5, 0.0, 0.5])
def test_a_known_slope_lies_in_its_interval(exponent: float) -> None:
    counts, inside = (1, 2, 4, 8, 16), 0
    for seed in range(40):
        of_counts = [Sums.of(drawn(np.full(400, 0.6 * k**exponent), 100, 100 * seed + k), GROUPS) for k in counts]
        value, low, high = slope_of(counts, of_counts)
        assert low < value < high
        assert value == pytest.approx(exponent, abs=0.1)
        inside += low < exponent < high
    assert inside >= 34, "95 % of 40 are 38"
    assert high - low < 0.2


def test_no_slope_without_signal_or_with_one_k() -> None:
    of_counts = [Sums.of(drawn(np.full(50, ratio), 100, 3), GROUPS) for ratio in (0.5, 0.0)]
    assert of_counts[1].signal_to_noise() == 0
    assert [sums.clear() for sums in of_counts] == [True, False]
    assert np.isnan(slope_of((1, 2), of_counts)).all()
    rest = of_counts[0], of_counts[0]
    assert slope_of((1, 2, 4), [*rest, of_counts[1]]) == slope_of((1, 2), rest), "a K without signal is left out"
    assert np.isnan(slope_of((1,), of_counts[:1])).all()


# On a model


def test_every_way_is_measured_with_every_k(table: pd.DataFrame) -> None:
    assert list(table.columns) == COLUMNS
    expected = [(way, count) for way in ("iwae", "dreg") for count in (1, 4, 16, 64)]
    assert list(zip(table["way"], table["samples"], strict=True)) == expected
    assert (table["repeats"] == 200).all()
    clear = table[table["clear"]]
    assert ((clear["low"] < clear["snr"]) & (clear["snr"] < clear["high"])).all()
    assert table[~table["clear"]][["low", "high"]].isna().all(axis=None)
    assert table["by_chance"].iloc[0] == pytest.approx(0.6745 / 200**0.5)


def test_the_table_is_what_numpy_makes_of_the_estimators_gradients(table: pd.DataFrame) -> None:
    model, x = tiny().requires_grad_(True), torch.from_numpy(images())
    for way, count in (("iwae", 4), ("dreg", 16)):
        generator, found = stream(1, f"signal {way}", count), []
        for _ in range(200):
            model.zero_grad(set_to_none=True)
            ESTIMATORS[way](model, VARIANTS["vae"], x, LIKELIHOODS["bce"], 1.0, generator, count)
            found.append(torch.cat([p.grad.flatten() for p in model.encoder.parameters()]).double().numpy())
        estimates = np.stack(found)
        estimates = estimates[:, estimates.any(axis=0)]
        mean, variance = estimates.mean(0), estimates.var(0, ddof=1)
        snr = np.sqrt(np.mean(197 / 199 * mean**2 / variance - 1 / 200))
        row = table[(table["way"] == way) & (table["samples"] == count)].iloc[0]
        assert row["snr"] == pytest.approx(snr, rel=1e-3)
        assert row["median"] == pytest.approx(np.median(np.abs(mean) / np.sqrt(variance)), rel=1e-3)
        assert row["weights"] == estimates.shape[1]


def test_weights_of_black_pixels_are_left_out(table: pd.DataFrame) -> None:
    encoder = sum(p.numel() for p in tiny().encoder.parameters())
    assert (table["weights"] == encoder - 5).all(), "five hidden units look at the black pixel"


def test_only_so_many_weights_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "WEIGHTS", 12)
    found = gradient_snr(tiny(), images(), "bce", seed=1, samples=(1,), repeats=20)
    assert (found["weights"] == 12).all()
    assert found["slope"].isna().all()


def test_the_bound_is_measured_beside_it(table: pd.DataFrame) -> None:
    model, x = tiny(), torch.from_numpy(images()).repeat(20_000, 1)
    for row in table.to_dict("records"):
        some = x[: 80_000 // row["samples"]]
        with torch.no_grad():
            values = k_sample_bound(
                model, VARIANTS["vae"], some, LIKELIHOODS["bce"], 1.0, stream(8, "t"), row["samples"]
            )
        error = np.hypot(row["bound_error"], float(values.std()) / len(values) ** 0.5)
        assert abs(row["bound"] - float(values.mean())) < 4 * error
    of_iwae = table[table["way"] == "iwae"]
    assert of_iwae["bound"].is_monotonic_decreasing
    assert of_iwae["bound"].tolist() == table[table["way"] == "dreg"]["bound"].tolist()


def test_where_theory_holds_iwae_falls_and_dreg_rises(table: pd.DataFrame) -> None:
    """Weights of the samples differ little in this model, so that few samples are many: as 1/√K, and about as √K."""
    iwae, dreg = (table[table["way"] == way].iloc[0] for way in ("iwae", "dreg"))
    assert iwae["slope_high"] < 0 < dreg["slope_low"]
    assert iwae["slope"] == pytest.approx(-0.5, abs=0.1)
    assert 0.25 < dreg["slope"] < 0.6


def test_the_same_seed_gives_the_same_table_and_leaves_the_model_alone() -> None:
    model = tiny()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    one, same, other = (gradient_snr(model, images(), "sse", seed=s, samples=(1, 2), repeats=20) for s in (2, 2, 3))
    pd.testing.assert_frame_equal(one, same)
    assert (one["snr"] != other["snr"]).all()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())


def test_progress_rises_to_one() -> None:
    shares: list[float] = []
    gradient_snr(tiny(), images(), "bce", seed=1, samples=(1, 2), repeats=20, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize("repeats", [0, 30])
def test_estimates_that_make_no_groups_are_refused(repeats: int) -> None:
    with pytest.raises(ValueError, match="repeats must be a multiple of 20"):
        gradient_snr(tiny(), images(), "bce", seed=1, repeats=repeats)
