"""A RunConfig from flags: its fields, with dashes."""

from __future__ import annotations

import argparse

from ..config import ASKED, CHOICES, PRESETS, RunConfig, accepted_values


def config_flags(parser: argparse.ArgumentParser) -> None:
    """A flag for each field, and the preset that the others start from."""
    parser.add_argument("--preset", choices=PRESETS, default="quick", help="where the other settings start from")
    for name in ASKED:
        field = RunConfig.model_fields[name]
        choices = CHOICES.get(name)
        text = f"{field.title}: {', '.join(choices)}" if choices else f"{field.title}: {accepted_values(name, field)}"
        # Values stay text here: RunConfig checks them, with the same sentences as on the page.
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=text.replace("%", "%%"))


def config_of(options: argparse.Namespace) -> RunConfig:
    """What the flags say. Raises InputError with a sentence per wrong field."""
    given = {name: getattr(options, name) for name in ASKED}
    base = PRESETS[options.preset].config.model_dump()
    return RunConfig.parse(base | {name: value for name, value in given.items() if value is not None})
