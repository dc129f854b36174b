"""`python -m vae argument`: the article's claims, judged by stored runs."""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import textwrap
from typing import Any

from ..errors import InputError
from ..settings import Settings
from .output import emit, json_flag, share_bar

WIDTH = 100  # characters of a line


def add(commands: Any) -> None:
    """The command's parser."""
    argument = commands.add_parser("argument", help="the article's claims, judged by what was measured")
    argument.set_defaults(command=_argument)
    argument.add_argument(
        "runs", metavar="RUN_ID", nargs="+", help="runs of one configuration; the store's others for it are found"
    )
    json_flag(argument, "print claims, numbers, intervals, badges and sentences as one JSON object")


def _argument(options: argparse.Namespace) -> int:
    from .. import measuring
    from ..argument import kept
    from ..argument.claims import ARTICLE, CLAIMS
    from ..store.configurations import same_but_for_seed
    from ..store.runs import Store

    settings = Settings.from_environment()
    store = Store(settings.database_url)
    runs = [store.run(run_id) for run_id in options.runs]
    same_but_for_seed(runs)
    for run in runs:
        if run.epoch < 1:  # −1 before its untrained state, 0 with it
            raise InputError(f"Run {run.id} ({run.status}) has no epoch yet, so nothing can be measured on it.")
    base, wanted = runs[0].config, kept.read(store, runs[0].config)
    lacking = {number: kept.lacking(wanted, number) for number in CLAIMS}
    for kind, run_id, epoch in dict.fromkeys(key for of_claim in lacking.values() for key in of_claim.measurements):
        try:
            measuring.MEASUREMENTS[kind](store, run_id, epoch, settings, share_bar)
        except InputError as problem:  # of one run; the others may do
            print(f"vae: {problem}", file=sys.stderr)
    found = kept.findings(kept.read(store, base))
    if options.json:
        result = {
            "article": dataclasses.asdict(ARTICLE),
            "config": base.model_dump(mode="json", exclude={"seed"}),
            "claims": [_claim(number, finding, lacking[number]) for number, finding in found.items()],
        }
        emit(result, options.json)
        return 0
    for number, finding in found.items():
        _print(number, finding, lacking[number])
    return 0


def _claim(number: int, finding: Any, lacking: Any) -> dict[str, Any]:
    from ..argument.claims import CLAIMS

    claim = CLAIMS[number]
    numbers = [
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in of_one.items()
        }
        | {"text": text}
        for of_one, text in ((dataclasses.asdict(value), value.text) for value in finding.numbers)
    ]
    return {
        "claim": number,
        "title": claim.title,
        "badge": finding.badge,
        "badge_title": finding.title,
        "sentence": finding.said,
        "numbers": numbers,
        "on": finding.on,
        "seeds": finding.seeds,
        "turned_by": finding.turned_by,
        "question": claim.question,
        "answer": None if finding.answer is None else claim.choices[finding.answer],
        "to_train": [config.model_dump(mode="json") for config in lacking.configs],
    }


def _print(number: int, finding: Any, lacking: Any) -> None:
    from ..argument.claims import CLAIMS

    print(f"{number}. {CLAIMS[number].title}")
    on = f", on {finding.on}" if finding.on else ""
    seeds = f" ({finding.seeds} seed{'s' * (finding.seeds != 1)}{on})" if finding.seeds else ""
    told = [f"{finding.title.upper()}{seeds}. {finding.said} {finding.turned_by}"]
    told += [f"{value.title}: {value.text}" for value in finding.numbers]
    if lacking.configs:
        count = len(lacking.configs)
        told.append(f"A verdict takes {count} more run{'s' * (count > 1)}; --json lists them.")
    for line in told:
        print(textwrap.fill(line, WIDTH, initial_indent="   ", subsequent_indent="     "))
    print()
