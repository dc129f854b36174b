"""`python -m vae sensitivity | gradients | evaluate | bench`: stored runs, and this machine, measured."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ..settings import Settings
from .output import emit, json_flag, share_bar

if TYPE_CHECKING:
    from ..store.runs import Run, Store


def add(commands: Any) -> None:
    """The commands' parsers."""
    sensitivity = commands.add_parser("sensitivity", help="how much a small step of a code changes the picture")
    sensitivity.set_defaults(command=_sensitivity)
    sensitivity.add_argument("runs", metavar="RUN_ID", nargs="+", help="runs of one configuration, a seed each")
    sensitivity.add_argument("--epoch", type=int, help="a kept epoch; the last one unless given")
    json_flag(sensitivity, "print measurements, ratios and intervals as one JSON object")

    gradients = commands.add_parser("gradients", help="how noisy each way to estimate the encoder's gradient is")
    gradients.set_defaults(command=_gradients)
    gradients.add_argument("run", metavar="RUN_ID", help="a run with a variant that samples its codes")
    gradients.add_argument("--epoch", type=int, help="a kept epoch; the last one unless given")
    json_flag(gradients, "print the gradients' norms and the estimators' quality as one JSON object")

    evaluate = commands.add_parser("evaluate", help="lay yardsticks on a run: likelihood, samples, codes, anomalies")
    evaluate.set_defaults(command=_evaluate)
    evaluate.add_argument("run", metavar="RUN_ID")
    evaluate.add_argument("--epoch", type=int, help="a kept epoch; the last one unless given")
    evaluate.add_argument(
        "--yardstick", action="append", metavar="NAME", help="likelihood, samples, codes or anomalies; all unless given"
    )
    evaluate.add_argument("--nll", type=int, metavar="S", help="the likelihood alone, by S importance samples an image")
    json_flag(evaluate, "print all tables as one JSON object")

    bench = commands.add_parser("bench", help="time an epoch of both models against a plain loop")
    bench.set_defaults(command=_bench)
    json_flag(bench, "print the measurements as JSON")


def _sensitivity(options: argparse.Namespace) -> int:
    import pandas as pd

    from .. import measuring
    from ..analysis.comparing import ratios
    from ..analysis.sensitivity import SENSITIVITY_COLUMNS
    from ..store.configurations import same_but_for_seed
    from ..store.measurements import records
    from ..store.runs import Store

    settings = Settings.from_environment()
    store = Store(settings.database_url)
    runs = [store.run(run_id) for run_id in options.runs]
    same_but_for_seed(runs)
    tables, epochs = [], {}
    for run in runs:
        epochs[run.id] = epoch = measuring.last_epoch(store, run) if options.epoch is None else options.epoch
        _say_epoch(run, epoch)
        tables.append(measuring.sensitivity_of(store, run.id, epoch, settings, share_bar)[SENSITIVITY_COLUMNS])
    measured = pd.concat(tables, ignore_index=True)
    compared = ratios(measured)
    if options.json:
        reference = measuring.reference_classifier_of(store, measuring.images_of(store, runs[0], settings))
        result = {
            "config": runs[0].config.model_dump(mode="json", exclude={"seed"}),
            "runs": {run.id: run.config.seed for run in runs},
            "epochs": epochs,
            "classifier_accuracy": reference.accuracy if reference else None,
            "measurements": records(measured),
            "ratios": records(compared),  # AE ÷ VAE
        }
        emit(result, options.json)
        return 0
    means = measured.pivot_table(values="rmse", index=["unit", "size"], columns="variant", sort=False)
    wide = means.reset_index().merge(compared.drop(columns="seeds"), how="left", on=["unit", "size"])
    told = "; ".join(dict.fromkeys(measuring.epoch_in_words(run, epochs[run.id]) for run in runs))
    seeds = f"{len(runs)} seed{'s' * (len(runs) > 1)}"
    print(f"Pixel RMSE of a nudge, {seeds}, {told}; ratio: AE ÷ VAE, with its 95 % interval.")
    print(wide.to_string(index=False, float_format=lambda value: f"{value:.4f}", na_rep="–"))
    return 0


def _gradients(options: argparse.Namespace) -> int:
    import pandas as pd

    from .. import measuring
    from ..choices.estimators import ESTIMATOR_SETUPS
    from ..store.measurements import records

    settings, store, run, epoch = _one_run(options)
    norms_by_estimator = {
        estimator: measuring.gradient_norms_of(store, run, epoch, settings, estimator) for estimator in ESTIMATOR_SETUPS
    }
    norms = pd.concat([table.assign(way=estimator) for estimator, table in norms_by_estimator.items()])
    quality = measuring.gradients_of(store, run.id, epoch, settings, share_bar)
    if options.json:
        result = {"run_id": run.id, "epoch": epoch, "variant": measuring.noisy_variant(run)}
        emit(result | {"flow": records(norms), "quality": records(quality)}, options.json)
        return 0
    print(f"Norms of the gradient on its way back, {measuring.epoch_in_words(run, epoch)}:")
    print(norms.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    print("\nEstimates of the reconstruction's gradient for the encoder:")
    print(quality.to_string(index=False, float_format=lambda value: f"{value:.4g}", na_rep="–"))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from .. import measuring
    from ..errors import InputError
    from ..measuring.yardsticks import YARDSTICKS, judged
    from ..store.measurements import records

    settings, store, run, epoch = _one_run(options)
    by_samples = options.nll is not None
    names = options.yardstick or (["likelihood"] if by_samples else list(YARDSTICKS))
    if by_samples and "likelihood" not in names:
        raise InputError("--nll says how the likelihood is measured, and --yardstick leaves the likelihood out.")
    if unknown := [name for name in names if name not in YARDSTICKS]:
        raise InputError(f"{', '.join(unknown)} is no yardstick; there are {', '.join(YARDSTICKS)}.")
    tables, refused = {}, {}
    for name in names:
        asked = {"samples": options.nll} if name == "likelihood" and by_samples else {}
        try:
            tables[name] = judged(name, store, run.id, epoch, settings, share_bar, **asked)
        except InputError as problem:
            if len(names) == 1:
                raise
            refused[name] = str(problem)
    if options.json:
        found = {name: records(table) for name, table in tables.items()}
        emit({"run_id": run.id, "epoch": epoch, "yardsticks": found, "refused": refused}, options.json)
        return 0
    for name, table in tables.items():
        print(f"{YARDSTICKS[name].title}, {measuring.epoch_in_words(run, epoch)}:")
        print(table.to_string(index=False, float_format=lambda value: f"{value:.5g}", na_rep="–"))
    for name, reason in refused.items():
        print(f"{YARDSTICKS[name].title}: {reason}")
    return 0


def _one_run(options: argparse.Namespace) -> tuple[Settings, Store, Run, int]:
    """The run and the epoch that were asked for, the last one that was kept unless one was named; said if need be."""
    from ..measuring import last_epoch
    from ..store.runs import Store

    settings = Settings.from_environment()
    store = Store(settings.database_url)
    run = store.run(options.run)
    epoch = last_epoch(store, run) if options.epoch is None else options.epoch
    _say_epoch(run, epoch)
    return settings, store, run, epoch


def _say_epoch(run: Any, epoch: int) -> None:
    """To stderr, where somebody might take it for a trained model: the state before training, or a run cut short."""
    from ..measuring import epoch_in_words

    if epoch == 0 or run.status != "done":
        print(f"vae: run {run.id} is measured at {epoch_in_words(run, epoch)}.", file=sys.stderr)


def _bench(options: argparse.Namespace) -> int:
    from ..benchmark import measure, table

    results = measure(Settings.from_environment())
    if options.json:
        emit(results, options.json)
    print(table(results), file=sys.stderr if options.json == "-" else sys.stdout)
    return 0
