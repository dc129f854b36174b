"""What a sweep may ask for: every refusal is one sentence, and what is stored comes back as it was."""

import json
from itertools import product

import pytest
from owning import EXAMPLE, RESIDUAL, SMALL, name_files

from vae.config import RunConfig
from vae.errors import InputError
from vae.sweeps.spec import MOST_RUNS, OBJECTIVES, READY, SAMPLERS, Range, SweepSpec, parse_over

BASE = RunConfig()


def refusal(over, base=BASE, **options):
    with pytest.raises(InputError) as caught:
        SweepSpec.parse(base, over, **options)
    return str(caught.value)


# Texts


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("beta=0,0.5, 1", ("beta", ["0", "0.5", "1"])),
        ("latent-dim=2", ("latent_dim", ["2"])),
        ("hidden=", ("hidden", [""])),
        ("hidden=64-32,128", ("hidden", ["64-32", "128"])),
        ("beta=0..4", ("beta", Range(low=0, high=4))),
        (" learning-rate = 1e-4 .. 1e-2 : log", ("learning_rate", Range(low=1e-4, high=1e-2, log=True))),
    ],
)
def test_a_field_and_its_values_are_read_from_text(text, parsed):
    assert parse_over(text) == parsed


@pytest.mark.parametrize("text", ["beta", "=1,2", " =1", "", "beta=a..2", "beta=1..", "beta=1..2..3", "beta=1..2:ln"])
def test_a_text_that_is_neither_is_refused_with_an_example(text):
    with pytest.raises(InputError, match=r"; write it as .+\.$"):
        parse_over(text)


# Refusals


@pytest.mark.parametrize(
    ("over", "options", "sentence"),
    [
        ({}, {}, "Name at least one field to go over"),
        ({"betta": [1]}, {}, "There is no setting called 'betta'."),
        ({"seed": [1, 2]}, {}, "A sweep can't go over 'seed'; it can go over dataset"),
        ({"variants": ["vae"]}, {}, "can't go over 'variants'"),
        ({"device": ["cpu"]}, {}, "can't go over 'device'"),
        ({"beta": [1]}, {"sampler": "magic"}, "Sampler is 'magic', but it must be one of grid, random, tpe"),
        ({"beta": [1]}, {"objectives": ("fun",)}, "'fun' is no objective; there are reconstruction, kl"),
        ({"beta": [1]}, {"objectives": ()}, "one objective, or two different"),
        ({"beta": [1]}, {"objectives": ("kl", "kl")}, "one objective, or two different"),
        ({"beta": [1]}, {"objectives": ("reconstruction", "kl", "ratio")}, "one objective, or two different"),
        ({"beta": [1]}, {"of": "kl_only"}, "The runs train ae, vae, so no objective can judge 'kl_only'"),
        ({"beta": [1]}, {"of": "ae", "objectives": ("kl",)}, "Ae has no KL to judge by"),
        ({"beta": [1]}, {"base": BASE.model_copy(update={"variants": ("vae",)}), "objectives": ("ratio",)}, "both"),
        ({"beta": [1]}, {"prune": True, "objectives": ("ratio",)}, "not by two, nor by the ratio"),
        ({"beta": [1]}, {"prune": True, "objectives": ("reconstruction", "kl")}, "not by two, nor by the ratio"),
        ({"activation": Range(low=0, high=1)}, {"sampler": "tpe"}, "Activation has no order"),
        ({"hidden": Range(low=8, high=16)}, {"sampler": "tpe"}, "Hidden has no order"),
        ({"beta": Range(low=2, high=2)}, {"sampler": "tpe"}, "from a smaller number to a larger one"),
        ({"beta": Range(low=0, high=float("inf"))}, {"sampler": "tpe"}, "from a smaller number to a larger one"),
        ({"beta": Range(low=float("nan"), high=1)}, {"sampler": "tpe"}, "from a smaller number to a larger one"),
        ({"beta": Range(low=0, high=1, log=True)}, {"sampler": "tpe"}, "logarithmic, so it must start above 0"),
        ({"epochs": Range(low=1.5, high=8)}, {"sampler": "tpe"}, "takes whole numbers"),
        ({"beta": Range(low=0, high=1)}, {}, "a range, which a grid can't list"),
        ({"beta": []}, {}, "Beta needs at least one value"),
        ({"beta": ["1", "1.0"]}, {}, "each only once"),
        ({"beta": ["much"]}, {}, "beta is 'much', but it must be a number from 0 to 1,000"),
        ({"beta": [-1]}, {}, "beta is -1, but"),
        ({"activation": ["sine"]}, {}, "'sine' is not one of relu"),
        ({"latent_dim": Range(low=1, high=513)}, {"sampler": "random"}, "latent_dim is 513"),
        ({"beta": [1]}, {"seeds": 0}, "Seeds is 0, but it must be a whole number from 1 to 50"),
        ({"beta": [1]}, {"seeds": 51}, "Seeds is 51"),
        ({"beta": [1]}, {"seeds": "some"}, "(seeds)"),
        ({"beta": [1]}, {"sampler": "random", "points": 0}, "0 points × 3 seeds"),
        (
            {"beta": [1]},
            {"sampler": "random", "points": 700},
            "700 points × 3 seeds, but a sweep takes 1 to 2,000 runs",
        ),
        ({"beta": [1]}, {"base": BASE.model_copy(update={"seed": 2**32 - 2})}, "would exceed 4,294,967,295"),
        ({"epochs": [5, 60], "kl_warmup_epochs": [10]}, {}, "kl_warmup_epochs is 10, longer than the 5 epochs"),
        ({"baseline": ["leave_one_out"], "samples": [1, 2]}, {}, "samples must be at least 2"),
    ],
)
def test_what_makes_no_sweep_is_refused_in_one_sentence(over, options, sentence):
    said = refusal(over, **options)
    assert sentence in said
    assert said.endswith(".")
    assert "\n" not in said
    assert ". " not in said.rstrip(".")
    assert "pydantic" not in said and "Value error" not in said


def test_the_limits_themselves_are_allowed():
    spec = SweepSpec.parse(BASE, {"beta": [1]}, sampler="random", points=MOST_RUNS // 50, seeds=50)
    assert spec.size * spec.seeds == MOST_RUNS
    last = BASE.model_copy(update={"seed": 2**32 - 3})
    assert SweepSpec.parse(last, {"beta": [1]}, seeds=3).all_seeds()[-1] == 2**32 - 1
    assert SweepSpec.parse(BASE, {"latent_dim": Range(low=1, high=512, log=True)}, sampler="tpe").size == 20


# Values


def test_values_get_the_form_of_their_field():
    spec = SweepSpec.parse(
        BASE,
        {
            "beta": ["0", "0.50", 1],
            "latent_dim": ["2", 8.0],
            "hidden": ["64-32", "", (128,), [400, 20]],
            "reconstruction": ["sse"],
        },
        objectives=("kl",),
    )
    assert spec.over == {
        "beta": (0.0, 0.5, 1.0),
        "latent_dim": (2, 8),
        "hidden": ("64,32", "", "128", "400,20"),
        "reconstruction": ("sse",),
    }
    assert {name: {type(value) for value in values} for name, values in spec.over.items()} == {
        "beta": {float},
        "latent_dim": {int},
        "hidden": {str},
        "reconstruction": {str},
    }


def test_each_value_is_checked_alone_where_fields_only_hold_together_with_others():
    late = SweepSpec.parse(RunConfig(epochs=60, kl_warmup_epochs=0), {"kl_warmup_epochs": [80], "epochs": [100]})
    assert [spec.kl_warmup_epochs for spec in (late.config(params, 0) for params in late.grid())] == [80]
    pairs = SweepSpec.parse(BASE, {"samples": [2, 4], "baseline": ["none", "leave_one_out"]})
    assert pairs.size == 4


def test_a_grid_is_every_combination_the_last_field_fastest():
    spec = SweepSpec.parse(BASE, {"latent_dim": [2, 8], "beta": [0, 1, 4]}, points=999)
    assert [tuple(params.items()) for params in spec.grid()] == [
        (("latent_dim", dim), ("beta", beta)) for dim, beta in product((2, 8), (0.0, 1.0, 4.0))
    ]
    assert spec.size == 6


def test_a_config_is_the_base_with_the_point_and_the_seed():
    base = RunConfig(epochs=7, seed=40, hidden=(16,))
    spec = SweepSpec.parse(base, {"hidden": ["8,4"], "beta": [2]}, seeds=2)
    assert spec.all_seeds() == [40, 41]
    config = spec.config({"hidden": "8,4", "beta": 2.0}, 41)
    assert config == RunConfig(epochs=7, seed=41, hidden=(8, 4), beta=2.0)
    with pytest.raises(InputError, match="kl_warmup_epochs is 9"):
        spec.config({"kl_warmup_epochs": 9}, 0)


def test_what_a_range_asks_for_at_its_ends_is_known():
    over = {"latent_dim": Range(low=1, high=9), "beta": Range(low=0, high=2), "activation": ["relu", "elu", "tanh"]}
    first, last = SweepSpec.parse(BASE, over, sampler="random").corners()
    assert first == {"latent_dim": 1, "beta": 0.0, "activation": "relu"}
    assert last == {"latent_dim": 9, "beta": 2.0, "activation": "tanh"}
    assert type(first["latent_dim"]) is int


def test_directions_follow_the_objectives():
    spec = SweepSpec.parse(BASE, {"beta": [1]}, objectives=("ratio", "kl"))
    assert spec.directions() == ["maximize", "minimize"]
    assert {objective.direction for objective in OBJECTIVES.values()} == {"minimize", "maximize"}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_spec_survives_json_with_every_type(sampler):
    ranges = {} if sampler == "grid" else {"learning_rate": Range(low=1e-4, high=1, log=True)}
    over = {"beta": [0, 1, 0.1], "latent_dim": [2, 8], "hidden": ["", "8", "64,32"], "activation": ["relu"]}
    spec = SweepSpec.parse(RunConfig(hidden=(), beta=3), over | ranges, sampler=sampler, objectives=("kl", "ratio"))
    back = SweepSpec(**json.loads(json.dumps(spec.model_dump(mode="json"))))
    assert back == spec
    for name, values in spec.over.items():
        if not isinstance(values, Range):
            assert list(map(type, back.over[name])) == list(map(type, values))
    assert list(back.over) == list(spec.over), "the order of the fields is the order of the grid"


@pytest.mark.parametrize("name", READY)
def test_ready_made_sweeps_are_what_parse_would_make_of_them(name):
    title, question, spec = READY[name]
    assert title and question
    parts = {part: getattr(spec, part) for part in ("sampler", "points", "seeds", "objectives", "of", "prune")}
    again = SweepSpec.parse(spec.base, spec.over, **parts)
    assert again == spec
    assert [list(map(type, values)) for values in again.over.values()] == [
        list(map(type, values)) for values in spec.over.values()
    ]


def test_networks_of_ones_own_are_swept_each_of_its_file(monkeypatch):
    """A point takes the hash of its own network's file, not that of the settings it starts from."""
    name_files(monkeypatch, EXAMPLE)
    base = RunConfig(network=RESIDUAL)
    spec = SweepSpec.parse(base, {"network": ["mlp", SMALL, RESIDUAL]})
    found = [spec.config(params, 0) for params in spec.grid()]
    assert [config.network for config in found] == ["mlp", SMALL, RESIDUAL]
    assert [config.network_file for config in found] == ["", base.network_file, base.network_file]
    with pytest.raises(InputError, match="A sweep can't go over 'network_file'"):
        SweepSpec.parse(base, {"network_file": [""]})
    with pytest.raises(InputError, match="'transformer' is not one of"):
        SweepSpec.parse(base, {"network": ["transformer"]})
