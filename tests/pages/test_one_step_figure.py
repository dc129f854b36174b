"""The figure of one step: what it is sent and what it says are the numbers of `analysis.one_step`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from lessons import Again
from paging import open_page
from stepping import image, measured
from unpacking import unpacked

from pages.components.one_step import Shown, chosen, payload
from pages.components.one_step.stages import STAGES, sentences, written
from pages.sections.the_trick import one_image
from vae.analysis.one_step import OneStep, one_step
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.choices.variants import VARIANTS, ingredients
from vae.store.runs import Store

SHAPE = (1, 2, 3)
each_setup = pytest.mark.parametrize("setup", ESTIMATOR_SETUPS)


def sent(steps: dict[str, OneStep], beta: float = 2.5) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    images = (np.stack([image(), 1 - image()]) * 255).astype(np.uint8)
    shown = Shown(images, ["Image 1", "Image 2"], 1, 3)
    return unpacked(payload(steps, shown, SHAPE, "nats", beta, 0.01, "A note."))


@each_setup
def test_the_figure_is_sent_the_numbers_of_the_step(setup: str) -> None:
    steps = {variant: measured(variant, setup=setup) for variant in ingredients()}
    meta, arrays = sent(steps)
    assert [row["variant"] for row in meta["rows"]] == list(ingredients())
    for row in meta["rows"]:
        step = steps[row["variant"]]
        for when, forward in (("before", step.before), ("after", step.after)):
            codes = {"mu": forward.mu, "std": forward.std, "z": forward.z[0]}
            codes["eps"] = None if forward.eps is None else forward.eps[0]
            codes = {name: values for name, values in codes.items() if values is not None}
            assert row[when]["codes"].keys() == codes.keys()
            for name, values in codes.items():
                assert row[when]["codes"][name] == {
                    "numbers": values.tolist(),
                    "written": [written(value) for value in values],
                }
            losses = {"reconstruction": forward.reconstruction.mean()}
            losses |= {} if forward.kl is None else {"kl": 2.5 * forward.kl, "loss": forward.loss}
            assert row[when]["losses"] == {name: written(value) for name, value in losses.items()}
            picture = np.round(forward.x_hat[0] * 255)
            np.testing.assert_array_equal(arrays[f"{row['variant']}.{when}"], picture)
        for term, gradients in step.gradients.items():
            for name, told in row["gradients"][term].items():
                value = getattr(gradients, name)
                norm = 0.0 if value is None else float(np.sqrt(np.square(value).sum()))
                assert told["number"] == pytest.approx(norm, rel=1e-12)
                assert told["written"] == written(told["number"])
        outputs = step.gradients["reconstruction"].outputs[0]
        np.testing.assert_allclose(arrays[f"{row['variant']}.outputs"], outputs / np.abs(outputs).max(), rtol=1e-6)


def test_the_gradient_of_a_colour_is_one_number_a_pixel() -> None:
    """Its channels' root mean square, with the sign of their sum."""
    steps = {"ae": measured("ae")}
    images = np.zeros((1, 6), np.uint8)
    shape = (3, 1, 2)  # the six outputs once more, as two pixels of three channels
    meta, arrays = unpacked(payload(steps, Shown(images, ["Image 1"], 0, 0), shape, "nats", 1.0, 0.01, "A note."))
    channels = steps["ae"].gradients["reconstruction"].outputs[0].reshape(3, 2)
    expected = np.sign(channels.sum(axis=0)) * np.sqrt(np.square(channels).mean(axis=0))
    np.testing.assert_allclose(arrays["ae.outputs"], expected / np.abs(expected).max(), rtol=1e-6)
    said = dict(meta["stages"])
    assert said["x"] == "Image 1: 2 pixels of 3 channels go into the encoder."
    assert "Of three channels" in said["outputs"]


@pytest.mark.parametrize(
    ("setup", "path"),
    [("pathwise", "through"), ("score_function", "around"), ("score_function_loo", "around"), ("detached", "stopped")],
)
def test_how_the_gradient_gets_to_mu_is_told_by_its_numbers(setup: str, path: str) -> None:
    meta, _ = sent({variant: measured(variant, setup=setup) for variant in ingredients()})
    paths = {row["variant"]: row["path"] for row in meta["rows"]}
    assert paths == {"ae": "through", "noise_only": path, "kl_only": "through", "vae": path}


@each_setup
def test_every_stage_says_its_numbers(setup: str) -> None:
    ae, vae = measured("ae"), measured("vae", setup=setup)
    said = sentences({"ae": ae, "vae": vae}, "Image 2, class 7", (1, 2, 617), "nats", 2.5, 0.01)
    assert tuple(said) == STAGES
    assert said["x"] == "Image 2, class 7: 1,234 pixels go into each encoder."
    assert said["encoder"].startswith("Each encoder gives 3 numbers, μ. VAE: also log σ²")
    assert said["z"] == "AE: z = μ. VAE: z = μ + σ · ε."
    loss = f"2.5 · KL {written(vae.before.kl)} = {written(vae.before.loss)}."
    assert said["losses"].startswith(f"AE: reconstruction {written(ae.before.loss)} nats. VAE: reconstruction ")
    assert said["losses"].endswith(loss)
    if setup == "score_function_loo":
        both = " and ".join(written(value) for value in vae.before.reconstruction)
        assert f"(the mean of {both})" in said["losses"]
    reaches = f"{written(vae.gradients['reconstruction'].encoder)} reaches the encoder's weights"
    assert reaches in said["weights"]
    assert said["weights"].endswith(f"The KL brings {written(vae.gradients['kl'].encoder)}.")
    assert ("exactly 0 reaches" in said["weights"]) == (setup == "detached")
    assert said["step"].endswith(f"VAE: loss {written(vae.before.loss)} → {written(vae.after.loss)}.")


def test_without_noise_nobody_speaks_of_epsilon() -> None:
    said = sentences({"ae": measured("ae")}, "Image 1", SHAPE, "nats", 1.0, 0.01)
    assert "eps" not in said
    assert not any("ε" in sentence or "σ" in sentence for sentence in said.values())
    assert said["x"] == "Image 1: 6 pixels go into the encoder."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-1.234, "−1.23"),
        (0.98765, "0.99"),
        (0.0123, "0.012"),
        (0.00012, "1.2e−4"),
        (9.996, "10.0"),
        (99.96, "100"),
        (12345.6, "12,346"),
        (-2.5e7, "−2.5e7"),
        (math.inf, "not finite"),
        (math.nan, "not finite"),
    ],
)
def test_numbers_are_written_short(value: float, text: str) -> None:
    assert written(value) == text


def test_a_step_that_blew_up_can_still_be_drawn() -> None:
    """JSON knows no NaN, and `unpacked` refuses one."""
    meta, arrays = sent({"vae": measured("vae", learning_rate=1e200)})
    row = meta["rows"][0]
    assert "not finite" in row["after"]["losses"].values()
    assert "not finite" not in row["before"]["losses"].values()
    assert arrays["vae.after"].dtype == np.uint8


def figure(app: Any) -> dict[str, Any]:
    (found,) = (part.proto for part in app.get("bidi_component") if part.proto.component_name.endswith("one_step"))
    return unpacked(found.bytes)[0]


def test_the_page_shows_the_step_of_the_chosen_run_and_estimator(stocked: Store, runs: dict[str, str]) -> None:
    run, again = stocked.run(runs["2-D"]), Again.of(stocked, runs["2-D"])
    app = open_page("the_trick.py", run=run.id)
    for setup in ESTIMATOR_SETUPS:
        next(group for group in app.get("button_group") if group.key == "trick.way").set_value(setup).run()
        shown = {row["variant"]: row for row in figure(app)["rows"]}
        for name, model in again.models.items():
            step = one_step(
                model, VARIANTS[name], again.x[0], "bce", 1.0, run.config.learning_rate, setup=ESTIMATOR_SETUPS[setup]
            )
            assert shown[name]["before"]["codes"]["z"]["numbers"] == pytest.approx(step.before.z[0].tolist(), rel=1e-6)
            for term in ("reconstruction", "kl"):
                told = shown[name]["gradients"][term]
                assert told["encoder"]["number"] == pytest.approx(step.gradients[term].encoder, rel=1e-6)
                assert told["mu"]["number"] == pytest.approx(np.linalg.norm(step.gradients[term].mu), rel=1e-6)


@pytest.mark.parametrize("kind", ["1-D", "64-D", "vae only", "all four"])
def test_every_kind_of_run_has_its_figure(stocked: Store, runs: dict[str, str], kind: str) -> None:
    meta = figure(open_page("the_trick.py", run=runs[kind]))
    config = stocked.run(runs[kind]).config
    assert [row["variant"] for row in meta["rows"]] == list(config.variants)
    assert len(meta["rows"][0]["before"]["codes"]["mu"]["numbers"]) == config.latent_dim
    assert meta["note"].startswith(f"{meta['names'][0]}, of the validation images; weights of epoch {config.epochs}.")
    assert len(meta["names"]) == one_image.IMAGES


def test_another_image_and_draw_are_what_a_visitor_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit as st

    monkeypatch.setattr(st, "session_state", {"figure": {"image": 3, "draw": 2}, "far": {"image": 99, "draw": -1}})
    assert chosen("figure", 8) == (3, 2)
    assert chosen("far", 8) == (7, 0), "an image that this run lacks"
    assert chosen("never shown", 8) == (0, 0)
