"""The live experiment of each claim, in small: what stands beside the question. One registry.

Where a picture of what was measured is the answer itself, another one stands there until the verdict is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.decoders import decoders
from pages.components.figure import figure
from pages.components.in_columns import in_columns
from pages.components.nudge_strips import nudge_strips, payload
from pages.shared import nudges, similar_runs
from pages.shared.image_strips import strip
from pages.shared.network_diagram import drawings
from pages.stage.run_panel import run_stage
from pages.state import loaded_models, principal_axes, resources
from vae.argument.evidence import FAMILIES, holding
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.choices.nudge_units import NUDGE_UNITS
from vae.choices.variants import VARIANTS, ingredients, twins, with_a_sample_to_pass
from vae.figures.claims import experiments as figures
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import to_grey
from vae.store.runs import Run

IMAGES = 8  # in a row
SAMPLES = 16
STEP = ("latent_std", 0.5)  # unit and size of a nudge at first
Drawing = Callable[[Run, int], None]  # of a run at a kept epoch


@dataclass(frozen=True)
class Experiment:
    """What is drawn beside a claim."""

    drawing: Drawing
    asked: Drawing | None = None  # in its place while the class still predicts: `drawing` would tell the answer

    def draw(self, run: Run, epoch: int, told: bool) -> None:
        """`told`: whether the verdict is shown."""
        (self.drawing if told or self.asked is None else self.asked)(run, epoch)


def rebuilt(run: Run, epoch: int) -> None:
    """Claim 1: images, and what each model makes of their few numbers."""
    count = len(loaded_models.watched(run.id).x)
    start = _turn("Other images", f"claims.images.{run.id}") * IMAGES % max(count - IMAGES, 1)
    shown = slice(start, start + IMAGES)
    strip("Images", to_grey(loaded_models.watched(run.id).x[shown]), run.shape, IMAGES)
    for name, made in loaded_models.rebuilt(run.id, epoch).items():
        title = f"{VARIANT_TITLES[name]}: rebuilt from {run.config.latent_dim} numbers"
        strip(title, to_grey(made.from_mean[shown]), run.shape, IMAGES, VARIANT_COLOURS[name])


def spaces(run: Run, _epoch: int, *, ellipses: bool = False) -> None:
    """Claims 2 and 5: both spaces, and what the decoders draw under the pointer."""
    run_stage(run.id, key=f"claims.stage.{run.id}.{ellipses}", small=True, ellipses=ellipses)


def nudged(run: Run, epoch: int) -> None:
    """Claim 3: the same step in both models, in any unit."""
    _strips(run, epoch, run.config.variants if len(run.config.variants) < 3 else twins(run.config.variants))


def nudged_variants(run: Run, epoch: int) -> None:
    """Claim 6: the same step with noise alone, KL alone, both and neither, where a run has them."""
    for config in FAMILIES["variants"](run.config).values():
        runs = [run for each in holding("variants", config) for run in similar_runs.seeds_of(each).values()]
        for other in runs:
            if other.status == "done":
                _strips(other, loaded_models.kept_epochs(other.id, other.epoch)[-1], ingredients())
                return
    _strips(run, epoch, run.config.variants)


def sizes(run: Run, _epoch: int) -> None:
    """Claim 4: squared error on the test images against the size of the code, a point per seed."""
    rows = []
    for size, config in FAMILIES["sizes"](run.config).items():
        for seed, member in similar_runs.seeds_of(config).items():
            if member.status == "done":
                test = resources.progress(member.id)[1].query("split == 'test'")
                rows += [(row.variant, int(size), seed, row.mse_from_mean) for row in test.itertuples()]
    means = pd.DataFrame(rows, columns=["variant", "size", "seed", "mse"])
    floor = run.data["floor"]["test"]["mse"]
    pca = principal_axes.by_size(run.id, "test", sorted(set(means["size"])))
    drawing = figures.errors_by_size(means, floor, pca)
    figure(drawing, key="claims.sizes", alt="Squared error against the size of the code")
    dashed = "; dashed: PCA with as many numbers" if pca else ""
    st.caption(f"On the test images; a small point per seed. Dotted: the mean image{dashed}.")


def rebuilt_by_size(run: Run, _epoch: int) -> None:
    """Claim 4, before: the same images, rebuilt from ever more numbers."""
    strip("Images", to_grey(loaded_models.watched(run.id).x[:IMAGES]), run.shape, IMAGES)
    for size, config in FAMILIES["sizes"](run.config).items():
        for member in similar_runs.seeds_of(config).values():
            if member.status == "done":
                epoch = loaded_models.kept_epochs(member.id, member.epoch)[-1]
                made = loaded_models.rebuilt(member.id, epoch)
                for column, name in zip(in_columns(len(made)), made, strict=True):
                    pictures = to_grey(made[name].from_mean[: IMAGES // 2])
                    title, colour = f"{VARIANT_TITLES[name]}: from {size} numbers", VARIANT_COLOURS[name]
                    with column:
                        strip(title, pictures, run.shape, IMAGES // 2, colour)
                break


def samples(run: Run, epoch: int) -> None:
    """Claim 7: one image, decoded from many samples of its code; by the AE, which has none, once."""
    from vae.analysis.reconstructions import resample
    from vae.learning.randomness import stream

    draw, image = _turn("Draw again", f"claims.draw.{run.id}"), 0
    x = loaded_models.watched(run.id).x[image]
    strip("One image", to_grey(x[None]), run.shape, IMAGES)
    models = loaded_models.models(run.id, epoch)
    for name in [name for name in ("ae", *_noisy(run)) if name in models]:
        title, colour = VARIANT_TITLES[name], VARIANT_COLOURS[name]
        if not VARIANTS[name].noise:
            answer = loaded_models.rebuilt(run.id, epoch)[name].from_mean[image]
            strip(f"{title}: no noise, so one picture", to_grey(answer[None]), run.shape, IMAGES, colour)
            continue
        pictures = to_grey(resample(models[name], x, SAMPLES, stream(run.config.seed, f"resample {draw}", epoch)))
        strip(f"{title}: {SAMPLES} samples of its code", pictures[:IMAGES], run.shape, IMAGES, colour)
        strip("", pictures[IMAGES:], run.shape, IMAGES, colour)


def outputs(run: Run, epoch: int) -> None:
    """Claim 8: what the encoder really puts out for log σ²."""
    for name in _noisy(run):
        std = loaded_models.codes(run.id, epoch)[name].std
        drawing = figures.outputs(2 * np.log(std.ravel()))
        figure(drawing, key="claims.outputs", alt="The encoder's outputs log σ²")
        st.caption(f"All {std.size:,} outputs for {len(std):,} {run.watched_images} images. exp makes each positive.")


def two_heads(run: Run, _epoch: int) -> None:
    """Claims 8 and 11, before: the network whose encoder puts out μ and log σ², and the random step."""
    drawings(run.config.model_copy(update={"variants": tuple(_noisy(run))}))


def betas(run: Run, epoch: int) -> None:
    """Claim 9: under each β, images rebuilt, and pictures of codes drawn from N(0, I)."""
    from vae.analysis.geometry import decode
    from vae.analysis.sampling import prior
    from vae.learning.randomness import stream

    strip("Images", to_grey(loaded_models.watched(run.id).x[:IMAGES]), run.shape, IMAGES)
    columns = FAMILIES["betas"](run.config)
    for (beta, config), column in zip(columns.items(), st.columns(len(columns)), strict=True):
        member = similar_runs.seeds_of(config).get(run.config.seed)
        with column:
            if member is None or member.status != "done":
                st.caption(f"β = {beta}: not trained yet.")
                continue
            at = loaded_models.kept_epochs(member.id, member.epoch)[-1]
            made = loaded_models.rebuilt(member.id, at)["vae"].from_mean[: IMAGES // 2]
            strip(f"β = {beta}: rebuilt", to_grey(made), run.shape, IMAGES // 2, VARIANT_COLOURS["vae"])
            z = prior(IMAGES // 2, run.config.latent_dim, stream(run.config.seed, "claim 9"))
            drawn = decode(loaded_models.models(member.id, at)["vae"], z)
            strip("drawn from N(0, I)", to_grey(drawn), run.shape, IMAGES // 2, VARIANT_COLOURS["vae"])


def epsilon(run: Run, epoch: int) -> None:
    """Claim 10: ε as it is drawn for each image, and what σ makes of it."""
    import torch

    from vae.learning.randomness import normal_like, stream

    draw = _turn("Draw again", f"claims.epsilon.{run.id}")
    for name in _noisy(run):
        std = loaded_models.codes(run.id, epoch)[name].std
        eps = normal_like(torch.from_numpy(std), stream(run.config.seed, f"claim 10, draw {draw}")).numpy()
        drawing = figures.noise(eps.ravel(), (std * eps).ravel())
        figure(drawing, key="claims.epsilon", alt="ε, and σ·ε, which is added to μ")
        st.caption(
            f"{eps.size:,} draws for {len(std):,} {run.watched_images} images, by the generator that training uses. "
            f"Standard deviation of ε {eps.std():.3f}; of σ·ε {(std * eps).std():.3f}."
        )


def passing(run: Run, epoch: int) -> None:
    """Claim 11: what reaches the encoder by each estimator."""
    norms = {name: _at_the_encoder(run.id, epoch, name) for name in ESTIMATOR_SETUPS}
    figure(figures.gradients(norms), key="claims.gradients", alt="Norm of the gradient by each estimator")
    st.caption(f"Gradient of the reconstruction at the encoder's outputs, on one batch, weights of epoch {epoch}.")


EXPERIMENTS: dict[int, Experiment] = {
    1: Experiment(rebuilt),
    2: Experiment(spaces),
    3: Experiment(nudged),
    4: Experiment(sizes, rebuilt_by_size),
    5: Experiment(partial(spaces, ellipses=True), spaces),
    6: Experiment(nudged_variants),
    7: Experiment(samples),
    8: Experiment(outputs, two_heads),
    9: Experiment(betas),
    10: Experiment(epsilon, samples),
    11: Experiment(passing, two_heads),
}


@st.cache_data(max_entries=60, show_spinner=False)
def _at_the_encoder(run_id: str, epoch: int, estimator: str) -> float:
    """Norm of the reconstruction's gradient at μ and log σ² together."""
    from vae.measuring import gradient_norms_of

    table = gradient_norms_of(resources.store(), resources.run(run_id), epoch, resources.settings(), estimator)
    norms = table.set_index("place")["reconstruction"]
    return float(np.hypot(norms["mu"], norms["logvar"]))


def _strips(run: Run, epoch: int, models: Sequence[str]) -> None:
    """One image nudged ever further in each model, in the browser; by the server where it can't."""
    key, weights, why = loaded_models.shelf(run.id, epoch)
    found = nudges.nudges(run.id, epoch, 0, "random", 0)
    found = {name: nudge for name, nudge in found.items() if name in models}
    if weights is None:
        nudges.strips_by_the_server(run, epoch, found, why)
        return
    decoders(weights)
    originals = to_grey(loaded_models.watched(run.id).x[nudges.rows(run.id, 0)])
    names = nudges.names(run, 0)
    nudge_strips(payload(key, originals, names, run.shape, found, NUDGE_UNITS, *STEP), key=f"claims.nudges.{run.id}")


def _turn(label: str, key: str) -> int:
    """A button, and how often it was pressed."""
    with st.container(key="hidden_when_presenting_turn"):
        pressed = st.button(label, icon=":material/casino:", key=f"{key}.button")
    if pressed:
        st.session_state[key] = st.session_state.get(key, 0) + 1
    return st.session_state.get(key, 0)


def _noisy(run: Run) -> Sequence[str]:
    """The one variant whose σ is looked at: the VAE, else another that samples; none where none does."""
    name = with_a_sample_to_pass(run.config.variants)
    return [name] if name else []
