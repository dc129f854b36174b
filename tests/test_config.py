"""What a run may be: every refusal is a sentence that names the field and its rule, and nothing is lost on the way."""

import json

import pydantic
import pytest

from vae.choices.estimators import ESTIMATORS
from vae.choices.networks import NETWORKS
from vae.config import ASKED, PRESETS, RunConfig
from vae.errors import InputError
from vae.learning import estimators, networks

UNUSUAL = RunConfig(
    dataset="mnist",
    train_limit=1234,
    validation_size=0,
    latent_dim=7,
    hidden=(512, 256),
    activation="elu",
    reconstruction="sse",
    beta=784 / 30,  # 26.1333…: a float that six digits don't hold
    kl_warmup_epochs=3,
    variants=("noise_only", "vae"),
    learning_rate=0.00123456789,
    batch_size=100,
    epochs=9,
    seed=2**32 - 1,
    precision="bfloat16",
    device="cpu",
)
each_config = pytest.mark.parametrize(
    "config",
    [RunConfig(), UNUSUAL, RunConfig(hidden=()), *(preset.config for preset in PRESETS.values())],
    ids=["default", "unusual", "shallow", *PRESETS],
)


@each_config
def test_configs_pass_their_own_rules(config):
    """Presets are made with model_copy, which checks nothing."""
    assert RunConfig.parse(config.model_dump()) == config


@each_config
def test_round_trip_through_json(config):
    assert RunConfig.parse(json.loads(json.dumps(config.model_dump(mode="json")))) == config
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


@each_config
def test_round_trip_through_a_link(config):
    query = config.query()
    assert all(isinstance(value, str) for value in query.values())
    assert RunConfig.parse(query) == config


def test_a_link_names_every_field_so_that_it_outlives_a_change_of_defaults():
    assert list(RunConfig().query()) == ASKED
    query = RunConfig(hidden=(512, 256), beta=4, seed=3).query()
    assert (query["hidden"], query["beta"], query["seed"], query["epochs"]) == ("512,256", "4", "3", "60")


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"latent_dim": 0}, ["latent_dim", "0", "whole number from 1 to 512"]),
        ({"free_bits": 0.5, "estimator": "dreg"}, ["free_bits", "dreg", "one of the two must go"]),
        ({"latent_dim": "2.5"}, ["latent_dim", "'2.5'", "whole number from 1 to 512"]),
        ({"hidden": "abc"}, ["hidden", "'abc'", "layer widths from 1 to 4096"]),
        ({"hidden": "-4"}, ["hidden", "-4", "layer widths from 1 to 4096"]),
        ({"hidden": "400,5000"}, ["hidden", "5000", "layer widths from 1 to 4096"]),
        ({"hidden": "9,9,9,9,9"}, ["hidden", "up to 4 layer widths"]),
        ({"epochs": -1}, ["epochs", "-1", "whole number from 1 to 1,000"]),
        ({"learning_rate": 1e9}, ["learning_rate", "1e+09", "number from 1e-06 to 1"]),
        ({"learning_rate": "fast"}, ["learning_rate", "'fast'", "number from 1e-06 to 1"]),
        ({"beta": float("nan")}, ["beta", "nan", "number from 0 to 1,000"]),
        ({"beta": "inf"}, ["beta", "inf", "number from 0 to 1,000"]),
        ({"seed": 2**32}, ["seed", "whole number from 0 to 4,294,967,295"]),
        ({"activation": "swish"}, ["activation", "'swish'", "relu, leaky_relu, tanh, elu"]),
        ({"reconstruction": "l1"}, ["reconstruction", "'l1'", "bce, sse"]),
        ({"variants": "ae,vea"}, ["variants", "'vea'", "ae, noise_only, kl_only, vae"]),
        ({"variants": ""}, ["variants", "at least one of ae"]),
        ({"device": "tpu"}, ["device", "'tpu'", "auto, cpu, cuda, mps"]),
        ({"latent_dims": 3}, ["latent_dims", "no setting", "latent_dim,"]),
        ({"kl_warmup_epochs": 11, "epochs": 10}, ["kl_warmup_epochs", "11", "10 epochs"]),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_refusals_name_the_field_and_its_rule(values, parts):
    with pytest.raises(InputError) as refusal:
        RunConfig.parse(values)
    sentence = str(refusal.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert [part for part in parts if part not in sentence] == []


def test_every_wrong_field_gets_its_sentence():
    with pytest.raises(InputError, match=r"latent_dim.*epochs"):
        RunConfig.parse({"latent_dim": 0, "epochs": 0})


@pytest.mark.parametrize("text", ["512, 256", "512 256", "512-256", "512,256", " 512;256 ", "512 → 256", [512, 256]])
def test_hidden_layers_as_people_write_them(text):
    assert RunConfig.parse({"hidden": text}).hidden == (512, 256)


def test_no_hidden_layer_is_an_empty_text():
    assert RunConfig.parse({"hidden": ""}).hidden == ()


def test_variants_come_in_one_order_without_doubles():
    """Otherwise two links to the same run would look like two runs."""
    assert RunConfig.parse({"variants": "vae,ae,vae"}).variants == ("ae", "vae")


def test_a_config_is_frozen():
    config = RunConfig()
    with pytest.raises(pydantic.ValidationError):
        config.beta = 2.0
    assert config.beta == 1.0


@pytest.mark.parametrize(
    ("choices", "registry"),
    [
        (NETWORKS, networks.ARCHITECTURES),
        (ESTIMATORS, estimators.ESTIMATORS),
    ],
    ids=["networks", "estimators"],
)
def test_what_may_be_chosen_is_what_there_is(choices, registry):
    """What people read lies below what computes, so that pages need no torch; this holds the two lists together."""
    assert list(choices) == list(registry)


def test_layers_and_differences():
    assert UNUSUAL.layers(784) == [784, 512, 256, 7]
    assert RunConfig(beta=4, seed=1).differences(RunConfig(seed=2)) == {"beta": (4.0, 1.0), "seed": (1, 2)}


def test_the_collapse_preset_weighs_the_kl_like_two_means_would():
    """mean-SSE/784 + mean-KL/32, times 784, is SSE + 24.5 · KL."""
    config = PRESETS["collapse"].config
    assert (config.reconstruction, config.latent_dim, config.beta) == ("sse", 32, 24.5)
