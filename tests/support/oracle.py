"""The networks and losses once more, in plain numpy and float64: what the torch code is compared with."""

import numpy as np

ACTIVATIONS = {
    "identity": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "leaky_relu": lambda a: np.where(a > 0, a, 0.5 * a),
    "tanh": np.tanh,
    "elu": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
}


def as_float64(weights):
    """A state dict as numpy arrays."""
    return {name: tensor.detach().cpu().numpy().astype(np.float64) for name, tensor in weights.items()}


def encode(weights, x, activation):
    """mu and logvar, each (B, D); logvar is None for a network without that head."""
    h = x
    for layer in _layers(weights, "encoder.body"):
        h = ACTIVATIONS[activation](_dense(weights, layer, h))
    has_logvar = "encoder.to_logvar.weight" in weights
    return _dense(weights, "encoder.to_mu", h), _dense(weights, "encoder.to_logvar", h) if has_logvar else None


def decode(weights, z, activation):
    """Logits of the pixels, (B, P). Without hidden layers the non-linearity sits on the code."""
    layers = _layers(weights, "decoder.body")
    h = z if layers else ACTIVATIONS[activation](z)
    for layer in layers:
        h = ACTIVATIONS[activation](_dense(weights, layer, h))
    return _dense(weights, "decoder.to_logits", h)


def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))


def bce(logits, x):
    """−Σ x log s + (1 − x) log(1 − s) over pixels, (B,), with log s(a) = −log(1 + exp(−a))."""
    return (x * np.logaddexp(0, -logits) + (1 - x) * np.logaddexp(0, logits)).sum(-1)


def sse(logits, x):
    return ((sigmoid(logits) - x) ** 2).sum(-1)


def kl(mu, logvar):
    """KL(N(μ, σ²) ‖ N(0, 1)) per image and dimension, from the two expectations it is made of."""
    variance = np.exp(logvar)
    cross_entropy = 0.5 * np.log(2 * np.pi) + 0.5 * (mu**2 + variance)
    entropy = 0.5 * np.log(2 * np.pi * np.e * variance)
    return cross_entropy - entropy


def _dense(weights, name, h):
    return h @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _layers(weights, prefix):
    names = {name.rsplit(".", 1)[0] for name in weights if name.startswith(f"{prefix}.")}
    return sorted(names, key=lambda name: int(name.rsplit(".", 1)[1]))
