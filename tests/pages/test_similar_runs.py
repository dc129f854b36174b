"""Which seeds are lacking for a verdict on several configurations."""

from __future__ import annotations

import pytest

from vae.analysis.intervals import lacking_seeds


@pytest.mark.parametrize(
    ("there", "first", "lacking"),
    [
        ([{0}], 0, [1, 2]),
        ([{0, 1, 2}], 0, []),
        ([{5, 1}], 5, [6]),
        ([{0, 1}, {0, 1}], 0, [2]),
        ([{0, 7}, {0}], 0, [7, 1]),
        ([{0, 7, 8, 9}, {0}], 0, [7, 8]),
        ([{0, 1, 2}, {0}], 0, [1, 2]),
        ([set(), set()], 3, [3, 4, 5]),
        ([set(range(9)), set(range(9))], 0, []),
    ],
)
def test_seeds_that_were_begun_come_first(there: list[set[int]], first: int, lacking: list[int]) -> None:
    assert lacking_seeds(there, first) == lacking
