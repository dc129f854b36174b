"""Encoder and decoder of a run as ONNX, for programs without PyTorch. The package `onnx` is optional."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..errors import InputError
from ..store.runs import Run, Store
from ..store.tensor_bytes import unpack

OPSET, IR_VERSION = 17, 8  # what runtimes since 2022 read
OPERATORS = {  # of `learning.models.ACTIVATIONS`
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.5}),
    "tanh": ("Tanh", {}),
    "elu": ("Elu", {"alpha": 1.0}),
}


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
    z (B, D) to image (B, P) in [0, 1]. Raises InputError when the package isn't installed.
    """
    package()
    height, width = run.data["shape"]
    layers = run.config.layers(height * width)
    stored, found = store.weights(run.id, run.config.epochs), {}
    for variant in run.config.variants:
        weights = unpack(stored[variant])
        found[f"{variant}_encoder.onnx"] = _encoder(weights, layers, run.config.activation)
        found[f"{variant}_decoder.onnx"] = _decoder(weights, layers[::-1], run.config.activation)
    return found


class _Graph:
    """Nodes in a chain, each named after the layer it is."""

    def __init__(self, weights: dict[str, Any], source: str, activation: str) -> None:
        self.onnx, self.weights, self.activation = package(), weights, activation
        self.nodes, self.constants, self.last = [], [], source

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

    def activate(self, name: str) -> None:
        operator, attributes = OPERATORS[self.activation]
        self.step(operator, name, **attributes)

    def body(self, part: str, count: int) -> None:
        """`count` hidden layers, numbered as in the `nn.Sequential`: a linear one, its activation, and so on."""
        for i in range(count):
            self.linear(f"{part}.body.{2 * i}")
            self.activate(f"{part}.body.{2 * i + 1}")

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


def _encoder(weights: dict[str, Any], layers: list[int], activation: str) -> bytes:
    graph = _Graph(weights, "image", activation)
    graph.body("encoder", len(layers) - 2)
    heads = [name for name in ("mu", "logvar") if f"encoder.to_{name}.weight" in weights]
    for name in heads:
        graph.linear(f"encoder.to_{name}", name)
    return graph.saved(("image", layers[0]), dict.fromkeys(heads, layers[-1]))


def _decoder(weights: dict[str, Any], layers: list[int], activation: str) -> bytes:
    graph = _Graph(weights, "z", activation)
    if len(layers) == 2:  # without hidden layers the non-linearity sits on the code itself
        graph.activate("decoder.body.0")
    graph.body("decoder", len(layers) - 2)
    graph.linear("decoder.to_logits")
    graph.step("Sigmoid", "image")
    return graph.saved(("z", layers[0]), {"image": layers[-1]})
