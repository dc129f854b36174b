"""How probable are images that the model has never seen?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..analysis.yardsticks.likelihood import ImportanceSampled, importance_sampled, standard_error
from ..choices.densities import density_of
from ..choices.variants import VARIANTS
from ..errors import InputError
from .stored_runs import Progress
from .subject import Subject


def likelihood(subject: Subject, progress: Progress, samples: int = 200) -> pd.DataFrame:
    """Of each variant that has one, in nats per image, by importance samples from q(z|x).

    Rows by measure: "nll", −log p(x) with `samples` samples for each image; "bound", the loss of a VAE with β = 1 over
    the same samples; "gap", the bound less the NLL; "effective_samples", how many of the samples count, from 1 to all;
    "heavy_tails", the share of images where a few samples carry the sum, so that their errors can't be trusted;
    "nll_by_samples", the NLL with fewer samples, as `samples` says. `error` is over images; `monte_carlo`, of "nll"
    alone, is the standard error over other draws of the samples, and `bias` about how much too high it is.
    Raises InputError where no variant has one, with the reason of the last of them.
    """
    judged: list[str] = []
    problem: InputError | None = None
    binary = bool(np.isin(subject.x, (0, 1)).all())
    for name in subject.models:
        try:
            density_of(subject.config, name, binary)
            judged.append(name)
        except InputError as lacking:
            problem = lacking
    if not judged:
        raise problem or InputError("This run holds no model.")
    rows: list[dict[str, object]] = []
    for place, name in enumerate(judged):
        what = f"{VARIANTS[name].title}: {samples:,} samples for each of {len(subject.x):,} images"

        def told(share: float, place: int = place, what: str = what) -> None:
            progress((place + share) / len(judged), what)

        model, config = subject.models[name], subject.config
        rows += _rows(name, importance_sampled(model, name, config, subject.x, samples, subject.seed, progress=told))
    return pd.DataFrame(rows)


def _rows(variant: str, found: ImportanceSampled) -> list[dict[str, object]]:
    n = len(found.nll)
    whole = {
        "nll": found.nll,
        "bound": found.bound,
        "gap": found.bound - found.nll,
        "effective_samples": found.effective,
    }
    rows: list[dict[str, object]] = [
        {
            "variant": variant,
            "measure": measure,
            "value": float(values.mean()),
            "error": standard_error(values),
            "n": n,
            "samples": found.samples,
            "monte_carlo": found.monte_carlo if measure == "nll" else np.nan,
            "bias": found.bias if measure == "nll" else np.nan,
        }
        for measure, values in whole.items()
    ]
    blank = {"error": np.nan, "n": n, "monte_carlo": np.nan, "bias": np.nan}
    return rows + [
        {"variant": variant, "measure": "nll_by_samples", "value": value, "samples": count, **blank}
        for count, value in found.by_samples.items()
    ]
