"""Images of one's own in the store: found by their content, loaded by whoever trains, told apart when damaged."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sqlalchemy import update

from vae.config import RunConfig
from vae.datasets import DATASETS, Images
from vae.errors import InputError
from vae.runs.execution import check, execute
from vae.settings import Settings
from vae.store import schema, uploaded_images
from vae.store.runs import Store
from vae.store.tensor_bytes import pack


def some_images(seed: int = 0) -> Images:
    draw = np.random.default_rng(seed)
    sizes = {"train": 60, "test": 12}
    parts = {f"{part}_x": draw.integers(0, 256, (n, 20), dtype=np.uint8) for part, n in sizes.items()}
    parts |= {f"{part}_y": draw.integers(0, 2, n).astype(np.uint8) for part, n in sizes.items()}
    return Images(name="mine", shape=(1, 4, 5), white=255, classes=("cat", "dog"), **parts)


def test_what_is_kept_comes_back(store: Store, settings: Settings) -> None:
    images = some_images()
    kept = uploaded_images.keep(store, " Cats & dogs ", images)
    assert (kept.name, kept.title) == (f"own-{images.hash[:12]}", "Cats & dogs")
    back = uploaded_images.load(Store(settings.database_url), kept.name, settings.data_dir)
    assert (back.hash, back.shape, back.classes) == (images.hash, (1, 4, 5), ("cat", "dog"))
    assert np.array_equal(back.train_x, images.train_x)
    described = uploaded_images.lookup(store, kept.name)
    assert (described.title, described.shape, described.train_size) == ("Cats & dogs", (1, 4, 5), 60)
    assert list(uploaded_images.catalogue(store)) == [*DATASETS, kept.name]


def test_the_same_images_are_kept_once_under_their_last_title(store: Store) -> None:
    first, second = (uploaded_images.keep(store, title, some_images()) for title in ("one", "two"))
    assert first.name == second.name
    assert [upload.title for upload in uploaded_images.listed(store)] == ["two"]
    uploaded_images.keep(store, "other", some_images(1))
    assert {upload.title for upload in uploaded_images.listed(store)} == {"two", "other"}


def test_a_run_learns_from_them(store: Store, settings: Settings) -> None:
    name = uploaded_images.keep(store, "mine", some_images()).name
    config = RunConfig(dataset=name, validation_size=10, hidden=(8,), epochs=1)
    check(store, config, settings)
    run_id = store.create(config, "test")
    assert execute(store, run_id, settings) == "done"
    assert store.run(run_id).data["hash"] == some_images().hash
    with pytest.raises(InputError, match="1 run learnt from mine"):
        uploaded_images.remove(store, name)


def test_they_can_be_removed(store: Store) -> None:
    name = uploaded_images.keep(store, "mine", some_images()).name
    uploaded_images.remove(store, name)
    assert uploaded_images.listed(store) == []
    with pytest.raises(InputError, match="no images called"):
        uploaded_images.find(store, name)


@pytest.mark.parametrize("name", ["own-", "own-%", "own-000000000000", "own-0", "own-____________"])
def test_a_name_that_is_not_there_is_told(store: Store, settings: Settings, name: str) -> None:
    uploaded_images.keep(store, "mine", some_images())
    with pytest.raises(InputError, match="no images called"):
        uploaded_images.load(store, name, settings.data_dir)


@pytest.mark.parametrize("title", ["", "  ", "x" * 81])
def test_a_bad_title_is_refused_and_nothing_kept(store: Store, title: str) -> None:
    with pytest.raises(InputError, match="1 to 80 characters"):
        uploaded_images.keep(store, title, some_images())
    assert uploaded_images.listed(store) == []


def test_images_changed_in_the_database_are_told_apart(store: Store, settings: Settings) -> None:
    images, other = some_images(), some_images(1)
    name = uploaded_images.keep(store, "mine", images).name
    changed = pack({part: getattr(other, part) for part in ("train_x", "train_y", "test_x", "test_y")})
    with store.write() as connection:
        connection.execute(update(schema.uploads).values(payload=changed))
    with pytest.raises(InputError, match="damaged"):
        uploaded_images.load(Store(settings.database_url), name, settings.data_dir)


def named(classes: tuple[str, ...]) -> Images:
    """The same pixels and indices, as a file with these names of classes gives them."""
    return dataclasses.replace(some_images(), classes=classes, names_in_hash=True)


def test_corrected_names_of_classes_are_another_data_set(store: Store, settings: Settings) -> None:
    """And are shown at once, whatever is still in memory of the first."""
    wrong = uploaded_images.keep(store, "mine", named(("cta", "dgo")))
    run_id = store.create(RunConfig(dataset=wrong.name, validation_size=10, hidden=(8,), epochs=1), "test")
    assert execute(store, run_id, settings) == "done"
    right = uploaded_images.keep(store, "mine", named(("cat", "dog")))
    assert right.name != wrong.name
    assert uploaded_images.load(store, right.name, settings.data_dir).classes == ("cat", "dog")
    assert uploaded_images.load(store, wrong.name, settings.data_dir).classes == ("cta", "dgo"), (
        "runs keep what they saw"
    )
    assert store.run(run_id).data["classes"] == ["cta", "dgo"]
    assert {upload.info["classes"][0] for upload in uploaded_images.listed(store)} == {"cta", "cat"}


def test_what_was_kept_before_names_counted_stays_what_it_is(store: Store, settings: Settings) -> None:
    before = uploaded_images.keep(store, "mine", some_images())  # as an earlier version kept it
    again = uploaded_images.keep(store, "mine, again", named(("cat", "dog")))
    assert (again.name, again.title) == (before.name, "mine, again")
    assert uploaded_images.load(store, again.name, settings.data_dir).hash == some_images().hash
    assert uploaded_images.keep(store, "corrected", named(("kitten", "dog"))).name != before.name
    assert len(uploaded_images.listed(store)) == 2
