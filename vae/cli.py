"""`python -m vae train | runs | sensitivity | gradients | bench`: the same runs as on the pages, without a browser.

Exit codes: 0 done; 1 the run failed or was stopped; 2 something in the request or the environment must be put right.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from . import datasets
from .config import PRESETS, RunConfig, rule
from .errors import InputError
from .settings import Settings

BAR_WIDTH = 24


def main(arguments: list[str] | None = None) -> int:
    """Run one command. InputErrors are printed as a sentence on stderr, without a traceback."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except InputError as error:
        print(f"vae: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `python -m vae runs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vae", description="Train an autoencoder and a VAE side by side.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train one run here, with a progress bar, and save it")
    train.set_defaults(command=_train)
    train.add_argument("--preset", choices=PRESETS, default="quick", help="where the other settings start from")
    for name, field in RunConfig.model_fields.items():
        choices = (field.json_schema_extra or {}).get("choices")
        text = f"{field.title}: {', '.join(choices)}" if choices else f"{field.title}: {rule(name)}"
        # Values stay text here: RunConfig checks them, with the same sentences as on the page.
        train.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=text.replace("%", "%%"))
    train.add_argument("--download", action="store_true", help="fetch the data set first if it isn't there")
    _json_flag(train, "print one JSON object with the result")

    runs = commands.add_parser("runs", help="list the stored runs, newest first")
    runs.set_defaults(command=_runs)
    runs.add_argument("--limit", type=int, default=50, help="how many at the most")
    _json_flag(runs, "print a JSON list")

    sensitivity = commands.add_parser("sensitivity", help="how much a small step of a code changes the picture")
    sensitivity.set_defaults(command=_sensitivity)
    sensitivity.add_argument("runs", metavar="RUN_ID", nargs="+", help="runs of one configuration, a seed each")
    sensitivity.add_argument("--epoch", type=int, help="a kept epoch; the last one unless given")
    _json_flag(sensitivity, "print measurements, ratios and intervals as one JSON object")

    gradients = commands.add_parser("gradients", help="how noisy each way to estimate the encoder's gradient is")
    gradients.set_defaults(command=_gradients)
    gradients.add_argument("run", metavar="RUN_ID", help="a run with a variant that samples its codes")
    gradients.add_argument("--epoch", type=int, help="a kept epoch; the last one unless given")
    _json_flag(gradients, "print flow and quality as one JSON object")

    bench = commands.add_parser("bench", help="time an epoch of both models against a plain loop")
    bench.set_defaults(command=_bench)
    _json_flag(bench, "print the measurements as JSON")
    return parser


def _json_flag(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-", help=f"{text} to FILE, or to stdout for -")


def _emit(value: Any, target: str) -> None:
    text = json.dumps(value, indent=2, default=str)
    if target == "-":
        print(text)
        return
    try:
        with open(target, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise InputError(f"{target} can't be written ({error.strerror}).") from None


def _train(options: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    given = {name: getattr(options, name) for name in RunConfig.model_fields}
    base = PRESETS[options.preset].config.model_dump()
    config = RunConfig.parse(base | {name: value for name, value in given.items() if value is not None})
    datasets.lookup(config.dataset)
    if options.download:
        datasets.download(config.dataset, settings.data_dir, _download_bar)

    from .runs.execution import check, execute  # imports torch: only now that the request makes sense
    from .runs.store import Store, new_owner

    check(config, settings)
    if options.json and options.json != "-":
        _emit({}, options.json)  # a target that can't be written is better known before an hour of training
    store = Store(settings.database_url)
    run_id = store.create(config, new_owner("cli"))
    status = execute(store, run_id, settings, lambda epoch: _bar(epoch, config.epochs))
    print(file=sys.stderr)
    if status != "done":
        print(f"vae: run {run_id} {status}. {store.run(run_id).error or ''}", file=sys.stderr)
    result = report(store, run_id)
    if options.json:
        _emit(result, options.json)
    else:
        _print_summary(result)
    return 0 if status == "done" else 1


def report(store: Any, run_id: str) -> dict[str, Any]:
    """A run as the one JSON object that `train --json` prints."""
    run, history = store.run(run_id), store.history(run_id)
    history = history.astype(object).where(history.notna(), None)
    variants: dict[str, Any] = {}
    for variant in run.config.variants:
        rows = history[history.variant == variant].drop(columns=["run_id", "variant"])
        epochs = rows[rows.split != "test"].to_dict("records")
        test = rows[rows.split == "test"].drop(columns=["split", "epoch", "seconds"]).to_dict("records")
        variants[variant] = {
            "initial": next((row for row in epochs if row["epoch"] == 0), None),  # before training
            "epochs": [row for row in epochs if row["epoch"] > 0],
            "test": test[0] if test else None,
        }
    return {
        "run_id": run.id,
        "status": run.status,
        "error": run.error,
        "config": run.config.model_dump(mode="json"),
        "versions": run.versions,
        "data": run.data,
        "seconds": run.seconds,
        "variants": variants,
    }


def _bar(epoch: Any, epochs: int) -> None:
    full = round(BAR_WIDTH * epoch.epoch / epochs)
    losses = "  ".join(f"{name} {values.loss:.2f}" for name, values in epoch.metrics.items())
    line = f"epoch {epoch.epoch:>{len(str(epochs))}}/{epochs} [{'█' * full}{'·' * (BAR_WIDTH - full)}]  {losses}"
    print(f"\r{line}   " if sys.stderr.isatty() else line, end="" if sys.stderr.isatty() else "\n", file=sys.stderr)
    sys.stderr.flush()


def _download_bar(done: int, total: int, name: str) -> None:
    if sys.stderr.isatty() or done == total:
        share = f"{done / total:4.0%}" if total else f"{done >> 10:,} kB"
        print(f"\r{name}: {share}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _print_summary(result: dict[str, Any]) -> None:
    unit = "nats per image" if result["config"]["reconstruction"] == "bce" else "squared error per image, KL in nats"
    print(f"run {result['run_id']}: {result['status']} in {result['seconds']:.1f} s. Test images ({unit}):")
    for name, values in result["variants"].items():
        test = values["test"]
        if test is None:
            continue
        kl = "" if test["kl"] is None else f"  kl {test['kl']:.2f}"
        print(f"  {name:10s} loss {test['loss']:.2f}  reconstruction {test['reconstruction']:.2f}{kl}")


def _runs(options: argparse.Namespace) -> int:
    from .runs.store import Store

    if options.limit < 1:
        raise InputError(f"limit is {options.limit}, but it must be a whole number of at least 1.")
    runs = Store(Settings.from_environment().database_url).runs(options.limit)
    if options.json:
        _emit(
            [
                {
                    "run_id": run.id,
                    "name": run.name,
                    "status": run.status,
                    "epoch": max(run.epoch, 0),
                    "seconds": run.seconds,
                    "created_at": run.created_at.isoformat(),
                    "error": run.error,
                    "config": run.config.model_dump(mode="json"),
                }
                for run in runs
            ],
            options.json,
        )
        return 0
    for run in runs:
        progress = f"{max(run.epoch, 0)}/{run.config.epochs}"
        print(f"{run.id}  {run.created_at:%Y-%m-%d %H:%M}  {run.status:11s} {progress:>9}  {run.name}")
    if not runs:
        print("No runs yet: `python -m vae train` makes one.")
    return 0


def _sensitivity(options: argparse.Namespace) -> int:
    import pandas as pd

    from . import measuring
    from .analysis.sensitivity import COLUMNS, ratios
    from .runs.results import records
    from .runs.store import Store

    settings = Settings.from_environment()
    store = Store(settings.database_url)
    runs = [store.run(run_id) for run_id in options.runs]
    measuring.same_but_for_seed(runs)
    tables = []
    for run in runs:
        epoch = measuring.last_epoch(store, run) if options.epoch is None else options.epoch
        tables.append(measuring.sensitivity_of(store, run.id, epoch, settings, _share_bar)[COLUMNS])
    measured = pd.concat(tables, ignore_index=True)
    compared = ratios(measured)
    if options.json:
        judge = measuring.judge_of(store, measuring.images_of(runs[0], settings))
        result = {
            "config": runs[0].config.model_dump(mode="json", exclude={"seed"}),
            "runs": {run.id: run.config.seed for run in runs},
            "classifier_accuracy": judge.accuracy if judge else None,
            "measurements": records(measured),
            "ratios": records(compared),  # AE ÷ VAE
        }
        _emit(result, options.json)
        return 0
    means = measured.pivot_table(values="rmse", index=["unit", "size"], columns="variant", sort=False)
    wide = means.reset_index().merge(compared.drop(columns="seeds"), how="left", on=["unit", "size"])
    print(f"Pixel RMSE of a nudge, {len(runs)} seed{'s' * (len(runs) > 1)}; ratio: AE ÷ VAE, with its 95 % interval.")
    print(wide.to_string(index=False, float_format=lambda value: f"{value:.4f}", na_rep="–"))
    return 0


def _gradients(options: argparse.Namespace) -> int:
    import pandas as pd

    from . import measuring
    from .analysis.gradients import WAYS
    from .runs.results import records
    from .runs.store import Store

    settings = Settings.from_environment()
    store = Store(settings.database_url)
    run = store.run(options.run)
    epoch = measuring.last_epoch(store, run) if options.epoch is None else options.epoch
    flow = pd.concat([measuring.flow_of(store, run, epoch, settings, way).assign(way=way) for way in WAYS])
    quality = measuring.gradients_of(store, run.id, epoch, settings, _share_bar)
    if options.json:
        result = {"run_id": run.id, "epoch": epoch, "variant": measuring.noisy_variant(run)}
        _emit(result | {"flow": records(flow), "quality": records(quality)}, options.json)
        return 0
    print(f"Norms of the gradient on its way back, epoch {epoch}:")
    print(flow.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    print("\nEstimates of the reconstruction's gradient for the encoder:")
    print(quality.to_string(index=False, float_format=lambda value: f"{value:.4g}", na_rep="–"))
    return 0


def _share_bar(share: float, what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{what}: {share:4.0%}  ", end="\n" if share == 1 else "", file=sys.stderr, flush=True)


def _bench(options: argparse.Namespace) -> int:
    from .benchmark import measure, table

    results = measure(Settings.from_environment())
    if options.json:
        _emit(results, options.json)
    print(table(results), file=sys.stderr if options.json == "-" else sys.stdout)
    return 0
