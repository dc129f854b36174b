"""A map of codes of more than two dimensions: t-SNE (van der Maaten & Hinton 2008, JMLR 9).

By scikit-learn, which is installed already and is quick enough for MOST_MAPPED codes; openTSNE and umap-learn would be
quicker for more, and a dependency each.
"""

from __future__ import annotations

import numpy as np
import torch

from ...learning.randomness import stream

MOST_MAPPED = 2000  # codes: more take longer than their number says, and their points hide one another
PERPLEXITY = 30  # about how many neighbours a point keeps near


def code_map(codes: np.ndarray, seed: int) -> np.ndarray:
    """Places in the plane of `codes` (n, D), (n, 2): like codes near each other. Axes and units mean nothing.

    Barnes-Hut (van der Maaten 2014), from the two leading principal components. Raises ValueError for fewer than four
    codes.
    """
    from sklearn.manifold import TSNE

    if len(codes) < 4:
        raise ValueError("a map needs at least four codes")
    start = int(torch.randint(2**31 - 1, (1,), generator=stream(seed, "map")))
    perplexity = min(PERPLEXITY, (len(codes) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=start).fit_transform(codes).astype(np.float32)
