"""`python -m vae bench`: seconds per epoch of the pair, beside a plain loop and beside the bare matrix products; and
whole runs that differ in their seeds only, by hand and by autograd, one after another and together.

All is measured in one process and in turns (A B C A B C …), so that a busy machine slows everything alike.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import datasets
from ..choices.variants import VARIANTS, Variant
from ..config import PRESETS, RunConfig
from ..datasets import Images, Split
from ..learning.networks import network_of
from ..learning.training import Training
from ..settings import Settings, cores
from . import seeds as runs_by_seed
from .baseline_loop import PlainLoop

RATIOS = {  # rows divided: (sense, target), or None for one that only informs
    "plain / pair float32": ("at least", 3.5),
    "plain / pair bfloat16": ("at least", 4.5),
    "pair float32 / products in turns": ("at most", 1.5),
    "pair float32 / products in threads": ("at most", 1.5),
    "pair in turns / pair float32": None,
    "plain, convolutions / pair, convolutions": ("at least", 1.5),
    "pair, convolutions / pair, fewer images": None,
    **runs_by_seed.RATIOS,
}
COMPARED = ("two_d", "conv_2d")  # presets that differ in their network alone
QUIET = 0.1  # share of the machine that other programs may use before the table warns


def measure(settings: Settings, images: int = 60_000, rounds: int = 3) -> dict[str, Any]:
    """Time epochs over `images` images, a twelfth of them for validation. Seconds per epoch; progress on stderr."""
    mnist, machine = datasets.DATASETS["mnist"].available(settings.data_dir), describe_machine()
    data = datasets.load("mnist", settings.data_dir) if mnist else synthetic_images(images)
    sizes = {"validation_size": images // 12, "train_limit": images - images // 12}
    config = PRESETS["pytorch_example"].config.model_copy(update={**sizes, "epochs": 3})
    split = datasets.split(data, config.validation_size, config.train_limit)
    contenders = _contenders(config, data, split, settings, settings.data_dir if mnist else None)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    started, busy = time.perf_counter(), _others_seconds()
    for turn in range(rounds):
        for name, (_, run) in contenders.items():
            seconds[name] += run()
            print(f"round {turn + 1}/{rounds}, {name}: {seconds[name][-1]:.2f} s", file=sys.stderr, flush=True)
    later = _others_seconds()
    if busy is not None and later is not None:  # share of the whole machine's processor time
        passed = (time.perf_counter() - started) * (os.cpu_count() or 1)
        machine["used_by_others"] = max(0.0, (later - busy) / passed)
    rows = [
        {
            "name": name,
            "what": what,
            "seconds_median": median(seconds[name]),
            "seconds_fastest": min(seconds[name]),
            "epochs_timed": len(seconds[name]),
        }
        for name, (what, _) in contenders.items()
    ]
    ratios = {name: _ratio(*(seconds.get(row) for row in name.split(" / "))) for name in RATIOS}
    targets = {
        name: {"sense": target[0], "target": target[1], "met": ratio and _meets(ratio["median"], *target)}
        for (name, target), ratio in zip(RATIOS.items(), ratios.values(), strict=True)
        if target
    }
    count = {"train": len(split.train), "validation": len(split.validation)}
    found = {"data": "mnist" if mnist else "synthetic", "images": count, "machine": machine}
    return found | {"rows": rows, "ratios": ratios, "targets": targets}


def _meets(ratio: float, sense: str, target: float) -> bool:
    return ratio >= target if sense == "at least" else ratio <= target


def _ratio(over: list[float] | None, under: list[float] | None) -> dict[str, float] | None:
    """Of the medians and of the fastest epochs; None where one of the two was not measured."""
    return {"median": median(over) / median(under), "fastest": min(over) / min(under)} if over and under else None


def _contenders(
    config: RunConfig, data: Images, split: Split, settings: Settings, root: Path | None
) -> dict[str, tuple[str, Callable[[], list[float]]]]:
    """What this machine can run: name → (explanation, function that warms up and returns seconds of timed epochs)."""
    all_cores, own = torch.get_num_threads(), settings.threads

    def pair(threads: int = own, parallel: bool | None = None, **update: str) -> list[float]:
        changed = config.model_copy(update={"device": "cpu", **update})
        training = Training(changed, data, split, threads=threads, parallel=parallel)
        # To the end, which puts torch's process-wide settings back. Epoch 0 trains nothing, epoch 1 warms up.
        return [epoch.seconds for epoch in training.run() if epoch.epoch > 1]

    batches = [len(rows) for rows in torch.from_numpy(split.train).split(config.batch_size)]
    models = []  # of each, the matrix products of one epoch
    for name in config.variants:
        layers, variant = config.layers(data.pixels), VARIANTS[name]
        steps = {n: products(layers, variant.has_logvar, n) for n in set(batches)}
        watched = [len(rows) for rows in torch.from_numpy(split.validation).split(network_of(config).at_once)]
        passes = [product for n in watched for product in evaluation_products(layers, variant, n)]
        models.append([product for n in batches for product in steps[n]] + passes)
    plain = PlainLoop(config, data, split, root)
    threads = f"one Python thread per model, torch threads in each: {own}"
    found: dict[str, tuple[str, Callable[[], list[float]]]] = {
        "pair float32": (f"ae + vae as the program trains them; {threads}", pair)
    }
    if has_bfloat16():
        found["pair bfloat16"] = ("the same, matrix products in bfloat16", lambda: pair(precision="bfloat16"))
    found |= {
        "pair in turns": (
            "ae, then vae; float32, all cores on each",
            lambda: pair(all_cores, parallel=False),
        ),
        "products in turns": ("float32 matrix products alone, all cores on each", lambda: multiply(models, all_cores)),
        "products in threads": (f"the same; {threads}", lambda: multiply(models, own, parallel=True)),
        "plain": ("ae, then vae, as in tutorials: PIL, ToTensor, DataLoader, Adam; float32, all cores", plain.seconds),
    }
    if torch.cuda.is_available():
        for precision in ("float32", "bfloat16"):
            run = partial(pair, device="cuda", precision=precision)
            found[f"cuda {precision}"] = (f"ae + vae on the GPU, {precision}", run)
    return found | _convolutions(data, split, settings, root) | runs_by_seed.contenders(settings, data)


FEWER = 5  # of the images, every so many: convolutions take their time


def _convolutions(
    data: Images, split: Split, settings: Settings, root: Path | None
) -> dict[str, tuple[str, Callable[[], list[float]]]]:
    """The preset's network on some of the images, beside an MLP and beside a plain loop, as `_contenders`."""
    some = Split(split.train[::FEWER], split.validation[::FEWER])
    configs = {name: PRESETS[name].config.model_copy(update={"epochs": 3, "device": "cpu"}) for name in COMPARED}

    def pair(name: str) -> list[float]:
        training = Training(configs[name], data, some, threads=settings.threads)
        return [epoch.seconds for epoch in training.run() if epoch.epoch > 1]

    conv, count = configs["conv_2d"], len(some.train)
    widths = "-".join(map(str, (*conv.channels, *conv.hidden, conv.latent_dim)))
    plain = PlainLoop(conv, data, some, root)
    return {
        "pair, fewer images": (f"ae + vae, 784-400-2, on {count:,} images", partial(pair, "two_d")),
        "pair, convolutions": (f"the same images, network conv, {widths}", partial(pair, "conv_2d")),
        "plain, convolutions": (f"the same network on the same images, as plain; {widths}", plain.seconds),
    }


Product = tuple[Tensor, Tensor, Tensor]  # a, b, and where a @ b goes


def products(layers: list[int], with_logvar: bool, batch: int) -> list[Product]:
    """The matrix products of one training step (of a network with hidden layers), shapes and layouts included."""
    heads = [(layers[-2], layers[-1])] * (2 if with_logvar else 1)
    forward, backward = [], []
    for i, (inputs, outputs) in enumerate([*pairwise(layers[:-1]), *heads, *pairwise(reversed(layers))]):
        x, w, g = torch.rand(batch, inputs), torch.rand(outputs, inputs), torch.rand(batch, outputs)
        forward.append((x, w.T, torch.empty(batch, outputs)))
        backward.append((g.T, x, torch.empty(outputs, inputs)))  # ∂/∂W
        if i:  # nobody asks for the gradient with respect to the images
            backward.append((g, w, torch.empty(batch, inputs)))  # ∂/∂x
    return forward + backward[::-1]


def evaluation_products(layers: list[int], variant: Variant, batch: int) -> list[Product]:
    """Those of measuring a batch: the encoder once, the decoder from the mean and, where there is noise, a sample."""
    heads = [(layers[-2], layers[-1])] * (2 if variant.has_logvar else 1)
    decoder = list(pairwise(reversed(layers))) * (2 if variant.noise else 1)
    shapes = [*pairwise(layers[:-1]), *heads, *decoder]
    return [(torch.rand(batch, i), torch.rand(o, i).T, torch.empty(batch, o)) for i, o in shapes]


def multiply(models: list[list[Product]], threads: int, parallel: bool = False) -> list[float]:
    """Seconds for all products of all models, twice after a warm-up; `threads` torch threads for each model."""
    before, seconds = torch.get_num_threads(), []
    with ThreadPoolExecutor(len(models), initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        # Taking turns they run in this very thread: OpenMP lets a second team of threads on the same cores sleep
        # between products, which costs half as much again and would flatter whatever is compared with it.
        run = pool.map if parallel else map
        for _ in range(3):
            started = time.perf_counter()
            list(run(_multiply, models))
            seconds.append(time.perf_counter() - started)
    torch.set_num_threads(before)
    return seconds[1:]


def _multiply(model: list[Product]) -> None:
    for a, b, out in model:
        torch.mm(a, b, out=out)


def synthetic_images(count: int) -> Images:
    """28×28 images of two bright spots each: about four pixels in five are black, as in MNIST."""
    rng, axis = np.random.default_rng(0), np.arange(28, dtype=np.float32)
    x = np.zeros((count, 28, 28), np.float32)
    for _ in range(2):
        centre, width = rng.uniform(8, 20, (2, count, 1)), rng.uniform(1.5, 3.5, (2, count, 1))
        rows, columns = np.exp(-0.5 * ((axis - centre) / width) ** 2).astype(np.float32)  # each (N, 28)
        np.maximum(x, rows[:, :, None] * columns[:, None, :], out=x)
    x = (255 * np.clip(1.5 * x - 0.3, 0, 1)).astype(np.uint8).reshape(count, -1)
    y = np.zeros(count, np.uint8)  # nobody looks at the labels
    return Images("synthetic", (1, 28, 28), 255, ("spots",), x, y, x[:1], y[:1])


def has_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16; oneDNN alone also says yes where it would imitate it."""
    flags = _cpuinfo("flags", "Features")
    return torch.ops.mkldnn._is_mkldnn_bf16_supported() and (not flags or "bf16" in flags)


def _cpuinfo(*keys: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(keys)), "")


def _others_seconds() -> float | None:
    """Processor seconds that all other processes have used since the machine started; None where that isn't known."""
    path = Path("/proc/stat")
    if not path.exists():
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, path.read_text().split("\n")[0].split()[1:9])
    own = os.times()
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") - own.user - own.system


def describe_machine() -> dict[str, Any]:
    """What the times depend on."""
    return {
        "cpu": _cpuinfo("model name") or platform.machine(),
        "cores": cores(),
        "bfloat16": has_bfloat16(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": torch.__version__,
        "used_by_others": None,  # known when all is measured
    }


def table(results: dict[str, Any]) -> str:
    """The results as text: seconds per epoch, then the ratios and their targets, missed ones too."""
    machine, images = results["machine"], results["images"]
    data = {"mnist": "MNIST", "synthetic": "Synthetic images (no MNIST in the data folder)"}[results["data"]]
    others = machine["used_by_others"]
    noise = (
        ""
        if others is None
        else f"\nOther programs used {others:.0%} of the machine meanwhile"
        + (": do not trust these times." if others > QUIET else ".")
    )
    lines = [
        f"{data}: {images['train']:,} images trained on and {images['validation']:,} validated in an epoch",
        f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}, GPU: {machine['gpu'] or 'none'}{noise}",
        "" if machine["bfloat16"] else "This processor has no bfloat16, so that is not measured.\n",
        f"{'seconds per epoch':35} median  fastest  epochs",
    ]
    for row in results["rows"]:
        times = f"{row['seconds_median']:6.2f} {row['seconds_fastest']:8.2f} {row['epochs_timed']:7}"
        lines.append(f"{row['name']:35} {times}  {row['what']}")
    lines.append("The matrix products are those of training and of measuring the validation images.")
    lines.append(
        "Three seeds: processor seconds per epoch of a run, measuring and pictures included, one torch thread."
    )
    lines.append(f"\n{'ratio':35} median  fastest  target (for the median)")
    for name, ratio in results["ratios"].items():
        values = f"{ratio['median']:5.2f}× {ratio['fastest']:7.2f}×" if ratio else f"{'—':>6} {'—':>8}"
        goal = results["targets"].get(name)
        met = goal and {True: "met", False: "MISSED", None: "not measured"}[goal["met"]]
        lines.append(f"{name:35} {values}" + (f"  {goal['sense']} {goal['target']}×: {met}" if goal else ""))
    return "\n".join(lines)
