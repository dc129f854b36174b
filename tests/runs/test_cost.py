"""What a run is said to need is what it takes: memory of real processes, rows of a real database."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest
from paging import open_page, unescaped
from sqlalchemy import func, select

from pages.state import resources
from vae.config import RunConfig
from vae.datasets import DATASETS
from vae.errors import InputError
from vae.learning import snapshots, training
from vae.runs import cost
from vae.runs.execution import check, execute
from vae.settings import ROOT, Settings
from vae.store import schema
from vae.sweeps.driver import check_all, dearest
from vae.sweeps.spec import Range, SweepSpec

SMALL = RunConfig(epochs=2, hidden=(32,), train_limit=300)
HUGE = RunConfig(hidden=(4096,) * 4, epochs=1)
# Trains in a process of its own, which has loaded what a worker has, and prints the most memory it ever held.
ALONE = r"""
import json, pathlib, re, sys
import distributed
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.store.runs import Store
from vae.settings import Settings
settings = Settings.from_environment()
store = Store(settings.database_url)
run_id = store.create(RunConfig.parse(json.loads(sys.argv[1])), "test")
assert execute(store, run_id, settings) == "done", store.run(run_id).error
# Not getrusage: what it says begins with the size of the process that started this one.
status = pathlib.Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024)
"""
MNIST = {"dataset": "mnist", "validation_size": 5000, "hidden": [400], "epochs": 1, "latent_dim": 20}
WIDE = {"dataset": "strokes", "train_limit": 600, "validation_size": 1000, "epochs": 1}
REAL = {
    "small digits": {"dataset": "digits", "validation_size": 200, "hidden": [128]},
    "784-400-20": {"batch_size": 128},
    "four variants": {"variants": ["ae", "noise_only", "kl_only", "vae"], "train_limit": 5000, "batch_size": 128},
    "other ways to smooth": {
        "variants": ["denoising", "contractive", "rae", "code_noise"],
        "train_limit": 5000,
        "batch_size": 512,
    },
    "a contractive penalty": {"variants": ["contractive"], "latent_dim": 64, "train_limit": 2000, "batch_size": 1024},
    # Of few images: what these take is in their weights.
    "2048 wide, 4 layers": WIDE | {"hidden": [2048] * 4},
    "4096 wide, 2 layers": WIDE | {"hidden": [4096] * 2},
    "batches of 8192": {"hidden": [1024, 512], "batch_size": 8192, "train_limit": 20_000},
    "64 samples": {"batch_size": 128, "samples": 64, "train_limit": 512},
    "64 samples, scored": {"batch_size": 512, "samples": 64, "estimator": "score_function", "train_limit": 1024},
    "64 samples, doubly": {"batch_size": 512, "samples": 64, "estimator": "dreg", "train_limit": 1024},
    "squared error": {"hidden": [], "batch_size": 8192, "reconstruction": "sse"},
    "convolutions": WIDE | {"network": "conv", "channels": [32, 64], "batch_size": 512, "hidden": [128]},
    "convolutions and all between": WIDE
    | {"network": "conv", "channels": [32, 64], "batch_size": 512, "normalisation": "batch", "dropout": 0.2},
    "512 dimensions": {"hidden": [1024], "latent_dim": 512, "batch_size": 256, "train_limit": 3000},
}


def peak(tmp_path, values, data_dir):
    """Bytes of main memory that a process held at most."""
    environment = os.environ | {"VAE_DATA_DIR": str(data_dir), "VAE_DATABASE_URL": f"sqlite:///{tmp_path / 'runs.db'}"}
    environment |= {"VAE_WORKERS": "1", "VAE_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ALONE, json.dumps(values)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def assert_close(said, found):
    assert 0.9 * found < said < 1.5 * found, f"said {said >> 20} MB, took {found >> 20} MB"


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.spare) if " wide, " in kind else kind for kind in REAL]
)
def test_runs_take_what_is_said(tmp_path, mnist_dir, kind):
    values = MNIST | REAL[kind]
    assert_close(cost.memory(RunConfig.parse(values), DATASETS[values["dataset"]]), peak(tmp_path, values, mnist_dir))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"epochs": 8, "variants": ("ae", "noise_only", "kl_only", "vae")},
        {"latent_dim": 300, "hidden": (512,)},
        {"validation_size": 0},
    ],
    ids=str,
)
@pytest.mark.sqlite
def test_rows_take_what_is_said(store, settings, changes):
    config = SMALL.model_copy(update=changes)
    run_id = store.create(config, "test")
    assert execute(store, run_id, settings) == "done"
    found = cost.checkpoint(config, DATASETS["digits"])  # is gone when a run is done; its size is tested below
    with store.engine.connect() as connection:
        for table, columns in (
            (schema.snapshots, ("payload",)),
            (schema.weights, ("payload",)),
            (schema.originals, ("payload",)),
            (schema.splits, ("rows",)),
            (schema.metrics, ("kl_per_dim",)),
        ):
            for column in columns:
                found += connection.scalar(select(func.coalesce(func.sum(func.length(table.c[column])), 0)))
        whole = connection.exec_driver_sql("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        pages = whole.scalar()
    said = cost.stored(config, DATASETS["digits"], settings.max_weights_mb)
    assert found < said < 1.5 * found + 200_000
    assert said < pages * 1.3  # the file's pages, empty tables among them


def test_a_checkpoint_is_as_large_as_said(store, settings):
    sizes = []
    config = SMALL.model_copy(update={"hidden": (512,)})
    run_id = store.create(config, "test")
    execute(store, run_id, settings, lambda epoch: sizes.append(len(store.checkpoint(run_id)[1])))
    said = cost.checkpoint(config, DATASETS["digits"])
    assert len(sizes) == 3 and all(said <= size < said + 10_000 for size in sizes)


def test_it_counts_what_training_counts():
    """Numbers repeated here, so that a page needs no torch to know them."""
    assert cost.WATCHED == training.TRAINING_IMAGES_WATCHED
    assert cost.THREADED == training.WORTH_A_THREAD
    assert (cost.CODES, cost.PICTURES) == (snapshots.CODES_SHOWN, snapshots.IMAGES_SHOWN)


@pytest.mark.parametrize("name", ["digits", "strokes", "shapes", "shapes_colour"])
def test_sizes_are_known_before_the_images_are_loaded(name, tmp_path):
    images, told = DATASETS[name].load(tmp_path), DATASETS[name]
    assert (told.train_size, told.test_size, told.shape) == (len(images.train_x), len(images.test_x), images.shape)


@pytest.mark.parametrize(
    ("values", "lower"),
    [
        ({"hidden": (4096,) * 4, "dataset": "mnist"}, "hidden"),
        ({"samples": 64, "batch_size": 8192, "dataset": "mnist", "estimator": "score_function"}, "batch_size, samples"),
        ({"samples": 64, "batch_size": 8192, "dataset": "mnist"}, "batch_size, samples"),
    ],
)
def test_what_needs_too_much_memory_is_refused_with_what_to_lower(store, settings, values, lower):
    config, settings = RunConfig(**values), dataclasses.replace(settings, max_memory_mb=4000)
    with pytest.raises(InputError) as problem:
        check(store, config, settings)
    said = str(problem.value)
    needed = cost.memory(config, DATASETS["mnist"]) / 2**30
    assert f"about {needed:,.1f} GB of memory" in said and "allows 3.9 GB a run (VAE_MAX_MEMORY_MB)" in said
    assert lower in said.rpartition("Lower ")[2]
    assert store.runs() == []


def test_what_a_database_can_not_keep_in_one_piece_is_refused(store, settings):
    """SQLite takes 10⁹ bytes in one value: such a run would break off after its first epoch."""
    generous = dataclasses.replace(settings, max_memory_mb=10**6, max_run_mb=10**6)
    with pytest.raises(InputError, match=r"2\.3 GB to go on from; .*Lower hidden"):
        check(store, HUGE, generous)


def test_what_takes_too_much_room_is_refused_with_what_to_lower(store, settings):
    config = RunConfig(dataset="shapes", epochs=1000, variants=("ae", "noise_only", "kl_only", "vae"))
    check(store, config, settings)
    with pytest.raises(InputError, match=r"in the database; this server allows 64 MB .*Lower epochs"):
        check(store, config, dataclasses.replace(settings, max_run_mb=64))


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_what_does_not_fit_a_gpu_is_refused_by_its_free_memory(network):
    """No GPU is needed: what is free is a number. More weights, images in a batch and images take more."""
    config, dataset = RunConfig(network=network), DATASETS["strokes"]
    needed = cost.accelerator_memory(config, dataset)
    assert needed > cost.CONTEXT + 4 * 784 * (dataset.train_size - 200 + dataset.test_size)
    cost.refuse_accelerator(config, dataset, needed)
    with pytest.raises(InputError, match=r"of the GPU's memory; .* of it is free\. Lower"):
        cost.refuse_accelerator(config, dataset, needed - 1)
    for update in ({"batch_size": 4096}, {"hidden": (4096, 4096)}):
        assert cost.accelerator_memory(config.model_copy(update=update), dataset) > needed


def test_every_preset_and_every_ready_sweep_is_allowed_on_a_small_machine():
    from vae.config import PRESETS
    from vae.sweeps.spec import READY

    small = Settings.from_environment({"VAE_MAX_MEMORY_MB": "1600", "VAE_WORKERS": "1", "VAE_THREADS": "1"})
    for preset in PRESETS.values():
        cost.refuse(preset.config, DATASETS[preset.config.dataset], small)
    for _, _, spec in READY.values():
        for params in spec.grid():
            cost.refuse(spec.config(params, 0), DATASETS["digits"], small)


@pytest.mark.parametrize(
    ("sampler", "over"),
    [
        ("grid", {"hidden": ("32", "4096,4096,4096,4096", "64")}),  # neither the first nor the last
        ("random", {"hidden": ("32", "4096,4096,4096,4096", "64")}),
        ("random", {"network": ("conv", "mlp"), "channels": ("8", "8,8,8,8", "8,8")}),  # can't be halved so often
        ("random", {"batch_size": Range(low=1, high=8192), "samples": (1, 64, 2), "dataset": ("digits", "shapes")}),
    ],
    ids=str,
)
def test_a_sweep_is_refused_for_its_dearest_point(store, settings, sampler, over):
    spec = SweepSpec.parse(RunConfig(), over, sampler=sampler, points=3, objectives=("mse",))
    with pytest.raises(InputError, match=r"Lower|leave out 2\."):
        check_all(store, spec, dataclasses.replace(settings, max_memory_mb=1500))


def test_the_dearest_point_of_ranges_and_lists_is_found(store, settings):
    over = {"epochs": (1, 900, 3), "latent_dim": Range(low=2, high=512), "samples": (2, 64, 1), "batch_size": (64, 7)}
    spec = SweepSpec.parse(RunConfig(), over, sampler="random")
    memory, _, room = dearest(store, spec, settings)
    assert (memory.latent_dim, memory.samples, memory.batch_size) == (512, 64, 64)
    assert (room.latent_dim, room.epochs) == (512, 900)


def test_the_train_page_says_so_before_anybody_presses_the_button(shared, monkeypatch):
    monkeypatch.setenv("VAE_MAX_MEMORY_MB", "1300")
    resources.settings.cache_clear()
    app = open_page("train.py", batch_size="8192", samples="64", dataset="shapes")
    (said,) = [unescaped(warning.value) for warning in app.warning]
    assert "VAE_MAX_MEMORY_MB" in said and "Lower batch_size" in said
    assert not [warning.value for warning in open_page("train.py").warning]
