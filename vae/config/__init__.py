"""What defines a run. The form, the command line, the sweep and the link read the fields of `RunConfig`."""

from .field_texts import ASKED, FIELD_TEXTS, FieldText
from .named_values import CHOICES
from .presets import FIRST, PRESETS, Preset
from .run_config import RunConfig
from .values import WIDTHS, accepted_values, as_text, bounds, shown

__all__ = [
    "ASKED",
    "CHOICES",
    "FIELD_TEXTS",
    "FIRST",
    "PRESETS",
    "WIDTHS",
    "FieldText",
    "Preset",
    "RunConfig",
    "accepted_values",
    "as_text",
    "bounds",
    "shown",
]
