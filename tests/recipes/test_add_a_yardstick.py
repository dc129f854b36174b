"""CONTRIBUTING.md, "a yardstick": one metric that is asked for, and what measures it."""

import pytest
from apart import assert_passed


@pytest.mark.slow
def test_a_metric_and_what_measures_it_are_enough() -> None:
    assert_passed("toy_yardstick", "toy_yardstick_checks.py", 4)
