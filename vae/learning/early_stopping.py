"""When a run with patience ends: told from what was measured after its epochs, and from nothing else.

So a run that was interrupted ends where one that wasn't does, and so does a run that is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..config import RunConfig


def best_epoch(losses: Sequence[float], first: int = 0) -> int:
    """The first epoch with the least of `losses`, which begin with epoch 0; epochs before `first` don't count."""
    return min(range(first, len(losses)), key=losses.__getitem__)


def over(config: RunConfig, losses: Mapping[str, Sequence[float]]) -> bool:
    """Whether no variant's objective has been lower than ever before for `patience` epochs.

    `losses`: by variant, on the validation images, from epoch 0 on. They hold the full β, so epochs of a KL warm-up
    don't count: in these the objective that is measured isn't the one that is learnt. All variants go on as long as one
    of them gets better: twins have always seen the same epochs.
    """
    if not config.patience:
        return False
    first = config.kl_warmup_epochs
    return all(
        len(values) - 1 > first and len(values) - 1 - best_epoch(values, first) >= config.patience
        for values in losses.values()
    )
