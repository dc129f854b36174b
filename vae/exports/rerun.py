"""Runs of a capsule trained anew, and judged: the same bits, the same within a stated tolerance, or not the same."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import InputError
from ..metrics import METRICS, without_column
from ..settings import Settings, cores
from ..store import uploaded_images
from ..store.runs import Store, new_owner
from .capsule import Capsule, Machine, Measured, RunRecord, record

EPOCHS = "epochs"  # which of them have a row, in their order
REPRODUCED, WITHIN, DIFFERS, IMPOSSIBLE = "reproduced", "reproduced within tolerance", "differs", "can't be repeated"


# Tolerances of METRICS were measured on ten configurations (digits: all variants, both losses, all activations, a
# score function, 20 to 300 epochs; MNIST: 784-400-20 and 784-400-2, 3 epochs), trained again with SSE4 or AVX2 in
# place of AVX-512 and AMX, and MNIST with 2 torch threads in place of 1. The most that any number used of what it is
# allowed: loss and reconstruction 0.63, kl 0.64, kl_per_dim 0.68, mse_from_mean 0.76, mse_from_sample 0.52; one active
# unit came or went in 300 epochs. Other seeds (four on digits, one on MNIST) are all told apart: in every one of them
# some number is at least 7 times as far off as is allowed, and the loss of some epoch at least 3.8 times.
#
# bfloat16 on AVX-512 in place of AMX: five times as much is enough, but for the KL of early epochs of a score function
# (1.3) and a deep network at 200 epochs (2.8). In place of float32, it is up to 14 times as far off as float32 is
# allowed: a processor without bfloat16 gives another run, and it is told to differ.
GROWS_FROM, GROWS_TO = 20, 300  # epochs between which tolerances grow in proportion: rounding feeds on itself
BFLOAT16 = 5  # times as much for bfloat16


def allowed(metric: str, epoch: int, precision: str, old: float, new: float) -> float:
    """The distance that a metric's tolerance allows after `epoch` epochs."""
    tolerance = METRICS[metric].tolerance
    grown = min(max(epoch, GROWS_FROM), GROWS_TO) / GROWS_FROM * (BFLOAT16 if precision == "bfloat16" else 1)
    if not tolerance.grows:
        grown = 1.0
    return max(tolerance.least, tolerance.share * max(abs(old), abs(new))) * grown


@dataclass(frozen=True)
class Difference:
    """One thing that is not what it was."""

    what: str  # "vae test kl"
    old: Any
    new: Any
    more: int = 0  # later epochs in which it isn't, either
    allowed: float | None = None  # where computers differ

    def __str__(self) -> str:
        old, new = told_apart(self.old, self.new)
        later = f" (and in {self.more} later epoch{'s' * (self.more > 1)})" if self.more else ""
        return f"{self.what} {old} → {new}{later}"


@dataclass(frozen=True)
class Outcome:
    """What became of one run of a capsule."""

    name: str
    verdict: str  # one of the four above
    differences: tuple[Difference, ...] = ()  # for DIFFERS; most telling first
    elsewhere: tuple[Difference, ...] = ()  # versions and machine: why bits may differ
    furthest: Difference | None = None  # for WITHIN: the number that used most of what it is allowed
    reason: str | None = None  # for IMPOSSIBLE, a sentence
    run_id: str | None = None  # of the run trained anew
    unchecked: tuple[str, ...] = ()  # metrics that the capsule tells, and that nobody has asked of the run trained anew

    @property
    def sentence(self) -> str:
        """For people."""
        titles = ", ".join(METRICS[name].title for name in self.unchecked)
        return self._judged() + (f" Not measured anew, so not compared: {titles}." if titles else "")

    def _judged(self) -> str:
        if self.verdict == IMPOSSIBLE:
            return f"Can't be repeated: {self.reason}"
        if self.verdict == DIFFERS:
            first, *others = self.differences
            more = f", and {len(others)} more" if others else ""
            return f"Differs: {first}{more}.{self._because('This computer is another one, which was allowed for')}"
        if self.verdict == WITHIN:
            return f"Reproduced within tolerance; {self._furthest()}.{self._because('Bits may differ')}"
        return "Reproduced, bit for bit."

    def _furthest(self) -> str:
        furthest = self.furthest
        if furthest is None:  # a digest has no distance
            return "all numbers are equal, the weights are not"
        return f"furthest off is {furthest} (up to {furthest.allowed:.2g} is allowed)"

    def _because(self, words: str) -> str:
        return f" {words}: {', '.join(map(_brief, self.elsewhere))}." if self.elsewhere else ""


def _brief(difference: Difference) -> str:
    """Without values that nobody reads, such as a list of instruction sets."""
    return str(difference) if len(str(difference)) < 50 else difference.what


def told_apart(old: Any, new: Any) -> tuple[str, str]:
    """Both as text, numbers with as few digits as tell them apart: 25.1 → 25.9."""
    if not (isinstance(old, float | int) and isinstance(new, float | int)) or old == new:
        return _short(old), _short(new)
    for digits in range(3, 18):
        texts = f"{old:.{digits}g}", f"{new:.{digits}g}"
        if texts[0] != texts[1]:
            return texts
    return repr(old), repr(new)


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:24]}…{text[-12:]}"


def elsewhere(old: RunRecord, new: RunRecord) -> tuple[Difference, ...]:
    """All of versions and machine that differs; what an old capsule doesn't tell counts as another computer."""
    pairs = [(name, old.versions.get(name), new.versions.get(name)) for name in old.versions | new.versions]
    if old.machine is None or new.machine is None:
        return (*_unequal(pairs), Difference("computer", _recorded(old.machine), _recorded(new.machine)))
    theirs, ours = old.machine.model_dump(), new.machine.model_dump()
    return _unequal([*pairs, *((name, theirs[name], ours[name]) for name in theirs)])


def _recorded(machine: Machine | None) -> str:
    return machine.processor if machine else "not recorded"


def _unequal(pairs: list[tuple[str, Any, Any]]) -> tuple[Difference, ...]:
    return tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2])


def compare(old: RunRecord, new: RunRecord, run_id: str | None = None) -> Outcome:
    """Judge `new`, trained here, by the capsule's `old`.

    With the same versions and machine every number and every weight must be equal. Elsewhere numbers may lie as far
    apart as METRICS says, and weights may be any.
    """
    there = elsewhere(old, new)
    asked = _unequal([(name, *pair) for name, pair in old.config.differences(new.config).items()])
    data = _unequal(
        [
            (f"images {name}", getattr(old.dataset, name), getattr(new.dataset, name))
            for name in type(old.dataset).model_fields
            if name != "title"  # what its owner calls it
        ]
    )
    variants = dict.fromkeys([*old.config.variants, *old.metrics, *old.weights])
    numbers = _unequal_numbers(old, new)
    weights = _unequal([(f"{name} weights", old.weights.get(name), new.weights.get(name)) for name in variants])
    off = [
        difference
        for difference in numbers
        if difference.allowed is None or abs(difference.old - difference.new) > difference.allowed
    ]
    gone = [difference for difference in weights if difference.old is None or difference.new is None]
    unchecked = tuple(name for name, metric in METRICS.items() if metric.asked and _told(old, name) - _told(new, name))
    outcome = partial(Outcome, old.name, elsewhere=there, run_id=run_id, unchecked=unchecked)
    if not (asked or data or numbers or weights):
        return outcome(REPRODUCED)
    told = (*asked, *data, *_gathered(off if there else numbers), *(gone if there else weights))
    if told:
        return outcome(DIFFERS, differences=told)
    furthest = max(
        numbers, key=lambda difference: abs(difference.old - difference.new) / difference.allowed, default=None
    )
    return outcome(WITHIN, furthest=furthest)


def _unequal_numbers(old: RunRecord, new: RunRecord) -> list[Difference]:
    """Every number that differs, test images first; `allowed` is None for what is missing."""
    one_sided = [name for name in old.metrics | new.metrics if name not in old.metrics or name not in new.metrics]
    found = [
        Difference(f"{name} metrics", _there(name in old.metrics), _there(name in new.metrics)) for name in one_sided
    ]
    theirs, ours = _numbers(old), _numbers(new)
    for key in theirs | ours:
        was, now = theirs.get(key), ours.get(key)
        variant, epoch, metric, dimension = key
        if was == now or variant in one_sided:
            continue
        if metric in without_column() and (was is None or now is None):  # one of the two didn't know it yet
            continue
        where = [] if metric == EPOCHS else ["test"] if epoch is None else [f"epoch {epoch}"]
        what = " ".join(map(str, [variant, *where, metric, *dimension]))
        reach = None
        if was is not None and now is not None and metric in METRICS:
            reach = allowed(metric, old.last_epoch if epoch is None else epoch, old.config.precision, was, now)
        found.append(Difference(what, was, now, allowed=reach))
    return found


def _told(run: RunRecord, metric: str) -> set[str]:
    """Variants of whose test images a metric is known."""
    return {name for name, told in run.metrics.items() if getattr(told.test, metric) is not None}


def _there(found: bool) -> str:
    return "there" if found else "missing"


def _numbers(run: RunRecord) -> dict[tuple[str, int | None, str, tuple[int, ...]], Any]:
    """(variant, epoch or None for the test images, metric, dimension counted from 1 or none) → value, test first."""
    found: dict[tuple[str, int | None, str, tuple[int, ...]], Any] = {}
    rows: list[tuple[str, int | None, Measured]] = [(name, None, told.test) for name, told in run.metrics.items()]
    for name, told in run.metrics.items():
        rows += [(name, row.epoch, row) for row in told.epochs]
        found[name, None, EPOCHS, ()] = ", ".join(str(row.epoch) for row in told.epochs)
    for name, epoch, row in rows:
        for metric in type(row).model_fields:
            value = getattr(row, metric)
            if isinstance(value, list):
                found |= {(name, epoch, metric, (dimension,)): number for dimension, number in enumerate(value, 1)}
            else:
                found[name, epoch, metric, ()] = value
    return found


def _gathered(numbers: list[Difference]) -> list[Difference]:
    """One line for a number that differs in several epochs: the first of them, and how many follow."""
    lines: dict[str, Difference] = {}
    for difference in numbers:
        key = re.sub(r" epoch \d+ ", " epoch ", difference.what)
        lines[key] = dataclasses.replace(lines[key], more=lines[key].more + 1) if key in lines else difference
    return list(lines.values())


def unrepeatable(store: Store, old: RunRecord, settings: Settings) -> str | None:
    """Why a run of a capsule can't be trained here, in a sentence; None when it can."""
    from ..runs.execution import check

    try:
        images = uploaded_images.load(store, old.config.dataset, settings.data_dir)
        if images.hash != old.dataset.hash:
            return (
                f"{old.config.dataset} here is not what this run learnt from; its hash begins with "
                f"{images.hash[:12]}, the capsule's with {old.dataset.hash[:12]}."
            )
        check(store, old.config, settings)
    except InputError as error:
        return str(error)
    return None


def reproduce(
    store: Store, sealed: Capsule, settings: Settings, on_epoch: Callable[[int, Any], Any] = lambda number, epoch: None
) -> list[Outcome]:
    """Train every run of a capsule anew, as a stored run, and judge it. `on_epoch(number of the run, its Epoch)`.

    With as many torch threads as then, where this computer has as many cores.
    """
    from ..runs.execution import execute

    outcomes, owner = [], new_owner("cli")
    for number, old in enumerate(sealed.runs):
        if reason := unrepeatable(store, old, settings):
            outcomes.append(Outcome(old.name, IMPOSSIBLE, reason=reason))
            continue
        threads = old.machine.threads if old.machine and old.machine.threads <= cores() else settings.threads
        run_id = store.create(old.config, owner)
        here = dataclasses.replace(settings, threads=threads)
        status = execute(store, run_id, here, partial(on_epoch, number))
        outcomes.append(outcome_of(store, old, run_id))
        if status == "stopped":
            break
    return outcomes


def outcome_of(store: Store, old: RunRecord, run_id: str) -> Outcome:
    """The outcome of a run that was trained anew, as it is stored."""
    run = store.run(run_id)
    if run.status == "done":
        return compare(old, record(store, run_id), run_id)
    reason = f"its training was {run.status}. {run.error or ''}".strip()
    return Outcome(old.name, IMPOSSIBLE, reason=reason, run_id=run_id)
