"""What weight decay and clipping cost, by hand as the rest of a step: runs as in `seeds`, with each of them and both.

A schedule and patience cost nothing that could be measured: one number and one comparison an epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .. import datasets
from ..datasets import Images
from ..settings import Settings
from .seeds import LARGE, SEEDS, SMALL, cases, one_after_another, seconds

KNOBS: dict[str, dict[str, Any]] = {
    " with weight decay": {"weight_decay": 0.01},
    " with clipping": {"gradient_clip": 1.0},
    " with both": {"weight_decay": 0.01, "gradient_clip": 1.0},
}
RATIOS = {f"{size}{knob} / {size}": None for size in (SMALL, LARGE) for knob in KNOBS}


def contenders(settings: Settings, large: Images) -> dict[str, tuple[str, Callable[[], list[float]]]]:
    """name → (explanation, function that returns processor seconds per epoch of a run)."""
    found: dict[str, tuple[str, Callable[[], list[float]]]] = {}
    for size, (config, data) in cases(settings, large).items():
        split = datasets.split(data, config.validation_size, config.train_limit)
        for knob, update in KNOBS.items():
            changed = config.model_copy(update=update)
            what = f"{SEEDS} seeds, one after another,{knob}"
            found[size + knob] = (what, partial(seconds, one_after_another, changed, data, split))
    return found
