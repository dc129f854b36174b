"""A sweep that is judged by a yardstick: from what it asks for to the point that is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.trial import TrialState
from sweeps_by_hand import TINY, begin, runs_by_point, train_all

from vae.measuring.yardsticks import on_validation
from vae.settings import Settings
from vae.store.runs import Store
from vae.sweeps import study
from vae.sweeps.driver import points
from vae.sweeps.spec import OBJECTIVES, SweepSpec


def test_a_sweep_by_probe_accuracy_takes_the_point_with_the_highest(store: Store, settings: Settings) -> None:
    assert OBJECTIVES["probe_accuracy"].direction == "maximize"
    spec = SweepSpec.parse(TINY, {"latent_dim": [1, 6]}, seeds=1, objectives=("probe_accuracy",))
    sweep = begin(store, spec)
    assert train_all(store, sweep, settings).status == "done"
    found = points(store, sweep)
    assert [trial.state for trial in found] == [TrialState.COMPLETE] * 2
    for trial in found:
        (member,) = runs_by_point(store, sweep)[trial.number]
        run = store.run(member.run_id)
        assert trial.values == [pytest.approx(on_validation(store, run, settings, "probe_accuracy", "vae"))]
    values = [trial.values[0] for trial in found]
    assert values[0] != values[1]
    best = study.study_of(store, sweep).best_trial
    assert best.value == max(values)
    assert best.params == found[int(np.argmax(values))].params
