"""The tail of importance weights, against distributions whose tails are known and a fit of scipy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import genpareto

from vae.analysis.yardsticks.weight_tails import HEAVY, tail_shape


@pytest.mark.parametrize("shape", [0.2, 0.5, 1.0])
def test_a_known_tail_is_found(shape: float) -> None:
    weights = genpareto.rvs(shape, size=(40, 5000), random_state=1)
    found = tail_shape(torch.from_numpy(np.log(weights))).numpy()
    assert found.mean() == pytest.approx(shape, abs=0.05)
    largest = np.sort(weights, axis=1)[:, -213:]  # 3 · √5000 and the one that they exceed
    fitted = [genpareto.fit(row[1:] - row[0], floc=0)[0] for row in largest[:8]]
    wanted = [(212 * k + 5) / 222 for k in fitted]
    np.testing.assert_allclose(found[:8], wanted, atol=0.05)


def test_weights_of_two_gaussians_are_judged_by_their_widths() -> None:
    """p/q of N(0, 1) and N(0, s²): a q that is too narrow has k = 1 − s², a wider one none."""
    eps = torch.randn(30, 4000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def found(s: float) -> float:
        return float(tail_shape(0.5 * (eps.square() - (s * eps).square())).mean())

    assert found(0.4) > HEAVY > found(0.8)
    assert found(1.5) < 0.2


def test_few_samples_say_nothing_and_equal_ones_no_wrong_thing() -> None:
    assert torch.isnan(tail_shape(torch.zeros(3, 20))).all()
    assert not (tail_shape(torch.zeros(3, 200)) > HEAVY).any()
