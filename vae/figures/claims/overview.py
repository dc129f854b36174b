"""All claims with their badges, as one picture: an SVG that takes the page's text colour, or stands by itself."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..style import BADGE_COLOURS, NEUTRAL

WIDTH, ROW, HEAD = 1200, 50, 62
SCREEN = "max(28rem, calc(100vh - var(--above-a-picture, 13rem)))"  # all claims at once
LEFT, BADGE = 50, 846  # where titles and badges begin
MARK = 11  # half the width of a badge's mark
TITLE_LETTERS, DETAIL_LETTERS, BADGE_LETTERS = 86, 98, 30  # of a line, before it is cut
PHONE = 400  # width of the drawing for phones, whose lines are broken at so many letters:
PHONE_HEAD, PHONE_MEASURED, PHONE_TITLE, PHONE_DETAIL = 32, 51, 41, 50
PHONE_WINDOW = 640  # pixels; in a narrower one letters of the wide drawing are too small to read
PAPERS = {"light": ("#222222", "#FFFFFF"), "dark": ("#EEEEEE", "#111111")}  # text and ground of a file of its own
# Drawn around (0, 0): no font needs to have them.
MARKS = {
    "holds": "M-6 0 L-2 5 L6 -5",
    "depends": "M0 7 V0 L-5 -6 M0 0 L5 -6",
    "fails": "M-5 -5 L5 5 M5 -5 L-5 5",
    "open": "M-5 -2 H5 M-5 3 H5",
    "too_few": "M-5 -6 H5 L-5 6 H5 Z",
    "not_measured": "M-4 0 H4",
}


@dataclass(frozen=True)
class ClaimRow:
    """One line of the picture."""

    number: int
    title: str
    badge: str  # a key of MARKS
    badge_title: str
    detail: str  # the number that counts, in words; may be empty


def overview_svg(rows: Sequence[ClaimRow], head: str, measured: str, paper: str = "") -> str:
    """A line for each claim: title, number, and the badge as a mark, in colour and in words.

    `head` names the article, `measured` says on what the badges rest. `paper`: a key of PAPERS for a file that stands
    by itself; without one the drawing is see-through and takes the text colour around it.
    """
    height = HEAD + ROW * len(rows) + 10
    parts = [_text(16, 28, head, 21, weight=600), _text(16, 52, measured, 16, opacity=0.75)]
    for place, row in enumerate(rows):
        parts.append(_row(row, HEAD + ROW * place))
    look = "color:inherit"
    if paper:
        text, ground = PAPERS[paper]
        look = f"color:{text};background:{ground};font-family:system-ui,sans-serif"
        parts.insert(0, f'<rect width="{WIDTH}" height="{height}" fill="{ground}"/>')
    return _drawing(WIDTH, height, parts, _said(rows, head), f"max-height:{SCREEN};{look}")


def overview_for_pages(rows: Sequence[ClaimRow], head: str, measured: str) -> str:
    """Markup of the drawing that fits the window: on phones lines are broken, and a badge stands below its claim."""
    return (
        f"<style>.narrow{{display:none}}@media(max-width:{PHONE_WINDOW}px)"
        "{.wide{display:none}.narrow{display:block}}</style>"
        f'<div class="wide">{overview_svg(rows, head, measured)}</div>'
        f'<div class="narrow">{_for_phones(rows, head, measured)}</div>'
    )


def _for_phones(rows: Sequence[ClaimRow], head: str, measured: str) -> str:
    y, parts = 4.0, []

    def lines(x: float, text: str, letters: int, size: int, weight: int = 400, opacity: float = 1) -> None:
        nonlocal y
        for line in textwrap.wrap(text, letters):
            y += size * 1.3
            parts.append(_text(x, y, line, size, weight=weight, opacity=opacity))

    lines(4, head, PHONE_HEAD, 19, weight=600)
    lines(4, measured, PHONE_MEASURED, 15, opacity=0.75)
    for row in rows:
        y += 14
        parts.append(_rule(4, PHONE - 4, y))
        parts.append(_text(24, y + 17 * 1.3 + 4, str(row.number), 17, opacity=0.75, anchor="end"))
        y += 4
        lines(34, row.title, PHONE_TITLE, 17)
        lines(34, row.detail, PHONE_DETAIL, 14, opacity=0.75)
        y += 24
        parts.append(_badge(row, 34 + MARK + 2, y, 17))
        y += MARK
    return _drawing(PHONE, round(y + 10), parts, _said(rows, head), "color:inherit")


def _drawing(width: int, height: int, parts: Sequence[str], said: str, look: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(said)}" style="width:100%;height:auto;display:block;{look}">{"".join(parts)}</svg>'
    )


def _said(rows: Sequence[ClaimRow], head: str) -> str:
    return f"{head}. " + " ".join(f"{row.number}. {row.title} {row.badge_title}." for row in rows)


def _row(row: ClaimRow, top: float) -> str:
    middle = top + ROW / 2
    return (
        f"{_rule(16, WIDTH - 16, top + 2)}"
        f"{_text(LEFT - 12, middle + 1, str(row.number), 18, opacity=0.75, anchor='end')}"
        f"{_text(LEFT, middle + (1 if row.detail else 7), _cut(row.title, TITLE_LETTERS), 18)}"
        f"{_text(LEFT, middle + 20, _cut(row.detail, DETAIL_LETTERS), 16, opacity=0.75)}"
        f"{_badge(row, BADGE, middle + 3, 18)}"
    )


def _rule(left: float, right: float, y: float) -> str:
    return f'<line x1="{left}" x2="{right}" y1="{y:g}" y2="{y:g}" stroke="{NEUTRAL}" stroke-opacity="0.35"/>'


def _badge(row: ClaimRow, x: float, y: float, size: int) -> str:
    """The mark around (x, y), and its words."""
    colour = BADGE_COLOURS.get(row.badge, NEUTRAL)
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="{MARK + 2}" fill="{colour}" fill-opacity="0.18" stroke="{colour}"/>'
        f'<path d="{MARKS[row.badge]}" transform="translate({x:g} {y:g})" fill="none" stroke="{colour}" '
        'stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/>'
        f"{_text(x + 22, y + 6, _cut(row.badge_title, BADGE_LETTERS), size, weight=600)}"
    )


def _text(
    x: float, y: float, text: str, size: int, *, weight: int = 400, opacity: float = 1, anchor: str = "start"
) -> str:
    style = f"font-size:{size}px;font-weight:{weight};fill:currentColor;fill-opacity:{opacity:g}"
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" style="{style}">{escape(text)}</text>' if text else ""


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip()}…"
