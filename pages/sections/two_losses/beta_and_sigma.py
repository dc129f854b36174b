"""β and σ are one knob: the same VAE by squared error with a β, and by a Gaussian likelihood with a σ."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from pages.shared import run_picker, similar_runs
from pages.shared.which_images import watched
from pages.state import loaded_models, resources
from vae.analysis.sentences import Quantity, over_seeds, together
from vae.choices.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.store.runs import Run

POLL = 0.5
BETAS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
KEY = "sigma.beta"
LEARNT = ("gaussian_learned", "gaussian_descent")
Configs = dict[str, RunConfig]  # by title


def sigma_of(beta: float) -> float:
    """σ = √(β / 2), with which a Gaussian likelihood and one KL weigh as the squared error and β of them."""
    return math.sqrt(beta / 2)


def beta_of(sigma: float) -> float:
    """The other way round."""
    return 2 * sigma**2


def the_pair(run: Run, beta: float) -> Configs:
    """The run's VAE by squared error with `beta`, and by a Gaussian likelihood with the σ that is the same."""
    vae, sigma = run.config.model_copy(update={"variants": ("vae",)}), sigma_of(beta)
    return {
        f"squared error (β = {beta:g})": vae.model_copy(update={"reconstruction": "sse", "beta": beta}),
        f"Gaussian (σ = {sigma:.3g})": vae.model_copy(
            update={"reconstruction": "gaussian", "sigma": round(sigma, 12), "beta": 1.0}
        ),
    }


def with_learnt_sigma(run: Run) -> Configs:
    """The run's VAE, its σ learnt: in closed form, and by descent."""
    update = {"variants": ("vae",), "beta": 1.0}
    return {LIKELIHOODS[name].title: run.config.model_copy(update=update | {"reconstruction": name}) for name in LEARNT}


def beta_and_sigma(run: Run) -> None:
    """What the two have to do with each other, and runs that show it."""
    st.latex(
        r"-\log p(x|z) = \frac{1}{2\sigma^2} \lVert x - \hat x \rVert^2 + \tfrac{P}{2} \log 2\pi\sigma^2"
        r"\qquad\Rightarrow\qquad 2\sigma^2 \, (-\log p(x|z) + \mathrm{KL}) = \lVert x - \hat x \rVert^2 + "
        r"\underbrace{2\sigma^2}_{\beta} \, \mathrm{KL} + \text{constant}"
    )
    beta = st.select_slider("β of the squared error", BETAS, value=0.5, format_func="{:g}".format, key=KEY)
    st.markdown(
        f"β = **{beta:g}** with squared error is σ = √(β / 2) = **{sigma_of(beta):.3g}** with a Gaussian likelihood: "
        "the same minimum. A smaller σ says that pixels must be met more exactly, so the KL counts less."
    )
    _section(run, "Train both", the_pair(run, beta), _what_the_pair_says)
    st.markdown("**Which σ?** It can be learnt. Its best value is known: σ² is the mean squared error per pixel.")
    _section(run, "Train with a learnt σ", with_learnt_sigma(run), _what_learnt_sigmas_say)
    st.caption(
        "Rybkin et al. 2021 (arXiv 2006.13202) for the learnt σ. On all pages the loss of a Gaussian likelihood holds "
        "its constants: it may be below 0, for p(x|z) is a density."
    )


def _section(run: Run, label: str, configs: Configs, say: Callable[[Run, Configs], None]) -> None:
    """A button for those of `configs` that are lacking, and a table of those that are there."""
    found = similar_runs.found(configs)
    if lacking := [config for title, config in configs.items() if title not in found]:
        st.button(label, icon=":material/play_arrow:", on_click=_train, args=(lacking,))
    if found:
        active = similar_runs.under_way(configs.values())
        st.fragment(_outcome, run_every=POLL if active else None)(run, configs, say, active)


def _train(configs: list[RunConfig]) -> None:
    similar_runs.queue(configs)


def _outcome(run: Run, configs: Configs, say: Callable[[Run, Configs], None], was_active: bool) -> None:
    if was_active and not similar_runs.under_way(configs.values()):
        st.rerun()
    rows = []
    for title, known in similar_runs.found(configs).items():
        current, history = resources.progress(known.id)
        rows.append({"Model": title, "Status": f"{current.status}, epoch {max(current.epoch, 0)}"} | _numbers(history))
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    if not was_active:
        say(run, configs)
        similar_runs.offer_seeds(list(configs.values()), key=f"sigma.seeds.{next(iter(configs))}")


def _numbers(history: pd.DataFrame) -> dict[str, float | None]:
    """Of the last epoch, on the watched images."""
    rows = history[history["split"] != "test"]
    last = None if rows.empty else rows.loc[rows["epoch"].idxmax()]
    names = {"KL (nats / image)": "kl", "MSE, from a sample": "mse_from_sample", "MSE, from μ": "mse_from_mean"}
    return {title: None if last is None else round(float(last[name]), 5) for title, name in names.items()}


def _compared(run: Run, configs: Configs) -> str:
    """KL and MSE of both, and how far they are apart."""
    quantities = {
        "kl": Quantity("KL in nats / image", watched(run), ".3f"),
        "mse_from_sample": Quantity("MSE per pixel", f"{watched(run)}, from a sample", ".5f"),
    }
    said = []
    for measure, quantity in quantities.items():
        values = {title: similar_runs.last_by_seed(config, measure) for title, config in configs.items()}
        if not all(values.values()):
            return ""
        said.append(over_seeds(quantity, values))
    return together(*said)


def _apart(one: float, other: float) -> str:
    return f"{abs(one - other) / max(abs(one), abs(other)):.2%}" if max(abs(one), abs(other)) else "0 %"


def _what_the_pair_says(run: Run, configs: Configs) -> None:
    compared = _compared(run, configs)
    if not compared:
        return
    apart = []
    for measure, title in {"kl": "KL", "mse_from_sample": "MSE"}.items():
        one, other = (similar_runs.last_by_seed(config, measure) for config in configs.values())
        seed = next((seed for seed in one if seed in other), None)
        if seed is not None:
            apart.append(f"{title} {_apart(one[seed], other[seed])}")
    if apart:
        st.markdown(
            f"**What to notice.** In one seed the two are apart by: {', '.join(apart)}. {compared} Their losses are no "
            "comparison: they are different quantities."
        )


def learnt_sigmas(configs: Mapping[str, RunConfig]) -> dict[str, tuple[float, float]]:
    """By title, of runs that are done: the σ that was learnt, and the closed form on the watched images."""
    found = {}
    for title, known in similar_runs.found(configs).items():
        if not known.active:
            run, history = resources.progress(known.id)
            rows = history[(history["split"] != "test") & (history["epoch"] == run.epoch)]
            model = loaded_models.models(known.id, loaded_models.kept_epochs(known.id, run.epoch)[-1])["vae"]
            sigma = math.exp(float(model.likelihood_parameters["log_sigma"]))
            found[title] = sigma, math.sqrt(float(rows["mse_from_sample"].iloc[0]))
    return found


def _what_learnt_sigmas_say(run: Run, configs: Configs) -> None:
    sigmas = learnt_sigmas(configs)
    if not sigmas:
        return
    said = [
        f"{title}: σ = **{sigma:.4f}**, as if β were {beta_of(sigma):.3g} with squared error; √MSE from a sample, over "
        f"{watched(run)}, is {closed:.4f}"
        for title, (sigma, closed) in sigmas.items()
    ]
    text = f"**What to notice.** {'. '.join(said)}."
    if len(sigmas) == len(configs):
        one, other = (sigma for sigma, _ in sigmas.values())
        text += f" The σ of the two networks are {_apart(one, other)} apart."
    st.markdown(text)
    for title, known in similar_runs.found(configs).items():
        if known.epoch >= 0:
            st.button(f"Look at: {title}", key=f"sigma.look.{known.id}", on_click=run_picker.select, args=(known.id,))
