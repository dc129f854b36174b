"""Nudges against closed forms: a decoder so flat that sigmoid(a) is 1/2 + a/4, and codes read off the image."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch import nn

from vae.analysis import sensitivity
from vae.analysis.codes import Codes
from vae.analysis.comparing import ratios
from vae.analysis.reference import RealImages
from vae.analysis.sensitivity import Perturbed, measure, perturb, perturb_all, quartiles, scale, table
from vae.choices.nudge_units import NUDGE_UNITS
from vae.config import RunConfig
from vae.learning.models import Autoencoder, mlp
from vae.learning.randomness import stream

D, P, N = 3, 8, 40
X = np.random.default_rng(0).random((N, P), dtype=np.float32)
W = {
    name: np.random.default_rng(seed).normal(size=(P, D)).astype(np.float32) for seed, name in enumerate(("ae", "vae"))
}
FLAT = 0.02  # logits stay below 0.15, where sigmoid(a) is 1/2 + a/4 to 0.2 %
SIGMA = np.float32([0.5, 2.0, 1.0])  # of q(z|x), times 1 + the image's fourth pixel
SENSITIVITY_COLUMNS = ["variant", "unit", "size", "rmse", "class_change", "nearest_distance", "n", "seed"]


def network(variant: str, steepness: float = FLAT, bias: float = 0.0) -> Autoencoder:
    """mu = the first D pixels; logits = steepness · W z + bias. A vae also has σ = exp(log SIGMA + x₃ / 2)."""
    model = mlp(RunConfig(hidden=(), latent_dim=D), P, with_logvar=variant != "ae")
    model.decoder.body = nn.Sequential()
    with torch.no_grad():
        for layer in (layer for layer in model.modules() if isinstance(layer, nn.Linear)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.eye_(model.encoder.to_mu.weight)
        model.decoder.to_logits.weight.copy_(steepness * torch.from_numpy(W[variant]))
        model.decoder.to_logits.bias.fill_(bias)
        if model.encoder.to_logvar:
            model.encoder.to_logvar.weight[:, 3] = 1
            model.encoder.to_logvar.bias.copy_(2 * torch.from_numpy(SIGMA).log())
    return model.eval().requires_grad_(False)


MODELS = {"ae": network("ae"), "vae": network("vae")}


def directions(seed: int, count: int = N) -> np.ndarray:
    """Random directions of length √D, (count, D), from the stream that the procedure names."""
    u = torch.randn(count, D, generator=stream(seed, "nudge")).numpy().astype(np.float64)
    return u / np.linalg.norm(u, axis=1, keepdims=True) * np.sqrt(D)


def unit_by_hand(unit: str) -> np.ndarray | float:
    z = X[:, :D].astype(np.float64)
    if unit == "absolute":
        return 1.0
    if unit == "latent_std":
        return np.sqrt(((z - z.mean(axis=0)) ** 2).mean(axis=0))
    if unit == "posterior_std":
        return SIGMA * np.exp(X[:, 3:4] / 2)
    distances = np.linalg.norm(z[:, None] - z[None], axis=-1) + np.diag(np.full(N, np.inf))
    return np.median(distances.min(axis=1)) / np.sqrt(D)


# Units


def test_a_unit_of_a_neighbour_is_the_spacing_of_a_grid_per_dimension() -> None:
    grid = 0.3 * np.stack(np.meshgrid(*[np.arange(5.0)] * D), axis=-1).reshape(-1, D).astype(np.float32)
    np.testing.assert_allclose(scale("neighbour", Codes(grid, None)), np.full(D, 0.3 / np.sqrt(D)), rtol=1e-5)


def test_the_other_units_by_hand() -> None:
    codes = Codes(np.float32([[0, 1], [2, 1], [4, 4]]), np.float32([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]))
    np.testing.assert_array_equal(scale("absolute", codes), [1, 1])
    np.testing.assert_allclose(scale("latent_std", codes), [np.sqrt(8 / 3), np.sqrt(2)], rtol=1e-6)
    np.testing.assert_array_equal(scale("posterior_std", codes), codes.std)
    np.testing.assert_allclose(scale("neighbour", codes), [2 / np.sqrt(2)] * 2, rtol=1e-6)  # of 2, 2 and √13
    assert scale("posterior_std", Codes(codes.mu, None)) is None


def test_an_unknown_unit_is_told_with_those_there_are() -> None:
    with pytest.raises(KeyError) as refused:
        scale("metres", Codes(X[:, :D], None))
    assert all(unit in str(refused.value) for unit in ("metres", *NUDGE_UNITS))


# What nudges do


@pytest.mark.parametrize("variant", ["ae", "vae"])
@pytest.mark.parametrize("unit", list(NUDGE_UNITS))
def test_a_flat_decoder_moves_by_the_closed_form(variant: str, unit: str) -> None:
    """Pixel change = ¼ · W δ with δ = size · unit ∘ u √D: the same u for each variant, unit and size."""
    sizes = (0.1, 0.4)
    moved = perturb(MODELS[variant], X, seed=4, units=(unit,), sizes=sizes)
    if (variant, unit) == ("ae", "posterior_std"):
        assert (moved.units, len(moved.rmse)) == ((), 0)
        return
    step = unit_by_hand(unit) * directions(4)
    change = np.linalg.norm(step @ W[variant].T, axis=1) * FLAT / 4 / np.sqrt(P)
    np.testing.assert_allclose(moved.rmse[0], np.outer(sizes, change), rtol=0.01)
    rmse = table({variant: moved}, 4).rmse
    np.testing.assert_allclose(rmse, np.array(sizes) * np.sqrt((change**2).mean()), rtol=0.004)


def test_a_size_is_the_root_mean_square_of_the_step_per_dimension() -> None:
    """A decoder whose first pixels are the code itself: the change of picture is the step."""
    copy = network("ae", steepness=0)
    nn.init.eye_(copy.decoder.to_logits.weight).mul_(FLAT)
    moved = perturb(copy, X, seed=0, units=("absolute",), sizes=(0.3,))
    np.testing.assert_allclose(moved.rmse * np.sqrt(P / D) * 4 / FLAT, np.full((1, 1, N), 0.3), rtol=0.003)


def test_another_seed_nudges_in_other_directions() -> None:
    first, same, other = (
        perturb(MODELS["ae"], X, seed=seed, units=("absolute",), sizes=(0.3,)).rmse for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.1 * first.mean()


def test_class_change_counts_codes_that_cross_the_classifiers_border() -> None:
    """The classifier asks whether the first pixel is above 1/2, that is, on which side of w · z = 1/2 the code is."""
    classifier = nn.Linear(P, 2).requires_grad_(False)
    classifier.weight.zero_()[0, 0] = 2
    classifier.bias.copy_(torch.tensor([0.0, 1.0]))
    moved = perturb(
        network("ae", 1.0, bias=-0.5), X, seed=4, units=("absolute",), sizes=(0.2, 1.0), classifier=classifier
    )
    z, w = X[:, :D].astype(np.float64), W["ae"][0].astype(np.float64)
    crossed = [(z @ w > 0.5) != ((z + size * directions(4)) @ w > 0.5) for size in (0.2, 1.0)]
    np.testing.assert_array_equal(moved.changed[0], crossed)
    assert table({"ae": moved}, 4).class_change.tolist() == [row.mean() for row in crossed]
    assert 0 < crossed[0].mean() < crossed[1].mean() < 1


def test_nearest_distance_is_that_of_brute_force_over_the_first_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "NEAREST_QUERIES", 25)
    monkeypatch.setattr(sensitivity, "CHUNK", 10)  # the last of the 25 are half a chunk
    kept = torch.from_numpy(np.random.default_rng(5).random((9, P), dtype=np.float32))
    real = RealImages(kept, 0.5 * kept.square().sum(-1))
    moved = perturb(network("vae", 1.0), X, seed=4, units=("absolute",), sizes=(0.2, 1.0), real=real)
    for j, size in enumerate((0.2, 1.0)):
        pictures = 1 / (1 + np.exp(-(X[:25, :D] + size * directions(4)[:25]) @ W["vae"].T))
        expected = np.sqrt(((pictures[:, None] - kept.double().numpy()) ** 2).mean(-1)).min(axis=1)
        np.testing.assert_allclose(moved.nearest[0, j], expected, rtol=1e-4)
        assert table({"vae": moved}, 4).nearest_distance[j] == pytest.approx(expected.mean(), rel=1e-5)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"seed": 4, "classifier": nn.Linear(P, 3), "real": RealImages(torch.eye(P), torch.full((P,), 0.5))}
    whole = perturb_all(MODELS, X, **options)
    monkeypatch.setattr(sensitivity, "CHUNK", 7)
    for variant, parts in perturb_all(MODELS, X, **options).items():
        assert parts.units == whole[variant].units
        np.testing.assert_allclose(parts.rmse, whole[variant].rmse, atol=1e-6)
        np.testing.assert_array_equal(parts.changed, whole[variant].changed)
        np.testing.assert_allclose(parts.nearest, whole[variant].nearest, atol=1e-6)


def test_progress_runs_to_one_over_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "CHUNK", 10)
    shares: list[float] = []
    measure(MODELS, X, seed=0, progress=shares.append)
    assert shares == [i / 8 for i in range(1, 9)]  # four chunks for each of two models


# Tables


def test_the_table_has_a_row_per_variant_unit_and_size_and_nan_where_not_measured() -> None:
    measured = measure(MODELS, X, seed=4, sizes=(0.1, 0.2))
    assert list(measured.columns) == SENSITIVITY_COLUMNS
    expected = [(v, u, s) for v in MODELS for u in NUDGE_UNITS for s in (0.1, 0.2) if (v, u) != ("ae", "posterior_std")]
    assert list(measured[["variant", "unit", "size"]].itertuples(index=False, name=None)) == expected
    assert measured[["class_change", "nearest_distance"]].isna().all(axis=None)
    assert measured.rmse.notna().all()
    assert (set(measured.n), set(measured.seed)) == ({N}, {4})


def test_rmse_and_quartiles_by_hand() -> None:
    rmse = np.float32([[[1, 2, 3, 4, 5], [2, 2, 2, 2, 7]]])
    moved = {"vae": Perturbed(("absolute",), (0.1, 0.2), rmse, None, None)}
    np.testing.assert_allclose(table(moved, 0).rmse, [np.sqrt(11), np.sqrt(13)], rtol=1e-7)
    rows = [("vae", "absolute", 0.1, 2.0, 4.0), ("vae", "absolute", 0.2, 2.0, 2.0)]
    expected = pd.DataFrame(rows, columns=["variant", "unit", "size", "rmse_q25", "rmse_q75"])
    pd.testing.assert_frame_equal(quartiles(moved), expected)


def rows_of(values: dict[tuple[str, str, float], list[float]]) -> pd.DataFrame:
    """(variant, unit, size): rmse by seed."""
    rows = [(*key, rmse, seed) for key, by_seed in values.items() for seed, rmse in enumerate(by_seed)]
    return pd.DataFrame(rows, columns=["variant", "unit", "size", "rmse", "seed"])


def test_ratios_are_geometric_means_with_students_interval() -> None:
    pairs = {
        ("latent_std", 0.2): ([0.2, 0.5, 0.3], [0.1, 0.2, 0.4]),
        ("absolute", 0.1): ([0.1, 0.3, 0.2], [0.6, 0.9, 1]),
    }
    posterior = {("vae", "posterior_std", 0.1): [1, 2, 3]}  # the autoencoder has none
    ae = {("ae", *key): one for key, (one, _) in pairs.items()}
    measured = rows_of(posterior | ae | {("vae", *key): other for key, (_, other) in pairs.items()})
    found = ratios(measured.sample(frac=1, random_state=0))
    assert list(found.columns) == ["unit", "size", "ratio", "low", "high", "seeds"]
    assert list(zip(found.unit, found["size"], strict=True)) == [("absolute", 0.1), ("latent_std", 0.2)]
    for row in found.itertuples():
        logs = np.log(np.divide(*pairs[row.unit, row.size]))
        low, high = stats.t.interval(0.95, df=2, loc=logs.mean(), scale=stats.sem(logs))
        np.testing.assert_allclose([row.ratio, row.low, row.high], np.exp([logs.mean(), low, high]), rtol=1e-9)
        assert row.seeds == 3
    turned = ratios(measured, of="vae", to="ae")
    np.testing.assert_allclose(turned.ratio, 1 / found.ratio, rtol=1e-9)
    np.testing.assert_allclose(turned.low, 1 / found.high, rtol=1e-9)


def test_one_seed_has_a_ratio_and_no_interval() -> None:
    found = ratios(rows_of({("ae", "absolute", 0.1): [0.3], ("vae", "absolute", 0.1): [0.2]}))
    assert found.ratio.tolist() == pytest.approx([1.5])
    assert found[["low", "high"]].isna().all(axis=None)
    assert found.seeds.tolist() == [1]


def test_a_measure_of_0_in_one_seed_gives_no_ratio_instead_of_a_bent_one() -> None:
    rows = [("ae", 0.0, 1), ("vae", 0.2, 1), ("ae", 0.1, 2), ("vae", 0.2, 2)]
    measured = pd.DataFrame(
        [(variant, "absolute", 0.1, 0.5, share, np.nan, 10, seed) for variant, share, seed in rows],
        columns=SENSITIVITY_COLUMNS,
    )
    (row,) = ratios(measured, measure="class_change").to_dict("records")
    assert row["seeds"] == 2
    assert np.isnan([row["ratio"], row["low"], row["high"]]).all()
