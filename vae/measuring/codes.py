"""Are codes good for anything?"""

from __future__ import annotations

import pandas as pd

from ..errors import InputError
from .stored_runs import Progress
from .subject import Subject


def codes(subject: Subject, progress: Progress) -> pd.DataFrame:
    """To be written."""
    raise InputError("This is not measured yet.")
