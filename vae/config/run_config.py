"""All that defines a run, in one frozen model."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from ..errors import InputError
from . import checks, contradictions
from .named_values import CHOICES
from .values import as_text, sentences, words


def _field(default: Any, group: str, title: str, description: str, folded: bool = False, **rules: Any) -> Any:
    told: dict[str, Any] = {"group": group, "folded": folded}
    return Field(default, title=title, description=description, json_schema_extra=told, **rules)


def _is_asked(field: FieldInfo) -> bool:
    told = field.json_schema_extra
    return isinstance(told, dict) and told["group"] != UNASKED


UNASKED = ""  # the group of a field that no form, flag or sweep asks for
Width = Annotated[int, Field(ge=1, le=4096)]


class RunConfig(BaseModel):
    """One run: its variants train in lockstep, on the same batches and from the same weights wherever shapes match."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = _field("digits", "Data", "Data set", "The images both models learn from.", max_length=80)
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
    binarisation: str = _field(
        "none", "Data", "Binarisation", "Whether pixels become 0 or 1, drawn with their level as the probability."
    )
    held_out_class: Annotated[str, BeforeValidator(checks.class_name)] = _field(
        "",
        "Data",
        "Held-out class",
        "A class that is kept from training, by its name, such as 8: does a model notice what it has never seen? No "
        "training or validation image is of it, and what is measured on test images is measured on those of the other "
        "classes; Yardsticks lays the class beside them. Empty: all classes are learnt.",
        max_length=80,
        folded=True,
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
    hidden: Annotated[tuple[Width, ...], BeforeValidator(words)] = _field(
        (128,),
        "Network",
        "Hidden layers",
        "Widths of the encoder's hidden layers, such as 400 or 512, 256; the decoder mirrors them. Empty is the "
        "article's shallow network: pixels → code → pixels.",
        max_length=4,
    )
    network: str = _field("mlp", "Network", "Architecture", "How encoder and decoder are built.")
    channels: Annotated[tuple[Width, ...], BeforeValidator(words)] = _field(
        (32, 64),
        "Network",
        "Channels",
        "Of a convolutional network: how many maps each of its convolutions makes, such as 32, 64. Each halves height "
        "and width; the decoder mirrors them. Other networks don't look at it.",
        min_length=1,
        max_length=4,
    )
    normalisation: str = _field(
        "none",
        "Network",
        "Normalisation",
        "What brings the numbers of a layer to one scale before the activation.",
        folded=True,
    )
    dropout: float = _field(
        0.0,
        "Network",
        "Dropout",
        "The probability with which each number behind an activation becomes 0 while the network learns; nothing is "
        "dropped in measuring. In a comparison of twins both models lose numbers, so the AE then learns with noise, "
        "too. 0: none.",
        folded=True,
        ge=0,
        le=0.9,
        allow_inf_nan=False,
    )
    activation: str = _field("relu", "Network", "Activation", "The non-linearity between layers.")
    reconstruction: str = _field(
        "bce",
        "Objective",
        "Reconstruction loss",
        "What it costs to rebuild an image badly, summed over pixels and averaged over images.",
    )
    sigma: float = _field(
        0.1,
        "Objective",
        "σ of the pixels",
        "The standard deviation of each pixel about the picture, in levels from 0 to 1. For the Gaussian with a "
        "given σ; other losses don't look at it.",
        ge=0.001,
        le=10,
        allow_inf_nan=False,
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
    kl_cycles: int = _field(
        0,
        "Objective",
        "KL cycles",
        "How often β grows anew, in cycles of equal length (Fu et al. 2019): over the KL warm-up, or the first half of "
        "each cycle where none is set. 0: no cycles.",
        ge=0,
        le=1000,
    )
    free_bits: float = _field(
        0.0,
        "Objective",
        "Free nats",
        "Free bits (Kingma et al. 2016): each dimension pays for at least so many nats of KL, on average over a batch, "
        "so using less gains nothing. 0: none.",
        ge=0,
        le=100,
        allow_inf_nan=False,
    )
    variants: Annotated[tuple[str, ...], BeforeValidator(words)] = _field(
        ("ae", "vae"), "Objective", "Variants", "Which models train side by side."
    )
    estimator: str = _field(
        "pathwise", "Objective", "Gradient estimator", "How a gradient gets past the random sample z to the encoder."
    )
    samples: int = _field(
        1, "Objective", "Samples per image", "How many z the estimator draws for each image and step.", ge=1, le=64
    )
    baseline: str = _field("none", "Objective", "Baseline", "What the score function compares a sample's loss with.")
    denoising_std: float = _field(
        0.3,
        "Objective",
        "Noise on images",
        "Of the denoising AE: the standard deviation of the noise on every pixel while it learns; pixels are between 0 "
        "and 1.",
        ge=0,
        le=10,
        allow_inf_nan=False,
    )
    contractive_weight: float = _field(
        1.0,
        "Objective",
        "Weight of the encoder's derivatives",
        "Of the contractive AE: what it pays for the squared derivatives of its encoder, ‖∂μ/∂x‖².",
        ge=0,
        le=1000,
        allow_inf_nan=False,
    )
    rae_weight: float = _field(
        0.1,
        "Objective",
        "Weight of codes and weights",
        "Of the regularised AE: what it pays for half the squared length of its codes and of the decoder's weights.",
        ge=0,
        le=1000,
        allow_inf_nan=False,
    )
    code_noise_std: float = _field(
        0.1,
        "Objective",
        "Noise on codes",
        "Of the code-noise AE: the standard deviation of the noise on every code; that of the codes is 1.",
        ge=0.001,
        le=10,
        allow_inf_nan=False,
    )
    learning_rate: float = _field(
        1e-3, "Training", "Learning rate", "Adam's step size.", ge=1e-6, le=1, allow_inf_nan=False
    )
    schedule: str = _field("constant", "Training", "Schedule", "How the learning rate changes from epoch to epoch.")
    weight_decay: float = _field(
        0.0,
        "Training",
        "Weight decay",
        "AdamW (Loshchilov & Hutter 2019): every step also takes learning rate × this from each weight and bias of "
        "encoder and decoder, apart from Adam's step. A σ that the loss learns is spared. 0: Adam.",
        ge=0,
        le=10,
        allow_inf_nan=False,
        folded=True,
    )
    gradient_clip: float = _field(
        0.0,
        "Training",
        "Gradient clipping",
        "The largest length (L2 norm) of a step's gradient, of all weights of one model together; a longer one is "
        "shortened to it. Each model by itself. The loss is summed over pixels, so lengths of tens and hundreds are "
        "usual, and 1 cuts nearly every step. 0: none.",
        ge=0,
        le=1e6,
        allow_inf_nan=False,
        folded=True,
    )
    patience: int = _field(
        0,
        "Training",
        "Patience",
        "Early stopping: training ends, for all models alike, once none of them has had a lower objective on the "
        "validation images for so many epochs, counted from the end of the KL warm-up. The weights of the last epoch "
        "are the ones that are shown and tested, not those of the best. 0: all epochs.",
        ge=0,
        le=1000,
        folded=True,
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
    precision: str = _field("float32", "Training", "Precision", "Arithmetic of the matrix products.")
    device: str = _field("auto", "Training", "Device", "Where the training runs.")
    network_file: str = _field(
        "",
        UNASKED,
        "Network's file",
        "SHA-256 of the file that a network of one's own is in; filled in by itself. A run is of this file, and of no "
        "other of the same name.",
        pattern="^([0-9a-f]{64})?$",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_a_file(cls, values: Any) -> Any:
        return checks.with_its_file(values)

    @field_validator(*CHOICES)
    @classmethod
    def _known(cls, value: Any, info: Any) -> Any:
        return checks.known(info.field_name, value)

    @field_validator("dataset", "held_out_class")
    @classmethod
    def _printable(cls, value: str) -> str:
        return checks.printable(value)

    @model_validator(mode="after")
    def _fits(self) -> RunConfig:
        contradictions.refuse(self)
        return self

    @classmethod
    def parse(cls, values: dict[str, Any]) -> RunConfig:
        """A config from form values, flags or URL parameters. Raises InputError with a sentence per wrong field."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise InputError(sentences(cls, error)) from None

    def query(self) -> dict[str, str]:
        """Every field as a URL parameter, so that a link means the same when a default has changed.

        `RunConfig.parse` reads them back.
        """
        values = {name: (getattr(self, name), field) for name, field in type(self).model_fields.items()}
        return {name: as_text(value) for name, (value, field) in values.items() if value != "" or _is_asked(field)}

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
