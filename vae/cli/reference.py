"""`python -m vae reference`: docs/reference.md, written from what the program itself reads."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterable
from typing import Any, get_type_hints

from ..choices.nudge_units import NUDGE_UNITS
from ..config import CHOICES, PRESETS, RunConfig, accepted_values, as_text
from ..datasets import DATASETS
from ..metrics import METRICS, Metric, Tolerance
from ..settings import Settings

HEAD = """# Reference

<!-- `make docs` writes this file from the registries, the settings and the command line: change those, not this. -->

- [Settings of a server](#settings-of-a-server): the variables `VAE_…`
- [Settings of a run](#settings-of-a-run) and [what they may be](#what-a-setting-may-be)
- [Presets](#presets), [data sets](#data-sets), [metrics](#metrics), [units of nudges](#units-of-nudges),
  [sweeps](#sweeps)
- [Claims](#claims): the article's, the rules that judge them, and what the rules read
- [Commands](#commands)
"""


def add(commands: Any) -> None:
    """The command's parser."""
    reference = commands.add_parser("reference", help="print every setting, command, metric and choice as Markdown")
    reference.set_defaults(command=lambda options: _print(commands))


def _print(commands: Any) -> int:
    sections = (_settings(), _fields(), _choices(), _presets(), _datasets(), _metrics(), _units(), _sweeps(), _claims())
    print("\n\n".join([HEAD.rstrip(), *sections, _commands(commands)]))
    return 0


def _settings() -> str:
    rows = []
    for name, annotated in get_type_hints(Settings, include_extras=True).items():
        (variable,) = annotated.__metadata__
        rows.append((code(f"VAE_{name.upper()}"), variable.meaning, variable.default))
    text = "The dashboard, its workers and every command read them from the environment, once, when they start."
    return section("Settings of a server", text, table(("variable", "meaning", "default"), rows))


def _fields() -> str:
    """Of RunConfig: what a run is."""
    rows = []
    for name, field in RunConfig.model_fields.items():
        accepts = ", ".join(map(code, CHOICES[name])) if name in CHOICES else accepted_values(name, field)
        if name == "dataset":
            accepts = ", ".join(map(code, DATASETS)) + ", or `own-…` for images of your own"
        default = code(as_text(field.default))
        rows.append((code(name), field.title or "", accepts.removeprefix("must be "), default, field.description or ""))
    text = (
        "All that defines a run: the fields of `RunConfig`. On the command line they are flags with dashes, such as "
        "`--latent-dim 20`; in a link they are parameters. `variants` takes several names: `--variants ae,vae`."
    )
    return section("Settings of a run", text, table(("name", "title", "accepts", "default", "meaning"), rows))


def _choices() -> str:
    parts = ["## What a setting may be"]
    for name, choices in CHOICES.items():
        rows = [(code(value), choice.title, choice.sentence) for value, choice in choices.items()]
        parts += [f"### {name}", table(("name", "title", "meaning"), rows)]
    return "\n\n".join(parts)


def _presets() -> str:
    base = RunConfig()
    rows = []
    for name, preset in PRESETS.items():
        other = [f"{field}={as_text(value)}" for field, (value, _) in preset.config.differences(base).items()]
        rows.append((code(name), preset.title, preset.description, ", ".join(map(code, other)) or "none"))
    text = "`--preset NAME`, or **Start from a preset** on the Train page."
    return section("Presets", text, table(("name", "title", "meaning", "settings that differ from the defaults"), rows))


def _datasets() -> str:
    rows = [
        (
            code(name),
            dataset.title,
            " × ".join(map(str, dataset.shape)),
            f"{dataset.train_size:,} + {dataset.test_size:,}",
            f"{dataset.download_mb} MB" if dataset.download_mb else "none",
            dataset.description,
        )
        for name, dataset in DATASETS.items()
    ]
    heads = ("name", "title", "channels × height × width", "images to train on + to test on", "download", "meaning")
    return section("Data sets", "Your own come with `python -m vae import`, or on the Data page.", table(heads, rows))


def _metrics() -> str:
    rows = [
        (
            code(name),
            metric.title,
            metric.unit or "that of the reconstruction loss, per image",
            _measured(metric),
            _tolerance(metric.tolerance),
            metric.sentence,
        )
        for name, metric in METRICS.items()
    ]
    text = (
        "Means over images, after each epoch on the images that are watched, and once, at the end, on the test images. "
        "The names are the same in the database, CSV files, JSON and capsules. *May differ by* is how far a run that "
        "is trained again on another computer may lie from its capsule."
    )
    heads = ("name", "title", "unit", "measured", "may differ by", "meaning")
    return section("Metrics", text, table(heads, rows))


def _measured(metric: Metric) -> str:
    of = {
        "logvar": "variants with a log-variance",
        "noise": "variants with noise",
        "penalty": "variants with a penalty",
    }.get(metric.needs or "", "all")
    return f"{of}; test images only" if metric.test_only else of


def _tolerance(tolerance: Tolerance) -> str:
    parts = [f"{tolerance.share * 100:g} %"] * bool(tolerance.share) + [f"{tolerance.least:g}"] * bool(tolerance.least)
    return " or ".join(parts) + ", and more after many epochs" * tolerance.grows


def _units() -> str:
    rows = [
        (code(name), unit.title, unit.meaning, " to ".join(f"{end:g}" for end in unit.sizes))
        for name, unit in NUDGE_UNITS.items()
    ]
    text = "The size of a nudge is its root mean square over the latent dimensions, in one of these units."
    return section("Units of nudges", text, table(("name", "title", "meaning", "slider"), rows))


def _sweeps() -> str:
    from ..sweeps.spec import OBJECTIVES, READY, SAMPLERS

    ready = [
        (code(name), title, question, ", ".join(map(code, spec.over)))
        for name, (title, question, spec) in READY.items()
    ]
    samplers = [(code(name), sampler.title, sampler.description) for name, sampler in SAMPLERS.items()]
    objectives = [(code(name), objective.title, objective.description) for name, objective in OBJECTIVES.items()]
    return "\n\n".join(
        [
            "## Sweeps",
            "Ready-made ones, for `--ready`:",
            table(("name", "title", "question", "goes over"), ready),
            "How points are chosen, for `--sampler`:",
            table(("name", "title", "meaning"), samplers),
            "What they are judged by, on validation images, for `--objective`:",
            table(("name", "title", "meaning"), objectives),
        ]
    )


def _claims() -> str:
    from ..analysis.claim_measures import MEASURES
    from ..argument.claims import CLAIMS

    claims = [(str(number), claim.title, claim.question, _rule(claim.rule)) for number, claim in CLAIMS.items()]
    measures = [(code(name), measure.title, measure.unit, measure.sentence) for name, measure in MEASURES.items()]
    text = (
        "“Clearly” means that the 95 % interval over seeds tells it. Below three seeds there are numbers, but no badge "
        "that concludes something."
    )
    return "\n\n".join(
        [
            section("Claims", text, table(("number", "claim", "what to predict", "rule"), claims)),
            "What the rules read, beside the nudges of Perturbation, on all test images at a run's last epoch:",
            table(("name", "title", "unit", "meaning"), measures),
        ]
    )


def _rule(rule: Any) -> str:
    """The docstring of a rule, without the claim's number, on one line."""
    text = " ".join((inspect.getdoc(rule) or "").split())
    return re.sub(r"^Claim \d+\. ", "", text)


def _commands(commands: Any) -> str:
    """Every subparser. argparse keeps what it knows of its flags to itself: `_actions` is the only way to read them."""
    parts = ["## Commands", "`python -m vae COMMAND`, or `latent-twins COMMAND` after `pip install .`."]
    sentences = {action.dest: action.help for action in commands._choices_actions}
    for name, parser in commands.choices.items():
        own = [
            action for action in parser._actions if action.dest != "help" and action.dest not in RunConfig.model_fields
        ]
        parts += [f"### {name}", _sentence(sentences[name])]
        if own:
            parts.append(table(("argument", "meaning"), [(code(_spelled(action)), _meaning(action)) for action in own]))
        if len(own) < len(parser._actions) - 1:
            parts.append("And a flag for each [setting of a run](#settings-of-a-run), such as `--latent-dim VALUE`.")
    return "\n\n".join(parts)


def _spelled(action: argparse.Action) -> str:
    """As it is typed: --json [FILE], RUN_ID …, --yes."""
    value = str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return f"{value} …" if action.nargs == "+" else value
    if action.nargs == 0:
        return action.option_strings[0]
    return f"{action.option_strings[0]} {f'[{value}]' if action.nargs == '?' else value}"


def _meaning(action: argparse.Action) -> str:
    said = _sentence((action.help or "").replace("%%", "%"))
    if action.choices:
        said += f" One of {', '.join(map(code, action.choices))}."
    return said if action.default in (None, False, []) else f"{said} Unless given: {code(str(action.default))}."


def _sentence(text: str | None) -> str:
    text = text or ""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def section(title: str, text: str, rows: str) -> str:
    """A heading, what is to be known, and a table."""
    return f"## {title}\n\n{text}\n\n{rows}"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """As GitHub reads it; a bar in a cell is text."""
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """As it is typed; nothing where that is nothing."""
    return f"`{text}`" if text else "nothing"
