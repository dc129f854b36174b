"""A pytest plugin: one more yardstick and its metric, there before anything else of the program is imported."""

from __future__ import annotations

from typing import Any

import pandas as pd

from vae.metrics import METRICS, Metric, Tolerance

METRICS["brightness"] = Metric(
    "Brightness of pictures",
    "levels",
    "How bright pictures of the first images' codes are.",
    "brightness",
    Tolerance(0.01),
    test_only=True,
    sought="bright pictures",
    more_is_better=True,
    asked="brightness",
)

# These read METRICS when they are imported.
from vae import measuring  # noqa: E402
from vae.measuring import yardsticks  # noqa: E402

measuring.KINDS["brightness"] = "brightness 1"


def measure(subject: Any, progress: Any) -> pd.DataFrame:
    import numpy as np

    from vae.analysis.reconstructions import reconstruct
    from vae.learning.randomness import stream

    rows = []
    for number, (name, model) in enumerate(subject.models.items()):
        progress(number / len(subject.models), name)
        made = reconstruct(model, name, subject.x, stream(subject.seed, "brightness")).from_mean
        rows.append((name, "brightness", float(made.mean()), float("nan"), len(subject.x)))
    rows.append(("", "brightness", float(np.mean(subject.x)), float("nan"), len(subject.x)))  # of the images themselves
    return pd.DataFrame(rows, columns=yardsticks.COLUMNS)


yardsticks.YARDSTICKS["brightness"] = yardsticks.Yardstick("Brightness", "How bright?", measure)
# As the registry itself does when it is imported with this entry in it.
measuring.MEASUREMENTS["brightness"] = lambda *asked, **more: yardsticks.judged("brightness", *asked, **more)
