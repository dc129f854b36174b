"""Probes, neighbours and clusters on codes whose answers are known, and against scikit-learn called directly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score, silhouette_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae.analysis.yardsticks import probe_curves, probes
from vae.analysis.yardsticks.code_map import code_map
from vae.analysis.yardsticks.probes import (
    Labelled,
    accuracies,
    clusters,
    evenly_drawn,
    label_counts,
    nearest_rows,
    probe_right,
    standard_error,
    voted,
    voters,
)
from vae.learning.randomness import stream

CLASSES = 4


def labelled(apart: float, train: int = 400, judged: int = 300, size: int = 3) -> Labelled:
    """Normal clouds about the corners of a square, `apart` standard deviations wide; 0: all in one place."""
    random = np.random.default_rng(0)
    corners = np.zeros((CLASSES, size))
    corners[:, :2] = [[0, 0], [0, 1], [1, 0], [1, 1]]
    y, judged_y = np.arange(train) % CLASSES, random.integers(0, CLASSES, judged)

    def around(of: np.ndarray) -> np.ndarray:
        return (apart * corners[of] + random.standard_normal((len(of), size))).astype(np.float32)

    return Labelled(around(y), y.astype(np.uint8), around(judged_y), judged_y.astype(np.uint8))


def by_name(codes: Labelled, **options: object) -> dict[tuple[str, int | None], probes.Measured]:
    return {(found.measure, found.labels): found for found in accuracies(codes, 0, **options)}


def digits() -> Labelled:
    """As scikit-learn's own example splits them: the first half is learnt from."""
    x, y = load_digits(return_X_y=True)
    half = len(x) // 2
    return Labelled(x[:half].astype(np.float32), y[:half], x[half:].astype(np.float32), y[half:])


def test_on_digits_the_numbers_are_those_of_scikit_learn_called_directly() -> None:
    codes = digits()
    found = by_name(codes, few=False)
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(codes.train, codes.train_y)
    assert found["probe", 898].value == probe.score(codes.judged, codes.judged_y)
    assert 0.9 < found["probe", 898].value < 0.96
    neighbours = KNeighborsClassifier(10).fit(codes.train, codes.train_y)
    assert found["knn", 898].value == neighbours.score(codes.judged, codes.judged_y)
    assert set(found) == {("probe", 898), ("knn", 898), ("same_class", 898)}


def test_far_apart_all_is_right_and_in_one_place_nothing_but_chance() -> None:
    for (measure, labels), found in by_name(labelled(30.0, size=2)).items():
        assert found.value == 1.0, (measure, labels)
        assert found.error == 0.0
    for (measure, labels), found in by_name(labelled(0.0)).items():
        assert abs(found.value - 1 / CLASSES) < 5 * found.error, (measure, labels)
        assert 0 < found.error < 0.05


def test_a_probe_sees_what_a_plane_parts_and_neighbours_see_more() -> None:
    random = np.random.default_rng(1)
    x = random.uniform(-1, 1, (1200, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.uint8)  # opposite quarters: no plane parts them
    found = by_name(Labelled(x[:900], y[:900], x[900:], y[900:]), few=False)
    assert found["probe", 900].value < 0.65
    assert found["knn", 900].value > 0.9


def test_more_labels_tell_more_and_few_are_drawn_several_times() -> None:
    found = by_name(labelled(4.0, train=1100))
    assert [labels for measure, labels in found if measure == "probe"] == [10, 100, 1000, 1100]
    assert [found["probe", labels].draws for labels in (10, 100, 1000, 1100)] == [10, 5, 3, 1]
    assert found["probe", 10].value < found["probe", 1000].value
    assert found["probe", 10].error > found["probe", 1000].error


def test_the_same_seed_gives_the_same_numbers_and_another_seed_other_labels() -> None:
    codes = labelled(2.0)
    one, again, other = (list(accuracies(codes, seed)) for seed in (0, 0, 1))
    assert one == again
    assert one[0] != other[0]
    assert one[-1] == other[-1], "all labels are nobody's draw"


def test_of_too_many_numbers_a_probe_never_learns_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "POOL", 150)
    found = by_name(labelled(4.0), most=200)
    assert [labels for measure, labels in found if measure == "probe"] == [10, 100]
    assert [labels for measure, labels in found if measure == "knn"] == [10, 100, 150]
    assert ("same_class", 150) in found
    assert ("knn", 400) in by_name(labelled(4.0)) and ("same_class", 150) in by_name(labelled(4.0))
    assert label_counts(50, 200) == [10, 50]
    assert label_counts(10) == [10]


def test_labels_are_drawn_evenly_as_far_as_there_are_some() -> None:
    y = np.array([0] * 50 + [1] * 30 + [2] * 3)
    rows = evenly_drawn(y, 30, stream(0, "labels"))
    assert len(set(rows)) == 30
    counts = np.bincount(y[rows])
    assert counts[2] == 3 and counts.sum() == 30 and abs(counts[0] - counts[1]) <= 1
    assert len(set(y[evenly_drawn(y, 2, stream(0, "labels"))])) == 2
    other = evenly_drawn(y, 30, stream(1, "labels"))
    assert set(other) != set(rows)


def test_a_draw_of_a_single_class_names_it_always() -> None:
    codes = labelled(3.0)
    right = probe_right(codes, np.flatnonzero(codes.train_y == 2)[:5])
    assert right.tolist() == (codes.judged_y == 2).tolist()


def test_neighbours_are_the_nearest_and_a_tie_goes_to_the_smaller_class() -> None:
    train = np.array([[0.0], [1.0], [2.0], [5.0]], dtype=np.float32)
    assert nearest_rows(train, np.array([[1.9], [4.9]], dtype=np.float32), 3).tolist() == [[2, 1, 0], [3, 2, 1]]
    assert nearest_rows(train, np.array([[0.1]], dtype=np.float32), 9).shape == (1, 4)
    assert voted(np.array([[3, 1, 1], [2, 0, 1], [5, 5, 0]], dtype=np.uint8)).tolist() == [1, 0, 5]
    assert [voters(labels, 10) for labels in (10, 40, 100, 55_000)] == [1, 2, 5, 10]


def test_the_share_of_the_same_class_is_counted_by_hand() -> None:
    codes = labelled(2.0, train=60, judged=20)
    found = by_name(codes)["same_class", 60]
    near = [np.argsort(np.square(codes.train - one).sum(axis=1))[:10] for one in codes.judged]
    alike = [codes.train_y[rows] == y for rows, y in zip(near, codes.judged_y, strict=True)]
    assert found.value == pytest.approx(np.mean(alike))


def test_the_standard_error_covers_other_labels_and_other_images() -> None:
    """Of numbers that are made of an effect of the draw, one of the image, and nothing else."""
    random = np.random.default_rng(3)
    worlds = []
    for _ in range(400):
        draws, images = random.normal(0, 0.3, 5), random.normal(0, 1.0, 40)
        table = draws[:, None] + images[None, :]
        worlds.append((table.mean(), standard_error(table)))
    means, errors = np.array(worlds).T
    assert np.sqrt(np.square(errors).mean()) == pytest.approx(means.std(ddof=1), rel=0.15)
    right = np.array([[True, False, True, True]])
    assert standard_error(right) == pytest.approx(right.std(ddof=1) / 2)


def test_clusters_are_those_of_scikit_learn_and_noise_has_none() -> None:
    codes = labelled(30.0)
    nmi, silhouette = clusters(codes.judged, codes.judged_y, 0)
    best = KMeans(CLASSES, n_init=10, random_state=0).fit_predict(codes.judged)
    assert normalized_mutual_info_score(codes.judged_y, best) == 1.0
    assert 0.7 < nmi.value <= 1.0
    assert silhouette.value == pytest.approx(silhouette_score(codes.judged, codes.judged_y))
    assert (nmi.n, nmi.draws, nmi.labels) == (300, probes.STARTS, None)
    noise, around_nothing = clusters(labelled(0.0).judged, codes.judged_y, 0)
    assert noise.value < 0.1
    assert abs(around_nothing.value) < 0.1
    assert list(clusters(codes.judged, np.zeros(300), 0)) == []


def test_codes_that_are_all_alike_are_judged_as_chance() -> None:
    codes = labelled(3.0)
    alike = Labelled(0 * codes.train, codes.train_y, 0 * codes.judged, codes.judged_y)
    found = by_name(alike, few=False)
    assert found["probe", 400].value == pytest.approx(1 / CLASSES, abs=0.1)
    (nmi, _) = clusters(alike.judged, alike.judged_y, 0)
    assert nmi.value == pytest.approx(0.0, abs=1e-9)


# Over seeds


def table(values: dict[tuple[str, str], float], error: float = 0.01) -> pd.DataFrame:
    rows = [
        {"variant": variant, "of": of, "measure": "probe_accuracy_10", "value": value, "error": error, "labels": 10}
        for (variant, of), value in values.items()
    ]
    return pd.DataFrame(rows).assign(n=100)


def test_one_seed_has_its_standard_error_and_several_their_interval() -> None:
    values = {("ae", "codes"): 0.5, ("", "pca"): 0.4}
    one = probe_curves.over_seeds({7: table(values)})
    assert one[["codes", "measure", "labels", "value", "seeds"]].to_dict("records") == [
        {"codes": "ae", "measure": "probe_accuracy", "labels": 10, "value": 0.5, "seeds": 1},
        {"codes": "pca", "measure": "probe_accuracy", "labels": 10, "value": 0.4, "seeds": 1},
    ]
    assert (one["high"] - one["value"]).tolist() == pytest.approx([0.0196, 0.0196])
    three = probe_curves.over_seeds({seed: table({("ae", "codes"): 0.5 + seed / 10}) for seed in range(3)})
    half = stdtrit(2, 0.975) * 0.1 / np.sqrt(3)
    assert three[["low", "value", "high", "seeds"]].iloc[0].tolist() == pytest.approx([0.6 - half, 0.6, 0.6 + half, 3])
    assert probe_curves.by_codes({7: table(values)}, "probe_accuracy_10") == {"ae": {7: 0.5}, "pca": {7: 0.4}}
    assert probe_curves.by_codes({7: table(values)}, "probe_accuracy") == {}


# The map


def test_a_map_keeps_clusters_apart_and_is_the_same_again() -> None:
    codes = labelled(30.0, judged=80)
    places = code_map(codes.judged, 0)
    assert places.shape == (80, 2) and np.isfinite(places).all()
    near = nearest_rows(places, places, 6)[:, 1:]
    assert (codes.judged_y[near] == codes.judged_y[:, None]).mean() > 0.95
    assert np.array_equal(places, code_map(codes.judged, 0))
    with pytest.raises(ValueError, match="four codes"):
        code_map(codes.judged[:3], 0)
