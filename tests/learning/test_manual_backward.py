"""Steps by hand against autograd: not close, the same, for every kind of network, alone and several at once."""

import itertools

import pytest
import torch
from thorough import thorough

from vae import datasets
from vae.choices.activations import ACTIVATIONS
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import ingredients
from vae.config import RunConfig
from vae.learning.learner import Learner
from vae.learning.manual_backward import Stack
from vae.learning.randomness import stream
from vae.learning.training import Training

CPU = torch.device("cpu")
PIXELS = 35  # neither this nor the widths below fill whole vectors, so the last few numbers count
SMALL = RunConfig(hidden=(21,), latent_dim=3, train_limit=330, validation_size=100, epochs=3, device="cpu")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return datasets.load("digits", tmp_path_factory.mktemp("data"))


def learners(config, variant, count):
    configs = [config.model_copy(update={"seed": seed}) for seed in range(count)]
    return [Learner(each, (1, 1, PIXELS), variant, CPU) for each in configs]


def stack_of(several):
    first = several[0]
    models, moments = zip(*((learner.model, learner.moments) for learner in several), strict=True)
    return Stack(first.config, first.variant, models, moments)


def noises(count):
    return [stream(seed, "noise") for seed in range(count)]


def differing(one, other):
    """Names of weights, moments and step counts that are not the same to the last bit."""
    ours, theirs = one.state(), other.state()
    assert ours.keys() == theirs.keys()
    return [name for name in ours if not torch.equal(ours[name], theirs[name])]


def assert_stack_equals_autograd(config, variant, count, beta, batches=(40, 40, 13)):
    alone, stacked = (learners(config, variant, count) for _ in range(2))
    stack = stack_of(stacked)
    x, draws = torch.rand(100, PIXELS, generator=stream(0, "x")), stream(0, "rows")
    x[x < 0.5] = 0.0
    noise, stacked_noise = noises(count), noises(count)
    for batch in batches:
        rows = [torch.randperm(100, generator=draws)[:batch] for _ in range(count)]
        stack.step(x, rows, beta, stacked_noise)
        for learner, mine, generator in zip(alone, rows, noise, strict=True):
            learner.stack = None  # autograd
            learner.step(x, mine, beta, generator)
    initial = learners(config, variant, count)
    assert all(differing(one, before) for one, before in zip(alone, initial, strict=True)), "something was learnt"
    assert [differing(one, other) for one, other in zip(alone, stacked, strict=True)] == [[]] * count


BY_HAND = [name for name, entry in ACTIVATIONS.items() if entry.by_hand]


@pytest.mark.parametrize("variant", ingredients())
@pytest.mark.parametrize("activation", thorough(BY_HAND, ("relu",)))
@pytest.mark.parametrize("reconstruction", [name for name, entry in LIKELIHOODS.items() if entry.gradient])
def test_a_step_is_autograds_to_the_last_bit(variant, activation, reconstruction):
    for hidden, latent_dim, count in itertools.product([(), (21,), (32, 17)], [1, 2, 5], [1, 3]):
        update = {"hidden": hidden, "latent_dim": latent_dim, "activation": activation, "learning_rate": 0.01}
        config = SMALL.model_copy(update={**update, "reconstruction": reconstruction})
        assert_stack_equals_autograd(config, variant, count, 0.7)


@pytest.mark.parametrize("variant", ingredients())
@pytest.mark.parametrize("batches", [(1, 1, 1), (2, 1), (40, 5, 40)], ids=str)
def test_so_are_steps_on_odd_batches(variant, batches):
    for latent_dim, hidden in itertools.product([1, 2], [(), (1,), (16,)]):
        config = SMALL.model_copy(update={"latent_dim": latent_dim, "hidden": hidden})
        assert_stack_equals_autograd(config, variant, 2, 2.0, batches)


@pytest.mark.parametrize("variant", ingredients())
def test_without_kl_a_head_without_gradient_stays_as_it_is(variant):
    assert_stack_equals_autograd(SMALL, variant, 2, 0.0)


KNOBS = {"weight_decay": {"weight_decay": 0.3}, "gradient_clip": {"gradient_clip": 2.0}}
KNOBS["both"] = KNOBS["weight_decay"] | KNOBS["gradient_clip"]


@pytest.mark.parametrize("variant", ingredients())
@pytest.mark.parametrize("knobs", KNOBS.values(), ids=KNOBS)
def test_so_are_steps_with_decay_and_clipping(variant, knobs):
    for hidden, latent_dim, count in itertools.product([(), (21,), (300, 17)], [1, 5], [1, 3]):
        config = SMALL.model_copy(update={"hidden": hidden, "latent_dim": latent_dim, "learning_rate": 0.01} | knobs)
        assert_stack_equals_autograd(config, variant, count, 0.7)
        assert_stack_equals_autograd(config, variant, count, 0.0)


@pytest.mark.parametrize("knobs", [{}, *KNOBS.values()], ids=["plain", *KNOBS])
def test_a_network_that_diverges_leaves_the_others_alone(knobs):
    sound, stacked = (learners(SMALL.model_copy(update=knobs), "vae", 3) for _ in range(2))
    stacked[1].moments.parameters[0].data.fill_(float("nan"))
    stack, x, rows = stack_of(stacked), torch.rand(50, PIXELS), torch.arange(50)
    noise = noises(3)
    for learner, generator in zip(sound, noises(3), strict=True):
        learner.step(x, rows, 1.0, generator)
    stack.step(x, [rows] * 3, 1.0, noise)
    assert stacked[1].moments.parameters[-1].isnan().all()
    assert not differing(sound[0], stacked[0]) and not differing(sound[2], stacked[2])


@pytest.mark.parametrize("threads", thorough([1, 2], (2,)))
@pytest.mark.parametrize(
    "update",
    [
        {},
        {"kl_warmup_epochs": 2, "hidden": ()},
        {"precision": "bfloat16"},
        {"weight_decay": 0.1},
        {"gradient_clip": 3.0},
        {"weight_decay": 0.1, "gradient_clip": 3.0, "schedule": "steps", "patience": 1},
        {"hidden": (300,), "batch_size": 150, "reconstruction": "sse"},  # large enough to be shared out to threads
    ],
    ids=str,
)
def test_a_run_by_hand_is_a_run_by_autograd(digits, update, threads):
    config = SMALL.model_copy(update={"variants": ingredients()} | update)
    split = datasets.split(digits, config.validation_size, config.train_limit)
    by_hand, autograd = (Training(config, digits, split, threads=threads) for _ in range(2))
    for learner in autograd.learners:
        learner.stack = None
    assert [epoch.metrics for epoch in by_hand.run()] == [epoch.metrics for epoch in autograd.run()]
    assert by_hand.test() == autograd.test()
    assert all(learner.stack for learner in by_hand.learners)
    for one, other in zip(by_hand.learners, autograd.learners, strict=True):
        assert differing(one, other) == []


@pytest.mark.parametrize(
    "update", [{"estimator": "score_function"}, {"estimator": "detached"}, {"samples": 2}], ids=str
)
def test_what_only_autograd_knows_is_left_to_it(update):
    assert learners(SMALL.model_copy(update=update), "vae", 1)[0].stack is None


@pytest.mark.parametrize("place", ["body", "head"])
def test_a_module_that_is_not_written_out_is_an_error_not_a_part_that_never_learns(place):
    (learner,) = learners(SMALL, "vae", 1)
    if place == "body":
        learner.model.encoder.body.append(torch.nn.LayerNorm(21))
    else:
        learner.model.decoder.scale = torch.nn.Parameter(torch.ones(1))
    with pytest.raises(TypeError, match=r"the steps by hand don't know (LayerNorm|decoder\.scale)"):
        stack_of([learner])
