"""The store against a small model of it, in any order of requests; and texts that no database takes."""

import datetime as dt
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from sqlalchemy import delete
from test_properties_config import LONGEST, NASTY, TEXT

from vae import naming
from vae.config import RunConfig
from vae.datasets import load
from vae.errors import InputError
from vae.store import schema, uploaded_images
from vae.store.runs import ACTIVE, ENDED, RESUMABLE, EpochRecord, Store, Superseded, now
from vae.sweeps import stored
from vae.sweeps.spec import READY

METRICS = {
    "loss": 1.0,
    "reconstruction": 1.0,
    "kl": None,
    "kl_per_dim": None,
    "mse_from_mean": 0.1,
    "mse_from_sample": None,
    "active_units": 1,
}
CONFIG = RunConfig(epochs=50, variants=("ae",))


def record(epoch):
    payload = {"ae": b"%d" % epoch}
    return EpochRecord(epoch, "validation", 0.5, {"ae": METRICS}, payload, payload, b"%d" % epoch)


@dataclass
class Known:
    """What must be true of one run."""

    status: str = "queued"
    attempt: int = 0
    epochs: list[int] = field(default_factory=list)
    stop: bool = False
    deleted: bool = False
    name: str = naming.name(CONFIG)
    tags: tuple[str, ...] = ()
    note: str | None = None


def unstorable(text):
    return any(
        ord(character) < 32 or 127 <= ord(character) < 160 or "\ud800" <= character <= "\udfff" for character in text
    )


class Runs(RuleBasedStateMachine):
    """Pages, workers that died and workers that live, all at the same runs."""

    ids = Bundle("ids")
    attempts = Bundle("attempts")  # a worker that holds a run, perhaps no longer the one that counts

    @initialize()
    def open(self):
        self.known = {}
        with STORE.write() as connection:
            connection.execute(delete(schema.runs))

    @rule(target=ids)
    def create(self):
        run_id = STORE.create(CONFIG, "test")
        self.known[run_id] = Known()
        return run_id

    def counts(self, run):
        expected = self.known.get(run.id)
        return expected is not None and expected.attempt == run.attempt and expected.status == "running"

    @rule(target=attempts, run_id=ids)
    def claim(self, run_id):
        expected, run = self.known.get(run_id), STORE.claim(run_id)
        if expected is None or expected.status not in ACTIVE:
            assert run is None
            return (None, 0)
        expected.status, expected.attempt = "running", expected.attempt + 1
        assert run.attempt == expected.attempt
        return (run, max(expected.epochs, default=-1))

    @rule(target=attempts, attempt=consumes(attempts))
    def record_epoch(self, attempt):
        """A worker goes on from the checkpoint that it found when it began."""
        run, epoch = attempt
        if run is None:
            return (None, 0)
        if self.counts(run):
            STORE.record_epoch(run, record(epoch + 1))
            self.known[run.id].epochs.append(epoch + 1)
        else:
            with pytest.raises(Superseded):
                STORE.record_epoch(run, record(epoch + 1))
        return (run, epoch + 1)

    @rule(attempt=consumes(attempts), status=st.sampled_from(["done", "stopped", "failed"]))
    def finish(self, attempt, status):
        run, _ = attempt
        if run is None:
            return
        if self.counts(run):
            STORE.finish(run, status, "why\0 \ud800")
            self.known[run.id].status = status
        else:
            with pytest.raises(Superseded):
                STORE.finish(run, status)

    @rule(run_id=ids)
    def stop(self, run_id):
        STORE.request_stop(run_id)
        if (expected := self.known.get(run_id)) is None:
            return
        expected.stop = expected.stop or expected.status == "running"
        expected.status = "stopped" if expected.status == "queued" else expected.status

    @rule(run_id=ids)
    def requeue(self, run_id):
        expected, done = self.known.get(run_id), STORE.requeue(run_id, "other")
        assert done == (expected is not None and expected.status in RESUMABLE)
        if done:
            expected.status, expected.stop, expected.deleted = "queued", False, False

    @rule(run_id=ids, late=st.booleans())
    def interrupt(self, run_id, late):
        if (expected := self.known.get(run_id)) is None:
            STORE.interrupt(run_id, 0, "why")
            return
        pulse = STORE.run(run_id).pulse
        if late:
            STORE.beat([run_id])
        moved = late and expected.status in ACTIVE
        STORE.interrupt(run_id, pulse, "why")
        if expected.status in ACTIVE and not moved:
            expected.status = "interrupted"

    @rule(run_ids=st.lists(ids, max_size=3))
    def delete(self, run_ids):
        mine = {run_id for run_id in run_ids if run_id in self.known}
        mine = {run_id for run_id in mine if self.known[run_id].status in ENDED and not self.known[run_id].deleted}
        assert STORE.delete(run_ids) == len(mine)
        for run_id in mine:
            self.known[run_id].deleted = True

    @rule(run_ids=st.lists(ids, max_size=3))
    def restore(self, run_ids):
        mine = {run_id for run_id in run_ids if run_id in self.known and self.known[run_id].deleted}
        assert STORE.restore(run_ids) == len(mine)
        for run_id in mine:
            self.known[run_id].deleted = False

    @rule(old=st.booleans())
    def purge(self, old):
        """What was deleted before a moment that lies in the future, or long ago."""
        gone = [run_id for run_id, expected in self.known.items() if expected.deleted and not old]
        assert STORE.purge(now() + dt.timedelta(days=-1 if old else 1)) == len(gone)
        for run_id in gone:
            del self.known[run_id]

    @rule(run_id=ids, name=TEXT, tags=st.lists(TEXT, max_size=3), note=TEXT)
    def describe(self, run_id, name, tags, note):
        try:
            STORE.describe(run_id, name=name, tags=tags, note=note)
        except InputError as problem:
            assert str(problem).isprintable()
            assert not name.strip() or unstorable("".join([name, *tags]).strip()) or unstorable(note)
            return
        if expected := self.known.get(run_id):
            expected.name, expected.note = name.strip(), note.strip() or None
            expected.tags = tuple(sorted({tag.strip() for tag in tags} - {""}))

    @invariant()
    def the_store_says_the_same(self):
        if not hasattr(self, "known"):
            return
        listed = {run.id: run for run in STORE.runs(1000)}
        assert set(listed) == {run_id for run_id, expected in self.known.items() if not expected.deleted}
        assert set(STORE.queue()) == {run_id for run_id, expected in self.known.items() if expected.status == "queued"}
        for run_id, expected in self.known.items():
            run = STORE.run(run_id)
            assert (run.status, run.attempt, run.stop_requested) == (expected.status, expected.attempt, expected.stop)
            assert (run.name, run.tags, run.note) == (expected.name, expected.tags, expected.note)
            assert run.epoch == max(expected.epochs, default=-1)
            assert STORE.history(run_id)["epoch"].tolist() == expected.epochs == list(range(len(expected.epochs)))
            assert STORE.weight_epochs(run_id) == expected.epochs
            if expected.epochs and expected.status != "done":
                assert STORE.checkpoint(run_id) == (expected.epochs[-1], b"%d" % expected.epochs[-1])


FOLDER = tempfile.TemporaryDirectory()
STORE = Store(f"sqlite:///{Path(FOLDER.name) / 'runs.db'}")
TestRuns = Runs.TestCase
TestRuns.pytestmark = [pytest.mark.slow]
TestRuns.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


def assert_said(problem):
    assert str(problem).isprintable() and str(problem).endswith(".") and len(str(problem)) < LONGEST


UNSTORABLE = st.tuples(TEXT, st.sampled_from(["\0", "\ud800", "\udfff", "\x1b", "\x85"]), TEXT).map(
    "a{0[0]}{0[1]}{0[2]}b".format
)


@settings(max_examples=60, deadline=None)
@given(UNSTORABLE, st.sampled_from(["name", "tag", "note", "title", "sweep"]))
def test_text_that_no_database_takes_is_refused_in_a_sentence(text, where):
    run_id = STORE.create(CONFIG, "test")
    before = STORE.run(run_id)
    with pytest.raises(InputError) as problem:
        if where == "title":
            uploaded_images.keep(STORE, text[:80], load("digits", Path(FOLDER.name)))
        elif where == "sweep":
            stored.create(STORE, READY["beta"][2], text, "test")
        else:
            words = {"name": "a", "tags": ["b"], "note": "c"}
            changed = {"tags": [text[:40]]} if where == "tag" else {where: text}
            STORE.describe(run_id, **words | changed)
    assert_said(problem.value)
    assert STORE.run(run_id) == before and uploaded_images.listed(STORE) == [] and stored.listed(STORE) == []


def test_lines_and_joined_characters_are_no_control_characters():
    run_id = STORE.create(CONFIG, "test")
    STORE.describe(run_id, name="👩‍👩‍👧 नमस्ते", tags=["größe", "שלום"], note="one\n\ttwo\r\nthree")
    run = STORE.run(run_id)
    assert (run.name, run.tags, run.note) == ("👩‍👩‍👧 नमस्ते", ("größe", "שלום"), "one\n\ttwo\r\nthree")


@settings(max_examples=100, deadline=None)
@given(TEXT | NASTY)
def test_an_id_that_may_be_anything_is_not_there(text):
    for find in (
        STORE.run,
        lambda asked: stored.find(STORE, asked),
        lambda asked: uploaded_images.find(STORE, f"own-{asked}"),
    ):
        with pytest.raises(InputError) as problem:
            find(text)
        assert_said(problem.value)
