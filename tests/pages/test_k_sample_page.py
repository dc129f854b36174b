"""The trick: more samples measured on a run, in words that other numbers would change; the toy's other function."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import postgres
import pytest
from lessons import done, labels, press, until
from paging import open_page, open_tab, texts

from pages.sections.the_trick.k_sample_bound import notice
from vae.analysis.estimation import gradient_snr, toy
from vae.config import RunConfig
from vae.figures.estimator_comparison import signal_to_noise
from vae.store.measurements import KINDS, measurement
from vae.store.runs import Store

MEASURE, TAB, TOY = "Measure signal to noise", "More samples", "A toy with known answers"
CONFIGS = {
    "2-D": RunConfig(epochs=1),
    "IWAE": RunConfig(epochs=1, estimator="iwae", samples=2, reconstruction="sse", beta=0.5),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    with postgres.settings_for(tmp_path_factory.mktemp("library")) as settings:
        store = Store(settings.database_url)
        yield settings.database_url, {kind: done(store, config, settings) for kind, config in CONFIGS.items()}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_snr, "gradient_snr", partial(gradient_snr.gradient_snr, samples=(1, 2, 4), repeats=20))


@pytest.mark.parametrize("kind", CONFIGS)
def test_it_is_measured_when_it_is_asked_for_and_shown(
    stocked: Store, runs: dict[str, str], quick: None, kind: str
) -> None:
    run_id, unit = runs[kind], {"IWAE": "squared error / image"}.get(kind, "nats / image")
    app = open_tab(open_page("the_trick.py", run=run_id), TAB)
    assert measurement(stocked, run_id, 1, KINDS["signal"]) is None
    press(app, MEASURE)
    until(app, lambda app: len(app.dataframe) == 1 or app.error)
    assert not app.error
    assert MEASURE not in labels(app)
    kept = measurement(stocked, run_id, 1, KINDS["signal"])
    assert kept is not None
    shown = app.dataframe[0].value
    assert list(shown.index) == [1, 2, 4]
    for row in kept.to_dict("records"):
        name = {"iwae": "IWAE", "dreg": "DReG"}[row["way"]]
        assert shown.loc[row["samples"], name].split(" ")[0] == f"{row['snr']:.3g}"
        assert shown.loc[row["samples"], f"Bound ({unit})"].startswith(f"{row['bound']:.2f} ±")
    assert notice(kept, unit) in texts(app)
    assert "on 32 images, 20 estimates for each K" in texts(app)


def made(slopes: dict[str, tuple[float, float]], clear: int = 3) -> pd.DataFrame:
    """A measurement with these intervals of the slope, the first `clear` of three K with a signal."""
    rows = []
    for way, (low, high) in slopes.items():
        for place, count in enumerate((1, 4, 16)):
            known = {"slope": (low + high) / 2, "slope_low": low, "slope_high": high, "bound": 100.0 - place}
            rows.append({"way": way, "samples": count, "snr": 0.8 / (place + 1), "clear": place < clear} | known)
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("iwae", "dreg", "sentences"),
    [
        ((-0.6, -0.4), (0.3, 0.5), ("IWAE's signal to noise falls", "DReG's signal to noise rises")),
        ((0.01, 0.1), (-0.1, -0.01), ("IWAE's signal to noise rises", "DReG's signal to noise falls")),
        ((-0.1, 0.1), (-0.01, 0.5), ("IWAE's signal to noise shows no clear trend", "DReG's signal to noise shows no")),
    ],
)
def test_the_interval_of_the_slope_decides_what_is_said(
    iwae: tuple[float, float], dreg: tuple[float, float], sentences: tuple[str, ...]
) -> None:
    said = notice(made({"iwae": iwae, "dreg": dreg}), "nats / image")
    assert all(sentence in said for sentence in sentences), said
    assert f"(95 % interval {iwae[0]:.2f} to {iwae[1]:.2f})".replace("-", "−") in said
    assert "IWAE's signal to noise" in said and "0.8 at K = 1, 0.267 at K = 16, overall" in said
    assert "The bound itself is 100.00 nats / image at K = 1 and 98.00 at K = 16." in said
    assert said.endswith("Only one seed: not enough to conclude.")


def test_two_points_or_none_are_no_trend() -> None:
    said = notice(made({"iwae": (-0.6, -0.4)}, clear=2), "nats / image")
    assert "IWAE's signal is too weak to tell from noise with so few estimates." in said
    assert "falls:" not in said
    nothing = made({"iwae": (np.nan, np.nan)}, clear=0)
    assert "IWAE's signal is too weak" in notice(nothing, "nats / image")


def test_the_figure_tells_both_apart_without_colour_and_draws_no_signal_that_is_not_there() -> None:
    table = made({"iwae": (-0.6, -0.4), "dreg": (0.3, 0.5)}).assign(low=0.1, high=np.nan)
    table.loc[2, "snr"] = 0.0
    drawing = signal_to_noise(table)
    assert [line.name for line in drawing.data] == ["IWAE", "DReG"]
    assert len({line.line.dash for line in drawing.data}) == len({line.marker.symbol for line in drawing.data}) == 2
    assert [list(line.x) for line in drawing.data] == [[1, 4], [1, 4, 16]]
    np.testing.assert_allclose(drawing.data[1].error_y.arrayminus, drawing.data[1].y - 0.1, rtol=1e-5)
    np.testing.assert_array_equal(drawing.data[1].error_y.array, 0)
    assert [note.text for note in drawing.layout.annotations] == ["IWAE", "DReG"]


def test_what_a_run_on_the_bound_minimises_is_not_called_the_sum(stocked: Store, runs: dict[str, str]) -> None:
    said = {kind: texts(open_page("two_losses.py", run=runs[kind])) for kind in CONFIGS}
    assert "of what this model minimises." in said["2-D"]
    assert "of reconstruction + β · KL; this model minimises the K-sample bound." in said["IWAE"]
    assert "of what this model minimises." not in said["IWAE"]


def test_the_toy_takes_another_function(shared: Store) -> None:
    app = open_tab(open_page("the_trick.py"), TOY)
    assert [slider.label for slider in app.slider] == ["μ", "σ", "k"]
    next(group for group in app.get("button_group") if group.key == "toy.function").set_value("wavy").run()
    assert not app.exception
    assert [slider.label for slider in app.slider] == ["μ", "σ"]
    expected, shown = toy.toy(1.0, 0.5, 0.3, 10_000, function="wavy"), app.dataframe[-1].value
    np.testing.assert_allclose(shown["True"], expected["true"], atol=5.1e-5)
    np.testing.assert_allclose(shown["Variance, closed form"], expected["closed_form"], atol=5.1e-5)
    assert any("x^2+\\sin x" in formula.value for formula in app.latex)
