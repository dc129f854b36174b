"""The pages in the order of the lesson, each with the one question it answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lesson:
    """One page."""

    file: str  # relative to _navigation.py, as streamlit wants it
    title: str
    icon: str
    question: str
    in_bar: bool = True  # the bar at the top is full at 1280 px; what isn't in it is linked below every page
    cites: bool = False  # whether it names the article itself, above; all others do below
    of_a_run: bool = True  # whether it looks at one run, which its picker chooses


LESSONS = (
    Lesson("start.py", "Start", ":material/home:", "Two models, one difference"),
    Lesson(
        "argument.py",
        "Argument",
        ":material/fact_check:",
        "What does the article claim, and what was measured?",
        cites=True,
    ),
    Lesson("train.py", "Train", ":material/model_training:", "What do both learn, and how do they differ?"),
    Lesson("reconstructions.py", "Reconstructions", ":material/compare:", "What survives the bottleneck?"),
    Lesson("latent_space.py", "Latent space", ":material/scatter_plot:", "How are codes laid out?"),
    Lesson("perturbation.py", "Perturbation", ":material/open_with:", "Does a small step change the picture?"),
    Lesson("sampling.py", "Sample", ":material/auto_awesome:", "What do codes that come from no image look like?"),
    Lesson("the_trick.py", "The trick", ":material/shuffle:", "How can we backpropagate through a random step?"),
    Lesson("two_losses.py", "Two losses", ":material/balance:", "What do we gain from the KL term?"),
    Lesson("sweeps.py", "Sweep", ":material/grid_view:", "What does a setting do?", of_a_run=False),
    Lesson("compare.py", "Compare", ":material/stacked_line_chart:", "Which settings?", of_a_run=False),
    Lesson(
        "yardsticks.py",
        "Yardsticks",
        ":material/straighten:",
        "Which model is better, and for what?",
        in_bar=False,
    ),
    Lesson("data.py", "Data", ":material/photo_library:", "What do they learn from?", of_a_run=False),
    Lesson("server.py", "Server", ":material/dns:", "What is running?", in_bar=False, of_a_run=False),
)


def question(file: str) -> str:
    """The one that the page in `file` answers."""
    return next(lesson.question for lesson in LESSONS if lesson.file == file)
