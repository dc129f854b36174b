"""Encoder and decoder of a run as ONNX, for programs without PyTorch. The package `onnx` is optional."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..choices.activations import ACTIVATIONS
from ..choices.likelihoods import LIKELIHOODS
from ..choices.networks import NETWORKS
from ..choices.variants import VARIANTS
from ..datasets import Shape
from ..errors import InputError
from ..learning.networks import Step, network_of
from ..store.runs import Run, Store
from ..store.tensor_bytes import unpack

EPSILON = 1e-5  # that normalisations add to a variance, in PyTorch
OPSET, IR_VERSION = 17, 8  # what runtimes since 2022 read


def package() -> ModuleType:
    """The package. Raises InputError when it isn't installed."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise InputError("ONNX files need the package onnx, which isn't installed: pip install onnx.") from None
    return onnx


def graphs(store: Store, run: Run) -> dict[str, bytes]:
    """`vae_encoder.onnx`, `vae_decoder.onnx` and so on, with the weights of the last epoch.

    An encoder maps image (B, P) in [0, 1] to mu and, where there is one, logvar, each (B, D); a decoder maps
    z (B, D) to image (B, P) in [0, 1]. Raises InputError when the package isn't installed, and for a network,
    activation or loss that has no ONNX form.
    """
    package()
    config, network = run.config, network_of(run.config)
    activation, likelihood = ACTIVATIONS[config.activation], LIKELIHOODS[config.reconstruction]
    if network.chains is None or activation.onnx is None or likelihood.onnx is None or likelihood.outputs_per_pixel > 1:
        asked = f"{NETWORKS[config.network].title}, {activation.title}, {likelihood.title}"
        raise InputError(f"Such a network ({asked}) has no ONNX form.")
    stored, found = store.weights(run.id, config.epochs), {}
    for variant in config.variants:
        weights, chains = unpack(stored[variant]), network.chains(config, run.shape, VARIANTS[variant])
        encoder = _Graph(weights, "image", activation.onnx)
        encoder.chain(chains.encoder)
        encoder.flatten()
        for name, head in chains.heads.items():
            encoder.linear(head.name, name)
        heads = {name: head.outputs for name, head in chains.heads.items()}
        pixels = (*chains.encoder, *chains.heads.values())[0].inputs
        found[f"{variant}_encoder.onnx"] = encoder.saved(("image", pixels), heads)
        decoder = _Graph(weights, "z", activation.onnx)
        decoder.chain(chains.decoder)
        decoder.flatten()
        decoder.step(likelihood.onnx, "image")
        found[f"{variant}_decoder.onnx"] = decoder.saved(("z", chains.decoder[0].inputs), {"image": pixels})
    return found


class _Graph:
    """Nodes in a chain, each named after the layer it is."""

    def __init__(self, weights: dict[str, Any], source: str, activation: tuple[str, Mapping[str, float]]) -> None:
        """`activation`: its operator and attributes."""
        self.onnx, self.weights, self.activation = package(), weights, activation
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.last = source
        self.image: Shape | None = None  # of the last output; None where it is flat
        self.kinds: dict[str, Callable[[Step], object]] = {
            "linear": self._linear,
            "activation": self._activation,
            "convolution": self._convolution,
            "transposed_convolution": self._convolution,
            "channel_scale": self._channel_scale,
            "layer_normalisation": self._layer_normalisation,
        }

    def linear(self, layer: str, output: str | None = None) -> str:
        """x·Wᵀ + b of the last output, which it becomes unless `output` names it."""
        for part in ("weight", "bias"):
            name = f"{layer}.{part}"
            self.constants.append(self.onnx.numpy_helper.from_array(self.weights[name], name))
        inputs = [self.last, f"{layer}.weight", f"{layer}.bias"]
        self.nodes.append(self.onnx.helper.make_node("Gemm", inputs, [output or layer], name=layer, transB=1))
        if output is None:
            self.last = layer
        return output or layer

    def step(self, operator: str, output: str, **attributes: float) -> None:
        self.nodes.append(self.onnx.helper.make_node(operator, [self.last], [output], name=output, **attributes))
        self.last = output

    def chain(self, steps: Sequence[Step]) -> None:
        """All `steps`, each named after its module."""
        for step in steps:
            self.kinds[step.kind](step)

    def flatten(self) -> None:
        """The last output as (B, numbers)."""
        if self.image:
            self.step("Flatten", f"{self.last}.flat", axis=1)
            self.image = None

    def _linear(self, step: Step) -> None:
        self.flatten()
        self.linear(step.name)

    def _activation(self, step: Step) -> None:
        operator, attributes = self.activation
        self.step(operator, step.name, **attributes)

    def _convolution(self, step: Step) -> None:
        self._as_image(step.image_in)
        attributes = {"strides": [step.stride] * 2, "pads": [step.padding] * 4}
        operator = "Conv"
        if step.kind == "transposed_convolution":
            operator, attributes["output_padding"] = "ConvTranspose", list(step.output_paddings)
        self._weighed(operator, step, ("weight", "bias"), **attributes)
        self.image = step.image_out

    def _channel_scale(self, step: Step) -> None:
        if step.image_in and math.prod(step.image_in[1:]) > 1:
            self._as_image(step.image_in)
        self._weighed("BatchNormalization", step, ("weight", "bias", "running_mean", "running_var"), epsilon=EPSILON)

    def _layer_normalisation(self, step: Step) -> None:
        if step.image_in:  # a weight for each channel there, for each number here
            self._as_image(step.image_in)
            for part in ("weight", "bias"):
                name = f"{step.name}.{part}"
                self.weights[name] = np.broadcast_to(self.weights[name][:, None, None], step.image_in).copy()
        self._weighed("LayerNormalization", step, ("weight", "bias"), axis=1, epsilon=EPSILON)

    def _as_image(self, shape: Shape | None) -> None:
        """The last output as (B, C, H, W)."""
        assert shape, "a step between images says their shapes"
        if self.image is None:
            name = f"{self.last}.image"
            self.constants.append(self.onnx.numpy_helper.from_array(np.array([0, *shape], np.int64), f"{name}.shape"))
            self.nodes.append(self.onnx.helper.make_node("Reshape", [self.last, f"{name}.shape"], [name], name=name))
            self.last, self.image = name, shape

    def _weighed(self, operator: str, step: Step, parts: Sequence[str], **attributes: Any) -> None:
        """A node with constants of its module."""
        names = [f"{step.name}.{part}" for part in parts]
        self.constants += [self.onnx.numpy_helper.from_array(self.weights[name], name) for name in names]
        made = self.onnx.helper.make_node(operator, [self.last, *names], [step.name], name=step.name, **attributes)
        self.nodes.append(made)
        self.last = step.name

    def saved(self, source: tuple[str, int], targets: dict[str, int]) -> bytes:
        """The model's file, checked."""
        helper = self.onnx.helper

        def described(name: str, width: int) -> Any:
            return helper.make_tensor_value_info(name, self.onnx.TensorProto.FLOAT, ["batch", width])

        outputs = [described(*target) for target in targets.items()]
        graph = helper.make_graph(self.nodes, "latent_twins", [described(*source)], outputs, self.constants)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="latent-twins")
        self.onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)
