"""Principal axes of images: the best code of a linear model, and a line to hold every reconstruction against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .images import Images

CHUNK = 2000  # images at a time


@dataclass(frozen=True)
class PrincipalAxes:
    """Of N training images of P pixels in [0, 1]. No linear code of d numbers rebuilds them better than the first d."""

    mean: np.ndarray  # (P,) float32
    axes: np.ndarray  # (P, P) float32: orthonormal rows, the axis of the largest variance first
    variances: np.ndarray  # (P,) λ along the axes, of the population: divided by N

    @classmethod
    def of(cls, images: Images, rows: np.ndarray) -> PrincipalAxes:
        """Of the training images in `rows`."""
        return cls.of_pixels(images.train_x[rows], images.white)

    @classmethod
    def of_pixels(cls, grey: np.ndarray, white: float = 1) -> PrincipalAxes:
        """Of images (N, P) whose brightest pixels are `white`.

        Exact: eigenvectors of the covariance, which is summed in double precision, a part of the images at a time.
        """
        pixels = grey.shape[1]
        total, products = np.zeros(pixels), np.zeros((pixels, pixels))
        for start in range(0, len(grey), CHUNK):
            x = grey[start : start + CHUNK].astype(np.float32) / np.float32(white)
            total += x.sum(axis=0, dtype=np.float64)
            products += x.T @ x
        mean = total / len(grey)
        variances, vectors = np.linalg.eigh(products / len(grey) - np.outer(mean, mean))  # ascending
        axes = np.ascontiguousarray(vectors[:, ::-1].T, dtype=np.float32)
        return cls(mean.astype(np.float32), axes, np.maximum(variances[::-1], 0.0))

    def rebuilt(self, x: np.ndarray, count: int) -> np.ndarray:
        """Images `x` (n, P) from their coordinates along the first `count` axes, (n, P). They may leave [0, 1]."""
        axes = self.axes[:count]
        return self.mean + (x - self.mean) @ axes.T @ axes

    def errors(self, x: np.ndarray) -> np.ndarray:
        """`error` of images `x` (n, P) for each number of axes from none to all of them, (P + 1,)."""
        lost = np.zeros(len(self.axes) + 1)  # along each axis, summed over images; 0 beyond the last
        for start in range(0, len(x), CHUNK):
            along = (x[start : start + CHUNK] - self.mean) @ self.axes.T
            lost[:-1] += np.square(along).sum(axis=0, dtype=np.float64)
        return lost[::-1].cumsum()[::-1] / x.size

    def error(self, x: np.ndarray, count: int) -> float:
        """Mean squared error per pixel of images `x` (n, P) rebuilt from the first `count` axes."""
        return float(np.square(self.rebuilt(x, count) - x).mean(dtype=np.float64))
