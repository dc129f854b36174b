"""How near do drawn pictures come to real ones?"""

from __future__ import annotations

import pandas as pd

from ..errors import InputError
from .stored_runs import Progress
from .subject import Subject


def samples(subject: Subject, progress: Progress) -> pd.DataFrame:
    """To be written."""
    raise InputError("This is not measured yet.")
