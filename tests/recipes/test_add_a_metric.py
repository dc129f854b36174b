"""CONTRIBUTING.md, "a metric": one entry of vae/metrics."""

import pytest
from apart import assert_passed


@pytest.mark.slow
def test_one_entry_is_enough() -> None:
    assert_passed("toy_metric", "toy_metric_checks.py", 3)
