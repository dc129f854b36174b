"""`python -m vae sweep`: many runs on this machine's workers, chosen by Optuna; goes on where it was stopped."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import Any

from ..errors import InputError
from ..settings import Settings
from .configs import config_flags, config_of
from .output import emit, json_flag

LOOK = 0.3  # seconds between looks at what is done


def add(commands: Any) -> None:
    """The command's parser."""
    from ..sweeps.spec import OBJECTIVES, READY, SAMPLERS

    sweep = commands.add_parser(
        "sweep", help="train many runs: a grid, or points that Optuna chooses, by several seeds"
    )
    sweep.set_defaults(command=_sweep)
    sweep.add_argument(
        "--over",
        action="append",
        default=[],
        metavar="FIELD=VALUES",
        help="a setting and its values: beta=0,0.5,1 or learning_rate=1e-4..1e-2:log; again for each further one",
    )
    sweep.add_argument("--ready", choices=READY, help="a ready-made question instead of --over")
    sweep.add_argument("--seeds", type=int, help="seeds of each point; 3 unless given")
    sweep.add_argument("--sampler", choices=SAMPLERS, help="how points are chosen; grid unless given")
    sweep.add_argument("--points", type=int, help="how many points, for the samplers that draw them; 20 unless given")
    sweep.add_argument("--objective", action="append", choices=OBJECTIVES, help="what is judged; may be given twice")
    sweep.add_argument("--of", metavar="VARIANT", help="the variant that is judged; vae unless given")
    sweep.add_argument("--prune", action="store_true", default=None, help="stop weak points early")
    sweep.add_argument("--name", help="what to call it")
    sweep.add_argument("--resume", metavar="SWEEP_ID", help="go on with a sweep that was stopped")
    config_flags(sweep)
    json_flag(sweep, "print points and results as one JSON object")


def _sweep(options: argparse.Namespace) -> int:
    from ..runs.dispatcher import Jobs
    from ..store.runs import Store
    from ..sweeps import stored
    from ..sweeps.driver import Sweeper, check_all

    settings = Settings.from_environment()
    settings = replace(settings, log_level=settings.log_level or "WARNING")  # of its workers, too: a person watches
    store = Store(settings.database_url)
    if options.resume:
        if options.over or options.ready:
            raise InputError("A sweep goes on as it was asked for: give --resume without --over and --ready.")
        if stored.find(store, options.resume).status == "done":
            raise InputError(f"Sweep {options.resume} is done, so there is nothing to resume.")
    else:
        name, spec = _asked(options)
        check_all(store, spec, settings)
    if options.json and options.json != "-":
        emit({}, options.json)  # a target that can't be written is better known before an hour of training
    jobs = Jobs(store, settings)
    if options.resume:
        sweep_id = options.resume
        _take_up(store, sweep_id, jobs.owner)
    else:
        sweep_id = stored.create(store, spec, name, jobs.owner)
    sweeper = Sweeper(store, settings, jobs)
    try:
        jobs.start()
        sweeper.start()
        _watch(store, sweep_id)
    except KeyboardInterrupt:
        stored.stop(store, sweep_id)
        print(f"\nvae: stopped; go on with: python -m vae sweep --resume {sweep_id}", file=sys.stderr)
    finally:
        sweeper.close()
        jobs.close()
    return _report(store, sweep_id, options.json)


def _take_up(store: Any, sweep_id: str, owner: str) -> None:
    """Go on with a sweep that was stopped, or whose program was killed. Raises InputError when it is neither."""
    from ..runs.heartbeats import SILENCE
    from ..sweeps import stored

    if stored.resume(store, sweep_id, owner):
        return
    sweep = stored.find(store, sweep_id)
    if sweep.status == "running":
        print(f"sweep {sweep_id}: listening whether another program works on it", file=sys.stderr, flush=True)
        time.sleep(SILENCE)
        if stored.adopt(store, sweep, owner):
            return
        sweep = stored.find(store, sweep_id)
    if sweep.status == "running":
        raise InputError(f"Sweep {sweep_id} is running in another program, which goes on with it.")
    raise InputError(f"Sweep {sweep_id} is {sweep.status}, so there is nothing to resume.")


def _asked(options: argparse.Namespace) -> tuple[str, Any]:
    """Name and spec. Raises InputError."""
    from ..sweeps.spec import READY, SweepSpec, parse_over

    named = {
        "seeds": options.seeds,
        "sampler": options.sampler,
        "points": options.points,
        "objectives": tuple(options.objective) if options.objective else None,
        "of": options.of,
        "prune": options.prune,
    }
    given = {name: value for name, value in named.items() if value is not None}
    if options.ready:
        if options.over:
            raise InputError("A ready-made sweep has fields of its own: give --ready or --over, not both.")
        title, _, spec = READY[options.ready]
        fields = type(spec.base).model_fields
        flags = {name: value for name, value in vars(options).items() if name in fields and value is not None}
        base = type(spec.base).parse(spec.base.model_dump() | flags)
        parts = spec.model_dump(exclude={"base", "over"})
        return options.name or title, SweepSpec.parse(base, spec.over, **parts | given)
    fields_and_values = [parse_over(text) for text in options.over]
    over = dict(fields_and_values)
    if len(over) < len(fields_and_values):
        raise InputError("Name each field once, with all its values: --over beta=0,1,4.")
    spec = SweepSpec.parse(config_of(options), over, **given)
    return options.name or " × ".join(over), spec


def _watch(store: Any, sweep_id: str) -> None:
    from ..sweeps import stored

    told = None
    while (sweep := stored.find(store, sweep_id)).status == "running":
        ended = sum(member.status == "done" for member in stored.members(store, sweep_id))
        if ended != told:
            total = sweep.spec.size * sweep.spec.seeds
            print(f"sweep {sweep_id}: {ended} of {total} runs done", file=sys.stderr, flush=True)
            told = ended
        time.sleep(LOOK)


def _report(store: Any, sweep_id: str, target: str | None) -> int:
    from ..store.measurements import records
    from ..sweeps import stored
    from ..sweeps.driver import lost, params_by_number, points, values_of

    sweep = stored.find(store, sweep_id)
    trials = points(store, sweep)
    table = stored.results(store, sweep_id, params_by_number(trials))
    if target:
        listed = [
            {
                "number": trial.number,
                "state": trial.state.name.lower(),
                "params": trial.params,
                "values": values_of(trial, sweep.spec),
                "reason": trial.user_attrs.get("reason"),
            }
            for trial in trials
        ]
        head = {"sweep_id": sweep_id, "name": sweep.name, "status": sweep.status, "error": sweep.error}
        emit(head | {"spec": sweep.spec.model_dump(mode="json"), "points": listed, "results": records(table)}, target)
    else:
        _print_means(sweep, table)
        _print_lost(lost(trials), sweep.spec.size)
    if sweep.error:
        print(f"vae: {sweep.error}", file=sys.stderr)
    return 0 if sweep.status == "done" else 1


def _print_lost(trials: list[Any], asked: int) -> None:
    """Points that have no means, and why."""
    from ..sweeps.driver import reason_of

    if trials:
        print(f"{len(trials)} of {asked} points failed:")
    for trial in trials:
        params = ", ".join(f"{name}={value}" for name, value in trial.params.items())
        print(f"  {params or f'point {trial.number}'}: {reason_of(trial)}")


def _print_means(sweep: Any, table: Any) -> None:
    done = table[table["status"] == "done"]
    points, seeds = done["number"].nunique(), sweep.spec.seeds
    print(f"sweep {sweep.id}: {sweep.status}, {points} points × up to {seeds} seeds are done; means over seeds:")
    if done.empty:
        return
    by = [*table.columns[1 : 1 + len(sweep.spec.over)], "variant", "split"]
    shown = ["reconstruction", "kl", "mse_from_mean"]
    means = done.astype(dict.fromkeys(shown, float)).groupby(by, sort=False)[shown].mean().reset_index()
    print(means.to_string(index=False, float_format=lambda value: f"{value:.4f}", na_rep="–"))
