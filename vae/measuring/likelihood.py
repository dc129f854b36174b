"""How probable are images that the model has never seen?"""

from __future__ import annotations

import pandas as pd

from ..errors import InputError
from .stored_runs import Progress
from .subject import Subject


def likelihood(subject: Subject, progress: Progress, samples: int = 200) -> pd.DataFrame:
    """To be written."""
    raise InputError("This is not measured yet.")
