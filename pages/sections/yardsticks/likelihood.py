"""How probable are images that the model has never seen?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared import run_picker, similar_runs
from pages.shared.csv_button import csv
from pages.shared.on_request import on_request
from pages.state import loaded_models
from pages.text.escape_markdown import escape_markdown
from vae.analysis import sentences
from vae.analysis.intervals import SEEDS_FOR_A_VERDICT, half_width
from vae.analysis.sentences import Quantity, conclusion, images
from vae.choices.binarisations import BINARISATIONS
from vae.choices.densities import DENSITIES, density_of
from vae.choices.variants import VARIANTS
from vae.errors import InputError
from vae.figures.style import VARIANT_SHORT
from vae.figures.yardsticks.likelihood import nll_by_samples
from vae.store.runs import Run

from .seeds import over_seeds

STILL_FALLS = 0.1  # nats: that twice the samples or so lower the estimate by
MANY = 0.05  # of the images, with weights of heavy tails: what is worth a word
ASKED = (
    "The bound that a VAE learns by is not −log p(x), only above it. Here −log p(x) itself is estimated on the test "
    "images, by 200 codes for each of them, drawn from q(z|x) and weighed (importance samples). It takes up to half a "
    "minute for each model."
)


def likelihood(run: Run, epoch: int) -> None:
    """Asked for by a button, where some model of the run has one; else why not."""
    reasons = lacking(run)
    if len(reasons) == len(run.config.variants):
        for reason in dict.fromkeys(reasons.values()):
            st.info(escape_markdown(reason))
        _offer_binary(run)
        return
    on_request("likelihood", run, epoch, ASKED, "Measure the likelihood", partial(_beside_others, run, epoch, reasons))


def _beside_others(run: Run, epoch: int, reasons: Mapping[str, str], table: pd.DataFrame) -> None:
    over_seeds("likelihood", run, epoch, table, partial(_shown, run, epoch, reasons))


def _offer_binary(run: Run) -> None:
    """A button that leads to the same models of black and white pixels, or trains them."""
    if not any(VARIANTS[name].noise for name in run.config.variants):
        return
    config = run.config.model_copy(update={"reconstruction": "bernoulli", "binarisation": "static"})
    if trained := similar_runs.found({"": config}).get(""):
        st.button(
            "Look at the run of black and white images",
            icon=":material/visibility:",
            on_click=run_picker.select,
            args=(trained.id,),
        )
    else:
        similar_runs.offer("Train the same on black and white images", {"": config})


def lacking(run: Run) -> dict[str, str]:
    """Why a variant has no likelihood, by variant; those that have one are left out."""
    found = {}
    for name in run.config.variants:
        try:
            density_of(run.config, name, binary=True)
            if DENSITIES[run.config.reconstruction].binary:
                density_of(run.config, name, binary=_binary(run))
        except InputError as problem:
            found[name] = str(problem)
    return found


def _binary(run: Run) -> bool:
    """Whether the pixels that are measured are 0 or 1, as far as the first test images tell."""
    if BINARISATIONS[run.config.binarisation].binary:
        return True
    x = loaded_models.test_images(run.id)
    return bool(((x == 0) | (x == 1)).all())


def _shown(run: Run, epoch: int, reasons: Mapping[str, str], tables: Mapping[int, pd.DataFrame]) -> None:
    table = tables[run.config.seed]
    left, right = st.columns(2, gap="medium")
    with left:
        st.dataframe(shown(table), hide_index=True, width="stretch")
        st.markdown(f"**What to notice.** {notice(table)}")
        for reason in dict.fromkeys([*reasons.values(), *without_prior(table)]):
            st.caption(escape_markdown(reason))
        st.caption(comparable(run))
        with st.popover("How is it measured?", type="tertiary"):
            st.markdown(_measured(table))
    with right:
        figure(
            nll_by_samples(table[table["measure"] == "nll_by_samples"]),
            key="likelihood",
            alt="How far estimates of −log p(x) fall with more samples for each image",
        )
    csv(lambda: table, f"likelihood-{run.id}-epoch-{epoch}")
    if epoch == run.last_epoch:
        st.markdown(f"**Over seeds.** {seeds_in_words(tables, run.config.seed)}")


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """By variant, a column for each measure; of the NLL also its other columns."""
    whole = table[table["measure"] != "nll_by_samples"]
    wide = whole.pivot_table(values="value", index="variant", columns="measure", sort=False)
    of_nll = table[table["measure"] == "nll"].set_index("variant")[["error", "monte_carlo", "bias", "samples", "n"]]
    return wide.reindex(columns=["nll", "bound", "gap", "effective_samples", "heavy_tails"]).join(of_nll)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each model that has a likelihood, nats per image."""
    rows = [
        {
            "Model": VARIANT_SHORT[str(name)],
            "−log p(x)": f"{row['nll']:.2f} ± {row['error']:.2f}",
            "By chance ±": f"{row['monte_carlo']:.3f}",
            "Bound": f"{row['bound']:.2f}",
            "Bound too high by": f"{row['gap']:.2f}",
            "Samples": f"{row['samples']:,.0f}",
            "Images": f"{row['n']:,.0f}",
        }
        for name, row in _wide(table).iterrows()
    ]
    return pd.DataFrame(rows)


def notice(table: pd.DataFrame) -> str:
    """What the bound hides, and whether the samples suffice; it reads otherwise with other numbers."""
    said = []
    for name, row in _wide(table).iterrows():
        model, half = VARIANT_SHORT[str(name)], 1.96 * row["error"]
        said.append(
            f"{model}: −log p(x) is {row['nll']:.2f} nats (95 % interval over {images(int(row['n']), 'test')} "
            f"{row['nll'] - half:.2f} to {row['nll'] + half:.2f}); the bound is {row['gap']:.2f} nats higher."
        )
        said.append(_enough(table[table["variant"] == name], row))
    return " ".join(filter(None, said))


def _enough(rows: pd.DataFrame, row: pd.Series) -> str:
    """Whether more samples would change the estimate of one variant."""
    by_samples = rows[rows["measure"] == "nll_by_samples"].sort_values("samples")
    told = ""
    if len(by_samples) > 1:
        fewer, fall = int(by_samples["samples"].iloc[-2]), -float(by_samples["value"].diff().iloc[-1])
        told = f"From {fewer:,} samples to {row['samples']:,.0f} the estimate fell by {fall:.2f} nats: "
        told += (
            "more would lower it further, so the true value is below it."
            if fall >= STILL_FALLS
            else "more would change little."
        )
    if row["heavy_tails"] >= MANY:
        told += (
            f" For {row['heavy_tails']:.0%} of the images a few codes carry nearly all the weight: their estimates are "
            "more likely too high than the error says."
        )
    return told


def comparable(run: Run) -> str:
    """Which other numbers it may be held against."""
    if not DENSITIES[run.config.reconstruction].binary:
        return (
            "A density of real-valued pixels, so it may be below 0. Compare it with runs on the same images whose loss "
            "is a Gaussian, too; not with papers, nor with probabilities of binary pixels."
        )
    how = BINARISATIONS[run.config.binarisation]
    drawn = f"binarised in the same way (here: {how.title})" if how.binary else "as black and white as these"
    return (
        f"A probability of binary pixels: papers' numbers are comparable if their images are the same ones, {drawn}. "
        "Another draw of the binary pixels moves it a little; grey or thresholded pixels are another task."
    )


def _measured(table: pd.DataFrame) -> str:
    samples, n = int(table["samples"].max()), int(table["n"].iloc[0])
    return (
        f"For each of {n:,} test images {samples:,} codes z are drawn from q(z|x), and −log of the mean of "
        "p(x|z) p(z) / q(z|x) is taken. Burda et al. 2016, arXiv 1509.00519, eq. 8. On average it is never below the "
        "true −log p(x), and with one sample it is the bound.\n\n"
        "**±** is the standard error over images. **By chance ±** is that over other draws of the codes, for these "
        "very images (delta method).\n\n"
        "**Bound**: the loss of a VAE with β = 1, reconstruction + KL, whatever β the run was trained with.\n\n"
        f"On average {_effective(table)} of the {samples:,} codes count. A few codes carry nearly all the weight where "
        "the fitted tail of the weights has a shape above 0.7 (Vehtari et al. 2024, arXiv 1507.02646)."
    )


def without_prior(table: pd.DataFrame) -> list[str]:
    """A sentence for each variant that is measured by a p(z) that it has not learnt with."""
    return [
        f"The {VARIANTS[name].noun} was trained without a KL, so nothing held its codes to N(0, I); as the codes of "
        "p(x) are drawn from there, it can't be expected to do well."
        for name in dict.fromkeys(table["variant"])
        if not VARIANTS[name].kl
    ]


def _effective(table: pd.DataFrame) -> str:
    rows = _wide(table)["effective_samples"]
    return ", ".join(f"{value:.1f} ({VARIANT_SHORT[str(name)]})" for name, value in rows.items())


def seeds_in_words(tables: Mapping[int, pd.DataFrame], first: int) -> str:
    """`tables` by seed: of those with as many samples as the `first`. No verdict on fewer than SEEDS_FOR_A_VERDICT."""
    samples = int(tables[first]["samples"].max())
    other = sorted(seed for seed, table in tables.items() if int(table["samples"].max()) != samples)
    alike = {seed: table for seed, table in tables.items() if seed not in other}
    said = _over_seeds(alike)
    if other:
        said += f" Left out, as measured by another number of samples: seed {', '.join(map(str, other))}."
    return said


def _over_seeds(tables: Mapping[int, pd.DataFrame]) -> str:
    by_variant: dict[str, dict[int, float]] = {}
    for seed, table in tables.items():
        for row in table[table["measure"] == "nll"].itertuples():
            by_variant.setdefault(VARIANT_SHORT[str(row.variant)], {})[seed] = float(row.value)
    n = max(int(table["n"].iloc[0]) for table in tables.values())
    quantity = Quantity("−log p(x), nats per image", images(n, "test"))
    if len(by_variant) > 1:
        return sentences.over_seeds(quantity, by_variant)
    ((model, values),) = by_variant.items()
    listed = "; ".join(f"seed {seed} {quantity.text(value)}" for seed, value in sorted(values.items()))
    said = f"{model}, {quantity.head}: {listed}."
    if len(values) < SEEDS_FOR_A_VERDICT:
        return f"{said} {conclusion(len(values))}"
    found = pd.Series(values)
    half = half_width(found.to_numpy())
    return (
        f"{said} Mean {quantity.text(found.mean())}, 95 % interval over {len(values)} seeds "
        f"{quantity.text(found.mean() - half)} to {quantity.text(found.mean() + half)}."
    )
