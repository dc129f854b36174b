"""Images that were read right, and may still not be what their owner meant: dark, inverted, or all alike."""

from __future__ import annotations

import numpy as np

DARK = 128  # a brightest level below this: the numbers' white is probably another one
LIGHT_GROUND = 200  # grey level: paper, where the images of this program's own sets have black
BORDER_SHARE = 0.75  # of the pixels along the border that must be at least so light


def warnings_for(images: np.ndarray) -> tuple[str, ...]:
    """A sentence for each thing that looks wrong with images (N, H, W) of grey levels 0 to 255, with its remedy."""
    if (images == images[0]).all():
        return ("All images are the same: there is nothing to tell them apart by.",)
    found = []
    if (brightest := int(images.max())) < DARK:
        found.append(
            f"The images are dark: the brightest pixel is {brightest} of 255. If {brightest} is white, set White to it."
        )
    border = np.concatenate([images[:, [0, -1]].ravel(), images[:, 1:-1, [0, -1]].ravel()])
    if (border >= LIGHT_GROUND).mean() >= BORDER_SHARE and np.median(images) >= LIGHT_GROUND:
        found.append("The images are dark on light; MNIST and its like are light on dark. Inverting makes them so.")
    return tuple(found)
