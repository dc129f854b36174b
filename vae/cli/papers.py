"""`python -m vae benchmark-papers`: ours beside numbers of papers and of closed forms."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..settings import Settings
from .output import emit, json_flag, share_bar
from .train import epoch_bar


def add(commands: Any) -> None:
    """The command's parser."""
    papers = commands.add_parser("benchmark-papers", help="train what papers report, and print ours beside theirs")
    papers.set_defaults(command=_papers)
    papers.add_argument(
        "--only", action="append", metavar="ROW", help="measure this row; all unless given, which takes hours"
    )
    papers.add_argument("--kept", action="store_true", help="measure nothing, print what is kept")
    papers.add_argument(
        "--take-over", action="store_true", help="go on with runs that say they are running, though nothing trains them"
    )
    papers.add_argument("--page", metavar="FILE", help="write all that is kept as a page, in Markdown")
    json_flag(papers, "print all rows that are kept as one JSON object")


def _papers(options: argparse.Namespace) -> int:
    from ..papers.comparison import kept, measured, page, verdict, write
    from ..papers.rows import PAPER_NUMBERS
    from ..store.runs import Store

    if unknown := [name for name in options.only or [] if name not in PAPER_NUMBERS]:
        raise InputError(f"{', '.join(unknown)} is no row; there are {', '.join(PAPER_NUMBERS)}.")
    settings, refused = Settings.from_environment(), {}
    names = [] if options.kept else options.only or list(PAPER_NUMBERS)
    kept(settings)  # a file that can't be read is better known before hours of training
    store = Store(settings.database_url)
    for name in names:
        print(f"{name}:", file=sys.stderr, flush=True)
        try:
            measured(name, store, settings, epoch_bar, share_bar, options.take_over)
        except InputError as problem:
            refused[name] = str(problem)
            print(f"vae: {problem}", file=sys.stderr)
    rows = kept(settings)
    if options.page:
        write(Path(options.page), page(rows, refused))
    if options.json:
        emit({"rows": rows, "refused": refused}, options.json)
    else:
        for name, row in PAPER_NUMBERS.items():
            if name in rows:
                found, style = rows[name], row.style
                told = f"theirs {found['theirs']:{style}}, ours {found['value']:{style}} ({verdict(row, found)})"
                print(f"{name:26s} {row.title}: {told}. {found['details']}")
            else:
                print(f"{name:26s} {row.title}: {refused.get(name, row.missing or 'not measured yet.')}")
    return 1 if any(PAPER_NUMBERS[name].measure for name in refused) else 0
