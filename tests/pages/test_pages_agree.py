"""All pages about one run, read together: one quantity is one number, and no two sentences contradict each other."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from lessons import done, until
from paging import every_tab, open_page, texts
from thorough import thorough
from unpacking import unpacked

from pages.sections.the_trick import estimator_comparison
from pages.shared import similar_runs
from pages.stage.film import film
from vae.figures.style import VARIANT_TITLES
from vae.figures.trick import ESTIMATOR_TITLES
from vae.store.runs import Store

PAGES = ("start.py", "train.py", "reconstructions.py", "latent_space.py", "perturbation.py", "sampling.py")
PAGES += ("the_trick.py", "two_losses.py")
TITLES = sorted([*VARIANT_TITLES.values(), *ESTIMATOR_TITLES.values()], key=len, reverse=True)
NAME = rf"(?:{'|'.join(map(re.escape, TITLES))})(?:, from (?:the mean|a sample))?"
HEAD = re.compile(rf"([^.:*]+) \(mean over ([^:]+)\): ((?:{NAME} −?[\d.]+\d(?:; )?)+)")
CLAIM = re.compile(rf"({NAME}) is (higher|lower) than ({NAME}) by|(no clear difference) between ({NAME}) and ({NAME})")
OLD = re.compile(
    r"anecdote|told apart|loses least|rebuilds best|\bworst\b|strawman|least first|not enough for a verdict"
)


def read(run_id: str) -> dict[str, list[str]]:
    """Paragraphs by page, once what is measured in the background is there."""
    said = {}
    for page in PAGES:
        app = open_page(page, run=run_id)
        if page == "perturbation.py":
            until(app, lambda app: "Verdict" in texts(app))
        said[page] = [element.value for shown in every_tab(app) for element in shown.markdown]
    said["stage"] = unpacked(film(run_id, -1))[0]["notices"][-1:]
    return said


def numbers_and_claims(said: dict[str, list[str]]) -> tuple[dict, dict]:
    """(quantity, images, title) → numbers, and (quantity, images, two titles) → which of them is higher."""
    numbers, claims = defaultdict(set), defaultdict(set)
    for paragraphs in said.values():
        for paragraph in paragraphs:
            for head in HEAD.finditer(paragraph):
                quantity, on, values = (part.strip() for part in head.groups())
                for title, number in re.findall(rf"({NAME}) (−?[\d.]+\d)", values):
                    numbers[quantity, on, title].add(number)
                rest = paragraph[head.end() :]
                following = HEAD.search(rest)
                for first, way, other, open_, one, two in CLAIM.findall(
                    rest[: following.start()] if following else rest
                ):
                    pair = (quantity, on, *sorted((one, two) if open_ else (first, other)))
                    claims[pair].add(open_ or (first if way == "higher" else other))
    return numbers, claims


@pytest.mark.parametrize("kind", thorough(["2-D", "all four"], ("2-D",)))
def test_no_two_sentences_about_one_run_contradict_each_other(stocked: Store, runs: dict[str, str], kind: str) -> None:
    for config in estimator_comparison.configs(stocked.run(runs[kind])).values():
        done(stocked, config)
    similar_runs.known.clear()
    said = read(runs[kind])
    numbers, claims = numbers_and_claims(said)
    assert {quantity for quantity, _, _ in numbers} >= {
        "Reconstruction in nats / image",
        "Squared error per pixel",
        "Distance to the nearest training image in pixel RMSE",
        "Path length ÷ straight distance",
        "Loss in nats / image",
    }
    assert all(
        re.search(r"\d+ (validation|test) images|\d+ pictures|pairs of validation images", on) for _, on, _ in numbers
    )
    assert {key: found for key, found in numbers.items() if len(found) > 1} == {}, "one quantity, one number"
    assert claims and {key: found for key, found in claims.items() if len(found) > 1} == {}
    for (quantity, on, one, two), (claim,) in ((key, tuple(found)) for key, found in claims.items()):
        (first,), (second,) = numbers[quantity, on, one], numbers[quantity, on, two]
        if claim != "no clear difference":
            assert first != second, "a tie in the digits shown is no ranking"
            assert claim == (one if float(first) > float(second) else two)
    for page, paragraphs in said.items():
        for paragraph in paragraphs:
            assert not OLD.search(paragraph), (page, paragraph)
            if HEAD.search(paragraph) or "Expected from the article" in paragraph:
                assert paragraph.count("Only one seed: not enough to conclude.") == 1, (page, paragraph)


def test_the_reader_finds_a_contradiction() -> None:
    """Were it blind, the test above would hold nothing."""
    ae, vae = VARIANT_TITLES["ae"], VARIANT_TITLES["vae"]
    head = f"Squared error per pixel (mean over 200 validation images): {ae} 0.0396; {vae}, from the mean 0.0405."
    said = {
        "a": [f"{head} In this one run, image by image: {vae}, from the mean is higher than {ae} by 0.0009 (…)."],
        "b": [f"{head} In this one run, image by image: no clear difference between {ae} and {vae}, from the mean."],
        "c": [head.replace("0.0405", "0.0407")],
    }
    numbers, claims = numbers_and_claims(said)
    key = ("Squared error per pixel", "200 validation images")
    assert claims == {(*key, ae, f"{vae}, from the mean"): {f"{vae}, from the mean", "no clear difference"}}
    assert numbers == {(*key, ae): {"0.0396"}, (*key, f"{vae}, from the mean"): {"0.0405", "0.0407"}}
