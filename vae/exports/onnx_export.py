"""Encoder and decoder of a run as ONNX, for programs without PyTorch. The package `onnx` is optional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from ..choices.activations import ACTIVATIONS
from ..choices.likelihoods import LIKELIHOODS
from ..choices.networks import NETWORKS
from ..choices.variants import VARIANTS
from ..errors import InputError
from ..learning.networks import Step, network_of
from ..store.runs import Run, Store
from ..store.tensor_bytes import unpack

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
    stored, found = store.weights(run.id, run.last_epoch), {}
    for variant in config.variants:
        weights, chains = unpack(stored[variant]), network.chains(config, run.shape, VARIANTS[variant])
        encoder = _Graph(weights, "image", activation.onnx)
        encoder.chain(chains.encoder)
        for name, head in chains.heads.items():
            encoder.linear(head.name, name)
        heads = {name: head.outputs for name, head in chains.heads.items()}
        pixels = (*chains.encoder, *chains.heads.values())[0].inputs
        found[f"{variant}_encoder.onnx"] = encoder.saved(("image", pixels), heads)
        decoder = _Graph(weights, "z", activation.onnx)
        decoder.chain(chains.decoder)
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
        operator, attributes = self.activation
        for step in steps:
            if step.kind == "linear":
                self.linear(step.name)
            else:
                self.step(operator, step.name, **attributes)

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
