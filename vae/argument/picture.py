"""The overview of all claims with their badges, as a picture."""

from __future__ import annotations

from collections.abc import Mapping

from ..figures.claims.overview import DETAIL_LETTERS, ClaimRow, overview_for_pages, overview_svg
from .claims import ARTICLE, CLAIMS
from .findings import Finding

HEAD = f"“{ARTICLE.title}” by {ARTICLE.author}, {ARTICLE.site}"


def picture(findings: Mapping[int, Finding], name: str, paper: str = "") -> str:
    """An SVG; `name`: of the configuration that the findings are about. `paper` as `overview_svg` has it."""
    return overview_svg(_rows(findings), HEAD, measured(findings, name), paper)


def for_pages(findings: Mapping[int, Finding], name: str) -> str:
    """Markup of the picture for windows of any width."""
    return overview_for_pages(_rows(findings), HEAD, measured(findings, name))


def measured(findings: Mapping[int, Finding], name: str) -> str:
    """ "mnist · 2-D · 400 · β 1; on 10,000 test images of MNIST; 3 seeds": what the badges rest on."""
    on = next((finding.on for finding in findings.values() if finding.on), "")
    seeds = sorted({finding.seeds for finding in findings.values() if finding.seeds})
    counts = " to ".join(str(count) for count in dict.fromkeys((seeds[0], seeds[-1]))) if seeds else ""
    told = [
        name,
        f"on {on}" if on else "nothing measured yet",
        f"{counts} seed{'s' * (counts != '1')}" if counts else "",
    ]
    return "; ".join(filter(None, told))


def _rows(findings: Mapping[int, Finding]) -> list[ClaimRow]:
    return [
        ClaimRow(number, CLAIMS[number].title, finding.badge, finding.title, _detail(finding))
        for number, finding in findings.items()
    ]


def _detail(finding: Finding) -> str:
    """The first two numbers, if there is room with the interval of the first; on what it depends is seen in two.

    What both are about is said once.
    """
    if not finding.numbers:
        return ""
    first, *more = finding.numbers[:2]
    about = first.title.rpartition(", ")[0] + ", "
    second = [f"{number.title.removeprefix(about)}: {number.short}" for number in more]
    with_interval = f"{first.title}: {first.text}"
    both = "; ".join([f"{first.title}: {first.short}" if finding.depends_on else with_interval, *second])
    return both if finding.depends_on or len(both) <= DETAIL_LETTERS else with_interval
