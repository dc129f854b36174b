"""Values of settings as people type and read them, and what a wrong one is told."""

from __future__ import annotations

import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

MOST_SENTENCES = 5  # about one request; a link may hold thousands of wrong words
# Fields that hold several widths, typed one after another: what each accepts.
WIDTHS = {
    "hidden": "must be up to 4 layer widths from 1 to 4096, such as 400 or 512,256, or empty for no hidden layer",
    "channels": "must be 1 to 4 widths from 1 to 4096, such as 32,64",
}
MOST_SHOWN = 60  # characters of a wrong value that a sentence repeats


def words(value: Any) -> Any:
    """'512, 256' and '512-256' become a list; anything else is left for the field's own check."""
    if not isinstance(value, str):
        return value
    return [word for word in re.split(r"[\s,;→]+|(?<=\d)-", value.strip()) if word]


def as_text(value: Any) -> str:
    """A field's value as people type it: (512, 256) → '512,256'."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)


def bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Least and greatest value a numeric field takes, None where there is none."""
    low = next((rule.ge for rule in field.metadata if getattr(rule, "ge", None) is not None), None)
    high = next((rule.le for rule in field.metadata if getattr(rule, "le", None) is not None), None)
    return low, high


def accepted_values(name: str, field: FieldInfo) -> str:
    """What field `name` accepts, as the end of a sentence."""
    if name in WIDTHS:
        return WIDTHS[name]
    low, high = bounds(field)
    kind = "a whole number" if int in (field.annotation, *get_args(field.annotation)) else "a number"
    if low is not None and high is not None:
        return f"must be {kind} from {low:g} to {high:,}"
    return f"must be {'text' if field.annotation is str else kind}"


def sentences(model: type[BaseModel], error: ValidationError) -> str:
    """What is wrong with the values of a `model`: a sentence for each of the first few, and how many more."""
    details = error.errors()
    said = [_sentence(model, detail) for detail in details[:MOST_SENTENCES]]
    more = len(details) - len(said)
    return " ".join([*said, *([f"And {more:,} more."] if more else [])])


def _sentence(model: type[BaseModel], detail: Any) -> str:
    """One pydantic error as a sentence a student understands."""
    name = str(detail["loc"][0]) if detail["loc"] else None
    message = str(detail.get("ctx", {}).get("error", detail["msg"]))
    if name is None:
        return f"{message}."
    if name not in model.model_fields:
        return f"There is no setting called {shown(repr(name))}; the settings are {', '.join(model.model_fields)}."
    if detail["type"] == "value_error":
        return f"{name}: {message}."
    return f"{name} is {shown(_wrong(detail['input']))}, but it {accepted_values(name, model.model_fields[name])}."


def _wrong(value: Any) -> str:
    """A value that is none, as it was given."""
    if isinstance(value, str):
        return repr(value)
    try:
        return as_text(tuple(value) if isinstance(value, list) else value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"


def shown(text: str) -> str:
    """Somebody's words within a sentence: one short line of printable characters."""
    cut = text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
    return "".join(character if character.isprintable() else "�" for character in cut)
