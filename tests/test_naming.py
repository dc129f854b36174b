"""Names tell experiments apart, and codes are never shown where people read."""

from itertools import combinations

import pytest

from pages.sections.the_trick import estimator_comparison
from pages.shared import similar_runs
from vae import naming
from vae.choices.variants import VARIANTS
from vae.config import CHOICES, PRESETS, RunConfig, bounds
from vae.naming import LONGEST, SPECIAL, experiment, name, usual, words

FIELDS = RunConfig.model_fields
ONLY_ONE = {field for field, choices in CHOICES.items() if len(choices) == 1}  # so far: it can't be changed


class _Run:
    def __init__(self, config):
        self.config = config


def others(config, field):
    """Other values of one field, as many as there are or a few."""
    if field == "variants":
        sets = [variants for size in range(1, len(VARIANTS) + 1) for variants in combinations(VARIANTS, size)]
        found = [variants for variants in sets if variants != config.variants]
    elif field in CHOICES:
        found = [candidate for candidate in CHOICES[field] if candidate != getattr(config, field)]
    elif field == "dataset":
        found = [
            candidate for candidate in ("digits", "mnist", "fashion_mnist", "own-1a2b3c") if candidate != config.dataset
        ]
    elif field == "held_out_class":
        found = ["8", "Ankle boot", "4-D"]
    elif field == "network_file":
        found = ["0" * 64, "1" * 64]
    elif field == "hidden":
        found = [candidate for candidate in ((), (64,), (400,), (64, 400), (4096,) * 4) if candidate != config.hidden]
    elif field == "channels":
        found = [candidate for candidate in ((1,), (64,), (32, 64), (64, 400)) if candidate != config.channels]
    else:
        value, (low, high) = getattr(config, field), bounds(FIELDS[field])
        near = (value * (1 + 1e-9),) if isinstance(value, float) else (value + 1, value - 1)
        found = [candidate for candidate in (low, high, *near) if low <= candidate <= high and candidate != value]
    return found


@pytest.mark.parametrize("preset", PRESETS)
def test_a_field_changed_is_another_name(preset):
    """Every field, every choice, numbers down to their last digits; and no two changes lead to the same name."""
    config = PRESETS[preset].config
    changed = {config.model_copy(update={field: value}) for field in FIELDS for value in others(config, field)}
    assert {field for each in changed for field in each.differences(config)} == set(FIELDS) - ONLY_ONE
    names = {name(each): each for each in [config, *changed]}
    assert len(names) == len(changed) + 1
    but_for_the_seed = {each.model_copy(update={"seed": 0}) for each in [config, *changed]}
    assert len({experiment(each) for each in [config, *changed]}) == len(but_for_the_seed)


def test_two_fields_changed_are_another_name_too():
    config = RunConfig()
    changed = {
        config.model_copy(update={one: a, two: b})
        for one, two in combinations(FIELDS, 2)
        for a in others(config, one)
        for b in others(config, two)
    }
    assert len(changed) > 1500
    assert len({name(each) for each in changed}) == len(changed)


def test_the_three_buttons_lead_to_different_names():
    """*Train all four variants*, *Train with every estimator*, *Train with every β*, beside the run they start from."""
    config = RunConfig()
    trained = [config, config.model_copy(update={"variants": tuple(VARIANTS)})]
    trained += estimator_comparison.configs(_Run(config)).values()
    trained += similar_runs.with_every_beta(_Run(config)).values()
    assert len(set(trained)) == 11
    names = [name(each) for each in trained]
    assert len(set(names)) == 11
    assert names == [
        "digits · 2-D · 128 · β 1 · seed 0",
        "digits · 2-D · 128 · β 1 · all variants · seed 0",
        "digits · 2-D · 128 · β 1 · VAE · 2 samples · seed 0",
        "digits · 2-D · 128 · β 1 · VAE · 2 samples · score function · seed 0",
        "digits · 2-D · 128 · β 1 · VAE · 2 samples · score function · leave-one-out baseline · seed 0",
        "digits · 2-D · 128 · β 1 · VAE · detached · 2 samples · seed 0",
        "digits · 2-D · 128 · β 0 · VAE · seed 0",
        "digits · 2-D · 128 · β 0.1 · VAE · seed 0",
        "digits · 2-D · 128 · β 1 · VAE · seed 0",
        "digits · 2-D · 128 · β 4 · VAE · seed 0",
        "digits · 2-D · 128 · β 20 · VAE · seed 0",
    ]


def test_a_preset_has_nothing_unusual_but_its_network():
    assert {preset: experiment(entry.config) for preset, entry in PRESETS.items()} == {
        "quick": "digits · 2-D · 128 · β 1",
        "strokes": "strokes · 2-D · 128-64 · β 1",
        "article": "mnist · 32-D · no hidden layer · β 1",
        "pytorch_example": "mnist · 20-D · 400 · β 1",
        "two_d": "mnist · 2-D · 400 · β 1",
        "conv_2d": "mnist · 2-D · 128 · β 1 · convolutional · 16-32 channels",
        "collapse": "mnist · 32-D · 400 · β 24.5",
        "linear": "mnist · 8-D · no hidden layer · β 2",
    }
    assert usual(RunConfig(dataset="kmnist", latent_dim=7)) == PRESETS["two_d"].config
    assert usual(RunConfig(dataset="strokes", latent_dim=7)) == PRESETS["strokes"].config


def test_what_is_unusual_is_told_the_shortest_first():
    config = PRESETS["two_d"].config.model_copy(
        update={"train_limit": 1000, "epochs": 3, "learning_rate": 0.01, "reconstruction": "sse", "activation": "elu"}
    )
    assert name(config) == (
        "mnist · 2-D · 400 · β 1 · ELU · 3 epochs · 1,000 images · squared error · learning rate 0.01 · seed 0"
    )


def test_a_name_is_never_longer_than_the_store_keeps():
    extreme = RunConfig(
        dataset="x" * 80,
        train_limit=999_999,
        validation_size=99_999,
        latent_dim=512,
        hidden=(4096,) * 4,
        activation="leaky_relu",
        reconstruction="sse",
        beta=123.456789012345678,
        kl_warmup_epochs=999,
        variants=("ae", "noise_only", "kl_only"),
        estimator="score_function",
        samples=64,
        baseline="leave_one_out",
        learning_rate=0.0123456789012345,
        batch_size=8191,
        epochs=999,
        seed=2**32 - 1,
        precision="bfloat16",
        device="cuda",
    )
    near = extreme.model_copy(update={"seed": 7})
    assert len(name(extreme)) == len(name(near)) == LONGEST
    assert name(extreme) != name(near)
    assert experiment(extreme) == experiment(near)


def test_every_choice_has_a_title_and_every_field_a_part():
    assert all(choice.title and choice.sentence for choices in CHOICES.values() for choice in choices.values())
    assert set(naming._PARTS) | set(CHOICES) == set(FIELDS)
    assert set(SPECIAL) < set(FIELDS)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("train_limit", 0, "all"),
        ("train_limit", 1000, "1,000"),
        ("validation_size", 0, "none"),
        ("hidden", (), "none"),
        ("hidden", (512, 256), "512,256"),
        ("reconstruction", "bce", "BCE"),
        ("reconstruction", "sse", "squared error"),
        ("variants", ("ae", "kl_only"), "AE, KL only"),
        ("estimator", "score_function", "score function"),
        ("beta", 0.0, "0"),
        ("seed", 12345, "12345"),
    ],
)
def test_a_value_in_words(field, value, said):
    assert words(field, value) == said
