"""Whose turn it is: properties that hold for any queue, a simulated class, and the limits of a visitor."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from vae.config import RunConfig
from vae.errors import InputError
from vae.runs.dispatcher import Jobs
from vae.settings import Settings
from vae.store.queue_order import Turns, Waiting, fair_order
from vae.store.runs import Store
from vae.store.schema import runs
from vae.sweeps import stored
from vae.sweeps.spec import SweepSpec

WHO = st.sampled_from("ABCDE")
COUNTS = st.dictionaries(WHO, st.integers(0, 4))
SERVED = st.dictionaries(WHO, st.integers(0, 200))


@st.composite
def queues(draw: st.DrawFn) -> list[Waiting]:
    tickets = draw(st.lists(st.integers(1, 100), max_size=25))  # two servers may have given the same one twice
    return [Waiting(f"run{place}", draw(WHO), ticket) for place, ticket in enumerate(tickets)]


@given(queues(), COUNTS, SERVED, st.randoms(use_true_random=False))
def test_everybody_is_in_the_order_once_whatever_order_they_are_named_in(waiting, under_way, served, chance) -> None:
    order = fair_order(waiting, under_way, served)
    assert sorted(order) == sorted(run.id for run in waiting)
    shuffled = chance.sample(waiting, len(waiting))
    assert fair_order(shuffled, under_way, served) == order


@given(queues(), COUNTS, SERVED)
def test_a_visitor_s_own_runs_keep_the_order_they_were_asked_for(waiting, under_way, served) -> None:
    order = fair_order(waiting, under_way, served)
    for who in "ABCDE":
        own = sorted((run for run in waiting if run.who == who), key=lambda run: (run.ticket, run.id))
        assert [name for name in order if name in {run.id for run in own}] == [run.id for run in own]


@given(queues(), COUNTS, SERVED)
def test_nobody_gets_a_second_turn_while_somebody_with_as_little_waits_for_a_first(waiting, under_way, served) -> None:
    """At every moment, whoever is begun had no more under way than anybody who goes on waiting."""
    by_id, load = {run.id: run for run in waiting}, Counter(under_way)
    left = Counter(run.who for run in waiting)
    for name in fair_order(waiting, under_way, served):
        who = by_id[name].who
        assert all(load[who] <= load[other] for other, count in left.items() if count)
        load[who] += 1
        left[who] -= 1


@given(queues(), COUNTS, SERVED)
def test_beginning_the_first_leaves_the_order_of_the_rest(waiting, under_way, served) -> None:
    """So the shown positions count down, and handing out two at once is handing out one after the other."""
    order = fair_order(waiting, under_way, served)
    if not order:
        return
    first = next(run for run in waiting if run.id == order[0])
    rest = [run for run in waiting if run is not first]
    latest = max([run.ticket for run in waiting] + list(served.values()))
    load = under_way | {first.who: under_way.get(first.who, 0) + 1}
    assert fair_order(rest, load, served | {first.who: latest + 1}) == order[1:]


@given(st.lists(st.tuples(WHO, st.integers(1, 6)), min_size=1, max_size=12), st.integers(1, 3), st.data())
def test_nobody_who_has_nothing_under_way_waits_longer_than_one_round(asked, workers, data) -> None:
    """A class at work: whoever waits without a run under way sees each other one begin at most once before them."""
    everything = [(who, n) for who, count in asked for n in range(count)]
    waiting = [Waiting(f"run{place}", who, place + 1) for place, (who, _) in enumerate(everything)]
    turns, busy = Turns.of(waiting, {}, {}), []
    left, load = Counter(run.who for run in waiting), Counter()
    passed: dict[str, Counter] = {who: Counter() for who in left}  # for each who waits idle: turns of the others
    for _ in everything:
        if len(busy) == workers:
            ended = busy.pop(data.draw(st.integers(0, workers - 1)))
            turns.end(ended)
            load[ended] -= 1
        who = turns.begin().who
        busy.append(who)
        left[who] -= 1
        passed[who] = Counter()
        load[who] += 1
        for other, turns_of in passed.items():
            if load[other]:
                turns_of.clear()
            elif left[other] and other != who:
                turns_of[who] += 1
                assert turns_of[who] <= 1
    assert turns.begin() is None


def test_one_who_comes_with_one_run_does_not_wait_for_fifty() -> None:
    """One worker, as by hand: A has asked for many, one of them is being trained; B and C come later."""
    waiting = [Waiting(f"a{n}", "A", n) for n in range(2, 6)]
    waiting += [Waiting("b1", "B", 6), Waiting("c1", "C", 8), Waiting("b2", "B", 7)]
    assert fair_order(waiting, {"A": 1}, {"A": 5}) == ["b1", "c1", "a2", "b2", "a3", "a4", "a5"]
    # A's run is over (ticket 9): B's turn, though A has nothing under way now either.
    assert fair_order(waiting, {"A": 0}, {"A": 9})[:3] == ["b1", "c1", "a2"]


# In the store


@pytest.fixture
def jobs(store: Store, settings: Settings) -> Jobs:
    """A dispatcher that is never started: what is queued waits."""
    return Jobs(store, replace(settings, max_queued_per_visitor=2, max_queued=4, max_sweeps_per_visitor=1))


def seeded(seed: int) -> RunConfig:
    return RunConfig(epochs=1, seed=seed)


def test_the_store_s_queue_takes_turns_and_remembers_who_was_served(store: Store) -> None:
    first = [store.create(seeded(seed), "dashboard", "A") for seed in range(3)]
    second = [store.create(seeded(seed), "dashboard", "B") for seed in range(2)]
    command = store.create(seeded(9), "cli-1")
    assert store.queue() == [first[0], second[0], command, first[1], second[1], first[2]]
    run = store.claim(first[0])
    assert store.queue() == [second[0], command, first[1], second[1], first[2]]
    store.finish(run, "failed", "It broke.")
    assert store.queue() == [second[0], command, first[1], second[1], first[2]], (
        "the worker is free, and it is B's turn"
    )
    store.finish(store.claim(second[0]), "failed", "It broke.")
    store.finish(store.claim(command), "failed", "It broke.")
    assert store.queue() == [first[1], second[1], first[2]]


def test_a_clock_that_goes_backwards_changes_no_turn(store: Store) -> None:
    ids = [store.create(seeded(seed), "dashboard", who) for seed, who in enumerate("AAB")]
    before = store.queue()
    with store.write() as connection:
        connection.execute(
            update(runs)
            .where(runs.c.id == ids[2])
            .values(queued_at=dt.datetime(1999, 1, 1, tzinfo=dt.UTC), created_at=dt.datetime(1998, 1, 1, tzinfo=dt.UTC))
        )
    assert store.queue() == before == [ids[0], ids[2], ids[1]]


def test_a_visitor_s_queue_has_an_end_and_another_s_has_not(jobs: Jobs) -> None:
    mine = [jobs.submit(seeded(seed), "A") for seed in range(2)]
    with pytest.raises(InputError, match=r"2 runs of yours are waiting already \(VAE_MAX_QUEUED_PER_VISITOR\)"):
        jobs.submit(seeded(2), "A")
    other = jobs.submit(seeded(0), "B")
    assert {jobs.store.run(run_id).visitor for run_id in jobs.store.queue()} == {"A", "B"}
    jobs.stop(mine[0])
    jobs.submit(seeded(3), "A")
    with pytest.raises(InputError, match="2 runs of yours"):
        jobs.resume(mine[0])
    assert jobs.store.run(mine[0]).status == "stopped" and jobs.position(other) == 2
    jobs.submit(seeded(4), "C")
    with pytest.raises(InputError, match=r"4 runs are waiting already \(VAE_MAX_QUEUED\)"):
        jobs.submit(seeded(5), "D")


def test_the_command_line_has_no_limit_of_a_visitor(jobs: Jobs) -> None:
    for seed in range(4):
        jobs.submit(seeded(seed))
    assert len(jobs.store.queue()) == 4


def test_a_visitor_s_sweeps_have_an_end(store: Store) -> None:
    spec = SweepSpec.parse(RunConfig(epochs=1), {"beta": (0.0, 1.0)}, seeds=1)
    first = stored.create(store, spec, "one", "dashboard", "A", most=1)
    with pytest.raises(InputError, match="1 sweep of yours is running"):
        stored.create(store, spec, "two", "dashboard", "A", most=1)
    assert len(stored.listed(store)) == 1, "nothing half-written"
    stored.create(store, spec, "theirs", "dashboard", "B", most=1)
    stored.create(store, spec, "a command's", "cli", None, most=1)
    stored.stop(store, first)
    second = stored.create(store, spec, "two", "dashboard", "A", most=1)
    with pytest.raises(InputError, match="VAE_MAX_SWEEPS_PER_VISITOR"):
        stored.resume(store, first, "dashboard", most=1)
    stored.stop(store, second)
    assert stored.resume(store, first, "dashboard", most=1)


# The same request


def test_the_same_request_is_found_while_it_is_there(store: Store) -> None:
    config = seeded(1)
    assert store.same(config) is None
    run_id = store.create(config, "dashboard", "A")
    store.create(seeded(2), "dashboard", "A")
    assert store.same(config).id == run_id
    run = store.claim(run_id)
    assert store.same(config).status == "running"
    later = store.create(config, "dashboard", "B")
    store.finish(run, "done", test=None)
    assert store.same(config).id == run_id, "what is done is shown at once"
    store.delete([run_id])
    assert store.same(config).id == later
    store.request_stop(later)
    assert store.same(config) is None


def test_a_fingerprint_alone_is_no_proof(store: Store) -> None:
    """After a default has changed, other configs may have the fingerprint."""
    run_id = store.create(seeded(1), "dashboard")
    with store.write() as connection:
        connection.execute(update(runs).where(runs.c.id == run_id).values(fingerprint=seeded(2).fingerprint()))
    assert store.same(seeded(2)) is None
