"""The plane of the codes: 1-D, 2-D, and the PCA plane of more dimensions that must not flip between epochs."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from vae.learning.snapshots import plane_of, prior_in_plane, to_grey


def cloud(n=400, spread=(3.0, 2.0, 0.7, 0.2)):
    """Codes whose leading directions are not the coordinate axes, away from the origin."""
    generator = torch.Generator().manual_seed(3)
    turn, _ = torch.linalg.qr(torch.randn(len(spread), len(spread), generator=generator))
    return (torch.randn(n, len(spread), generator=generator) * torch.tensor(spread)) @ turn + 5


def test_two_dimensions_are_shown_as_they_are():
    mu = cloud(50, (3.0, 2.0))
    coordinates, share, axes = plane_of(mu, None)
    np.testing.assert_array_equal(coordinates, mu.numpy().astype(np.float16))
    assert (share, axes) == (1.0, None)


def test_one_dimension_lies_on_a_line():
    mu = cloud(50, (3.0,))
    coordinates, share, _ = plane_of(mu, None)
    np.testing.assert_array_equal(coordinates, np.hstack([mu.numpy(), np.zeros((50, 1))]).astype(np.float16))
    assert share == 1.0


def test_more_dimensions_show_the_leading_principal_plane():
    mu = cloud()
    coordinates, share, axes = plane_of(mu, None)
    pca = PCA(2).fit(mu.numpy())
    assert share == pytest.approx(pca.explained_variance_ratio_.sum(), rel=1e-5)
    torch.testing.assert_close(axes.T @ axes, torch.eye(2), atol=1e-5, rtol=0)
    expected = pca.transform(mu.numpy())
    signs = np.sign((expected * coordinates).sum(0))  # a principal axis has no sign of its own
    np.testing.assert_allclose(coordinates * signs, expected, atol=0.02)  # float16


def test_the_plane_keeps_its_axes_when_the_codes_move_a_little():
    """Even where two spreads are alike and the bare principal axes would turn or flip at will."""
    mu = cloud(spread=(2.0, 2.0, 0.3, 0.2))
    before, _, axes = plane_of(mu, None)
    for turned in (axes, axes @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]]), -axes):
        moved = mu + 0.01 * torch.randn(mu.shape, generator=torch.Generator().manual_seed(4))
        after, _, new_axes = plane_of(moved, turned)
        assert (new_axes - turned).abs().max() < 0.05
        np.testing.assert_allclose(after, before @ (axes.T @ turned).numpy(), atol=0.1)


def test_the_prior_lies_where_the_code_0_is_projected_to():
    """Appended to the codes and projected with them, it lands there."""
    mu = cloud()
    coordinates, _, axes = plane_of(mu, None)
    prior = prior_in_plane(mu, axes)
    projected = (torch.cat([mu, torch.zeros(1, mu.shape[1])]) - mu.mean(0)) @ axes
    np.testing.assert_allclose(projected[:-1], coordinates, atol=0.01)
    np.testing.assert_allclose(projected[-1], prior, atol=1e-4)
    assert np.abs(prior).max() > 1, "these codes are away from it"
    assert prior.dtype == np.float32 and prior.shape == (2,)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_where_the_plane_is_the_space_the_prior_lies_at_0(dimensions):
    mu = cloud(50, (3.0,) * dimensions)
    assert prior_in_plane(mu, plane_of(mu, None)[2]).tolist() == [0, 0]


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 20])
def test_the_plane_has_two_coordinates_however_few_images_are_watched(images, dimensions):
    """validation_size may be 1."""
    coordinates, share, _ = plane_of(cloud(spread=(1.0,) * dimensions)[:images], None)
    assert coordinates.shape == (images, 2)
    assert np.isfinite(coordinates).all()
    assert 0 <= share <= 1 + 1e-6


def test_grey_levels_are_rounded_and_bounded():
    assert to_grey(torch.tensor([[-1.0, 0.0, 0.5, 0.999, 1.0, 2.0]])).tolist() == [[0, 0, 128, 255, 255, 255]]
