"""How long runs take, and how long those that wait will wait: work counted, corrected by runs that are done.

Times are for people, so they come from clocks, and clocks jump: what can't be true is left out, and nothing here is
ever negative.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

from ..choices.networks import NORMALISATIONS
from ..choices.variants import VARIANTS
from ..config import RunConfig
from ..datasets import Dataset
from ..errors import InputError
from ..learning.networks import network_of
from ..store.queue_order import Turns
from ..store.runs import Run, Store

CLIPPING = 0.13e-3  # more of a step whose gradient is clipped, and for each weight:
CLIPPED = 0.3e-9
DROPPED = 20e-9  # more for each number between layers, one way, of each image; measured on both networks
NORMALISED = 5e-9
RATE = 1.3e11  # multiply-adds × 2 per second and core; both measured on two cores of a 2023 server
EPOCH = 19e-3  # seconds per epoch for validation, snapshot and storing, while every core trains a run
LOOKED_THROUGH = 60  # of the newest runs that are done
COMPARED = 12  # of these, at the most, on the same images
SLOWEST = 20.0  # as much longer than its epochs a run may take: recording on a busy disk; beyond it a clock has jumped


def counted(config: RunConfig, dataset: Dataset) -> float:
    """Seconds on the machine that the constants were measured on."""
    images = max(1, dataset.train_size - config.validation_size)
    images = min(images, config.train_limit) if config.train_limit else images
    network = network_of(config)
    counts = network.counts(config, dataset.shape, VARIANTS["vae"])
    work = 6 * network.slower * counts.multiply_adds * images / RATE  # forward 2, backward 4 for each and every image
    plain = network.counts(
        config.model_copy(update={"dropout": 0.0, "normalisation": "none"}), dataset.shape, VARIANTS["vae"]
    )
    more = (DROPPED if config.dropout else 0.0) + (NORMALISED if NORMALISATIONS[config.normalisation].step else 0.0)
    work += more * plain.hidden * images
    step = network.step_seconds + (CLIPPING + CLIPPED * counts.parameters if config.gradient_clip else 0.0)
    steps = -(-images // config.batch_size) * step
    variants = [VARIANTS[name] for name in config.variants]
    shares = sum(variant.work + variant.work_per_dimension * config.latent_dim for variant in variants)
    return config.epochs * (shares * (steps + work) * 0.65 + EPOCH)


def wall(run: Run) -> float | None:
    """Seconds from a run's begin to its end, recording included; None where that can't be told.

    A run that was resumed has lain idle between. `run.seconds` counts its epochs alone, by a clock that doesn't jump.
    """
    if run.status != "done" or run.attempt != 1 or not run.started_at or not run.finished_at or run.seconds <= 0:
        return None
    taken = (run.finished_at - run.started_at).total_seconds()
    return taken if run.seconds <= taken <= SLOWEST * run.seconds + 60 else None


@dataclass(frozen=True)
class Pace:
    """What this server's finished runs say of those to come."""

    datasets: Mapping[str, Dataset]  # by name; a run of any other takes no time that could be told
    factors: Mapping[str, float]  # data set → wall time ÷ counted time
    recording: float = 1.0  # wall time ÷ time in the epochs
    usual: float | None = None  # wall time ÷ counted time on whatever images; None: nothing was trained here yet

    @classmethod
    def of(cls, store: Store, datasets: Mapping[str, Dataset]) -> Pace:
        """From the newest runs that are done."""
        return cls.learnt(store.runs(LOOKED_THROUGH, ("done",)), datasets)

    @classmethod
    def learnt(cls, runs: Sequence[Run], datasets: Mapping[str, Dataset]) -> Pace:
        """`runs`: newest first."""
        ratios: dict[str, list[float]] = {}
        recording = []
        for run in runs:
            taken, dataset = wall(run), datasets.get(run.config.dataset)
            if taken is None or dataset is None:
                continue
            recording.append(taken / run.seconds)
            if len(ratios.get(run.config.dataset, [])) < COMPARED:
                trained = run.config.model_copy(update={"epochs": max(run.last_epoch, 1)})
                with suppress(InputError):  # of a network of somebody's own whose file isn't here
                    ratio = taken / counted(trained, dataset)
                    ratios.setdefault(run.config.dataset, []).append(ratio)
        factors = {name: median(of) for name, of in ratios.items()}
        usual = median(factors.values()) if factors else None
        return cls(datasets, factors, median(recording or [1.0]), usual)

    def seconds(self, config: RunConfig) -> float:
        """For all of a run. Without finished runs on the same images by those on others; without any, a guess."""
        dataset = self.datasets.get(config.dataset)
        with suppress(InputError):  # of a network of somebody's own whose file isn't here: another dashboard's run
            if dataset:
                return counted(config, dataset) * self.factors.get(config.dataset, self.usual or 1.0)
        return 0.0

    def left(self, run: Run) -> float:
        """For what is left of one: by its own epochs, once it has some."""
        to_come = max(0, run.config.epochs - max(run.epoch, 0))
        if run.epoch >= 1 and run.seconds > 0:
            return to_come * run.seconds / (run.epoch + 1) * self.recording  # epoch 0 was recorded, too
        return self.seconds(run.config) * to_come / run.config.epochs


def together(lengths: Sequence[float], workers: int, busy: Sequence[float] = ()) -> float:
    """Seconds until runs of these `lengths` are done, each begun by the first worker that is free.

    `busy`: seconds of other runs, under way or waiting, which come first.
    """
    free = [0.0] * max(1, workers)
    end = 0.0
    for place, seconds in enumerate([*busy, *lengths]):
        done = heapq.heappop(free) + max(0.0, seconds)
        heapq.heappush(free, done)
        end = max(end, done) if place >= len(busy) else end
    return end


def starts(
    turns: Turns, lengths: Mapping[str, float], running: Sequence[tuple[str, float]], workers: int
) -> dict[str, float]:
    """Seconds until each waiting run begins, by id, if all takes as long as expected.

    `lengths`: seconds of each waiting run, by id. `running`: who asked, and seconds left, of each under way.
    """
    busy = [(max(0.0, left), place, who) for place, (who, left) in enumerate(running)]
    heapq.heapify(busy)
    begins: dict[str, float] = {}
    moment = 0.0
    while True:
        while len(busy) >= max(1, workers):
            moment, _, who = heapq.heappop(busy)
            turns.end(who)
        run = turns.begin()
        if run is None:
            return begins
        begins[run.id] = moment
        heapq.heappush(busy, (moment + max(0.0, lengths.get(run.id, 0.0)), len(running) + len(begins), run.who))


def waits(store: Store, pace: Pace, workers: int) -> dict[str, float]:
    """`starts` of all runs that wait in the store, as it is now."""
    waiting, under_way, served = store.standing()
    if not waiting:
        return {}
    queued, running = store.runs(len(waiting), ("queued",)), store.runs(sum(under_way.values()), ("running",))
    lengths = {run.id: pace.left(run) for run in queued}
    busy = [(run.visitor or run.owner, pace.left(run)) for run in running]
    return starts(Turns.of(waiting, under_way, served), lengths, busy, workers)
