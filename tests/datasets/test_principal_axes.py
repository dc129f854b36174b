"""Principal axes against another program, and against what was measured before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from vae import datasets
from vae.datasets.principal_axes import PrincipalAxes

ROWS = np.arange(1000)


def test_they_are_scikit_learn_s() -> None:
    images = datasets.load("digits", Path())
    train, test = images.train_x[ROWS] / images.white, (images.test_x / images.white).astype(np.float32)
    principal, theirs = PrincipalAxes.of(images, ROWS), PCA(8).fit(train)
    np.testing.assert_allclose(principal.mean, theirs.mean_, atol=1e-6)
    np.testing.assert_allclose(
        principal.variances[:8] * len(train) / (len(train) - 1), theirs.explained_variance_, rtol=1e-5
    )
    np.testing.assert_allclose(np.abs(np.sum(principal.axes[:8] * theirs.components_, axis=1)), 1, atol=1e-4)
    rebuilt = theirs.inverse_transform(theirs.transform(test))
    np.testing.assert_allclose(principal.rebuilt(test, 8), rebuilt, atol=1e-4)
    assert principal.error(test, 8) == pytest.approx(float(np.square(rebuilt - test).mean()), rel=1e-5)
    assert principal.errors(test)[8] == pytest.approx(principal.error(test, 8), rel=1e-5)


def test_all_of_them_lose_nothing_and_none_of_them_is_the_mean_image() -> None:
    images = datasets.load("digits", Path())
    x = (images.train_x[ROWS] / images.white).astype(np.float32)
    principal = PrincipalAxes.of_pixels(x)
    errors = principal.errors(x)
    assert errors.shape == (65,) and errors[64] == 0 and errors[0] == pytest.approx(x.var(axis=0).mean(), rel=1e-5)
    assert principal.error(x, 500) == pytest.approx(0, abs=1e-10), "there are but 64"
    np.testing.assert_allclose(principal.rebuilt(x[:1], 0)[0], x.mean(axis=0), atol=1e-6)
    assert principal.variances.sum() == pytest.approx(x.var(axis=0).sum(), rel=1e-5)


@pytest.mark.slow
def test_on_mnist_they_lose_what_the_reference_says(mnist_dir: Path) -> None:
    images = datasets.load("mnist", mnist_dir)
    principal = PrincipalAxes.of(images, np.arange(60_000))
    x = images.test_x.astype(np.float32) / images.white
    found = [principal.error(x, count) for count in (1, 2, 4, 8, 16, 20, 32)]
    np.testing.assert_allclose(found, [0.0607, 0.0557, 0.0479, 0.0374, 0.0269, 0.0235, 0.0168], atol=5e-5)
    np.testing.assert_allclose(principal.variances[:3], [5.117, 3.741, 3.253], atol=1e-3)
