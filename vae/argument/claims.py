"""The article's claims, in its order: one registry. What a page, a report and the command line show is read here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import rules_of_codes as codes
from . import rules_of_sampling as sampling
from . import rules_of_steps as steps
from .evidence import Evidence
from .findings import Finding


@dataclass(frozen=True)
class Article:
    """What all of this is about."""

    title: str = "Reparameterization trick"
    author: str = "Sayak Paul"
    site: str = "Towards Data Science"
    address: str = "https://towardsdatascience.com/reparameterization-trick-126062cfd3c3"

    @property
    def cited(self) -> str:
        """Named and linked, in Markdown."""
        return f"[{self.title}]({self.address}), {self.author}, {self.site}"


ARTICLE = Article()


@dataclass(frozen=True)
class Claim:
    """One claim, and what it takes to judge it."""

    title: str  # in our words
    question: str  # what to predict
    choices: tuple[str, ...]  # two to four, in the order in which the rule's `answer` counts them, from 0
    family: str  # a key of `evidence.FAMILIES`: which runs it needs
    rule: Callable[[Evidence], Finding]
    page: str  # file of the page that goes deeper
    deeper: str  # what is seen there
    nudged: bool = False  # whether it needs nudges measured beside `measures`


CLAIMS: dict[int, Claim] = {
    1: Claim(
        "A few numbers are enough to rebuild an image.",
        "How much of the error is left, compared with always answering the mean image?",
        ("nearly all", "about half", "about a quarter", "a tenth or less"),
        "pair",
        codes.few_numbers,
        "reconstructions.py",
        "Which images are rebuilt badly?",
    ),
    2: Claim(
        "Nothing tells an autoencoder how to lay out its codes.",
        "Whose codes lie closer to a standard normal distribution, N(0, I)?",
        ("the autoencoder's", "the VAE's", "no difference"),
        "pair",
        codes.layout,
        "latent_space.py",
        "Both spaces, point by point",
    ),
    3: Claim(
        "So a very small change of a code can change the picture a lot, and less in a VAE.",
        "Whose picture changes more after the same small step?",
        ("the autoencoder's, in every unit", "the VAE's, in every unit", "it depends on the unit of the step"),
        "pair",
        steps.small_step,
        "perturbation.py",
        "Every unit and every size of the step",
        nudged=True,
    ),
    4: Claim(
        "More latent dimensions help, but only up to a point.",
        "From 2 to 64 dimensions: which model still gets better at the last step?",
        ("both", "only the autoencoder", "only the VAE", "neither"),
        "sizes",
        codes.more_dimensions,
        "sweeps.py",
        "A sweep over any sizes",
    ),
    5: Claim(
        "A VAE maps an image to a distribution, not to a point.",
        "How wide is that distribution, beside the distance to the next image's code?",
        ("much narrower", "about as wide", "much wider"),
        "vae",
        codes.distribution,
        "latent_space.py",
        "The posteriors, drawn over the codes",
    ),
    6: Claim(
        "Sampling is what makes neighbours decode alike.",
        "Noise alone, KL alone, or both: whose pictures change least after a small step?",
        ("noise alone", "KL alone", "both together", "it depends on the unit"),
        "variants",
        steps.sampling_smooths,
        "perturbation.py",
        "Which ingredient does it?",
        nudged=True,
    ),
    7: Claim(
        "Sampling makes outputs more diverse.",
        "Sixteen pictures of one image: how much do they differ, beside the error of rebuilding it?",
        ("not visibly", "less than the error", "more than the error"),
        "vae",
        sampling.diverse,
        "reconstructions.py",
        "One image, many samples",
    ),
    8: Claim(
        "The encoder gives log σ², because a variance must be positive.",
        "How many of the encoder's outputs are below 0, and would be impossible as a variance?",
        ("none", "a few", "most"),
        "vae",
        sampling.log_variance,
        "the_trick.py",
        "σ by hand",
    ),
    9: Claim(
        "Two losses are needed.",
        "What is lost without the KL (β = 0), and with too much of it (β = 20)?",
        ("nothing", "only samples", "only reconstructions", "samples without it, reconstructions with too much"),
        "betas",
        sampling.two_losses,
        "two_losses.py",
        "Every β, side by side",
    ),
    10: Claim(
        "ε is a random number with very low values.",
        "How large is ε usually?",
        ("below 0.1", "about 0.7", "above 2"),
        "vae",
        sampling.small_epsilon,
        "the_trick.py",
        "Redraw ε, and watch z move",
    ),
    11: Claim(
        "Without the trick no gradient reaches the encoder.",
        "Which ways of passing the random step give the encoder a gradient of the reconstruction?",
        ("only the trick", "the trick and the score function", "all, a detached sample too"),
        "vae",
        sampling.without_the_trick,
        "the_trick.py",
        "Every gradient, step by step",
    ),
}


def judge(number: int, evidence: Evidence) -> Finding:
    """The finding of one claim. Raises KeyError for a number that is none of CLAIMS."""
    return CLAIMS[number].rule(evidence)
