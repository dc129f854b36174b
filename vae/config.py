"""All that defines a run, in one frozen model. The form, the command line, the sweep and the link read these fields."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from .errors import InputError

# Names that may be chosen, each with the sentence the form shows. `vae.learning` holds what they do, under these names.
ACTIVATIONS = {
    "relu": "max(0, a): the usual choice.",
    "leaky_relu": "a for a > 0, else 0.5·a: the article's LeakyReLU(0.5).",
    "tanh": "Smooth and bounded.",
    "elu": "a for a > 0, else exp(a) − 1.",
}
RECONSTRUCTIONS = {
    "bce": "Binary cross-entropy, summed over pixels (nats).",
    "sse": "Squared error, summed over pixels (the article's L2).",
}
VARIANTS = {
    "ae": "Plain autoencoder: no noise, no KL.",
    "noise_only": "Samples its code, but no KL holds the codes together.",
    "kl_only": "Pays the KL, but decodes the mean without noise.",
    "vae": "Variational autoencoder: noise and KL.",
}
ESTIMATORS = {
    "pathwise": "The reparameterization trick: z = μ + σ·ε, so gradients pass through z.",
    "score_function": "The log-derivative trick: each sample's loss times the gradient of log q(z|x); unbiased, noisy.",
    "detached": "The sample treated as data: reconstruction teaches the encoder nothing.",
}
BASELINES = {
    "none": "The score function as it is.",
    "leave_one_out": "Subtract the mean loss of the image's other samples; needs at least 2 samples.",
}
PRECISIONS = {
    "float32": "Exact to about seven digits.",
    "bfloat16": "Matrix products in bfloat16: faster where the processor has it.",
}
DEVICES = {
    "auto": "A GPU when there is one, else the processor.",
    "cpu": "The processor.",
    "cuda": "An NVIDIA GPU.",
    "mps": "An Apple GPU.",
}


def _words(value: Any) -> Any:
    """'512, 256' and '512-256' become a list; anything else is left for the field's own check."""
    if not isinstance(value, str):
        return value
    return [word for word in re.split(r"[\s,;→]+|(?<=\d)-", value.strip()) if word]


def _field(default: Any, group: str, title: str, description: str, **rules: Any) -> Any:
    return Field(default, title=title, description=description, json_schema_extra={"group": group}, **rules)


def _choice(default: Any, group: str, title: str, description: str, choices: dict[str, str]) -> Any:
    return Field(default, title=title, description=description, json_schema_extra={"group": group, "choices": choices})


MOST_SENTENCES = 5  # about one request; a link may hold thousands of wrong words
MOST_SHOWN = 60  # characters of a wrong value that a sentence repeats


Width = Annotated[int, Field(ge=1, le=4096)]


class RunConfig(BaseModel):
    """One run: its variants train in lockstep, on the same batches and from the same weights wherever shapes match."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = _field("digits", "Data", "Dataset", "The images both models learn from.", max_length=80)
    train_limit: int = _field(
        0, "Data", "Training images", "How many training images to use; 0 uses all of them.", ge=0, le=1_000_000
    )
    validation_size: int = _field(
        200,
        "Data",
        "Validation images",
        "Images set aside from the training set to watch learning on. Choices are made on these; the test set is "
        "touched once, at the end. 0 sets none aside, and the curves then show training images.",
        ge=0,
        le=100_000,
    )
    latent_dim: int = _field(
        2,
        "Network",
        "Latent dimensions",
        "The size of the bottleneck: how many numbers the whole image is squeezed into. With 2 the code can be drawn "
        "as it is. More dimensions help only up to a point.",
        ge=1,
        le=512,
    )
    hidden: Annotated[tuple[Width, ...], BeforeValidator(_words)] = _field(
        (128,),
        "Network",
        "Hidden layers",
        "Widths of the encoder's hidden layers, such as 400 or 512, 256; the decoder mirrors them. Empty is the "
        "article's shallow network: pixels → code → pixels.",
        max_length=4,
    )
    activation: str = _choice("relu", "Network", "Activation", "The non-linearity between layers.", ACTIVATIONS)
    reconstruction: str = _choice(
        "bce",
        "Objective",
        "Reconstruction loss",
        "What it costs to rebuild an image badly, summed over pixels and averaged over images.",
        RECONSTRUCTIONS,
    )
    beta: float = _field(
        1.0,
        "Objective",
        "β, the weight of the KL",
        "The second loss pulls each image's distribution N(μ, σ²) towards N(0, I). 1 is the variational bound, 0 "
        "switches it off, more than 1 is a β-VAE. The plain autoencoder has no such term.",
        ge=0,
        le=1000,
        allow_inf_nan=False,
    )
    kl_warmup_epochs: int = _field(
        0, "Objective", "KL warm-up", "Epochs over which β grows from 0 to its value.", ge=0, le=1000
    )
    variants: Annotated[tuple[str, ...], BeforeValidator(_words)] = _choice(
        ("ae", "vae"), "Objective", "Variants", "Which models train side by side.", VARIANTS
    )
    estimator: str = _choice(
        "pathwise",
        "Objective",
        "Gradient estimator",
        "How a gradient gets past the random sample z to the encoder.",
        ESTIMATORS,
    )
    samples: int = _field(
        1, "Objective", "Samples per image", "How many z the estimator draws for each image and step.", ge=1, le=64
    )
    baseline: str = _choice(
        "none", "Objective", "Baseline", "What the score function compares a sample's loss with.", BASELINES
    )
    learning_rate: float = _field(
        1e-3, "Training", "Learning rate", "Adam's step size.", ge=1e-6, le=1, allow_inf_nan=False
    )
    batch_size: int = _field(
        64, "Training", "Batch size", "Images per step; every variant sees the same ones.", ge=1, le=8192
    )
    epochs: int = _field(60, "Training", "Epochs", "How often all training images are seen.", ge=1, le=1000)
    seed: int = _field(
        0,
        "Training",
        "Seed",
        "Fixes initial weights, the order of batches and the noise: the same settings and seed give the same numbers.",
        ge=0,
        le=2**32 - 1,
    )
    precision: str = _choice("float32", "Training", "Precision", "Arithmetic of the matrix products.", PRECISIONS)
    device: str = _choice("auto", "Training", "Device", "Where the training runs.", DEVICES)

    @field_validator("activation", "reconstruction", "estimator", "baseline", "precision", "device", "variants")
    @classmethod
    def _known(cls, value: Any, info: Any) -> Any:
        choices = cls.model_fields[info.field_name].json_schema_extra["choices"]
        names = value if isinstance(value, tuple) else (value,)
        if unknown := [name for name in names if name not in choices]:
            raise ValueError(f"{shown(', '.join(map(repr, unknown)))} is not one of {', '.join(choices)}")
        if isinstance(value, tuple):
            if not value:
                raise ValueError(f"choose at least one of {', '.join(choices)}")
            return tuple(name for name in choices if name in value)  # one order everywhere, and no doubles
        return value

    @field_validator("dataset")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable():  # nor would a database take all of it
            raise ValueError(f"{shown(repr(value))} holds characters that can't be printed")
        return value

    @model_validator(mode="after")
    def _fits(self) -> RunConfig:
        if self.kl_warmup_epochs > self.epochs:
            raise ValueError(
                f"kl_warmup_epochs is {self.kl_warmup_epochs}, longer than the {self.epochs} epochs of the run, "
                "so β would never reach its value"
            )
        if self.baseline == "leave_one_out" and self.samples < 2:
            raise ValueError("baseline leave_one_out compares an image's samples, so samples must be at least 2")
        return self

    @classmethod
    def parse(cls, values: dict[str, Any]) -> RunConfig:
        """A config from form values, flags or URL parameters. Raises InputError with a sentence per wrong field."""
        try:
            return cls(**values)
        except ValidationError as error:
            details = error.errors()
            said = [_sentence(cls, detail) for detail in details[:MOST_SENTENCES]]
            more = len(details) - len(said)
            raise InputError(" ".join([*said, *([f"And {more:,} more."] if more else [])])) from None

    def query(self) -> dict[str, str]:
        """Every field as a URL parameter, so that a link means the same when a default has changed.

        `RunConfig.parse` reads them back.
        """
        return {name: as_text(getattr(self, name)) for name in type(self).model_fields}

    def fingerprint(self) -> str:
        """64 hex digits, the same for equal configs: finds who has asked for the same before.

        Of the fields that differ from the defaults, so that a field that comes later changes none. When a default
        changes, older runs are no longer found by theirs: whoever finds one compares the configs, too.
        """
        said = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def layers(self, pixels: int) -> list[int]:
        """Widths from image to code, such as [784, 400, 20]; the decoder runs through them backwards."""
        return [pixels, *self.hidden, self.latent_dim]

    def differences(self, other: RunConfig) -> dict[str, tuple[Any, Any]]:
        """Fields in which two configs differ: name → (mine, theirs)."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in type(self).model_fields}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def as_text(value: Any) -> str:
    """A field's value as people type it: (512, 256) → '512,256'."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)


def bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Least and greatest value a numeric field takes, None where there is none."""
    low = next((rule.ge for rule in field.metadata if getattr(rule, "ge", None) is not None), None)
    high = next((rule.le for rule in field.metadata if getattr(rule, "le", None) is not None), None)
    return low, high


def rule(name: str) -> str:
    """What field `name` accepts, as the end of a sentence."""
    field = RunConfig.model_fields[name]
    if name == "hidden":
        return "must be up to 4 layer widths from 1 to 4096, such as 400 or 512,256, or empty for no hidden layer"
    low, high = bounds(field)
    kind = "a whole number" if int in (field.annotation, *get_args(field.annotation)) else "a number"
    if low is not None and high is not None:
        return f"must be {kind} from {low:g} to {high:,}"
    return f"must be {'text' if field.annotation is str else kind}"


def _sentence(model: type[BaseModel], detail: Any) -> str:
    """One pydantic error as a sentence a student understands."""
    name = str(detail["loc"][0]) if detail["loc"] else None
    message = str(detail.get("ctx", {}).get("error", detail["msg"]))
    if name is None:
        return f"{message}."
    if name not in model.model_fields:
        return f"There is no setting called {shown(repr(name))}; the settings are {', '.join(model.model_fields)}."
    if detail["type"] == "value_error":
        return f"{name}: {message}."
    return f"{name} is {shown(_wrong(detail['input']))}, but it {rule(name)}."


def _wrong(value: Any) -> str:
    """A value that is none, as it was given."""
    if isinstance(value, str):
        return repr(value)
    try:
        return as_text(tuple(value) if isinstance(value, list) else value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"


def shown(text: str) -> str:
    """Somebody's words within a sentence: one short line of printable characters."""
    cut = text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
    return "".join(character if character.isprintable() else "�" for character in cut)


@dataclass(frozen=True)
class Preset:
    """A config worth a name."""

    title: str
    description: str
    config: RunConfig


_MNIST = RunConfig(dataset="mnist", validation_size=5000, hidden=(400,), batch_size=128, epochs=10)

PRESETS = {
    "quick": Preset("Quick", "Small digits, a 2-D code, done in seconds. Needs no network.", RunConfig()),
    "article": Preset(
        "The article's network",
        "784 → 32 → 784 on MNIST with LeakyReLU(0.5), batches of 64, Adam 1e-3, 20 epochs, as in the article's "
        "notebook (which feeds 0–255 pixels; here they are scaled to [0, 1]).",
        _MNIST.model_copy(
            update={"hidden": (), "latent_dim": 32, "activation": "leaky_relu", "batch_size": 64, "epochs": 20}
        ),
    ),
    "pytorch_example": Preset(
        "PyTorch's example",
        "784-400-20 on MNIST, batches of 128, 10 epochs: the network of PyTorch's own VAE example.",
        _MNIST.model_copy(update={"latent_dim": 20}),
    ),
    "two_d": Preset("MNIST in 2-D", "784-400-2 on MNIST: the latent space as it is, no projection.", _MNIST),
    "collapse": Preset(
        "Collapse",
        "Averaging the squared error over 784 pixels and the KL over 32 dimensions, instead of summing both, is "
        "β = 784/32 = 24.5 in disguise: the code dies.",
        _MNIST.model_copy(update={"latent_dim": 32, "reconstruction": "sse", "beta": 784 / 32, "epochs": 3}),
    ),
}
