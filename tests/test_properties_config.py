"""Whatever a link, a form or a file says, there is a config, a sweep or a capsule, or one sentence why not."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vae import naming
from vae.choices.estimators import of_bound, weighs_samples
from vae.choices.networks import NORMALISATIONS
from vae.choices.variants import VARIANTS
from vae.config import CHOICES, WIDTHS, RunConfig, bounds
from vae.errors import InputError
from vae.exports.capsule import FORMAT, VERSION, Capsule, checksum, read
from vae.sweeps.spec import OBJECTIVES, SAMPLERS, Range, SweepSpec, parse_over

LONGEST = 3000  # characters of what is said about one request
TEXT = st.text(st.characters(exclude_categories=()), max_size=12)  # with NUL and lone surrogates
NASTY = st.sampled_from(
    [
        "",
        "\0",
        "\ud800",
        "nan",
        "inf",
        "-1",
        "1e309",
        "0x10",
        "١٢",
        "1_000",
        "²",
        "9" * 5000,
        "x" * 10**6,
        "<b>",
        "../..",
    ]
)
WHOLE = st.integers() | st.sampled_from([10**400, -(10**400), 2**63, 2**32])
LEAF = st.none() | st.booleans() | WHOLE | st.floats() | TEXT | NASTY
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
FIELDS = st.sampled_from(list(RunConfig.model_fields))


def number(name):
    low, high = bounds(RunConfig.model_fields[name])
    if RunConfig.model_fields[name].annotation is int:
        return st.integers(int(low), int(high))
    return st.floats(low, high)


@st.composite
def configs(draw):
    """Valid ones, from all corners."""
    names = [name for name in RunConfig.model_fields if bounds(RunConfig.model_fields[name]) != (None, None)]
    values = draw(st.fixed_dictionaries({}, optional={name: number(name) for name in names if name not in WIDTHS}))
    values |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "dataset": st.sampled_from(["digits", "mnist", "own-0123456789ab", "größe · 1"]),
                "hidden": st.lists(st.integers(1, 4096), max_size=4).map(tuple),
                "channels": st.lists(st.integers(1, 4096), min_size=1, max_size=4).map(tuple),
                **{name: st.sampled_from(list(choices)) for name, choices in CHOICES.items()},
                "variants": st.sets(st.sampled_from(list(CHOICES["variants"])), min_size=1).map(tuple),
            },
        )
    )
    values["kl_warmup_epochs"] = min(values.get("kl_warmup_epochs", 0), values.get("epochs", 60))
    cycles = min(values.get("kl_cycles", 0), values.get("epochs", 60) // 3)
    values["kl_cycles"] = 0 if cycles * values["kl_warmup_epochs"] > values.get("epochs", 60) else cycles
    if values.get("reconstruction") == "bernoulli" and values.get("binarisation", "none") == "none":
        values["binarisation"] = "dynamic"
    if of_bound(values.get("estimator", "pathwise")):
        values["free_bits"] = 0.0
    coupled = NORMALISATIONS[values.get("normalisation", "none")].couples
    entries = [VARIANTS[name] for name in values.get("variants", ())]
    if coupled and (weighs_samples(values.get("estimator", "pathwise")) or any(v.work_per_dimension for v in entries)):
        values["normalisation"] = "layer"
    elif coupled:
        values["batch_size"] = max(2, values.get("batch_size", 64))
    alone = values.get("batch_size", 64) < 2 or weighs_samples(values.get("estimator", "pathwise"))
    if alone or "contractive" in values.get("variants", ()):
        values["normalisation"] = "none"
    if not values.get("validation_size", 200) or values["kl_cycles"]:
        values["patience"] = 0
    if values.get("samples", 1) < 2:
        values["baseline"] = "none"
    return RunConfig(**values)


def assert_said(problem):
    """Sentences that any page, terminal and log can show."""
    text = str(problem)
    assert text and text.endswith(".") and len(text) < LONGEST
    assert text.isprintable()
    text.encode()


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(FIELDS | TEXT, JSON, max_size=4))
@example({"": 1})
@example(dict.fromkeys(map(str, range(20_000)), "x"))
@example({"variants": ["\ud800" * 1000]})
@example({"dataset": "a\0b"})
@example({"seed": True, "epochs": 3.0})
def test_any_values_are_a_config_or_sentences(values):
    try:
        config = RunConfig.parse(values)
    except InputError as problem:
        assert_said(problem)
    else:
        assert RunConfig.parse(config.query()) == config
        naming.name(config).encode()


@pytest.mark.parametrize(
    "values", [{"hidden": [10**5000]}, {"seed": 10**5000}, {"beta": -(10**5000)}, {"dataset": 10**5000}]
)
def test_numbers_that_python_does_not_write_are_refused_in_a_sentence(values):
    with pytest.raises(InputError) as problem:
        RunConfig.parse(values)
    assert_said(problem.value)


@settings(max_examples=150, deadline=None)
@given(configs())
def test_a_config_comes_back_from_its_link_and_from_json(config):
    assert RunConfig.parse(config.query()) == config
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    assert RunConfig.parse(json.loads(json.dumps(config.model_dump(mode="json")))) == config


@settings(max_examples=150, deadline=None)
@given(configs(), configs(), st.data())
def test_fingerprints_are_equal_exactly_when_configs_are(one, other, data):
    assert (one.fingerprint() == other.fingerprint()) == (one == other)
    again = RunConfig.parse(one.query())
    assert again.fingerprint() == one.fingerprint()
    # And one that differs in a single field:
    name = data.draw(st.sampled_from(list(RunConfig.model_fields)))
    near = one.model_copy(update={name: getattr(other, name)})
    assert (near.fingerprint() == one.fingerprint()) == (near == one)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(FIELDS | TEXT, JSON, max_size=3),
    st.dictionaries(
        st.sampled_from(["sampler", "points", "seeds", "objectives", "of", "prune"]) | TEXT, JSON, max_size=2
    ),
)
@example({"beta": list(range(1000))}, {"objectives": 1})
@example({"beta": "0,1"}, {"seeds": 10**400})
@example({"beta": [0, 1]}, {"base": None})
@example({"latent_dim": [1, True, 1.0]}, {})
@example({"epochs": Range(low=1e308, high=1e309)}, {"sampler": "random"})
@example({"epochs": Range(low=1, high=1e308)}, {"sampler": "random"})
def test_any_sweep_is_a_spec_or_a_sentence(over, options):
    try:
        spec = SweepSpec.parse(RunConfig(), over, **options)
    except InputError as problem:
        assert_said(problem)
    else:
        assert SweepSpec(**json.loads(json.dumps(spec.model_dump(mode="json")))) == spec
        assert 1 <= spec.size * spec.seeds <= 2000


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([*SAMPLERS, "x"]), st.lists(st.sampled_from([*OBJECTIVES, "x"]), max_size=3), st.data())
def test_sweeps_of_sound_values_are_specs_or_a_sentence(sampler, objectives, data):
    names = data.draw(st.lists(FIELDS, max_size=3, unique=True))
    over = {
        name: data.draw(st.lists(st.sampled_from([1, 2, 0.5, "bce", "digits", "32"]), max_size=3)) for name in names
    }
    try:
        SweepSpec.parse(RunConfig(), over, sampler=sampler, objectives=tuple(objectives))
    except InputError as problem:
        assert_said(problem)


@settings(max_examples=300, deadline=None)
@given(TEXT | NASTY | st.builds("{}={}".format, FIELDS | TEXT, TEXT | NASTY | st.builds("{}..{}".format, LEAF, LEAF)))
@example("beta=1..2:log:log")
@example("=")
@example("beta=" + "," * 100_000)
def test_any_text_is_a_field_with_values_or_a_sentence(text):
    try:
        name, values = parse_over(text)
    except InputError as problem:
        assert_said(problem)
        return
    try:
        SweepSpec.parse(RunConfig(), {name: values})
    except InputError as problem:
        assert_said(problem)


def _json(value):
    """As somebody's program might write it: NaN, and halves of characters, too."""
    try:
        return json.dumps(value)
    except ValueError:  # a number of more than 4,300 digits: Python writes none
        return "1" * 5000


SMALL_RUN = {
    "name": "a run",
    "config": {"epochs": 1},
    "dataset": {
        "name": "digits",
        "title": "Digits",
        "hash": "0" * 64,
        "shape": [8, 8],
        "classes": ["0"],
        "train_size": 1,
        "validation_size": 1,
        "test_size": 1,
        "split_seed": 1,
    },
    "versions": {"torch": "2"},
    "machine": None,
    "metrics": {},
    "weights": {"ae": "0" * 64},
}


def sound():
    contents = {"format": FORMAT, "version": VERSION, "made_at": "2026-01-01T00:00:00+00:00", "runs": [SMALL_RUN]}
    return contents | {"checksum": checksum(contents)}


def assert_read_or_said(text):
    try:
        found = read(text)
    except InputError as problem:
        assert_said(problem)
        assert "\n" not in str(problem)
    else:
        assert isinstance(found, Capsule)
        for run in found.runs:
            assert run.name.isprintable() and run.dataset.title.isprintable()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | TEXT | JSON.map(_json))
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example("1" * 10_000)
@example('{"format":"latent-twins capsule","version":1,"runs":[{"config":{"\\ud800":1}}]}')
@example(b"\xff\xfe\x00\x00")
def test_any_file_is_a_capsule_or_a_sentence(content):
    assert_read_or_said(content)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(JSON, st.data())
def test_a_capsule_with_one_thing_changed_is_a_capsule_or_a_sentence(value, data):
    contents = json.loads(json.dumps(sound()))
    place = contents
    while True:  # walk to somewhere in it
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = value
    if data.draw(st.booleans()) and isinstance(place, dict):
        place[data.draw(TEXT)] = value
    assert_read_or_said(_json(contents))


def test_the_unchanged_capsule_is_read():
    """Or the test above would never get past its checksum, or its first field."""
    assert read(json.dumps(sound())).altered is False
    assert read(json.dumps(sound() | {"made_at": "2026-01-02T00:00:00+00:00"})).altered


@pytest.mark.parametrize("name", ["epochs", "seed", "latent_dim", "beta", "learning_rate", "hidden", "dataset"])
@pytest.mark.parametrize(
    "word", ["", "nan", "-inf", "1e309", "9" * 5000, "\0", "\ud800", "x" * 10**6, "٣", "1,,2", "--"]
)
def test_a_parameter_of_a_link_is_a_setting_or_a_sentence(name, word):
    try:
        RunConfig.parse({name: word})
    except InputError as problem:
        assert_said(problem)
