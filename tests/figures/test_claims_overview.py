"""All claims as one picture: each badge by its mark, its colour and its words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from vae.argument.claims import ARTICLE, CLAIMS
from vae.argument.findings import BADGES, Finding, Number
from vae.argument.picture import for_pages, measured, picture
from vae.figures.claims.overview import (
    BADGE,
    MARK,
    MARKS,
    PAPERS,
    PHONE,
    WIDTH,
    ClaimRow,
    overview_for_pages,
    overview_svg,
)
from vae.figures.style import BADGE_COLOURS, NEUTRAL

SVG = "{http://www.w3.org/2000/svg}"


def row(badge: str, **more: object) -> ClaimRow:
    return ClaimRow(
        **{"number": 1, "title": "A claim.", "badge": badge, "badge_title": BADGES[badge].title, "detail": ""} | more
    )


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_badge_has_a_mark_of_its_own() -> None:
    assert set(MARKS) == set(BADGES)
    assert len(set(MARKS.values())) == len(MARKS)
    assert set(BADGE_COLOURS) <= set(BADGES)


@pytest.mark.parametrize("badge", BADGES)
def test_a_badge_is_told_by_mark_colour_and_word(badge: str) -> None:
    svg = overview_svg([row(badge)], "head", "measured")
    assert BADGES[badge].title in texts(svg)
    assert f'd="{MARKS[badge]}"' in svg
    assert f'stroke="{BADGE_COLOURS.get(badge, NEUTRAL)}"' in svg


def test_it_takes_the_page_s_colours_or_stands_by_itself() -> None:
    rows = [row("holds")]
    assert "background" not in overview_svg(rows, "head", "")
    for paper, (text, ground) in PAPERS.items():
        svg = overview_svg(rows, "head", "", paper)
        assert f"color:{text};background:{ground}" in svg
        rectangle = ElementTree.fromstring(svg).find(f"{SVG}rect")
        assert rectangle is not None and rectangle.get("fill") == ground


def test_words_of_visitors_stay_words() -> None:
    svg = overview_svg([row("holds", title="<img src=x>", detail="<b>")], "<script>", "a & b")
    assert "<img" not in svg and "<script" not in svg and "<b>" not in svg
    assert texts(svg)[:2] == ["<script>", "a & b"]


def test_nothing_leaves_the_picture() -> None:
    """Letters are on average half as wide as they are high, bold ones a little more; long texts end in "…"."""
    long = row("depends", title="w" * 300, badge_title="depends on " + "w" * 300, detail="w" * 300)
    root = ElementTree.fromstring(overview_svg([long], "head", ""))
    for element in root.iter(f"{SVG}text"):
        assert element.text is not None
        style, left = element.get("style", ""), float(element.get("x", 0))
        letter = float(style.split("font-size:")[1].split("px")[0]) * (0.61 if "weight:600" in style else 0.5)
        if len(element.text) > 20:
            assert element.text.endswith("…")
            assert left + letter * len(element.text) <= (WIDTH if left > BADGE else BADGE - MARK)


def test_on_phones_lines_are_broken_and_none_leaves_the_picture() -> None:
    long = row("depends", title="word " * 30, badge_title="depends on " + "w" * 300, detail="ww ww " * 30)
    drawn = overview_for_pages([long, row("holds")], "head " * 20, "measured " * 10)
    root = ElementTree.fromstring(drawn[drawn.rindex("<svg") : drawn.rindex("</svg>") + len("</svg>")])
    _, _, width, height = map(float, root.get("viewBox", "").split())
    assert width == PHONE
    said, lows = [element.text or "" for element in root.iter(f"{SVG}text")], []
    for element, text in zip(root.iter(f"{SVG}text"), said, strict=True):
        style, left = element.get("style", ""), float(element.get("x", 0))
        letter = float(style.split("font-size:")[1].split("px")[0]) * (0.61 if "weight:600" in style else 0.5)
        assert element.get("text-anchor") == "end" or left + letter * len(text) <= PHONE, text
        lows.append(float(element.get("y", 0)))
    assert max(lows) < height
    assert " ".join(said).count("word") == 30 and " ".join(said).count("ww ww") >= 25, "nothing is cut but the badge"


FOUND = {
    1: Finding("holds", "", (Number("Left", 0.6, "times", 0.5, 0.7, ".2f"),), "297 test images of Digits", 3),
    3: Finding(
        "depends",
        "",
        (Number("Absolute", 0.5, "times", 0.4, 0.6, ".2f"), Number("Per std", 2.0, "times", 1.9, 2.1, ".2f")),
        "297 test images of Digits",
        3,
        depends_on="the unit",
    ),
    4: Finding("not_measured", "Not measured yet."),
}


def test_findings_as_a_picture() -> None:
    said = texts(picture(FOUND, "digits · 2-D"))
    assert said[0] == f"“{ARTICLE.title}” by {ARTICLE.author}, {ARTICLE.site}"
    assert said[1] == "digits · 2-D; on 297 test images of Digits; 3 seeds"
    assert said[2:] == [
        *("1", CLAIMS[1].title, "Left: 0.60 times (95 % interval 0.50 to 0.70)", "holds"),
        *("3", CLAIMS[3].title, "Absolute: 0.50 times; Per std: 2.00 times", "depends on the unit"),
        *("4", CLAIMS[4].title, "not measured yet"),
    ]
    assert set(said) <= set(texts_of_pages := re.findall(r"<text[^>]*>([^<]*)<", for_pages(FOUND, "digits · 2-D")))
    assert texts_of_pages.count("holds") == 2, "for wide windows and for phones"
    (title,) = re.findall(r'aria-label="([^"]*)"', picture(FOUND, "digits"))
    assert f"1. {CLAIMS[1].title} holds." in title


def test_what_two_numbers_are_about_is_said_once() -> None:
    two = (Number("AE ÷ VAE, absolute", 0.5, "times", 0.4, 0.6, ".2f"), Number("AE ÷ VAE, per std", 2, "", 1, 3, ".2f"))
    for depends_on in ("", "the unit"):
        finding = Finding("depends", "", two, "", 3, depends_on=depends_on)
        interval = "" if depends_on else " (95 % interval 0.40 to 0.60)"
        assert f"AE ÷ VAE, absolute: 0.50 times{interval}; per std: 2.00" in texts(picture({3: finding}, "digits"))


def test_on_what_badges_rest() -> None:
    assert measured({4: FOUND[4]}, "digits") == "digits; nothing measured yet"
    one = Finding("too_few", "", (), "297 test images of Digits", 1)
    assert measured({1: one}, "digits") == "digits; on 297 test images of Digits; 1 seed"
    assert measured({1: one, 3: FOUND[3]}, "digits").endswith("1 to 3 seeds")
