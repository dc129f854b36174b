"""The overview of all claims with their badges, as a picture."""

from __future__ import annotations

from collections.abc import Mapping

from ..figures.claims.overview import DETAIL_LETTERS, ClaimRow, overview_svg
from .claims import ARTICLE, CLAIMS
from .findings import Finding


def picture(findings: Mapping[int, Finding], name: str, paper: str = "") -> str:
    """An SVG; `name`: of the configuration that the findings are about. `paper` as `overview_svg` has it."""
    rows = [
        ClaimRow(number, CLAIMS[number].title, finding.badge, finding.title, _detail(finding))
        for number, finding in findings.items()
    ]
    return overview_svg(rows, f"“{ARTICLE.title}” by {ARTICLE.author}, {ARTICLE.site}", measured(findings, name), paper)


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


def _detail(finding: Finding) -> str:
    """The first two numbers, if there is room with the interval of the first; on what it depends is seen in two."""
    if not finding.numbers:
        return ""
    with_interval = [f"{number.title}: {number.text}" for number in finding.numbers[:2]]
    short = [f"{number.title}: {number.short}" for number in finding.numbers[:2]]
    both = "; ".join(short if finding.depends_on else [with_interval[0], *short[1:]])
    return both if finding.depends_on or len(both) <= DETAIL_LETTERS else with_interval[0]
