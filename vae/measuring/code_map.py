"""A map of the codes of more than two dimensions."""

from __future__ import annotations

import pandas as pd

from ..analysis.codes import encode
from ..analysis.yardsticks.code_map import MOST_MAPPED, code_map
from ..errors import InputError
from ..settings import Settings
from ..store.runs import Store
from .stored_runs import Progress, measured_once
from .subject import subject_of

MAP_COLUMNS = ["variant", "row", "x", "y", "label"]
FEWEST = 4  # images


@measured_once("map")
def map_of(store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress) -> pd.DataFrame:
    """`code_map` of the first test images' codes (means μ), at most MOST_MAPPED, of every variant: MAP_COLUMNS.

    `row`: of `Images.test_x`. `label`: index into the classes. Measured once and kept. Raises InputError when the run,
    its weights or its images aren't there, and for codes of one or two dimensions, which are their own map.
    """
    run = store.run(run_id)
    if run.config.latent_dim <= 2:
        raise InputError(f"The codes of run {run_id} can be drawn as they are: they need no map.")
    subject = subject_of(store, run, epoch, settings)
    x, y = subject.x[:MOST_MAPPED], subject.y[:MOST_MAPPED]
    if len(x) < FEWEST:
        raise InputError(f"A map needs at least {FEWEST} test images, but {subject.images.name} has {len(x)}.")
    tables = []
    for place, (name, model) in enumerate(subject.models.items()):
        progress(place / len(subject.models), f"Mapping the codes of {len(x):,} test images")
        places = code_map(encode(model, x).mu, subject.seed)
        table = pd.DataFrame({"variant": name, "row": range(len(x)), "x": places[:, 0], "y": places[:, 1], "label": y})
        tables.append(table.astype({"x": float, "y": float, "label": int}).round({"x": 3, "y": 3}))
    progress(1.0, "Done")
    return pd.concat(tables, ignore_index=True)
