"""What people read of each setting."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic.fields import FieldInfo

from .run_config import RunConfig


@dataclass(frozen=True)
class FieldText:
    """What the form, the command line and the tables say of a field."""

    title: str
    group: str  # of the form
    description: str
    folded: bool = False  # what few need: the form shows it on request


def _text(field: FieldInfo) -> FieldText:
    told = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return FieldText(field.title or "", str(told.get("group", "")), field.description or "", bool(told.get("folded")))


FIELD_TEXTS = {name: _text(field) for name, field in RunConfig.model_fields.items()}
ASKED = [name for name, text in FIELD_TEXTS.items() if text.group]  # the others are filled in by themselves
