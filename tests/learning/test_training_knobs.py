"""Weight decay, clipping and early stopping: against PyTorch's own, and against rules told by hand."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from vae import datasets
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.errors import InputError
from vae.learning import early_stopping
from vae.learning.adam import clip
from vae.learning.estimators import pathwise
from vae.learning.learner import Learner
from vae.learning.randomness import stream
from vae.learning.training import Epoch, Training

CPU = torch.device("cpu")
SMALL = RunConfig(train_limit=120, validation_size=40, epochs=4, hidden=(6,), batch_size=30, device="cpu")
LEARNT = [name for name, entry in LIKELIHOODS.items() if entry.parameters and not entry.closed_form]


@pytest.fixture(scope="module")
def digits() -> datasets.Images:
    return datasets.load("digits", Path())


def with_knobs(**update: Any) -> RunConfig:
    return RunConfig.parse(SMALL.model_dump() | update)


def training_of(images: datasets.Images, **update: Any) -> Training:
    config = with_knobs(**update)
    return Training(config, images, datasets.split(images, config.validation_size, config.train_limit))


# Against PyTorch


@pytest.mark.parametrize("knobs", [(0.0, 0.0), (0.2, 0.0), (0.0, 0.4), (0.2, 0.4), (0.2, 1e6)], ids=str)
@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "by autograd"])
def test_steps_are_those_of_torchs_adamw_and_its_clipping_to_the_last_bit(
    knobs: tuple[float, float], by_hand: bool
) -> None:
    decay, most = knobs
    config = with_knobs(weight_decay=decay, gradient_clip=most, learning_rate=0.01, hidden=(21, 9))
    ours, theirs = (Learner(config, (1, 1, 35), "vae", CPU) for _ in range(2))
    if not by_hand:
        ours.stack = None
    assert bool(ours.stack) == by_hand
    optimiser = torch.optim.AdamW(theirs.model.parameters(), lr=0.01, weight_decay=decay, fused=True)
    x, rows = torch.rand(40, 35, generator=stream(0, "x")), torch.arange(40)
    noise, their_noise = stream(0, "noise"), stream(0, "noise")
    lengths = []
    for _ in range(5):
        ours.step(x, rows, 0.7, noise)
        pathwise(theirs.model, VARIANTS["vae"], x, theirs.likelihood, 0.7, their_noise)
        if most:
            lengths.append(float(torch.nn.utils.clip_grad_norm_(theirs.model.parameters(), most)))
        optimiser.step()
        optimiser.zero_grad()
    if most:
        assert {length > most for length in lengths} == ({True, False} if most < 1 else {False}), "some are cut"
    for mine, other in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_clipping_by_hand() -> None:
    gradients = [torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])]  # of length 5
    clip(gradients, 1.0)
    assert [gradient.flatten().tolist() for gradient in gradients] == [pytest.approx([0.6, 0.0]), pytest.approx([0.8])]
    clip(gradients, 2.0)
    assert gradients[1].item() == pytest.approx(0.8), "a shorter one isn't made longer"
    clip([], 1.0)


def test_without_knobs_adam_is_what_it_was(digits: datasets.Images) -> None:
    """Against torch.optim.Adam, and told apart from the same run with decay."""
    config = with_knobs(learning_rate=0.01)
    ours, theirs, decayed = (
        Learner(each, (1, 1, 35), "ae", CPU)
        for each in (config, config, config.model_copy(update={"weight_decay": 0.5}))
    )
    optimiser = torch.optim.Adam(theirs.model.parameters(), lr=0.01, fused=True)
    x, rows, noise = torch.rand(40, 35, generator=stream(0, "x")), torch.arange(40), stream(0, "noise")
    for _ in range(3):
        ours.step(x, rows, 1.0, noise)
        decayed.step(x, rows, 1.0, noise)
        pathwise(theirs.model, VARIANTS["ae"], x, theirs.likelihood, 1.0, noise)
        optimiser.step()
        optimiser.zero_grad()
    for mine, other, smaller in zip(*(each.model.parameters() for each in (ours, theirs, decayed)), strict=True):
        assert torch.equal(mine, other)
        assert not torch.equal(mine, smaller), "every weight and bias decays"


@pytest.mark.parametrize("likelihood", LEARNT)
def test_a_spread_that_is_learnt_does_not_decay(likelihood: str) -> None:
    """Its step is what it would be without decay; the network's are not."""
    config = with_knobs(reconstruction=likelihood)
    plain, decayed = (
        Learner(each, (1, 1, 35), "vae", CPU) for each in (config, config.model_copy(update={"weight_decay": 5.0}))
    )
    x, rows = torch.rand(40, 35, generator=stream(0, "x")), torch.arange(40)
    for learner in (plain, decayed):
        learner.step(x, rows, 1.0, stream(0, "noise"))  # after the first step both see other networks
    for name, p in plain.model.named_parameters():
        same = torch.equal(p, dict(decayed.model.named_parameters())[name])
        assert same == name.startswith("likelihood_parameters"), name


@pytest.mark.parametrize("variant", [name for name in VARIANTS if VARIANTS[name].strength])
def test_variants_that_only_autograd_knows_decay_and_are_clipped_too(variant: str) -> None:
    x, rows, seen = torch.rand(40, 35, generator=stream(0, "x")), torch.arange(40), []
    for knobs in ({}, {"weight_decay": 0.5}, {"gradient_clip": 1e-9}):
        learner = Learner(with_knobs(variants=(variant,), **knobs), (1, 1, 35), variant, CPU)
        before = learner.model.encoder.to_mu.weight.detach().clone()
        learner.step(x, rows, 1.0, stream(0, "noise"))
        seen.append((learner.model.encoder.to_mu.weight.detach() - before).abs().max().item())
    # Adam's first step is the learning rate whatever the gradient's length, until that is as small as its eps, 1e-8.
    assert seen[0] == pytest.approx(1e-3, rel=0.05) and seen[1] > seen[0] and seen[2] < 0.2 * seen[0]


# Early stopping: the rule


@pytest.mark.parametrize(
    ("losses", "update", "expected"),
    [
        pytest.param({"ae": [9, 8, 8, 8]}, {"patience": 2}, True, id="as good is no better"),
        pytest.param({"ae": [9, 8, 8]}, {"patience": 2}, False, id="not long enough"),
        pytest.param({"ae": [9, 8, 8.5, 7.9]}, {"patience": 2}, False, id="better just now"),
        pytest.param({"ae": [9, 8, 9, 8.5, 8.2]}, {"patience": 3}, True, id="better than before is not best"),
        pytest.param({"ae": [9, 8, 8, 8], "vae": [9, 8, 7, 7]}, {"patience": 2}, False, id="the other still learns"),
        pytest.param({"ae": [9, 8, 8, 8], "vae": [9, 7, 7, 7]}, {"patience": 2}, True, id="neither learns"),
        pytest.param({"ae": [1, 2, 3]}, {"patience": 2}, True, id="worse from the start"),
        pytest.param({"ae": [9, 8, 8, 8]}, {"patience": 0}, False, id="without patience"),
        pytest.param({"ae": [1, 2, 3, 4]}, {"patience": 2, "kl_warmup_epochs": 2}, False, id="a warm-up doesn't count"),
        pytest.param({"ae": [1, 2, 3, 4, 4]}, {"patience": 2, "kl_warmup_epochs": 2}, True, id="after the warm-up"),
        pytest.param({"ae": [1, 2]}, {"patience": 1, "kl_warmup_epochs": 4}, False, id="within the warm-up"),
        pytest.param({"ae": []}, {"patience": 1}, False, id="nothing measured yet"),
    ],
)
def test_when_it_is_over(losses: dict[str, list[float]], update: dict[str, Any], expected: bool) -> None:
    assert early_stopping.over(with_knobs(**update), losses) == expected


def test_the_best_epoch_is_the_first_of_equals() -> None:
    assert early_stopping.best_epoch([5, 3, 4, 3]) == 1
    assert early_stopping.best_epoch([1, 3, 2, 3], first=1) == 2


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"patience": 3, "validation_size": 0}, "validation_size above 0"),
        ({"patience": 1, "kl_cycles": 2, "epochs": 6}, "shorter than a cycle of β, 3 epochs"),
    ],
    ids=str,
)
def test_patience_that_could_not_tell_is_refused(update: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        with_knobs(**update)


def test_patience_of_a_cycle_and_more_is_taken() -> None:
    assert with_knobs(patience=3, kl_cycles=2, epochs=6).patience == 3
    assert with_knobs(patience=90).patience == 90, "longer than the run: it never ends early"
    assert with_knobs(validation_size=0).patience == 0


# Early stopping: a training

OVERFITS = {"train_limit": 20, "batch_size": 20, "learning_rate": 0.1, "patience": 2, "epochs": 60}


def test_a_run_ends_with_the_first_epoch_whose_history_says_so(digits: datasets.Images) -> None:
    whole = [epoch.metrics for epoch in training_of(digits, **OVERFITS | {"patience": 0}).run()]
    training = training_of(digits, **OVERFITS)
    seen = [epoch.metrics for epoch in training.run()]
    last = len(seen) - 1
    assert 2 < last < 60 and training.ended and training.epoch == last
    assert seen == whole[: last + 1], "patience changes no number"
    for cut in range(1, len(whole)):
        losses = {name: [metrics[name].loss for metrics in whole[: cut + 1]] for name in ("ae", "vae")}
        assert early_stopping.over(training.config, losses) == (cut >= last), cut
        if cut == last:
            break
    assert [*training.run()] == [], "and nothing goes on from there"
    assert training.test()["vae"].loss > 0


def test_a_run_that_gets_better_goes_on_to_its_end(digits: datasets.Images) -> None:
    training = training_of(digits, patience=1, learning_rate=1e-3)
    assert [epoch.epoch for epoch in training.run()] == [0, 1, 2, 3, 4] and training.ended


def test_one_longer_than_the_run_changes_nothing(digits: datasets.Images) -> None:
    config = OVERFITS | {"epochs": 5}
    plain = [epoch.metrics for epoch in training_of(digits, **config | {"patience": 0}).run()]
    assert [epoch.metrics for epoch in training_of(digits, **config | {"patience": 1000}).run()] == plain


def copied(epoch: Epoch) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in epoch.checkpoint.items()}


def test_a_run_that_is_resumed_anywhere_ends_at_the_same_epoch(digits: datasets.Images) -> None:
    saved = [(epoch.epoch, copied(epoch)) for epoch in training_of(digits, **OVERFITS).run()]
    last = saved[-1][0]
    for epoch, checkpoint in (saved[0], saved[1], saved[-2], saved[-1]):
        again = training_of(digits, **OVERFITS)
        again.resume(epoch, checkpoint)
        assert [more.epoch for more in again.run()] == [*range(epoch + 1, last + 1)]
        assert again.ended and again.epoch == last
        final = {name: tensor for learner in again.learners for name, tensor in learner.state().items()}
        assert all(torch.equal(tensor, saved[-1][1][name]) for name, tensor in final.items())


def test_a_stop_leaves_the_unfinished_epoch_out_of_the_history(digits: datasets.Images) -> None:
    training, stop = training_of(digits, patience=3), threading.Event()
    for epoch in training.run(stop):
        if epoch.epoch == 1:
            stop.set()
    assert training.epoch == 1 and not training.ended
    assert {name: len(values) for name, values in training.losses.items()} == {"ae": 2, "vae": 2}


def test_without_patience_a_checkpoint_holds_what_it_always_held(digits: datasets.Images) -> None:
    first = next(iter(training_of(digits).run()))
    assert not [name for name in first.checkpoint if name.endswith("/losses")]
