"""Runs as a person chooses among them: nothing is offered under the name of something else."""

from __future__ import annotations

import pandas as pd

from pages.state.experiments import experiments
from vae import naming
from vae.config import RunConfig

CONFIG = RunConfig()


def table(*rows: tuple[str, RunConfig, dict]) -> pd.DataFrame:
    """Columns of `overview.RUN_COLUMNS` that a choice is made by: (id, config, what else is special), newest first."""
    return pd.DataFrame(
        [
            {"id": run_id, "name": naming.name(config), "status": "done", "epoch": 60, "seed": config.seed}
            | {"settings": config.model_copy(update={"seed": 0}).model_dump_json()}
            | special
            for run_id, config, special in rows
        ]
    )


def changed(**special) -> RunConfig:
    return CONFIG.model_copy(update=special)


def offered(*rows, swept=None) -> dict[str, tuple[str, list[str], list[str]]]:
    found = experiments(table(*rows), swept or {})
    return {
        experiment.title: (experiment.which, list(experiment.runs), list(experiment.runs.values()))
        for experiment in found
    }


def test_seeds_of_one_experiment_are_one_entry_in_order_of_its_newest_run():
    found = offered(
        ("e", changed(seed=2), {}),
        ("d", changed(beta=4.0), {}),
        ("c", changed(seed=10), {}),
        ("b", changed(seed=0), {}),
    )
    assert found == {
        "digits · 2-D · 128 · β 1 · 3 seeds": ("Seed", ["b", "e", "c"], ["seed 0", "seed 2", "seed 10"]),
        "digits · 2-D · 128 · β 4 · seed 0": ("Seed", ["d"], ["digits · 2-D · 128 · β 4 · seed 0"]),
    }


def test_a_sweep_is_one_entry_whose_points_are_in_order():
    swept = dict.fromkeys("abcd", ("s1", "How many dimensions?", ("latent_dim",)))
    found = offered(
        ("d", changed(latent_dim=16, seed=1), {"status": "running"}),
        ("c", changed(latent_dim=16), {}),
        ("x", changed(latent_dim=16, seed=2), {}),
        ("b", changed(latent_dim=2, seed=1), {}),
        ("a", changed(latent_dim=2), {}),
        swept=swept,
    )
    assert found == {
        "Sweep: How many dimensions? · 4 runs": (
            "Point and seed",
            ["a", "b", "c", "d"],
            ["2-D · seed 0", "2-D · seed 1", "16-D · seed 0", "16-D · seed 1 · running"],
        ),
        "digits · 16-D · 128 · β 1 · seed 2": ("Seed", ["x"], ["digits · 16-D · 128 · β 1 · seed 2"]),
    }


def test_the_same_again_is_told_apart_by_its_id():
    found = offered(("b", CONFIG, {}), ("a", CONFIG, {}))
    assert found == {"digits · 2-D · 128 · β 1 · 2 runs": ("Seed", ["b", "a"], ["seed 0 · b", "seed 0 · a"])}


def test_two_sweeps_or_runs_of_one_name_are_told_apart():
    swept = {"a": ("s1", "β", ("beta",)), "b": ("s2", "β", ("beta",))}
    mine = {"name": "mine"}
    found = offered(
        ("d", changed(beta=4.0), mine), ("c", CONFIG, mine), ("b", CONFIG, {}), ("a", CONFIG, {}), swept=swept
    )
    assert list(found) == ["mine · d", "mine · c", "Sweep: β · 1 run · b", "Sweep: β · 1 run · a"]


def test_a_name_that_somebody_gave_can_be_searched_for():
    found = offered(("b", changed(seed=1), {"name": "for the lecture"}), ("a", CONFIG, {}))
    assert found == {
        "for the lecture · digits · 2-D · 128 · β 1 · 2 seeds": (
            "Seed",
            ["a", "b"],
            ["seed 0", "for the lecture · seed 1"],
        )
    }


def test_what_has_learnt_nothing_is_not_offered():
    assert offered(("b", CONFIG, {"epoch": -1, "status": "queued"}), ("a", changed(seed=3), {"epoch": 0})) == {
        "digits · 2-D · 128 · β 1 · seed 3": ("Seed", ["a"], ["digits · 2-D · 128 · β 1 · seed 3"])
    }
    assert experiments(table(("a", CONFIG, {"epoch": -1})), {}) == []
