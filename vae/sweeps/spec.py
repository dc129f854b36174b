"""What a sweep asks for: the fields of RunConfig it goes over, how points are chosen, and by what they are judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ..choices.variants import VARIANTS
from ..config import RunConfig, as_text, shown
from ..errors import InputError
from ..metrics import METRICS, Metric
from .objectives import OBJECTIVES, SAMPLERS

# What no sweep goes over; seeds have a number of their own, and a network's file comes with its name.
FIXED = ("seed", "variants", "device", "network_file")
MOST_RUNS = 2000
MOST_SEEDS = 50
Value = int | float | str  # a field's value as JSON and Optuna hold it; hidden layers as text


class Range(BaseModel):
    """All numbers from `low` to `high`, drawn evenly, or evenly in their logarithm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    log: bool = False


class SweepSpec(BaseModel):
    """Many runs asked for at once. Make it with `parse`, which checks it and says what is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: RunConfig
    over: dict[str, tuple[Value, ...] | Range]  # field → its values, or a range to draw from
    sampler: str = "grid"
    points: int = 20  # how many to try; a grid tries all it has
    seeds: int = 3  # per point: base.seed, base.seed + 1, …
    objectives: tuple[str, ...] = ("reconstruction",)
    of: str = "vae"  # the variant that the objectives judge
    prune: bool = False  # stop points that are worse than the median at the same epoch

    @model_validator(mode="after")
    def _makes_sense(self) -> SweepSpec:
        looks = (
            self._wrong_choice,
            self._wrong_objective,
            self._wrong_judgement,
            self._wrong_comparison,
            self._wrong_values,
            self._wrong_size,
        )
        if problem := next(filter(None, (look() for look in looks)), None):
            raise ValueError(problem)
        return self

    def _wrong_choice(self) -> str | None:
        if self.sampler not in SAMPLERS:
            return f"sampler is {shown(repr(self.sampler))}, but it must be one of {', '.join(SAMPLERS)}"
        if unknown := [name for name in self.over if name not in RunConfig.model_fields or name in FIXED]:
            possible = [name for name in RunConfig.model_fields if name not in FIXED]
            return f"a sweep can't go over {shown(', '.join(map(repr, unknown)))}; it can go over {', '.join(possible)}"
        return None if self.over else "name at least one field to go over, such as beta=0,1,4"

    def _wrong_objective(self) -> str | None:
        if unknown := [name for name in self.objectives if name not in OBJECTIVES]:
            return f"{shown(', '.join(map(repr, unknown)))} is no objective; there are {', '.join(OBJECTIVES)}"
        if len(set(self.objectives)) != len(self.objectives) or not 1 <= len(self.objectives) <= 2:
            return "a sweep takes one objective, or two different ones"
        return None

    def _wrong_judgement(self) -> str | None:
        """Objectives that these runs don't have."""
        if self.of not in self.base.variants:
            return f"the runs train {', '.join(self.base.variants)}, so no objective can judge {shown(repr(self.of))}"
        variant = VARIANTS[self.of]
        for metric in self._metrics():
            if not metric.has(variant):
                return f"{self.of} has no {metric.title} to judge by"
            if (name := metric.setting) and not self._always(name):
                return f"{metric.title} needs a {name}: without one there is nothing to judge by"
            if metric.setting and not self._always("validation_size"):
                return f"{metric.title} needs validation images: anything stands out beside what was learnt by heart"
        if "ratio" in self.objectives and not {"ae", "vae"} <= set(self.base.variants):
            return "the ratio compares an autoencoder with a VAE, so the runs must train both"
        return None

    def _wrong_comparison(self) -> str | None:
        """Objectives that say nothing across these points."""
        if any(metric.of_loss for metric in self._metrics()) and {"reconstruction", "dataset", "binarisation"} & set(
            self.over
        ):
            return "what two losses or two data sets cost can't be compared; judge by the objective mse"
        if "held_out_class" in self.over and (
            others := [name for name in self.objectives if not OBJECTIVES[name].setting]
        ):
            return (
                f"each held-out class leaves other images to judge by, so {' and '.join(others)} can't compare them; "
                f"judge by {', '.join(name for name in OBJECTIVES if OBJECTIVES[name].setting)}"
            )
        if "loss" in self.objectives and "beta" in self.over:
            return "the loss contains β itself, so it can't choose one; judge by reconstruction and kl"
        if self.prune and (len(self.objectives) > 1 or not OBJECTIVES[self.objectives[0]].every_epoch):
            return (
                "weak points are found by one objective that is measured every epoch: not by two, nor by the ratio, "
                "nor by what is measured when a point's runs are done"
            )
        return None

    def _always(self, name: str) -> bool:
        """Whether every point has a value of this setting that isn't empty."""
        values = self.over.get(name, (getattr(self.base, name),))
        return not isinstance(values, Range) and all(values)

    def _metrics(self) -> list[Metric]:
        """Of the objectives that are one."""
        return [METRICS[name] for name in (OBJECTIVES[name].metric for name in self.objectives) if name]

    def _wrong_values(self) -> str | None:
        for name, values in self.over.items():
            if isinstance(values, Range):
                if problem := self._wrong_range(name, values):
                    return problem
            elif not values or len(set(values)) != len(values):
                return f"{name} needs at least one value, and each only once"
        return None

    def _wrong_range(self, name: str, values: Range) -> str | None:
        kind = RunConfig.model_fields[name].annotation
        if kind not in (int, float):
            return f"{name} has no order, so it takes a list of values instead of a range"
        if not math.isfinite(values.low + values.high) or values.low >= values.high:
            return f"{name}'s range must go from a smaller number to a larger one"
        if kind is int and (values.low % 1 or values.high % 1):
            return f"{name} takes whole numbers, so its range must start and end with one"
        if values.log and values.low <= 0:
            return f"{name}'s range is logarithmic, so it must start above 0"
        if self.sampler == "grid":
            return f"{name} is a range, which a grid can't list; name its values, or draw points at random"
        return None

    def _wrong_size(self) -> str | None:
        if not 1 <= self.seeds <= MOST_SEEDS:
            return f"seeds is {self.seeds}, but it must be a whole number from 1 to {MOST_SEEDS}"
        if not 1 <= self.size <= MOST_RUNS or self.size * self.seeds > MOST_RUNS:
            return f"these are {self.size:,} points × {self.seeds} seeds, but a sweep takes 1 to {MOST_RUNS:,} runs"
        if self.base.seed + self.seeds > 2**32:
            return "the seeds would exceed 4,294,967,295; start from a smaller one"
        return None

    @classmethod
    def parse(cls, base: RunConfig, over: Mapping[str, Sequence[Any] | Range], /, **options: Any) -> SweepSpec:
        """Checked, every value brought to the form its field has. Raises InputError with one sentence."""
        if twice := [name for name in ("base", "over") if name in options]:
            raise InputError(f"{' and '.join(twice)} can't be an option of a sweep.")
        if unknown := [name for name in over if name not in RunConfig.model_fields]:
            raise InputError(f"There is no setting called {shown(', '.join(map(repr, unknown)))}.")
        for name, values in over.items():
            if not isinstance(values, list | tuple | Range):
                raise InputError(f"{name} takes a list of values, or a range.")
            if not isinstance(values, Range) and len(values) > MOST_RUNS:
                raise InputError(f"{name} has {len(values):,} values, but a sweep takes 1 to {MOST_RUNS:,} runs.")
        named = {
            name: values if isinstance(values, Range) else tuple(_canonical(base, name, value) for value in values)
            for name, values in over.items()
        }
        try:
            spec = cls(base=base, over=named, **options)
        except ValidationError as error:
            detail = error.errors()[0]
            reason = str(detail.get("ctx", {}).get("error", detail["msg"]))
            where = ".".join(map(str, detail["loc"]))
            raise InputError(f"{reason[:1].upper()}{reason[1:]}{f' ({shown(where)})' if where else ''}.") from None
        for params in spec.grid() if spec.sampler == "grid" else spec.corners():
            spec.config(params, base.seed)
        return spec

    @property
    def size(self) -> int:
        """How many points there are to try."""
        if self.sampler != "grid":
            return self.points
        return math.prod(len(values) for values in self.over.values() if not isinstance(values, Range))

    def grid(self) -> Iterator[dict[str, Value]]:
        """Every combination, the last field changing fastest."""
        for values in product(*(values for values in self.over.values() if not isinstance(values, Range))):
            yield dict(zip(self.over, values, strict=True))

    def corners(self) -> Iterator[dict[str, Value]]:
        """First and last value of every field, in two points: what a range may ask for at its ends."""
        for end in (0, -1):
            yield {
                name: values[end] if not isinstance(values, Range) else _end(name, values, end)
                for name, values in self.over.items()
            }

    def config(self, params: Mapping[str, Value], seed: int) -> RunConfig:
        """The run of one point and seed. Raises InputError when the combination makes no run."""
        of_the_point = {"network_file": ""} if "network" in params else {}
        return RunConfig.parse(self.base.model_dump() | of_the_point | dict(params) | {"seed": seed})

    def all_seeds(self) -> list[int]:
        return [self.base.seed + i for i in range(self.seeds)]

    def directions(self) -> list[Literal["minimize", "maximize"]]:
        return [OBJECTIVES[name].direction for name in self.objectives]


def parse_over(text: str) -> tuple[str, list[str] | Range]:
    """`beta=0,0.5,1` → ("beta", ["0", "0.5", "1"]); `learning_rate=1e-4..1e-2:log` → a range. Raises InputError."""
    name, found, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if not found or not name:
        raise InputError(
            f"{shown(repr(text))} names no values; write it as beta=0,0.5,1 or learning_rate=1e-4..1e-2:log."
        )
    ends, _, scale = values.partition(":")
    low, dots, high = ends.partition("..")
    if not dots:
        return name, [value.strip() for value in values.split(",")]
    try:
        if scale.strip() not in ("", "log"):
            raise ValueError
        return name, Range(low=float(low), high=float(high), log=scale.strip() == "log")
    except ValueError:
        raise InputError(f"{shown(repr(text))} is no range; write it as beta=0.1..10, or beta=0.1..10:log.") from None


def _canonical(base: RunConfig, name: str, value: Any) -> Value:
    """A value as its field holds it: "0.50" → 0.5. Settings that only hold together are checked later."""
    loose: dict[str, Any] = {"kl_warmup_epochs": 0, "kl_cycles": 0} if name == "epochs" else {}
    loose |= {"baseline": "none"} if name == "samples" else {}
    loose |= {"samples": max(2, base.samples)} if name == "baseline" else {}
    loose |= {"epochs": 1000, "kl_cycles": 0} if name == "kl_warmup_epochs" else {}
    loose |= {"epochs": 1000, "kl_warmup_epochs": 0, "patience": 0} if name == "kl_cycles" else {}
    loose |= {"validation_size": max(1, base.validation_size), "kl_cycles": 0} if name == "patience" else {}
    loose |= {"patience": 0} if name == "validation_size" else {}
    loose |= {"binarisation": "static"} if name == "reconstruction" else {}
    loose |= {"reconstruction": "bce"} if name == "binarisation" else {}
    loose |= {"network_file": ""} if name == "network" else {}
    found = getattr(RunConfig.parse(base.model_dump() | loose | {name: value}), name)
    return as_text(found) if isinstance(found, tuple) else found


def _end(name: str, values: Range, end: int) -> Value:
    value = values.low if end == 0 else values.high
    return int(value) if RunConfig.model_fields[name].annotation is int else value


SMALL = RunConfig()
READY = {  # title, question, spec
    "dimensions": (
        "How many latent dimensions?",
        "The article's second problem: more dimensions help, but only up to a point. Up to which?",
        SweepSpec(base=SMALL, over={"latent_dim": (1, 2, 4, 8, 16, 32, 64)}),
    ),
    "beta": (
        "Which β?",
        "The weight of the KL trades the reconstruction for codes close to N(0, I).",
        SweepSpec(
            base=SMALL.model_copy(update={"latent_dim": 8}),
            over={"beta": (0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 10.0)},
            objectives=("reconstruction", "kl"),
        ),
    ),
    "loss": (
        "Which loss?",
        "Binary cross-entropy against squared error. Their values can't be compared; the MSE of the pictures can.",
        SweepSpec(base=SMALL, over={"reconstruction": ("bce", "sse"), "latent_dim": (2, 8, 32)}, objectives=("mse",)),
    ),
    "held_out": (
        "Which class would it miss?",
        "Each digit in turn is kept from training. How often does it get a larger error than the digits that were "
        "learnt? Judged by images of it that nothing learnt from, beside validation images.",
        SweepSpec(base=SMALL, over={"held_out_class": tuple("0123456789")}, objectives=("anomaly_auc",)),
    ),
}
