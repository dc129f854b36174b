"""Configs worth a name."""

from __future__ import annotations

from dataclasses import dataclass

from .run_config import RunConfig


@dataclass(frozen=True)
class Preset:
    """A config worth a name."""

    title: str
    description: str
    config: RunConfig


_MNIST = RunConfig(dataset="mnist", validation_size=5000, hidden=(400,), batch_size=128, epochs=10)

PRESETS = {
    "quick": Preset("Quick", "Small digits, a 2-D code, done in seconds. Needs no network.", RunConfig()),
    "strokes": Preset(
        "Handwriting",
        "4,000 pen-drawn digits of 28×28 pixels, a 2-D code, done in seconds. Needs no network.",
        RunConfig(
            dataset="strokes",
            train_limit=4000,
            validation_size=1000,
            hidden=(128, 64),
            learning_rate=5e-3,
            batch_size=64,
            epochs=15,
        ),
    ),
    "article": Preset(
        "The article's network",
        "784 → 32 → 784 on MNIST with LeakyReLU(0.5), batches of 64, Adam 1e-3, 20 epochs, as in the article's "
        "notebook (which feeds 0–255 pixels; here they are scaled to [0, 1]).",
        _MNIST.model_copy(
            update={"hidden": (), "latent_dim": 32, "activation": "leaky_relu", "batch_size": 64, "epochs": 20}
        ),
    ),
    "pytorch_example": Preset(
        "PyTorch's example",
        "784-400-20 on MNIST, batches of 128, 10 epochs: the network of PyTorch's own VAE example.",
        _MNIST.model_copy(update={"latent_dim": 20}),
    ),
    "two_d": Preset("MNIST in 2-D", "784-400-2 on MNIST: the latent space as it is, no projection.", _MNIST),
    "conv_2d": Preset(
        "Convolutions in 2-D",
        "Two convolutions and their mirror on MNIST, a 2-D code: the twins of *MNIST in 2-D* with the network that "
        "images usually get.",
        _MNIST.model_copy(update={"network": "conv", "channels": (16, 32), "hidden": (128,)}),
    ),
    "collapse": Preset(
        "Collapse",
        "Averaging the squared error over 784 pixels and the KL over 32 dimensions, instead of summing both, is "
        "β = 784/32 = 24.5 in disguise: the code dies.",
        _MNIST.model_copy(update={"latent_dim": 32, "reconstruction": "sse", "beta": 784 / 32, "epochs": 3}),
    ),
    "linear": Preset(
        "Linear twins",
        "Both models without a non-linearity, on MNIST with squared error: theory knows what they must learn. The AE "
        "ends at PCA, the VAE at probabilistic PCA with σ² = β/2. Two losses lays them over it.",
        _MNIST.model_copy(
            update={
                "hidden": (),
                "activation": "identity",
                "reconstruction": "sse_linear",
                "latent_dim": 8,
                "beta": 2.0,
                "learning_rate": 0.02,
                "schedule": "cosine",
                "batch_size": 200,
                "epochs": 60,
            }
        ),
    ),
}

FIRST = "strokes"  # what the first page's button trains: the images that come with the program and look most like MNIST
