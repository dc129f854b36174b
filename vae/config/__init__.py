"""What defines a run. The form, the command line, the sweep and the link read the fields of `RunConfig`."""

from .presets import FIRST, PRESETS, Preset
from .run_config import CHOICES, FIELD_TEXTS, FieldText, RunConfig
from .values import accepted_values, as_text, bounds, shown

__all__ = [
    "CHOICES",
    "FIELD_TEXTS",
    "FIRST",
    "PRESETS",
    "FieldText",
    "Preset",
    "RunConfig",
    "accepted_values",
    "as_text",
    "bounds",
    "shown",
]
