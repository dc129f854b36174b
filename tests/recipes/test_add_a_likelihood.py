"""CONTRIBUTING.md, "a likelihood": one entry of choices/likelihoods.py, with parameters of its own or without."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from paging import open_page, texts
from torch import Tensor
from torch.distributions import Laplace

from vae.analysis.yardsticks.likelihood import importance_sampled
from vae.choices.densities import DENSITIES, Density
from vae.choices.likelihoods import LIKELIHOODS, Likelihood
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.errors import InputError
from vae.exports.capsule import capsule, dumps, read
from vae.learning.estimators import ESTIMATORS
from vae.learning.networks import initialised, network_of, steps_by_hand
from vae.learning.randomness import stream
from vae.measuring import models_of
from vae.store.runs import Run, Store


def absolute_error(outputs: Tensor, x: Tensor) -> Tensor:
    return (torch.sigmoid(outputs) - x).abs().sum(-1)


def gaussian(outputs: Tensor, x: Tensor, log_variance: Tensor) -> Tensor:
    """−log N(x; picture, σ²) up to a constant, σ² learnt."""
    squared = (torch.sigmoid(outputs) - x).square()
    return 0.5 * (squared * torch.exp(-log_variance) + log_variance).sum(-1)


@pytest.fixture(autouse=True)
def _added(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = {"mean": LIKELIHOODS["sse"].mean, "floor": lambda mean, x: float((mean - x).abs().sum(-1).mean())}
    laplace = Likelihood(
        "absolute error", "|x − x̂|, summed.", name="absolute error", unit="levels", value=absolute_error, **shared
    )
    learnt = Likelihood(
        "Gaussian, weighed",
        "Squared error, its weight learnt.",
        name="a Gaussian",
        unit="nats",
        value=gaussian,
        parameters={"log_variance": -2.0},
        **shared,
    )
    monkeypatch.setitem(LIKELIHOODS, "absolute", laplace)
    monkeypatch.setitem(LIKELIHOODS, "weighed", learnt)


def test_people_find_it(form: Callable[[str], list[str]], explained: Callable[[str], str]) -> None:
    assert {"Absolute error", "Gaussian, weighed"} <= set(form("reconstruction"))
    assert "absolute, weighed" in explained("train")


def test_its_unit_and_its_floor_are_shown(train: Callable[..., Run], shared: Store) -> None:
    run = train(reconstruction="absolute")
    assert not steps_by_hand(run.config)
    page = open_page("train.py", run=run.id)
    assert "Reconstruction (levels / image)" in page.dataframe[0].value.columns
    assert f"{run.data['floor']['test']['absolute']:.2f} (levels / image)" in texts(page)
    (told,) = read(dumps(capsule(shared, [run.id]))).runs
    assert told.config.reconstruction == "absolute"


def test_what_it_learns_besides_is_learnt_counted_and_kept(train: Callable[..., Run], shared: Store) -> None:
    run = train(reconstruction="weighed", learning_rate=0.01)
    model = models_of(shared, run, 2)["vae"]
    assert model.likelihood_parameters["log_variance"] != -2.0
    counted = network_of(run.config).counts(run.config, run.shape, VARIANTS["vae"]).parameters
    assert counted == sum(parameter.numel() for parameter in model.parameters())


def test_its_gradient_is_autograds() -> None:
    """By finite differences of the objective, for the parameter that the likelihood owns."""
    config, x = RunConfig(hidden=(7,), reconstruction="weighed"), torch.rand(5, 9, generator=stream(0, "x")).double()
    model = initialised(config, (1, 3, 3), "ae", stream(1, "weights")).double()
    ESTIMATORS["pathwise"](model, VARIANTS["ae"], x, model.likelihood, 0.0, stream(2, "noise"))
    own = model.likelihood_parameters["log_variance"]

    def objective(value: float) -> float:
        outputs = model.decoder(model.encoder(x)[0])
        return float(gaussian(outputs.float(), x, torch.tensor(value, dtype=torch.float64)).mean())

    step = 1e-4
    slope = (objective(-2.0 + step) - objective(-2.0 - step)) / (2 * step)
    assert float(own.grad) == pytest.approx(slope, rel=1e-3)


def test_a_closed_form_that_leaves_out_a_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="takes its gradient by autograd"):
        Likelihood(
            "x", "x", name="x", unit="x", value=gaussian, mean=torch.sigmoid, floor=lambda mean, x: 0.0,
            gradient=lambda outputs, x: outputs, parameters={"log_variance": 0.0},
        )  # fmt: skip


def test_with_its_density_images_have_a_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    """|x − x̂| is −log p of a Laplace distribution, but for log 2 for each pixel; without the entry it is a cost."""
    config, x = RunConfig(hidden=(4,), reconstruction="absolute"), np.random.default_rng(0).random((3, 9), np.float32)
    model = initialised(config, (1, 3, 3), "vae", stream(1, "weights")).requires_grad_(False)
    with pytest.raises(InputError, match="absolute error says how wrong a picture is"):
        importance_sampled(model, "vae", config, x, 10)
    monkeypatch.setitem(DENSITIES, "absolute", Density(lambda pixels, beta: (1.0, pixels * math.log(2))))
    for part in (model.encoder.to_mu, model.encoder.to_logvar, model.decoder.to_logits):
        part.weight.zero_()  # one picture for all codes, and q(z|x) is the prior
    model.encoder.to_mu.bias.zero_()
    model.encoder.to_logvar.bias.zero_()
    known = -Laplace(torch.sigmoid(model.decoder.to_logits.bias), 1.0).log_prob(torch.from_numpy(x)).sum(1)
    np.testing.assert_allclose(importance_sampled(model, "vae", config, x, 10).nll, known.numpy(), rtol=1e-5)
