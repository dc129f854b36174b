"""`make load`: a class on one server, on loopback. Thirty visitors, a quick run each; then the trend from 1 to 60.

Each opens the pages, asks for a run with a seed of their own, follows its film on the stage, moves sliders and opens
tabs, as a browser would ask for it. Prints a table and keeps it in reports/load.json. Ends with 1 when a run, or an
epoch of a film, was lost, or a page complained.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import quantiles

import psutil
from serving import ROOT, Dashboard

from load.student import Student
from vae.store.runs import ENDED, Run, Store

SESSIONS = (1, 5, 10, 20, 30, 45, 60)
LONGEST = 300  # seconds for a class
ARRIVE_WITHIN = 10  # seconds: a class does not come in one by one, nor all at once
THINKING = (1.0, 4.0)  # seconds between two things that a student does
BEFORE = ("train",)  # pages seen before the run is asked for
AFTER = ("latent_space", "perturbation", "reconstructions", "sampling", "the_trick", "two_losses", "compare")
EPOCH = "Epoch"
SHOW = "Show me"  # the button beside a question that stands before a verdict
SAMPLED = 0.5  # seconds between looks at the memory
READY = "worker ready"
LONG = 50  # rounds of one visitor through the pages
LOG_SHOWN = 8000  # characters of the server's log, when a page complained


async def lesson(student: Student, number: int) -> None:
    """What one student does, from the front page to the comparison."""
    chance = random.Random(number)

    async def think() -> None:
        await asyncio.sleep(chance.uniform(*THINKING))

    await asyncio.sleep(chance.uniform(0, ARRIVE_WITHIN))
    await student.arrive()
    for page in BEFORE:
        await think()
        await student.visit(page)
    await student.type("Seed", 1000 + number)
    await student.click("Train")
    while not student.badge(ENDED):
        await think()
        if (film := student.film()) and film.epochs:
            await student.rest(chance.choice(film.epochs))
    if film := student.film():
        await film.end()
        await student.rest(film.newest)
    for page in AFTER:
        await student.visit(page)
        await think()
        await look_around(student, chance)
        await think()
    await student.leave()


async def look_around(student: Student, chance: random.Random) -> None:
    """On a page about the run: another epoch, on the stage or by the slider, a tab, and a verdict."""
    if film := student.film():
        await student.rest(chance.choice(film.kept))
    elif student.has("slider", EPOCH):
        await student.slide(EPOCH, chance.choice(student.find("slider", EPOCH).options))
    if tabs := student.tabs():
        await student.open_tab(chance.choice(sorted(tabs)))
    if student.has("button", SHOW):
        await student.click(SHOW)


async def school(dashboard: Dashboard, sessions: int) -> dict[str, object]:
    """One class; what it measured."""
    students = [Student(dashboard.url) for _ in range(sessions)]
    memory, spent = asyncio.create_task(peak_memory(dashboard.process.pid)), cpu_seconds(dashboard)
    started = time.monotonic()
    lessons = [asyncio.create_task(lesson(student, number)) for number, student in enumerate(students)]
    done, left = await asyncio.wait(lessons, timeout=LONGEST)
    for task in left:
        task.cancel()
    memory.cancel()
    troubles = Counter(text for student in students for text in student.troubles)
    troubles.update(f"{type(task.exception()).__name__}: {task.exception()}" for task in done if task.exception())
    if left:
        troubles[f"not at the end of the lesson after {LONGEST} s"] = len(left)
    runs = Store(dashboard.database_url).runs(10_000, ("done",))
    ended = [run.finished_at.timestamp() - run.queued_at.timestamp() for run in runs]
    return {
        "sessions": sessions,
        "runs done": len(runs),
        "films whole": whole_films(students, runs),
        "seconds": time.monotonic() - started,
        "last run done after its click, seconds": max(ended, default=float("nan")),
        **{f"{what} {name}": value for what in WHAT for name, value in spread(students, what).items()},
        "dashboard CPU seconds": cpu_seconds(dashboard) - spent,
        **peaks(),
        "troubles": dict(troubles),
    }


def whole_films(students: list[Student], runs: list[Run]) -> int:
    """How many students hold every epoch of a run, each once."""
    recorded = {run.id: list(range(run.epoch + 1)) for run in runs}
    return sum(film.epochs == recorded.get(film.run_id) for student in students for film in student.films.values())


WHAT = ("first page", "page", "click", "number", "slider", "tab", "poll", "first film", "film", "rest", "report")


def spread(students: list[Student], what: str) -> dict[str, float]:
    """Median, 95th percentile and worst, in seconds."""
    times = sorted(seconds for student in students for seconds in student.times[what])
    if len(times) < 2:
        return dict.fromkeys(("p50", "p95", "max"), times[0] if times else float("nan"))
    cuts = quantiles(times, n=20, method="inclusive")
    return {"p50": cuts[9], "p95": cuts[18], "max": times[-1]}


def cpu_seconds(dashboard: Dashboard) -> float:
    """That the dashboard has used, without its workers."""
    used = psutil.Process(dashboard.process.pid).cpu_times()
    return used.user + used.system


_peak: dict[str, float] = {}


def peaks() -> dict[str, float]:
    found = dict(_peak)
    _peak.clear()
    return found


async def peak_memory(dashboard: int) -> None:
    """The most that the dashboard, and any of its workers, held at a time: resident megabytes."""
    process = psutil.Process(dashboard)
    while True:
        sizes = {"dashboard MB": process.memory_info().rss}
        workers = [child for child in process.children(recursive=True) if "spawn_main" in " ".join(child.cmdline())]
        sizes["largest worker MB"] = max((child.memory_info().rss for child in workers), default=0)
        for name, size in sizes.items():
            _peak[name] = max(_peak.get(name, 0.0), size / 2**20)
        await asyncio.sleep(SAMPLED)


def table(rows: list[dict[str, object]]) -> str:
    columns = ["sessions", "runs done", "films whole", "seconds", "first page p95", "page p95", "click p50",
               "click p95", "slider p95", "tab p95", "poll p95", "first film p95", "film p50", "film p95", "rest p95",
               "dashboard CPU seconds", "dashboard MB", "largest worker MB"]  # fmt: skip
    lines = [" | ".join(columns)]
    for row in rows:
        shown = [row.get(name, "") for name in columns]
        lines.append(" | ".join(f"{value:.2f}" if isinstance(value, float) else str(value) for value in shown))
        if stays := row.get("dashboard MB of one who stays"):
            lines.append("    one visitor who stays, MB after each fifth: " + " ".join(f"{size:.0f}" for size in stays))
        lines.extend(f"    {count} × {text}" for text, count in row["troubles"].items())
    return "\n".join(lines)


async def endurance(dashboard: Dashboard) -> list[float]:
    """One visitor who does not leave: megabytes of the dashboard after each fifth of LONG rounds through the pages."""
    student, process, sizes = Student(dashboard.url), psutil.Process(dashboard.process.pid), []
    chance = random.Random(0)
    await student.arrive()
    await student.visit("train")
    await student.click("Train")
    while not student.badge(("done",)):
        await asyncio.sleep(SAMPLED)
    for number in range(LONG):
        for page in (*BEFORE, *AFTER):
            await student.visit(page)
            await look_around(student, chance)
        if (number + 1) % (LONG // 5) == 0:
            sizes.append(process.memory_info().rss / 2**20)
    await student.leave()
    return sizes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, nargs="+", default=SESSIONS, metavar="N")
    options = parser.parse_args()
    rows = []
    for sessions in options.sessions:
        with tempfile.TemporaryDirectory() as folder:
            dashboard = Dashboard(Path(folder))
            dashboard.start()
            try:
                while dashboard.log.read_text().count(READY) < min(2, os.cpu_count() or 1):
                    time.sleep(0.2)
                rows.append(asyncio.run(school(dashboard, sessions)))
                if sessions == 1:
                    rows[-1]["dashboard MB of one who stays"] = asyncio.run(endurance(dashboard))
                if rows[-1]["troubles"]:
                    lines = [line for line in dashboard.log.read_text().splitlines() if " INFO " not in line]
                    print("\n".join(lines)[-LOG_SHOWN:], file=sys.stderr)
            finally:
                dashboard.stop()
        print(table(rows[-1:]), flush=True)
    report = ROOT / "reports" / "load.json"
    report.parent.mkdir(exist_ok=True)
    report.write_text(json.dumps(rows, indent=2))
    print("\n" + table(rows))
    lost = any(row[counted] != row["sessions"] for row in rows for counted in ("runs done", "films whole"))
    return int(lost or any(row["troubles"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
