"""Three runs that differ in their seeds only: one after another, by autograd and by hand, and together in one `Stack`.

Together they share calls to torch, which pays where a step is bookkeeping more than arithmetic. Measured on 2 cores, a
run of the quick preset takes 0.51 times the processor time by hand (0.59 with the store), and together a further 0.87
(0.87 to 0.94, with six seeds 0.89); 784-400-20 takes 0.92, and together as much again. That is too little to have
workers and runs wait for one another, so the program trains each run alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch

from .. import datasets
from ..config import PRESETS, RunConfig
from ..datasets import Images, Split
from ..learning.learner import Learner
from ..learning.manual_backward import Stack
from ..learning.training import Training
from ..settings import Settings

SEEDS = 3
SMALL, LARGE = "64-128-2", "784-400-20"  # the quick preset on the digits; PyTorch's example
RATIOS = {
    f"{SMALL} by autograd / {SMALL}": ("at least", 1.2),
    f"{SMALL} / {SMALL} together": None,
    f"{LARGE} by autograd / {LARGE}": None,
    f"{LARGE} / {LARGE} together": None,
}
TrainRuns = Callable[[list[RunConfig], Images, Split], list[Training]]


def cases(settings: Settings, large: Images) -> dict[str, tuple[RunConfig, Images]]:
    """The two runs that are timed, by the sizes of their networks."""
    return {
        SMALL: (PRESETS["quick"].config.model_copy(update={"epochs": 10}), datasets.load("digits", settings.data_dir)),
        LARGE: (PRESETS["pytorch_example"].config.model_copy(update={"epochs": 2, **_sizes(large)}), large),
    }


def contenders(settings: Settings, large: Images) -> dict[str, tuple[str, Callable[[], list[float]]]]:
    """name → (explanation, function that returns processor seconds per epoch of a run)."""
    trainers: dict[str, tuple[str, TrainRuns]] = {
        " by autograd": ("one after another, gradients by autograd", partial(one_after_another, by_hand=False)),
        "": ("one after another, steps by hand: as the program trains them", one_after_another),
        " together": ("in lockstep, steps by hand", together),
    }
    found: dict[str, tuple[str, Callable[[], list[float]]]] = {}
    for name, (config, data) in cases(settings, large).items():
        split = datasets.split(data, config.validation_size, config.train_limit)
        for ending, (what, train) in trainers.items():
            found[name + ending] = (f"{SEEDS} seeds, {what}", partial(seconds, train, config, data, split))
    return found


def _sizes(data: Images) -> dict[str, int]:
    """A few seconds' worth of images."""
    validation = len(data.train_x) // 12
    return {"validation_size": min(validation, 500), "train_limit": min(len(data.train_x) - validation, 4000)}


def seconds(train: TrainRuns, config: RunConfig, data: Images, split: Split) -> list[float]:
    """Processor seconds per epoch of a run, whole runs with their measurements counted; without the store."""
    configs = [config.model_copy(update={"seed": seed, "device": "cpu"}) for seed in range(SEEDS)]
    started = time.process_time()
    train(configs, data, split)
    return [(time.process_time() - started) / (SEEDS * config.epochs)]


def one_after_another(configs: list[RunConfig], data: Images, split: Split, by_hand: bool = True) -> list[Training]:
    """As the program trains them, or with autograd instead of steps by hand."""
    trainings = [Training(config, data, split, parallel=False) for config in configs]
    for training in trainings:
        for learner in training.learners:
            if not by_hand:
                learner.stack = None
        for _ in training.run():
            pass
    return trainings


def together(configs: list[RunConfig], data: Images, split: Split) -> list[Training]:
    """The same runs to the same bits, each variant of all runs in one stack; measured run by run as ever."""
    trainings = [Training(config, data, split, parallel=False) for config in configs]
    stacks = [Variants(same) for same in zip(*(training.learners for training in trainings), strict=True)]
    x, runs = trainings[0].train_x, [training.run() for training in trainings]
    for epoch in range(configs[0].epochs + 1):
        for stack in stacks if epoch else []:
            stack.train_epoch(x, epoch)
        for run in runs:
            next(run)
    for run in reversed(runs):  # to their ends, which put torch's settings back, the first one's last
        next(run, None)
    return trainings


class Variants:
    """One variant of every run. Its learners leave their epochs to it."""

    def __init__(self, learners: tuple[Learner, ...]) -> None:
        first = learners[0]
        models, moments = zip(*((learner.model, learner.moments) for learner in learners), strict=True)
        self.learners, self.stack = learners, Stack(first.config, first.variant, models, moments)
        for learner in learners:
            learner.train_epoch = lambda *_: None  # type: ignore[method-assign] # of these objects, not of the class

    def train_epoch(self, x: torch.Tensor, epoch: int) -> None:
        """What `Learner.train_epoch` does, for all at once."""
        torch.set_flush_denormal(True)
        draws = [learner.draws(len(x), epoch) for learner in self.learners]
        batches = zip(*(order for order, _, _ in draws), strict=True)
        noise, beta = [noise for _, noise, _ in draws], draws[0][2]
        rate = self.learners[0].learning_rate(epoch)
        for rows in batches:
            self.stack.step(x, rows, beta, noise, rate)
        torch.set_flush_denormal(False)
