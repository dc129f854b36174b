"""The learning rate from epoch to epoch."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest
import torch

from vae import datasets
from vae.choices.training import SCHEDULES
from vae.config import RunConfig
from vae.learning.learner import Learner
from vae.learning.training import Training

SMALL = RunConfig(train_limit=120, validation_size=40, epochs=4, hidden=(6,), batch_size=30)


@pytest.fixture(scope="module")
def digits() -> datasets.Images:
    return datasets.load("digits", Path())


def weights(config: RunConfig, images: datasets.Images, epochs: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """After these epochs, each trained by itself: as a run that goes on after a break is."""
    training = Training(config, images, datasets.split(images, config.validation_size, config.train_limit))
    for epoch in epochs:
        for learner in training.learners:
            learner.train_epoch(training.train_x, epoch, threading.Event())
    return {name: tensor.clone() for learner in training.learners for name, tensor in learner.state().items()}


def test_cosine_falls_from_the_whole_rate_nearly_to_nothing() -> None:
    share = SCHEDULES["cosine"].share
    assert [share(epoch, 4) for epoch in (1, 2, 3, 4)] == pytest.approx(
        [1, (1 + math.cos(math.pi / 4)) / 2, 0.5, (1 - math.cos(math.pi / 4)) / 2]
    )
    assert share(1, 1) == 1
    assert all(SCHEDULES["constant"].share(epoch, 9) == 1 for epoch in range(1, 10))


@pytest.mark.parametrize(
    ("name", "milestones", "factor"), [("steps", (0.5, 0.75), 0.1), ("small_steps", (0.4, 0.7), 10**-0.2)]
)
@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 10, 60, 500])
def test_steps_fall_where_pytorchs_own_do(name: str, milestones: tuple[float, ...], factor: float, epochs: int) -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], 1.0)
    after = [math.ceil(round(part * epochs, 9)) for part in milestones]  # epochs that are trained before a fall
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimiser, after, factor)
    for epoch in range(1, epochs + 1):
        assert SCHEDULES[name].share(epoch, epochs) == pytest.approx(theirs.get_last_lr()[0]), epoch
        optimiser.step()
        theirs.step()


def test_the_benchmarks_steps_fall_after_epochs_200_and_350_of_500() -> None:
    share = SCHEDULES["small_steps"].share
    assert [share(epoch, 500) for epoch in (1, 200, 201, 350, 351, 500)] == pytest.approx(
        [1, 1, 10**-0.2, 10**-0.2, 10**-0.4, 10**-0.4]
    )


@pytest.mark.parametrize("variants", [("ae", "vae"), ("denoising",)], ids="+".join)
def test_each_epoch_is_trained_at_its_own_rate(
    digits: datasets.Images, variants: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand and by autograd: the second of four epochs as at a constant rate of 85 %."""
    cosine = SMALL.model_copy(update={"variants": variants, "schedule": "cosine"})
    share = SCHEDULES["cosine"].share(2, 4)
    constant = SMALL.model_copy(update={"variants": variants, "learning_rate": SMALL.learning_rate * share})
    whole = SMALL.model_copy(update={"variants": variants})
    for by_hand in (True, False):
        if not by_hand:
            monkeypatch.setattr(Learner, "stack", None)
        second = weights(cosine, digits, (2,))
        assert all(torch.equal(tensor, second[name]) for name, tensor in weights(constant, digits, (2,)).items())
        assert not all(torch.equal(tensor, second[name]) for name, tensor in weights(whole, digits, (2,)).items())


def test_a_field_of_its_own_names_the_schedules() -> None:
    assert RunConfig().schedule == "constant"
    with pytest.raises(ValueError, match="'linear' is not one of constant, cosine, steps, small_steps"):
        RunConfig(schedule="linear")
