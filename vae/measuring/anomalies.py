"""Does it know what it does not know?"""

from __future__ import annotations

import pandas as pd

from ..errors import InputError
from .stored_runs import Progress
from .subject import Subject


def anomalies(subject: Subject, progress: Progress) -> pd.DataFrame:
    """To be written."""
    raise InputError("This is not measured yet.")
