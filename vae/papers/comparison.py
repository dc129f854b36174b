"""The comparison, row by row: each is trained, measured and kept before the next, so it can be cut short any time."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config import RunConfig
from ..errors import InputError
from ..learning.training import Epoch
from ..runs.execution import check, execute, versions
from ..runs.hardware import machine
from ..settings import Settings
from ..store.runs import RESUMABLE, Run, Store, new_owner
from .measures import Bench
from .rows import PAPER_NUMBERS, PaperNumber

LOOKED_THROUGH = 10_000  # the newest runs that could be gone on with
FILE = "published_numbers.json"  # in the data folder


def kept(settings: Settings) -> dict[str, dict[str, Any]]:
    """What was measured before, by the name of the row; without rows that are measured on another config by now."""
    try:
        found = json.loads((settings.data_dir / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise InputError(f"{FILE} in the data folder can't be read: move it away to measure all rows anew.") from None
    return {name: row for name, row in found.items() if name in PAPER_NUMBERS and row["config"] == _asked(name)}


def _keep(settings: Settings, name: str, row: dict[str, Any]) -> None:
    path = settings.data_dir / FILE
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(kept(settings) | {name: row}, indent=1, ensure_ascii=False), encoding="utf-8")
    unfinished.replace(path)  # at once: a row that was kept is never lost to one that is cut short


def _asked(name: str) -> str:
    config = PAPER_NUMBERS[name].config
    return config.fingerprint() if config else ""


def measured(
    name: str,
    store: Store,
    settings: Settings,
    on_epoch: Callable[[Epoch, int], None] = lambda epoch, epochs: None,
    said: Callable[[float, str], None] = lambda share, what: None,
    take_over: bool = False,
) -> dict[str, Any]:
    """A row, kept: its `value`, `theirs`, `details`, seconds, date, versions and machine.

    A run of the same config that is done is taken as it is, one that was cut short is gone on with. Raises InputError
    for a row that can't be measured, and while somebody else trains its run, unless it is to be taken over.
    """
    if known := kept(settings).get(name):
        return known
    row = PAPER_NUMBERS[name]
    if row.measure is None:
        raise InputError(row.missing)
    run = _trained(row.config, store, settings, on_epoch, take_over) if row.config else None
    began = time.monotonic()
    found = row.measure(Bench(store, settings, run, said))
    result = {
        "value": found.value,
        "theirs": row.theirs if found.theirs is None else found.theirs,
        "details": found.details,
        "config": _asked(name),
        "epochs": run.epoch if run else 0,
        "training_seconds": run.seconds if run else 0.0,
        "measuring_seconds": time.monotonic() - began,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "versions": run.versions if run else versions("cpu"),
        "machine": run.data["machine"] if run else machine("cpu", settings.threads),
    }
    _keep(settings, name, result)
    return result


def _trained(
    config: RunConfig,
    store: Store,
    settings: Settings,
    on_epoch: Callable[[Epoch, int], None],
    take_over: bool,
) -> Run:
    there = store.same(config)
    if there and there.status == "done":
        return there
    if there and not take_over:
        raise InputError(
            f"Run {there.id} for it is {there.status}, epoch {max(there.epoch, 0)} of {config.epochs}: ask again when "
            "it is done. If nothing trains it any more, --take-over goes on with it."
        )
    if there:
        store.interrupt(there.id, there.pulse, "Taken over by benchmark-papers.")
    owner = new_owner("cli")
    cut_short = [run for run in store.runs(LOOKED_THROUGH, RESUMABLE) if run.config == config]
    if cut_short and store.requeue(cut_short[0].id, owner):
        run_id = cut_short[0].id
    else:
        check(store, config, settings)
        run_id = store.create(config, owner)
    status = execute(store, run_id, settings, lambda epoch: on_epoch(epoch, config.epochs))
    run = store.run(run_id)
    if status != "done":
        raise InputError(f"Run {run_id} {status}. {run.error or ''}".strip())
    return run


def verdict(row: PaperNumber, found: dict[str, Any]) -> str:
    """Whether ours is as near as it should be, as the numbers are shown."""
    if row.within is None:
        return "–"
    off = abs(found["value"] - found["theirs"])
    return f"within {row.within:g}" if off <= row.within * (1 + 1e-9) else f"NOT within {row.within:g}"


def page(rows: dict[str, dict[str, Any]], refused: dict[str, str]) -> str:
    """The comparison as Markdown. `rows` by name as `measured` gives them, `refused` why others have none."""
    lines = [
        "# Published numbers",
        "",
        "Numbers of papers, of other programs and of closed forms, beside what this program measures. Written by "
        "`python -m vae benchmark-papers`, which trains what each row takes; a row that was measured is kept. Times "
        "are as they were, whatever else the machine did.",
        "",
        "| what | theirs | ours | difference | target |",
        "|---|---|---|---|---|",
    ]
    for name, row in PAPER_NUMBERS.items():
        beside = f" ({row.beside})" if row.beside else ""
        if name in rows:
            found = rows[name]
            theirs, ours = f"{found['theirs']:{row.style}}{beside}", f"{found['value']:{row.style}}"
            apart = f"{found['value'] - found['theirs']:+{row.style}}"
            cells = [row.title, theirs, ours, apart, verdict(row, found)]
        else:
            theirs = "–" if row.theirs is None else f"{row.theirs:{row.style}}{beside}"
            cells = [row.title, theirs, "–", "–", "not measured" if row.within is None else f"within {row.within:g}"]
        lines.append("| " + " | ".join(_signed(cell) for cell in cells) + " |")
    lines += ["", "## Row by row", ""]
    for name, row in PAPER_NUMBERS.items():
        told = [f"**{row.title}** (`{name}`).", f"{row.setting}.".replace("..", "."), f"Source: {row.source}."]
        if name in rows:
            told += [rows[name]["details"], _times(rows[name])]
        else:
            told.append(refused.get(name, row.missing or "Not measured yet."))
        lines.append("- " + " ".join(filter(None, told)))
    machines = dict.fromkeys(_made_with(found) for found in rows.values())
    lines += ["", "## Made with", "", *(f"- {made}" for made in machines)]
    return "\n".join(lines).rstrip() + "\n"


def _signed(text: str) -> str:
    """With a minus sign before a number."""
    return f"−{text[1:]}" if text[:1] == "-" and text[1:2].isdigit() else text


def _times(found: dict[str, Any]) -> str:
    trained, took = found["training_seconds"], found["measuring_seconds"]
    told = f"Measured in {took:,.0f} s." if took >= 1 else ""
    if not found["epochs"]:
        return told
    each = trained / found["epochs"]
    return f"Trained for {found['epochs']} epochs in {trained:,.0f} s ({each:.1f} s each). {told}".strip()


def _made_with(found: dict[str, Any]) -> str:
    named = ", ".join(f"{name} {value}" for name, value in found["versions"].items())
    where = found["machine"]
    threads = f"{where['threads']} thread{'s' * (where['threads'] != 1)}"
    return f"{found['date']}: {named}; {where['system']}, {where['processor']}, {threads}"


def write(path: Path, text: str) -> None:
    """Raises InputError where it can't be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise InputError(f"{path} can't be written: {problem.strerror}.") from None
