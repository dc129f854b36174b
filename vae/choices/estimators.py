"""Ways to get a gradient past a random sample. What each does stands in `learning.estimators`, under the same name."""

from __future__ import annotations

from dataclasses import dataclass

from .choice import Choice


@dataclass(frozen=True)
class EstimatorChoice(Choice):
    """An estimator in words, and what it asks for. A plain Choice asks for nothing."""

    weighs: bool = False  # it needs each sample's loss, not only the loss's gradient
    bound: bool = False  # of the K-sample bound (Burda et al. 2016) in the place of the ELBO; K is `samples`
    short: str = ""  # where estimators of the bound are compared
    dash: str = "solid"  # plotly's, there
    symbol: str = "circle"  # plotly's, there


ESTIMATORS: dict[str, Choice] = {
    "pathwise": Choice("pathwise", "The reparameterization trick: z = μ + σ·ε, so gradients pass through z."),
    "score_function": EstimatorChoice(
        "score function",
        "The log-derivative trick: each sample's loss times the gradient of log q(z|x); unbiased, noisy.",
        weighs=True,
    ),
    "detached": Choice("detached", "The sample treated as data: reconstruction teaches the encoder nothing."),
    "iwae": EstimatorChoice(
        "K-sample bound (IWAE)",
        "Another objective, by the trick: −log of the mean weight w = p(x|z)·p(z)/q(z|x) of an image's K samples "
        "(K: samples per image). With β = 1 it is a tighter bound than the ELBO for K > 1; otherwise p(z)/q(z|x) is "
        "raised to the power β, and it bounds nothing.",
        weighs=True,
        bound=True,
        short="IWAE",
        dash="dash",
        symbol="square",
    ),
    "dreg": EstimatorChoice(
        "K-sample bound, doubly reparameterized (DReG)",
        "The same objective as the K-sample bound; the encoder's gradient has the same mean and, for many samples, "
        "less noise.",
        weighs=True,
        bound=True,
        short="DReG",
    ),
}
BASELINES: dict[str, Choice] = {
    "none": Choice("no baseline", "The score function as it is."),
    "leave_one_out": Choice(
        "leave-one-out baseline", "Subtract the mean loss of the image's other samples; needs at least 2 samples."
    ),
}


def weighs_samples(estimator: str) -> bool:
    """Whether one of ESTIMATORS needs the loss of each sample, which takes memory."""
    entry = ESTIMATORS[estimator]
    return isinstance(entry, EstimatorChoice) and entry.weighs


def of_bound(estimator: str) -> bool:
    """Whether one of ESTIMATORS makes a run minimise the K-sample bound in the place of the ELBO."""
    return estimator in bound_estimators()


def bound_estimators() -> dict[str, EstimatorChoice]:
    """Those of ESTIMATORS that are of the K-sample bound."""
    return {name: entry for name, entry in ESTIMATORS.items() if isinstance(entry, EstimatorChoice) and entry.bound}


@dataclass(frozen=True)
class EstimatorSetup:
    """An estimator with its baseline, as The trick compares them; its colour is in `figures.style`."""

    title: str
    dash: str  # plotly's, of its lines
    estimator: str
    baseline: str = "none"
    random: bool = True  # whether more samples tell more: what is always 0 stays 0 however often it is measured

    @property
    def settings(self) -> dict[str, str]:
        """Fields of RunConfig."""
        return {"estimator": self.estimator, "baseline": self.baseline}

    @property
    def least_samples(self) -> int:
        return 2 if self.baseline == "leave_one_out" else 1

    def takes(self, samples: int) -> bool:
        """Whether so many samples are worth asking for."""
        return samples >= self.least_samples and (self.random or samples == 1)


ESTIMATOR_SETUPS: dict[str, EstimatorSetup] = {
    "pathwise": EstimatorSetup("Pathwise (the trick)", "solid", "pathwise"),
    "score_function": EstimatorSetup("Score function", "dash", "score_function"),
    "score_function_loo": EstimatorSetup(
        "Score function, leave-one-out baseline", "dashdot", "score_function", "leave_one_out"
    ),
    "detached": EstimatorSetup("Detached", "dot", "detached", random=False),
}
