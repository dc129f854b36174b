"""All claims with their badges, as one picture: an SVG that takes the page's text colour, or stands by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..style import BADGE_COLOURS, NEUTRAL

WIDTH, ROW, HEAD = 1200, 50, 62
SCREEN = "max(28rem, calc(100vh - var(--above-a-picture, 13rem)))"  # all claims at once
LEFT, BADGE = 50, 846  # where titles and badges begin
MARK = 11  # half the width of a badge's mark
TITLE_LETTERS, DETAIL_LETTERS, BADGE_LETTERS = 86, 112, 30  # of a line, before it is cut
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
    parts = [_text(16, 28, head, 21, weight=600), _text(16, 52, measured, 15, opacity=0.75)]
    for place, row in enumerate(rows):
        parts.append(_row(row, HEAD + ROW * place))
    said = f"{head}. " + " ".join(f"{row.number}. {row.title} {row.badge_title}." for row in rows)
    look = "color:inherit"
    if paper:
        text, ground = PAPERS[paper]
        look = f"color:{text};background:{ground};font-family:system-ui,sans-serif"
        parts.insert(0, f'<rect width="{WIDTH}" height="{height}" fill="{ground}"/>')
    size = f"width:100%;min-width:44rem;height:auto;max-height:{SCREEN};display:block"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(said)}" style="{size};{look}">'
        f"{''.join(parts)}</svg>"
    )


def _row(row: ClaimRow, top: float) -> str:
    colour = BADGE_COLOURS.get(row.badge, NEUTRAL)
    middle = top + ROW / 2
    return (
        f'<line x1="16" x2="{WIDTH - 16}" y1="{top + 2}" y2="{top + 2}" stroke="{NEUTRAL}" stroke-opacity="0.35"/>'
        f"{_text(LEFT - 12, middle + 1, str(row.number), 18, opacity=0.75, anchor='end')}"
        f"{_text(LEFT, middle + (1 if row.detail else 7), _cut(row.title, TITLE_LETTERS), 18)}"
        f"{_text(LEFT, middle + 20, _cut(row.detail, DETAIL_LETTERS), 14, opacity=0.75)}"
        f'<circle cx="{BADGE}" cy="{middle + 3}" r="{MARK + 2}" fill="{colour}" fill-opacity="0.18" stroke="{colour}"/>'
        f'<path d="{MARKS[row.badge]}" transform="translate({BADGE} {middle + 3})" fill="none" stroke="{colour}" '
        'stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/>'
        f"{_text(BADGE + 22, middle + 9, _cut(row.badge_title, BADGE_LETTERS), 18, weight=600)}"
    )


def _text(
    x: float, y: float, text: str, size: int, *, weight: int = 400, opacity: float = 1, anchor: str = "start"
) -> str:
    style = f"font-size:{size}px;font-weight:{weight};fill:currentColor;fill-opacity:{opacity:g}"
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" style="{style}">{escape(text)}</text>' if text else ""


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip()}…"
