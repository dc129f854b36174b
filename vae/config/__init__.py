"""What defines a run. The form, the command line, the sweep and the link read the fields of `RunConfig`."""

from .presets import PRESETS, Preset
from .run_config import CHOICES, RunConfig
from .values import accepted_values, as_text, bounds, shown

__all__ = ["CHOICES", "PRESETS", "Preset", "RunConfig", "accepted_values", "as_text", "bounds", "shown"]
