"""Two losses: β and σ as one knob, what the diagnosis says of a collapse, and objectives below 0."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from lessons import done, labels, press
from paging import open_page, open_tab
from streamlit.testing.v1 import AppTest

from pages.sections.two_losses import beta_and_sigma
from pages.shared import similar_runs
from pages.state import resources
from vae.config import RunConfig
from vae.measuring import models_of
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

SMALL = RunConfig(epochs=2, hidden=(16,), train_limit=300, validation_size=100)
TAB = "β and σ"


def paragraphs(app: AppTest) -> list[str]:
    return [element.value for element in app.markdown]


def row(store: Store, run_id: str, epoch: int) -> dict[str, Any]:
    """The VAE's numbers on the validation images."""
    history = store.history(run_id)
    (found,) = history[(history.variant == "vae") & (history.split == "validation") & (history.epoch == epoch)].to_dict(
        "records"
    )
    return found


def look_again() -> None:
    """Reads are shared for a second: what comes after is read anew."""
    resources.forget()
    similar_runs.known.clear()


def both(store: Store, **settings: Any) -> str:
    return done(store, SMALL.model_copy(update=settings))


def test_one_knob_in_numbers() -> None:
    for beta in beta_and_sigma.BETAS:
        assert beta_and_sigma.beta_of(beta_and_sigma.sigma_of(beta)) == pytest.approx(beta)
        RunConfig(sigma=beta_and_sigma.sigma_of(beta))
    assert beta_and_sigma.sigma_of(0.5) == 0.5


def test_the_pair_is_trained_by_a_button_and_compared(shared: Store) -> None:
    run_id = both(shared)
    app = open_tab(open_page("two_losses.py", run=run_id), TAB)
    press(app, "Train both")
    assert not app.exception, app.exception
    vae = SMALL.model_copy(update={"variants": ("vae",)})
    assert [shared.run(waiting).config for waiting in shared.queue()] == [
        vae.model_copy(update={"reconstruction": "sse", "beta": 0.5}),
        vae.model_copy(update={"reconstruction": "gaussian", "sigma": 0.5}),
    ]
    ids = shared.queue()
    for waiting in ids:
        assert execute(shared, waiting, Settings.from_environment()) == "done"
    look_again()
    app = open_tab(open_page("two_losses.py", run=run_id), TAB)
    assert "Train both" not in labels(app)
    squared, gaussian = (row(shared, trained, 2) for trained in ids)
    (table,) = (frame.value for frame in app.dataframe)
    assert table["KL (nats / image)"].tolist() == [round(squared["kl"], 5), round(gaussian["kl"], 5)]
    assert squared["kl"] == pytest.approx(gaussian["kl"], rel=0.01), "the same minimum, the same steps but for Adam's ε"
    (said,) = (text for text in paragraphs(app) if "the two are apart by" in text)
    apart = abs(squared["kl"] - gaussian["kl"]) / max(squared["kl"], gaussian["kl"])
    assert f"KL {apart:.2%}" in said
    assert "Only one seed: not enough to conclude." in said
    expected = squared["reconstruction"] / 0.5 + 64 * (math.log(0.5) + 0.5 * math.log(2 * math.pi))
    assert gaussian["reconstruction"] == pytest.approx(expected, rel=0.01)


def test_a_learnt_sigma_is_shown_beside_its_closed_form(shared: Store) -> None:
    run_id = both(shared)
    press(open_tab(open_page("two_losses.py", run=run_id), TAB), "Train with a learnt σ")
    ids = shared.queue()
    assert [shared.run(waiting).config.reconstruction for waiting in ids] == ["gaussian_learned", "gaussian_descent"]
    for waiting in ids:
        assert execute(shared, waiting, Settings.from_environment()) == "done"
    look_again()
    app = open_tab(open_page("two_losses.py", run=run_id), TAB)
    (said,) = (text for text in paragraphs(app) if "as if β were" in text)
    for trained in ids:
        run = shared.run(trained)
        sigma = math.exp(float(models_of(shared, run, 2)["vae"].likelihood_parameters["log_sigma"]))
        mse = row(shared, trained, 2)["mse_from_sample"]
        assert f"σ = **{sigma:.4f}**, as if β were {2 * sigma**2:.3g}" in said
        assert f"is {math.sqrt(mse):.4f}" in said


def test_a_loss_below_zero_has_no_share(shared: Store) -> None:
    """A density may be above 1."""
    run_id = done(shared, SMALL.model_copy(update={"reconstruction": "gaussian", "sigma": 1.0}))
    says_share = [
        text for text in paragraphs(open_page("two_losses.py", run=run_id)) if "what this model minimises" in text
    ]
    assert re.search(r"is \d+\.\d% of what", says_share[0])
    low = done(
        shared,
        SMALL.model_copy(
            update={"reconstruction": "gaussian", "sigma": 0.3, "epochs": 60, "latent_dim": 8, "learning_rate": 5e-3}
            | {"train_limit": 1000}
        ),
    )
    now = row(shared, low, 60)
    assert now["reconstruction"] < 0
    (said,) = (text for text in paragraphs(open_page("two_losses.py", run=low)) if "what this model minimises" in text)
    assert f"adds {now['loss'] - now['reconstruction']:.2f} to what this model minimises" in said


@pytest.mark.parametrize("free", [0.0, 0.5])
def test_the_diagnosis_tells_what_each_of_the_three_shows(shared: Store, free: float) -> None:
    config = SMALL.model_copy(update={"reconstruction": "sse", "beta": 20.0, "epochs": 15, "free_bits": free})
    run_id = done(shared, config)
    app = open_page("two_losses.py", run=run_id)
    now = row(shared, run_id, 15)
    assert now["active_units"] == 0
    (said,) = (caption.value for caption in app.caption if "I(x; z)" in caption.value)
    found = re.search(r"KL, ([\d.]+) nats.*I\(x; z\), (-?[\d.]+) nats.*of 100 images, so ([\d.]+) at the most", said)
    assert found, said
    kl, told, most = map(float, found.groups())
    assert kl == pytest.approx(now["kl"], abs=0.01) and most == pytest.approx(np.log(100), abs=0.01)
    if free:  # the KL is there, for it costs nothing, and yet the code says nothing: only the third number shows it
        assert kl > 0.1 > told and not app.error
        (warning,) = (warning.value for warning in app.warning)
        assert "but a sample of it tells" in warning
        assert "0.5 nats of each dimension paid in any case" in " ".join(paragraphs(app))
    else:
        assert kl < 0.1 and not app.warning
        assert ["collapsed" in error.value for error in app.error] == [True]


def test_a_run_whose_code_says_all_it_can_is_told_so(shared: Store) -> None:
    run_id = done(shared, SMALL.model_copy(update={"beta": 0.0, "epochs": 40, "latent_dim": 8, "learning_rate": 5e-3}))
    said = " ".join(caption.value for caption in open_page("two_losses.py", run=run_id).caption)
    assert "near its ceiling: it may be more" in said
