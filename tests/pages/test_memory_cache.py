"""What pages share stays below a number of bytes, and is made once."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import streamlit as st
import torch

from pages.shared import run_picker
from pages.state import memory_cache
from pages.state.memory_cache import SMALL, MemoryCache, weight
from vae.analysis.codes import Codes

KB = 1000


def of(size: int):
    return lambda: np.zeros(size, np.uint8)


def test_the_least_recently_used_goes_when_there_is_too_much():
    shelf = MemoryCache(10 * KB)
    for key in "abc":
        shelf.get(key, of(3 * KB))
    shelf.get("a", pytest.fail)  # looked at again: "b" is now the oldest
    shelf.get("d", of(3 * KB))
    for key in "acd":
        shelf.get(key, lambda: pytest.fail("it was there"))
    assert shelf.bytes == 3 * (3 * KB + SMALL)
    made = []
    shelf.get("b", lambda: made.append(1))
    assert made


def test_bytes_stay_below_the_bound_whatever_comes():
    shelf, rng = MemoryCache(100 * KB), np.random.default_rng(0)
    for number, size in enumerate(rng.integers(1, 40 * KB, 300)):
        shelf.get(number % 50, of(int(size)))
        assert shelf.bytes <= 100 * KB
        assert shelf.bytes == sum(size for _, size in shelf._kept.values())


def test_one_that_is_too_large_stays_alone_until_the_next():
    shelf = MemoryCache(10 * KB)
    shelf.get("small", of(KB))
    shelf.get("large", of(50 * KB))
    assert list(shelf._kept) == ["large"]
    shelf.get("small", of(KB))
    assert list(shelf._kept) == ["small"]


def test_what_many_ask_for_at_once_is_made_once():
    shelf, made, got = MemoryCache(10 * KB), [], []

    def slowly():
        made.append(1)
        time.sleep(0.05)
        return "value"

    threads = [threading.Thread(target=lambda: got.append(shelf.get("key", slowly))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), got) == (1, ["value"] * 8)


def test_a_failure_is_raised_and_not_kept():
    shelf = MemoryCache(10 * KB)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            shelf.get("key", lambda: 1 / 0)
    assert shelf.get("key", lambda: 1) == 1
    assert not shelf._making


def test_arguments_and_functions_are_told_apart():
    @memory_cache.memory_cached
    def double(number: int) -> int:
        return 2 * number

    @memory_cache.memory_cached
    def triple(number: int) -> int:
        return 3 * number

    assert [double(1), double(2), triple(1), double(1)] == [2, 4, 3, 2]
    memory_cache.clear()
    assert memory_cache._all.bytes == 0


def test_weights_are_those_of_what_is_inside():
    network = torch.nn.Sequential(torch.nn.Linear(100, 50), torch.nn.Linear(50, 10))
    numbers = 4 * (100 * 50 + 50 + 50 * 10 + 10)
    assert weight({"vae": network}) == pytest.approx(numbers, abs=10 * SMALL)
    codes = Codes(np.zeros((1000, 2), np.float32), None)
    assert weight([codes]) == pytest.approx(8000, abs=10 * SMALL)
    assert weight(b"x" * 5000) == pytest.approx(5000, abs=SMALL)
    around: list = []
    around.append(around)
    assert weight(around) < 100 * SMALL, "what holds itself is no endless loop"


def test_a_session_forgets_what_it_knew_of_runs_long_ago(monkeypatch: pytest.MonkeyPatch):
    state: dict = {"config.seed": 1}
    monkeypatch.setattr(st, "session_state", state)
    ids = [f"{number:08x}" for number in range(200)]
    for run_id in ids:
        run_picker._remember(run_id)
        state[f"epoch.{run_id}"] = state[f"gradients.{run_id}.3"] = 1
    run_picker._remember(ids[-1])
    known = {key for key in state if key.startswith("epoch.")}
    assert known == {f"epoch.{run_id}" for run_id in ids[-run_picker.REMEMBERED - 1 :]}
    assert len(state) == 2 * len(known) + 3
    assert state["config.seed"] == 1
