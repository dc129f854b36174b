"""Capsules: what goes in comes out exactly, what is no capsule is refused, and what was doctored is told apart."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys

import postgres
import pytest
from sqlalchemy import update

from vae.config import RunConfig
from vae.errors import InputError
from vae.exports.capsule import FORMAT, capsule, checksum, dumps, read, record, weights_digest
from vae.exports.rerun import DIFFERS, IMPOSSIBLE, REPRODUCED, WITHIN, allowed, compare, reproduce
from vae.metrics import METRICS, without_column
from vae.runs import hardware
from vae.runs.execution import execute
from vae.settings import ROOT
from vae.store import schema
from vae.store.runs import Store
from vae.store.tensor_bytes import pack, unpack

CONFIG = RunConfig(hidden=(16,), train_limit=200, validation_size=50, epochs=2, device="cpu", seed=5)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A database with one trained run: (settings, store, run id). No test changes the run."""
    with postgres.settings_for(tmp_path_factory.mktemp("capsule")) as settings:
        store = Store(settings.database_url)
        run_id = store.create(CONFIG, "test")
        assert execute(store, run_id, settings) == "done"
        yield settings, store, run_id


@pytest.fixture
def sealed(place):
    _, store, run_id = place
    return json.loads(dumps(capsule(store, [run_id])))


@pytest.fixture
def old(place):
    return record(place[1], place[2])


def resealed(raw):
    """As a forger would who knows the checksum."""
    return read(json.dumps(raw | {"checksum": checksum(raw)}))


def outcome_of(place, raw):
    """What a rerun here says of the capsule's only run."""
    settings, store, _ = place
    (outcome,) = reproduce(store, resealed(raw), settings)
    return outcome


# The file


def test_a_capsule_holds_what_was_measured_exactly(place, sealed):
    _, store, run_id = place
    run, history = store.run(run_id), store.history(run_id)
    (told,) = sealed["runs"]
    assert (sealed["format"], sealed["version"]) == (FORMAT, 1)
    assert RunConfig.parse(told["config"]) == CONFIG
    assert told["dataset"]["hash"] == run.data["hash"]
    assert told["machine"]["threads"] == 1
    for row in history[history["variant"] == "vae"].to_dict("records"):
        vae = told["metrics"]["vae"]
        found = vae["test"] if row["split"] == "test" else vae["epochs"][row["epoch"]]
        for name in ("loss", "reconstruction", "kl", "kl_per_dim", "mse_from_mean", "mse_from_sample", "active_units"):
            assert found[name] == row[name], "floats come through SQLite and JSON as they were"
    assert told["metrics"]["ae"]["test"]["kl"] is None
    assert read(dumps(sealed)).runs[0] == record(store, run_id)


def test_the_digest_names_every_weight_and_nothing_else(place, sealed):
    """Bytes of the weights in order of their names, hashed here by hand."""
    _, store, run_id = place
    payload = store.weights(run_id, 2)["ae"]
    arrays = unpack(payload)
    by_hand = hashlib.sha256()
    for name in sorted(arrays):
        by_hand.update(f"{name} {arrays[name].shape} <f4".encode() + arrays[name].tobytes())
    assert sealed["runs"][0]["weights"]["ae"] == by_hand.hexdigest() == weights_digest(payload)
    assert weights_digest(pack(dict(reversed(arrays.items())))) == by_hand.hexdigest(), "whatever their order"
    name, weight = next(iter(arrays.items()))
    moved = weight.copy()
    moved.flat[0] += 1e-6
    assert weights_digest(pack(arrays | {name: moved})) != by_hand.hexdigest()


def test_only_runs_that_are_done_are_sealed(place):
    _, store, run_id = place
    queued = store.create(CONFIG, "test")
    for ids, part in (([queued], "queued"), ([run_id, "nosuchrun"], "nosuchrun"), ([], "at least one run")):
        with pytest.raises(InputError, match=part):
            capsule(store, ids)
    assert len(capsule(store, [run_id, run_id])["runs"]) == 1


def test_a_change_without_a_new_checksum_is_noticed_and_read_all_the_same(sealed):
    assert not read(dumps(sealed)).altered
    assert not read(json.dumps(sealed, sort_keys=True)).altered, "layout is no content"
    sealed["runs"][0]["metrics"]["vae"]["test"]["kl"] = 25.9
    assert read(dumps(sealed)).altered
    assert not resealed(sealed).altered


def _put(value, *path):
    def change(raw):
        *outer, last = path
        for step in outer:
            raw = raw[step]
        if value is None:
            del raw[last]
        else:
            raw[last] = value

    return change


VAE_TEST = ("runs", 0, "metrics", "vae", "test")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (_put("a list of runs", "format"), "no capsule"),
        (_put(2, "version"), "newer version"),
        (_put("1", "version"), "version"),
        (_put(None, "runs"), "runs is missing"),
        (_put(None, "checksum"), "checksum is missing"),
        (_put([], "runs"), "at least 1"),
        (_put("soon", "made_at"), "made_at"),
        (_put(None, "runs", 0, "weights"), "weights is missing"),
        (_put("abc", "runs", 0, "weights", "ae"), "weights → ae"),
        (_put(3, "runs", 0, "config", "colour"), "no setting called 'colour'"),
        (_put(0, "runs", 0, "config", "latent_dim"), "latent_dim is 0"),
        (_put(7, "runs", 0, "config"), "config"),
        (_put(0, "runs", 0, "machine", "threads"), "threads"),
        (_put("\x1b[31mred", "runs", 0, "name"), "can't be printed"),
        (_put("\ud800", "runs", 0, "name"), "broken text"),
        (_put(float("nan"), *VAE_TEST, "kl"), "NaN"),
        (_put(10**400, *VAE_TEST, "kl"), "kl"),
        (_put("25.1", *VAE_TEST, "kl"), "kl"),
        (_put(True, *VAE_TEST, "kl"), "kl"),
        (_put(2, *VAE_TEST, "secret"), "secret is nothing that a capsule has"),
    ],
)
def test_what_is_no_sound_capsule_is_refused_in_a_sentence(sealed, change, part):
    change(sealed)
    with pytest.raises(InputError, match=part) as refused:
        read(json.dumps(sealed))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "no JSON", "[" * 100_000, b"\xff\xfe\x00", "[]", "7" * 5000, '{"a": 1}'])
def test_other_files_are_no_capsules(text):
    with pytest.raises(InputError, match="no capsule"):
        read(text)


def test_numbers_and_files_beyond_all_measure_are_refused(monkeypatch, sealed):
    sealed["runs"][0]["metrics"]["vae"]["test"]["kl"] = "INFINITY"
    with pytest.raises(InputError, match="infinite"):
        read(dumps(sealed).replace('"INFINITY"', "1e999"))
    text = dumps(sealed)
    monkeypatch.setattr("vae.exports.capsule.MAX_BYTES", 1000)
    with pytest.raises(InputError, match="larger than"):
        read(text)
    with pytest.raises(InputError, match="several of fewer runs"):
        dumps(sealed)


# The rerun


def test_a_rerun_here_is_equal_bit_for_bit_and_stored(place, sealed):
    settings, store, run_id = place
    epochs = []
    (outcome,) = reproduce(
        store, resealed(sealed), settings, lambda number, epoch: epochs.append((number, epoch.epoch))
    )
    assert (outcome.verdict, outcome.differences, outcome.sentence) == (REPRODUCED, (), "Reproduced, bit for bit.")
    assert outcome.run_id != run_id
    assert store.run(outcome.run_id).status == "done"
    assert epochs == [(0, 0), (0, 1), (0, 2)]


def test_a_rerun_takes_as_many_threads_as_then(place, sealed):
    settings, store, _ = place
    other = dataclasses.replace(settings, threads=2)
    (outcome,) = reproduce(store, resealed(sealed), other)
    assert store.run(outcome.run_id).data["machine"]["threads"] == 1
    assert outcome.verdict == REPRODUCED


def test_a_doctored_seed_is_found_out_by_the_rerun(place, sealed):
    sealed["runs"][0]["config"]["seed"] = 6
    outcome = outcome_of(place, sealed)
    assert outcome.verdict == DIFFERS
    assert any(difference.what == "vae weights" for difference in outcome.differences)


def test_other_images_can_not_be_repeated_on(place, sealed):
    settings, store, _ = place
    sealed["runs"][0]["dataset"]["hash"] = "0" * 64
    before = len(store.runs(1000))
    outcome = outcome_of(place, sealed)
    assert outcome.verdict == IMPOSSIBLE
    assert "000000000000" in outcome.sentence
    sealed["runs"][0]["config"]["dataset"] = "mnist"
    assert "MNIST" in outcome_of(place, sealed).sentence
    sealed["runs"][0]["config"]["dataset"] = "own-123456789abc"
    assert "own-123456789abc" in outcome_of(place, sealed).sentence
    sealed["runs"][0] |= {"config": sealed["runs"][0]["config"] | {"dataset": "digits", "epochs": 30}}
    sealed["runs"][0]["dataset"]["hash"] = store.runs(1, ("done",))[0].data["hash"]
    (short,) = reproduce(store, resealed(sealed), dataclasses.replace(settings, max_epochs=20))
    assert "VAE_MAX_EPOCHS" in short.sentence
    assert len(store.runs(1000)) == before, "nothing was trained"


@pytest.mark.slow
def test_with_other_instructions_it_is_within_tolerance(place, sealed, tmp_path):
    """Products by AVX2 give other bits: as near to another machine as one machine comes."""
    file = tmp_path / "capsule.json"
    file.write_text(dumps(sealed))
    env = os.environ | place[0].environment() | {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
    command = [sys.executable, "-m", "vae", "reproduce", str(file), "--json", "-"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (outcome,) = json.loads(done.stdout)
    assert outcome["verdict"] in (WITHIN, REPRODUCED)
    assert [difference["what"] for difference in outcome["elsewhere"]] == ["instructions"]


# The judgement


def changed(run, test=None, epoch=None, **values):
    """A run with other numbers for its VAE: on the test images, after its last epoch."""
    vae = run.metrics["vae"]
    last = vae.epochs[-1].model_copy(update=epoch or {})
    vae = vae.model_copy(update={"test": vae.test.model_copy(update=test or {}), "epochs": [*vae.epochs[:-1], last]})
    return run.model_copy(update={"metrics": run.metrics | {"vae": vae}} | values)


def elsewhere(run, **values):
    return run.model_copy(update={"machine": run.machine.model_copy(update={"processor": "Another", **values})})


def test_a_changed_kl_differs_in_digits_that_tell(old):
    outcome = compare(changed(old, test={"kl": 25.1}), changed(old, test={"kl": 25.9}))
    assert outcome.verdict == DIFFERS
    assert outcome.sentence == "Differs: vae test kl 25.1 → 25.9."
    slight = compare(changed(old, test={"kl": 25.1}), changed(old, test={"kl": 25.1 + 2**-45}))
    assert slight.verdict == DIFFERS, "here nothing but equality will do"
    assert str(slight.differences[0]) == "vae test kl 25.1 → 25.10000000000003"


def test_history_weights_settings_and_images_count_as_well(old):
    off = old.metrics["vae"].epochs[-1].loss + 1e-12
    cases = {
        "vae epoch 2 loss": changed(old, epoch={"loss": off}),
        "ae weights": old.model_copy(update={"weights": old.weights | {"ae": "0" * 64}}),
        "seed": old.model_copy(update={"config": old.config.model_copy(update={"seed": 6})}),
        "images hash": old.model_copy(update={"dataset": old.dataset.model_copy(update={"hash": "0" * 64})}),
        "images classes": old.model_copy(update={"dataset": old.dataset.model_copy(update={"classes": ["one"]})}),
    }
    for what, doctored in cases.items():
        outcome = compare(doctored, old)
        assert (outcome.verdict, [difference.what for difference in outcome.differences]) == (DIFFERS, [what])


def test_what_is_missing_differs_wherever_it_was_trained(old):
    without = old.model_copy(
        update={
            "metrics": {"ae": old.metrics["ae"]},
            "weights": {"ae": old.weights["ae"]},
        }
    )
    for doctored in (without, elsewhere(without)):
        outcome = compare(doctored, old)
        assert outcome.verdict == DIFFERS
        assert [str(difference)[:28] for difference in outcome.differences] == [
            "vae metrics missing → there",
            "vae weights nothing → " + old.weights["vae"][:6],
        ]
    rows = old.metrics["vae"].epochs
    for epochs in (rows[:-1], [*rows, rows[-1]], [rows[0], rows[2], rows[1]]):
        vae = old.metrics["vae"].model_copy(update={"epochs": epochs})
        doctored = old.model_copy(update={"metrics": old.metrics | {"vae": vae}})
        assert compare(elsewhere(doctored), old).verdict == DIFFERS, "a row lost, doubled, in another place"
        assert str(compare(doctored, old).differences[0]).startswith("vae epochs 0, ")
    assert compare(elsewhere(changed(old, test={"kl": None})), old).verdict == DIFFERS


def test_lines_of_one_number_are_gathered(old):
    vae = old.metrics["vae"]
    epochs = [row.model_copy(update={"loss": row.loss + 1}) for row in vae.epochs]
    doctored = old.model_copy(update={"metrics": old.metrics | {"vae": vae.model_copy(update={"epochs": epochs})}})
    (line,) = compare(doctored, old).differences
    assert str(line).startswith("vae epoch 0 loss ")
    assert str(line).endswith("(and in 2 later epochs)")


def test_another_machine_has_a_tolerance_and_is_named(old):
    kl = old.metrics["vae"].test.kl
    near, far = kl + 0.9 * allowed("kl", 2, "float32", kl, kl), kl + 1.2 * allowed("kl", 2, "float32", kl, kl)
    there = elsewhere(changed(old, test={"kl": near}, weights=old.weights | {"ae": "0" * 64}), threads=2)
    outcome = compare(there, old)
    assert outcome.verdict == WITHIN
    assert [difference.what for difference in outcome.elsewhere] == ["processor", "threads"]
    assert outcome.furthest.what == "vae test kl"
    assert "threads 2 → 1" in outcome.sentence
    assert compare(elsewhere(changed(old, test={"kl": far})), old).verdict == DIFFERS
    assert compare(changed(old, test={"kl": near}), old).verdict == DIFFERS, "not here"
    assert compare(elsewhere(old), old).verdict == REPRODUCED, "equal is equal wherever it was made"
    only_weights = compare(elsewhere(old.model_copy(update={"weights": old.weights | {"ae": "0" * 64}})), old)
    assert only_weights.verdict == WITHIN
    assert "the weights are not" in only_weights.sentence


def test_other_versions_and_unknown_machines_are_elsewhere(old):
    kl = old.metrics["vae"].test.kl
    near = changed(old, test={"kl": kl + 1e-9})
    older = near.model_copy(update={"versions": near.versions | {"torch": "2.9.0"}})
    assert compare(older, old).verdict == WITHIN
    assert "torch 2.9.0 → " in compare(older, old).sentence
    unknown = near.model_copy(update={"machine": None})
    assert (
        compare(unknown, old).verdict == compare(unknown, unknown.model_copy(update={"metrics": old.metrics})).verdict
    )
    assert compare(unknown, old).verdict == WITHIN


def test_tolerances_by_hand():
    """0.2 % of a loss up to 20 epochs, 15 times that from 300 epochs on, 5 times as much in bfloat16."""
    assert allowed("loss", 3, "float32", 100.0, 99.0) == pytest.approx(0.2)
    assert allowed("loss", 60, "float32", 100.0, 100.1) == pytest.approx(3 * 0.2002)
    assert allowed("loss", 1000, "float32", 100.0, 99.0) == pytest.approx(15 * 0.2)
    assert allowed("loss", 3, "bfloat16", 100.0, 99.0) == pytest.approx(5 * 0.2)
    assert allowed("kl", 3, "float32", 0.0, 0.001) == pytest.approx(0.01), "a KL of next to nothing"
    assert allowed("active_units", 1000, "bfloat16", 3, 4) == 1
    assert METRICS.keys() - set(without_column()) <= set(schema.metrics.columns.keys())


def test_another_seed_is_outside_the_tolerance(place, old):
    """A tolerance that took one seed for another would say nothing."""
    settings, store, _ = place
    run_id = store.create(CONFIG.model_copy(update={"seed": 6}), "test")
    execute(store, run_id, settings)
    other = record(store, run_id).model_copy(update={"config": CONFIG})
    outcome = compare(elsewhere(old), other)
    assert outcome.verdict == DIFFERS
    assert {"ae test loss", "vae test loss"} <= {difference.what for difference in outcome.differences}


def test_runs_from_before_machines_were_recorded_can_be_sealed(place):
    settings, store, _ = place
    run_id = store.create(CONFIG, "test")
    execute(store, run_id, settings)
    data = store.run(run_id).data
    del data["machine"]
    with store.write() as connection:
        connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(data=data))
    (outcome,) = reproduce(store, read(dumps(capsule(store, [run_id]))), settings)
    assert outcome.verdict == REPRODUCED
    assert [difference.what for difference in outcome.elsewhere] == ["computer"]


def test_a_machine_is_described_without_names_of_its_owner(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    described = hardware.machine("cpu", 2)
    assert described["threads"] == 2
    assert described["instructions"].endswith("ONEDNN_MAX_CPU_ISA=AVX2")
    monkeypatch.setattr(hardware, "CPU_INFO", ROOT / "no such file")
    assert hardware.machine("cpu", 1)["processor"]
