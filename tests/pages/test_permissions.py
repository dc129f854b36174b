"""A server for many: everybody's own is theirs to change, and somebody else's is not, on the page or past it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from files import grey, images_of, npz
from lessons import press
from paging import errors, open_page, open_tab
from stocking import stock
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from pages.state import resources
from pages.visitors import actions
from pages.visitors.cookie import NAME
from pages.visitors.visitor import visitor
from vae.config import RunConfig
from vae.datasets.imported import Limits
from vae.settings import ROOT
from vae.store import uploaded_images
from vae.store.runs import Store
from vae.sweeps import stored
from vae.sweeps.spec import SweepSpec

PROOFS = {"Ada": "a" * 32, "Bob": "b" * 32}
CONFIG = RunConfig(epochs=5)
SPEC = SweepSpec.parse(RunConfig(epochs=1), {"beta": (0.0, 1.0)}, seeds=1)


class Class:
    """A server for many, and who is just looking at it: sets the cookie that their browser sends."""

    def __init__(self, store: Store, client: SimpleNamespace) -> None:
        self.store, self._client = store, client
        self.come("Ada")

    def come(self, name: str) -> str:
        self._client.cookies = {NAME: PROOFS[name]}
        return visitor()

    def run_of(self, name: str, status: str = "queued") -> str:
        self.come(name)
        run_id = actions.queue(CONFIG)
        if status == "running":
            self.store.claim(run_id)
        elif status != "queued":
            self.store.finish(self.store.claim(run_id), status)
        return run_id


@pytest.fixture
def room(shared: Store, monkeypatch: pytest.MonkeyPatch) -> Class:
    monkeypatch.setenv("VAE_SHARED", "1")
    resources.settings.cache_clear()
    client = SimpleNamespace(headers=[], cookies={}, remote_ip="10.0.0.7")
    monkeypatch.setattr("streamlit.runtime.context._get_client_context", lambda: client)
    return Class(shared, client)


def button(app: AppTest, label: str) -> Button:
    return next(button for button in app.button if button.label == label)


# What is asked for is theirs who ask


def test_what_somebody_trains_is_theirs(room: Class) -> None:
    ada, bob = room.come("Ada"), room.come("Bob")
    assert ada != bob and PROOFS["Bob"] not in bob
    press(open_page("start.py"), "Train both now")
    (run,) = room.store.runs()
    assert run.visitor == bob


def test_a_sweep_and_its_runs_are_theirs(room: Class) -> None:
    from vae.sweeps.driver import advance

    ada = room.come("Ada")
    press(open_page("sweeps.py"), "Run this sweep")
    (sweep,) = stored.listed(room.store)
    advance(room.store, sweep, resources.settings(), room=2)
    assert sweep.visitor == ada and {run.visitor for run in room.store.runs()} == {ada}


def test_a_fourth_sweep_is_told(room: Class) -> None:
    for _ in range(3):
        actions.ask_for(SPEC, "one more")
    app = press(open_tab(open_page("sweeps.py"), "New sweep"), "Run this sweep")
    assert errors(app) == [
        "3 sweeps of yours are running already (VAE_MAX_SWEEPS_PER_VISITOR). Stop one, or wait until one is done."
    ]
    assert len(stored.listed(room.store)) == 3


# Somebody else's


@pytest.mark.parametrize(
    ("status", "label", "deed"), [("running", "Stop", "stop"), ("interrupted", "Resume", "resume")]
)
def test_somebody_else_s_run_is_shown_and_not_stopped_or_resumed(
    room: Class, status: str, label: str, deed: str
) -> None:
    run_id = room.run_of("Ada", status)
    assert not button(open_page("train.py", run=run_id), label).disabled
    room.come("Bob")
    theirs = button(open_page("train.py", run=run_id), label)
    assert theirs.disabled
    assert theirs.help == f"Someone else trained this run; only they can {deed} it."


def test_one_s_own_run_is_stopped_and_resumed(room: Class) -> None:
    run_id = room.run_of("Ada", "running")
    press(open_page("train.py", run=run_id), "Stop")
    assert room.store.run(run_id).stop_requested
    other = room.run_of("Ada", "interrupted")
    press(open_page("train.py", run=other), "Resume")
    assert room.store.run(other).status == "queued"


@pytest.mark.parametrize("status", ["running", "stopped"])
def test_somebody_else_s_sweep_is_shown_and_not_stopped_or_resumed(room: Class, status: str) -> None:
    room.come("Ada")
    sweep_id = actions.ask_for(SPEC, "Ada's")
    if status == "stopped":
        stored.stop(room.store, sweep_id)
    label = "Stop" if status == "running" else "Resume"
    assert not button(open_page("sweeps.py", sweep=sweep_id), label).disabled
    room.come("Bob")
    theirs = button(open_page("sweeps.py", sweep=sweep_id), label)
    assert theirs.disabled and theirs.help.startswith("Someone else asked for this sweep; only they can ")
    room.come("Ada")
    press(open_page("sweeps.py", sweep=sweep_id), label)
    assert stored.find(room.store, sweep_id).status == {"Stop": "stopped", "Resume": "running"}[label]


def test_chosen_runs_of_others_are_neither_described_nor_deleted(room: Class) -> None:
    hers = stock(room.store, 1)  # of the command line: nobody's
    mine = room.run_of("Bob", "stopped")
    app = open_page("compare.py", runs=hers[0])
    assert button(app, "Rename, tag, note").disabled and button(app, "Delete").disabled
    assert "Someone else trained this run" in button(app, "Delete").help
    app = open_page("compare.py", runs=f"{hers[0]},{mine}")
    press(app, "Delete")
    assert not app.exception
    assert room.store.run(mine).deleted_at and not room.store.run(hers[0]).deleted_at
    assert [toast.value for toast in app.toast] == ["1 run of other people not deleted."]
    press(app, "Undo")
    assert not room.store.run(mine).deleted_at


def test_somebody_else_s_images_stay(room: Class) -> None:
    images = images_of("a.npz", npz(images=grey()), None, Limits(10**6, 100))
    ada = room.come("Ada")
    actions.keep_images("Ada's", images)
    room.come("Bob")
    kept = actions.keep_images("Bob's", images)
    assert (kept.title, kept.visitor) == ("Ada's", ada), "the same images again: they keep their name"
    with pytest.raises(actions.NotYoursError, match="Someone else brought these images"):
        actions.remove_images(kept)
    app = open_tab(open_page("data.py"), "Your own images")
    (popover,) = [element for element in app.get("popover") if element.proto.popover.label == "Delete"]
    assert popover.proto.popover.disabled
    room.come("Ada")
    assert actions.keep_images("Better", images).title == "Better"
    actions.remove_images(uploaded_images.listed(room.store)[0])
    assert uploaded_images.listed(room.store) == []


def test_one_s_own_runs_are_found_among_many(room: Class) -> None:
    stock(room.store, 3)
    room.run_of("Ada")
    mine = room.run_of("Bob")
    app = open_page("compare.py")
    assert len(app.dataframe[0].value) == 5
    next(toggle for toggle in app.toggle if toggle.label == "Only mine").set_value(True).run()
    assert list(app.dataframe[0].value["id"]) == [mine]


def untouched(store: Store) -> list:
    with store.engine.connect() as connection:
        return [
            tuple(row) for name in ("runs", "sweeps") for row in connection.exec_driver_sql(f"SELECT * FROM {name}")
        ]


DEEDS: dict[str, Callable[[str, str], object]] = {
    "stop": lambda run, sweep: actions.stop(run),
    "resume": lambda run, sweep: actions.resume(run),
    "describe": lambda run, sweep: actions.describe(run, name="Mine", tags=["x"], note="y"),
    "delete": lambda run, sweep: actions.delete([run]),
    "stop_sweep": lambda run, sweep: actions.stop_sweep(stored.find(resources.store(), sweep)),
    "resume_sweep": lambda run, sweep: actions.resume_sweep(stored.find(resources.store(), sweep)),
}


@pytest.mark.parametrize("status", ["queued", "running", "stopped", "done"])
@pytest.mark.parametrize("whose", ["Ada's", "nobody's"])
def test_every_action_is_refused_where_it_is_done(room: Class, status: str, whose: str) -> None:
    """Not only where its button is drawn: a page may be old, a message may be made by hand."""
    run_id, sweep_id = room.run_of("Ada", status), actions.ask_for(SPEC, "Ada's")
    if status == "stopped":
        stored.stop(room.store, sweep_id)
    if whose == "nobody's":
        with room.store.write() as connection:
            connection.exec_driver_sql("UPDATE runs SET visitor = NULL")
            connection.exec_driver_sql("UPDATE sweeps SET visitor = NULL")
    room.come("Bob")
    before = untouched(room.store)
    for deed in DEEDS.values():
        with pytest.raises(actions.NotYoursError, match="only they can"):
            deed(run_id, sweep_id)
    assert untouched(room.store) == before


def test_what_somebody_deleted_nobody_else_brings_back(room: Class) -> None:
    run_id = room.run_of("Ada", "stopped")
    assert actions.delete([run_id]) == [run_id]
    room.come("Bob")
    assert actions.restore([run_id, "notthere"]) == 0 and room.store.run(run_id).deleted_at
    room.come("Ada")
    assert actions.restore([run_id]) == 1


def test_anybody_may_train_somebody_else_s_settings_again(room: Class) -> None:
    room.run_of("Ada", "done")
    bob = room.come("Bob")
    assert room.store.run(actions.queue(CONFIG)).visitor == bob


def test_an_administrator_may_change_what_is_anybody_s(room: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_ADMINS", "teacher@example.org")
    resources.settings.cache_clear()
    run_id = room.run_of("Ada", "running")
    room.come("Bob")
    app = AppTest.from_file(str(ROOT / "pages" / "_navigation.py"), default_timeout=60)
    app.query_params["run"] = run_id
    app.user = {"is_logged_in": True, "iss": "i", "sub": "1", "email": "teacher@example.org", "email_verified": True}
    app.run()
    assert not app.exception, app.exception
    assert not button(app, "Stop").disabled
    app.user = app.user | {"email_verified": False}
    app.run()
    assert button(app, "Stop").disabled


WRITES = {
    "store": {"create", "describe", "delete", "restore", "request_stop", "requeue", "interrupt", "write"},
    "jobs": {"submit", "stop", "resume"},
    "stored": {"create", "stop", "resume", "adopt", "settle", "add_runs"},
    "uploaded_images": {"keep", "remove"},
}


def written(source: str) -> set[str]:
    """Writes of a page's source to the store: `resources.store().delete`, `stored.stop`, …"""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            of = node.value.func if isinstance(node.value, ast.Call) else node.value
            name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
            if node.attr in WRITES.get(name, ()):
                found.add(f"{name}.{node.attr}")
    return found


def test_every_write_of_a_page_asks_first() -> None:
    assert written("resources.store().delete(x)\njobs().stop(y)\nstored.stop(s, i)") == {
        "store.delete", "jobs.stop", "stored.stop"
    }  # fmt: skip
    doors = {"actions.py", "resources.py"}
    pages = [path for path in (ROOT / "pages").rglob("*.py") if path.name not in doors]
    assert len(pages) > 40
    assert {path.name: found for path in pages if (found := written(path.read_text(encoding="utf-8")))} == {}


def test_at_this_computer_everything_is_as_it_was(shared: Store) -> None:
    run_id = shared.create(CONFIG, "cli-1")
    shared.claim(run_id)
    press(open_page("train.py", run=run_id), "Stop")
    assert shared.run(run_id).stop_requested
    assert "Only mine" not in [toggle.label for toggle in open_page("compare.py").toggle]


# The queue as a visitor sees it


def test_a_visitor_sees_their_true_place_and_how_long_it_takes(room: Class) -> None:
    for _ in range(3):
        room.run_of("Ada")
    room.store.claim(room.store.queue()[0])
    mine = room.run_of("Bob")
    (bar,) = open_page("train.py", run=mine).get("progress")
    assert re.fullmatch(r"Waiting for a free worker: number 1 in the queue, about \d+ s\.", bar.proto.text)


def test_more_than_may_wait_is_told(room: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    from vae.runs.dispatcher import Jobs

    monkeypatch.setenv("VAE_MAX_QUEUED_PER_VISITOR", "1")
    resources.settings.cache_clear()
    dispatcher = Jobs(room.store, resources.settings())  # never started: what is queued waits
    monkeypatch.setattr(resources, "jobs", lambda: dispatcher)
    room.come("Ada")
    app = open_page("start.py")
    press(app, "Train both now")
    app = open_page("train.py", seed="7")
    press(app, "Train")
    assert errors(app) == [
        "1 run of yours is waiting already (VAE_MAX_QUEUED_PER_VISITOR). Try again when some have ended."
    ]
    room.come("Bob")
    press(open_page("train.py", seed="7"), "Train")
    assert len(room.store.queue()) == 2
