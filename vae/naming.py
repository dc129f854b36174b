"""What people read instead of a setting's code: titles of choices, words for values, and names of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .choices.variants import VARIANTS, ingredients
from .config import CHOICES, PRESETS, RunConfig, as_text

LONGEST = 200  # characters of a run's name, as many as the store keeps
HEAD = ("dataset", "latent_dim", "hidden", "beta")  # what a reader would ask first: in every name
BETWEEN = " · "

# Values that are no quantity.
SPECIAL: dict[str, dict[Any, str]] = {
    "held_out_class": {"": "none"},
    "train_limit": {0: "all"},
    "validation_size": {0: "none"},
    "hidden": {(): "none"},
    "dropout": {0: "none"},
    "kl_cycles": {0: "none"},
    "free_bits": {0: "none"},
    "weight_decay": {0: "none"},
    "gradient_clip": {0: "none"},
    "patience": {0: "none"},
    "network_file": {"": "none"},
}

# Sets of variants that have a name.
SETS = {ingredients(): "noise × KL", tuple(VARIANTS): "all variants"}

# Each field as a part of a name, where its words alone could be those of another field.
_PARTS: dict[str, Callable[[Any], str]] = {
    "dataset": str,
    "train_limit": lambda value: f"{words('train_limit', value)} images",
    "validation_size": lambda value: f"{value:,} for validation",
    "held_out_class": lambda value: f"without class {value}" if value else "with every class",
    "latent_dim": "{}-D".format,
    "hidden": lambda value: "-".join(map(str, value)) or "no hidden layer",
    "channels": lambda value: f"{'-'.join(map(str, value))} channels",
    "dropout": lambda value: f"dropout {as_text(value)}",
    "beta": lambda value: f"β {as_text(value)}",
    "binarisation": lambda value: f"{words('binarisation', value)} binarisation",
    "sigma": lambda value: f"σ {as_text(value)}",
    "kl_warmup_epochs": "warm-up {}".format,
    "kl_cycles": lambda value: f"{value} KL cycle{'' if value == 1 else 's'}",
    "free_bits": lambda value: f"{as_text(value)} free nats",
    "variants": lambda value: SETS.get(value) or _listed("variants", value, " + "),
    "samples": lambda value: f"{value} sample{'' if value == 1 else 's'}",
    "learning_rate": lambda value: f"learning rate {as_text(value)}",
    "weight_decay": lambda value: f"weight decay {words('weight_decay', value)}",
    "gradient_clip": lambda value: f"gradients up to {as_text(value)}" if value else "gradients not clipped",
    "patience": lambda value: f"patience {words('patience', value)}",
    "batch_size": "batches of {}".format,
    "epochs": lambda value: f"{value:,} epoch{'' if value == 1 else 's'}",
    "seed": "seed {}".format,
    "denoising_std": lambda value: f"noise on images {as_text(value)}",
    "contractive_weight": lambda value: f"contractive × {as_text(value)}",
    "rae_weight": lambda value: f"regularised × {as_text(value)}",
    "code_noise_std": lambda value: f"noise on codes {as_text(value)}",
    "network_file": lambda value: f"file {value[:8]}",
    "device": lambda value: f"on {CHOICES['device'][value].title}",
}


def words(field: str, value: Any) -> str:
    """A field's value as people read it: ("ae", "vae") → "AE, VAE", 0 training images → "all", 5000 → "5,000"."""
    if value in SPECIAL.get(field, {}):
        return SPECIAL[field][value]
    if field in CHOICES:
        return _listed(field, value, ", ") if isinstance(value, tuple) else CHOICES[field][value].title
    if field != "seed" and isinstance(value, int):
        return f"{value:,}"
    return as_text(value)


def part(field: str, value: Any) -> str:
    """A field's value as a part of a name, told from every other field's without its title: "β 4", "batches of 32"."""
    return _PARTS[field](value) if field in _PARTS else words(field, value)


def experiment(config: RunConfig) -> str:
    """A name for runs that are equal but for the seed: `HEAD`, then all that is unusual, the shortest first.

    Unusual is what differs from `usual`, so that different experiments never have the same name.
    """
    return _shortened(_experiment(config), config.model_copy(update={"seed": 0}))


def name(config: RunConfig) -> str:
    """A name for one run: its experiment and its seed. Different configs have different names."""
    return _shortened(f"{_experiment(config)}{BETWEEN}{part('seed', config.seed)}", config)


def better(config: RunConfig) -> dict[str, str]:
    """The name that an earlier version gave such a run, and which several could have → `name`."""
    width = "-".join(map(str, config.hidden)) or "no hidden layer"
    earlier = f"{config.dataset} · {config.latent_dim}-D · {width} · β {config.beta:g} · seed {config.seed}"
    return {earlier: name(config)}


def usual(config: RunConfig) -> RunConfig:
    """What a reader of the `HEAD` takes for granted: the preset that has it, else what its data set's presets share."""
    usual_network = RunConfig.model_fields["network"].default  # the head says nothing of any other
    presets = [preset.config for preset in PRESETS.values() if preset.config.network == usual_network]
    same = [preset for preset in presets if all(getattr(preset, field) == getattr(config, field) for field in HEAD)]
    return same[0] if same else _USUAL.get(config.dataset, PRESETS["quick"].config)


_USUAL = dict.fromkeys(("mnist", "fashion_mnist", "kmnist"), PRESETS["two_d"].config) | {
    "strokes": PRESETS["strokes"].config
}


def _experiment(config: RunConfig) -> str:
    unusual = [field for field in config.differences(usual(config)) if field not in (*HEAD, "seed")]
    parts = sorted((part(field, getattr(config, field)) for field in unusual), key=len)
    return BETWEEN.join([*(part(field, getattr(config, field)) for field in HEAD), *parts])


def _listed(field: str, value: tuple[str, ...], between: str) -> str:
    return between.join(CHOICES[field][code].title for code in value)


def _shortened(text: str, config: RunConfig) -> str:
    """Within `LONGEST`, and still different from every other config's."""
    if len(text) <= LONGEST:
        return text
    mark = f"… {config.fingerprint()[:8]}"
    return text[: LONGEST - len(mark)] + mark
