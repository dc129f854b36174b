"""Words of the field that not every student knows, explained on the pages that use them."""

from __future__ import annotations

import streamlit as st

TERMS = {
    "nats": "A unit of information, like bits but with the natural logarithm: 1 nat is 1.44 bits. A loss in nats per "
    "image is what one image costs.",
    "active units": "The latent dimensions that the encoder uses: their mean μ changes from image to image, with a "
    "variance above 0.01.",
    "mutual information": "I(x; z), in nats: how much a sample of a code tells which of N images it is of, log N at "
    "the most. The rest of the KL is the distance of all codes from N(0, I).",
    "free nats": "Free bits: each dimension is charged for at least so many nats of KL, so a VAE gains "
    "nothing from a code that says less.",
    "MMD²": "Maximum mean discrepancy, squared: how different two clouds of points are. Two clouds from the same "
    "distribution give a value near 0.",
    "pullback metric": "A way to measure a path in the latent space: it is as long as the picture changes along it.",
    "slerp": "Spherical linear interpolation: a path that follows an arc around the origin, not a straight line.",
    "neighbour distance": "The distance from a code to the nearest other code; the median over all images. It says how "
    "densely the codes lie.",
    "posterior σ": "A VAE's encoder gives each image a normal distribution of codes, N(μ, σ²), called the posterior. "
    "σ is its standard deviation: how much noise the code gets.",
    "run file": "A small JSON file with all that is needed to train a run again and to check the result: settings, "
    "seeds, versions, numbers. It is also called a capsule.",
    "reference classifier": "A small network, trained on real images to name their class. It judges the pictures of "
    "both models, and is part of neither.",
    "β": "The weight of the KL in the loss: reconstruction + β · KL. With β = 1 the loss is −ELBO. A larger β pulls "
    "the codes closer to N(0, I).",
    "score function": "A gradient without differentiating the sample: the loss, times the gradient of log q(z|x). It "
    "is right on average, but noisy.",
    "leave-one-out baseline": "The score function with less noise: from the loss of each sample of an image, subtract "
    "the mean loss of its other samples.",
    "detached": "The sample is treated as a fixed number. No gradient of the reconstruction passes it.",
    "K-sample bound": "−log of the mean weight of K samples of an image's code. With K = 1 it is −ELBO on average; "
    "more samples bring it closer to −log p(x).",
    "IWAE": "Importance-weighted autoencoder (Burda et al. 2016): a VAE that minimises the K-sample bound by "
    "the trick.",
    "DReG": "Doubly reparameterized gradient (Tucker et al. 2018): the trick applied twice. Its mean is the same, its "
    "noise is not.",
    "signal to noise": "How large a gradient is on average, divided by the standard deviation of one estimate. Below "
    "1, one estimate is mostly noise.",
    "ELBO": "Evidence lower bound, in nats: −(reconstruction + KL). The log-probability of an image is at least this.",
}


def explain(*names: str) -> None:
    """A small button that shows what these of TERMS mean. Raises KeyError for a name that is not among them."""
    with st.popover("Words", icon=":material/dictionary:", type="tertiary"):
        for name in names:
            st.markdown(f"**{name}**: {TERMS[name]}")
