"""One loop for all variants: same batches, same initial weights wherever shapes match, one result per epoch."""

from __future__ import annotations

import math
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..config import RunConfig
from ..datasets import Images, Split
from ..errors import InputError
from .by_hand import Stack, adam_step
from .estimators import ESTIMATORS, normal_like
from .losses import RECONSTRUCTIONS, active_units, kl_divergence, mean_image_floor, reparameterize
from .models import build, initialise
from .snapshots import CODES_SHOWN, IMAGES_SHOWN, Snapshot, plane_of, prior_in_plane, to_grey
from .variants import VARIANTS

EVALUATION_CHUNK = 2000  # images per forward pass when nothing is learnt
TRAINING_IMAGES_WATCHED = 5000  # images the curves are measured on when none are set aside for validation
# Weights × batch above which one Python thread per variant beats taking turns: below it they only fight for the
# interpreter lock. Measured on 2 cores: digits 64-128-2 (1e6) is 1.2× slower in threads, 784-400-20 (8e7) 1.7× faster.
# Two such runs at once on those cores lose 8 % by it, so threads are used whether or not the machine is shared.
WORTH_A_THREAD = 4_000_000


@dataclass(frozen=True)
class Metrics:
    """Means over images. loss, reconstruction and kl in the units of the objective; mse per pixel."""

    loss: float  # reconstruction + β·KL for variants that pay the KL; with the full β, also during warm-up
    reconstruction: float  # from a sample z where the variant has noise (the ELBO's term), else from the mean
    kl: float | None  # KL(q(z|x) ‖ N(0, I)), summed over dimensions; None for a variant without log-variance
    kl_per_dim: list[float] | None
    mse_from_mean: float
    mse_from_sample: float | None  # None for variants without noise
    active_units: int

    def finite(self) -> bool:
        return all(math.isfinite(value) for value in (self.loss, self.reconstruction, self.kl or 0.0))


METRIC_NAMES = [field.name for field in fields(Metrics)]


@dataclass(frozen=True)
class Epoch:
    """What one epoch leaves behind. Epoch 0 is the state before training."""

    epoch: int
    seconds: float  # training, validation and snapshot, wall clock
    metrics: dict[str, Metrics]  # by variant, on the validation images (or watched training images)
    snapshots: dict[str, Snapshot]
    weights: dict[str, dict[str, Tensor]]  # by variant; live tensors: copy or serialise before the next epoch
    checkpoint: dict[str, Tensor]  # all that is needed to go on after this epoch


class Diverged(RuntimeError):
    """A loss became NaN or infinite."""

    def __init__(self, epoch: int, variant: str, learning_rate: float) -> None:
        super().__init__(
            f"The {variant} diverged in epoch {epoch}: its loss is no longer a finite number. "
            f"Try a learning rate below {learning_rate:g}, or a smaller β."
        )
        self.epoch = epoch


def stream(seed: int, purpose: str, epoch: int = 0, device: str = "cpu") -> torch.Generator:
    """A generator of its own for each purpose and epoch, so a run can go on from any epoch with the same numbers."""
    words = np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), epoch]).generate_state(2)
    return torch.Generator(device=device).manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)


def pick_device(name: str) -> torch.device:
    """The device that `name` means here. Raises InputError when it is absent."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if not present[name]:
        there = [kind for kind in present if present[kind]]
        raise InputError(f"device is {name!r}, but this machine has no such device; it has {', '.join(there)}.")
    return torch.device(name)


@contextmanager
def _arithmetic(precision: str, device: torch.device, threads: int) -> Iterator[None]:
    """Set torch's process-wide arithmetic for a run, and put it back afterwards."""
    before, before_threads = torch.backends.mkldnn.matmul.fp32_precision, torch.get_num_threads()
    if device.type == "cpu":
        # float32 tensors, products in bfloat16 inside oneDNN: no casts to pay for, unlike autocast. Ignored by
        # processors without bfloat16.
        torch.backends.mkldnn.matmul.fp32_precision = "bf16" if precision == "bfloat16" else "ieee"
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = before
        torch.set_num_threads(before_threads)


class Learner:
    """One variant: its network, Adam's moments, and how it is trained and measured."""

    def __init__(self, config: RunConfig, pixels: int, variant: str, device: torch.device) -> None:
        self.config, self.name, self.variant, self.device = config, variant, VARIANTS[variant], device
        self.model = initialise(build(config, pixels, variant), stream(config.seed, "weights")).to(device)
        self.reconstruction = RECONSTRUCTIONS[config.reconstruction]
        self.parameters = list(self.model.parameters())
        self.exp_avg = [torch.zeros_like(p) for p in self.parameters]
        self.exp_avg_sq = [torch.zeros_like(p) for p in self.parameters]
        self.steps = [torch.zeros((), device=device) for _ in self.parameters]
        self.axes: Tensor | None = None  # of the last PCA plane

    def train_epoch(self, x: Tensor, epoch: int, stop: threading.Event) -> None:
        """One pass over `x` (N, P), in an order and with noise that depend only on the seed and the epoch."""
        batches, noise, beta = self.draws(len(x), epoch)
        for rows in batches:
            if stop.is_set():
                return
            self.step(x, rows, beta, noise)

    def draws(self, images: int, epoch: int) -> tuple[Sequence[Tensor], torch.Generator, float]:
        """What an epoch is made of: the rows of each batch, the source of its noise, and its β."""
        config = self.config
        order = torch.randperm(images, generator=stream(config.seed, "order", epoch)).to(self.device)
        noise = stream(config.seed, "noise", epoch, self.device.type)
        beta = config.beta * min(1.0, epoch / config.kl_warmup_epochs) if config.kl_warmup_epochs else config.beta
        return order.split(config.batch_size), noise, beta

    def step(self, x: Tensor, rows: Tensor, beta: float, noise: torch.Generator) -> None:
        """Learn from the images `rows` (B,) of `x` (N, P)."""
        config = self.config
        if self.stack:
            self.stack.step(x, [rows], beta, [noise])
            return
        with self.autocast():
            ESTIMATORS[config.estimator](
                self.model,
                self.variant,
                x.index_select(0, rows),
                self.reconstruction,
                beta,
                noise,
                config.samples,
                config.baseline,
            )
        self.update()

    @cached_property
    def stack(self) -> Stack | None:
        """The same step by hand, a stack of one network; None where only autograd knows it."""
        config = self.config
        by_hand = config.estimator == "pathwise" and config.samples == 1 and self.device.type == "cpu"
        return Stack([self]) if by_hand else None

    @torch.no_grad()
    def update(self) -> None:
        """One step of Adam along the gradients that autograd left, which are then gone."""
        # With β = 0, kl_only's log-variance has no gradient.
        used = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        adam_step(
            [self.parameters[i] for i in used],
            [self.parameters[i].grad for i in used],
            [self.exp_avg[i] for i in used],
            [self.exp_avg_sq[i] for i in used],
            [self.steps[i] for i in used],
            self.config.learning_rate,
        )
        for p in self.parameters:
            p.grad = None

    def autocast(self) -> torch.autocast | nullcontext:
        """bfloat16 off the processor; on it `_arithmetic` does the same without casts."""
        if self.config.precision == "bfloat16" and self.device.type != "cpu":
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

    @torch.inference_mode()
    def evaluate(self, x: Tensor, purpose: str) -> Metrics:
        """Measure on all of `x` (N, P). The noise is the same at every epoch, so that curves move only by learning."""
        noise = stream(self.config.seed, purpose, 0, self.device.type)
        sums = {"reconstruction": 0.0, "mse_from_mean": 0.0, "mse_from_sample": 0.0}
        means, kl_sum = [], None
        for chunk in x.split(EVALUATION_CHUNK):
            with self.autocast():
                mu, logvar = self.model.encoder(chunk)  # each (B, D)
                logits = self.model.decoder(mu).float()
            mu = mu.float()
            means.append(mu)
            sums["mse_from_mean"] += float((torch.sigmoid(logits) - chunk).square().mean(-1).sum())
            if logvar is not None:
                kl = kl_divergence(mu, logvar.float()).sum(0)  # (D,)
                kl_sum = kl if kl_sum is None else kl_sum + kl
            if self.variant.noise:
                with self.autocast():
                    logits = self.model.decoder(reparameterize(mu, logvar, normal_like(mu, noise))).float()
                sums["mse_from_sample"] += float((torch.sigmoid(logits) - chunk).square().mean(-1).sum())
            sums["reconstruction"] += float(self.reconstruction.value(logits, chunk).sum())
        sums = {name: value / len(x) for name, value in sums.items()}
        kl_per_dim = None if kl_sum is None else (kl_sum / len(x)).tolist()
        kl = None if kl_per_dim is None else math.fsum(kl_per_dim)
        return Metrics(
            loss=sums["reconstruction"] + (self.config.beta * kl if self.variant.kl else 0.0),
            reconstruction=sums["reconstruction"],
            kl=kl,
            kl_per_dim=kl_per_dim,
            mse_from_mean=sums["mse_from_mean"],
            mse_from_sample=sums["mse_from_sample"] if self.variant.noise else None,
            active_units=active_units(torch.cat(means)),
        )

    @torch.inference_mode()
    def snapshot(self, x: Tensor) -> Snapshot:
        """Pictures of the first rows of `x` (N, P)."""
        mu, logvar = self.model.encoder(x[:CODES_SHOWN])
        codes, share, self.axes = plane_of(mu, self.axes)
        prior = prior_in_plane(mu, self.axes)
        mu, from_sample = mu[:IMAGES_SHOWN], None
        if self.variant.noise:
            eps = normal_like(mu, stream(self.config.seed, "snapshot", 0, self.device.type))
            z = reparameterize(mu, logvar[:IMAGES_SHOWN], eps)
            from_sample = to_grey(torch.sigmoid(self.model.decoder(z)))
        return Snapshot(codes, share, prior, to_grey(torch.sigmoid(self.model.decoder(mu))), from_sample)

    def state(self) -> dict[str, Tensor]:
        """Weights, Adam's moments and the axes of the last plane, named; live tensors."""
        named = {} if self.axes is None else {f"{self.name}/axes": self.axes}
        for i, (name, weight) in enumerate(self.model.named_parameters()):
            named |= {f"{self.name}/weight/{name}": weight.detach(), f"{self.name}/exp_avg/{name}": self.exp_avg[i]}
            named |= {f"{self.name}/exp_avg_sq/{name}": self.exp_avg_sq[i], f"{self.name}/step/{name}": self.steps[i]}
        return named

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take over what `state()` gave."""
        axes = state.get(f"{self.name}/axes")
        self.axes = None if axes is None else axes.clone()
        for name, tensor in self.state().items():
            tensor.copy_(state[name])


class Training:
    """A run in memory: iterate over it for one `Epoch` after another, then `test()`.

    Shapes match between variants wherever their networks have the same layer, and there they start from the same
    weights; every variant sees the same batches in the same order and, where it has noise, the same noise.
    """

    def __init__(
        self, config: RunConfig, images: Images, split: Split, *, threads: int = 1, parallel: bool | None = None
    ) -> None:
        """`threads`: torch threads per variant. `parallel`: one Python thread per variant; None decides by size."""
        self.config, self.device = config, pick_device(config.device)
        self.train_x = self._tensor(images.train_x[split.train], images.white)
        self.test_x = self._tensor(images.test_x, images.white)
        watched = split.validation if len(split.validation) else split.train[:TRAINING_IMAGES_WATCHED]
        self.watched_rows, self.watched_split = watched, "validation" if len(split.validation) else "train"
        self.watched_x = self._tensor(images.train_x[watched], images.white)
        self.learners = [Learner(config, images.pixels, name, self.device) for name in config.variants]
        self.epoch, self.threads = -1, threads  # −1: not even the state before training is measured
        weights = sum(p.numel() for p in self.learners[0].parameters)
        if parallel is None:
            parallel = self.device.type == "cpu" and weights * config.batch_size > WORTH_A_THREAD
        self.parallel = parallel

    def _tensor(self, grey: np.ndarray, white: int) -> Tensor:
        return torch.from_numpy(grey).to(self.device).float().div_(white)  # (N, P) in [0, 1]

    def floor(self) -> dict[str, dict[str, float]]:
        """The mean-image line on the watched and on the test images."""
        return {
            self.watched_split: mean_image_floor(self.train_x, self.watched_x),
            "test": mean_image_floor(self.train_x, self.test_x),
        }

    def resume(self, epoch: int, checkpoint: dict[str, Tensor]) -> None:
        """Go on after `epoch` as if nothing had happened."""
        for learner in self.learners:
            learner.load(checkpoint)
        self.epoch = epoch

    def run(self, stop: threading.Event | None = None) -> Iterator[Epoch]:
        """Train to the last epoch, yielding each. Ends early, without the unfinished epoch, once `stop` is set.

        Raises Diverged when a loss is no longer finite.
        """
        stop = stop or threading.Event()
        with (
            _arithmetic(self.config.precision, self.device, self.threads),
            ThreadPoolExecutor(len(self.learners)) as pool,
        ):
            # Taking turns happens in the calling thread: a second team of OpenMP threads would halve the speed.
            apply = pool.map if self.parallel else map
            try:
                while self.epoch < self.config.epochs and not stop.is_set():
                    epoch = self._step(apply, self.epoch + 1, stop)
                    if stop.is_set():
                        return
                    self.epoch += 1
                    yield epoch
            except BaseException:  # one variant diverged, or Ctrl-C: do not let the other train its epoch to the end
                stop.set()
                raise

    def _step(self, apply: Callable, epoch: int, stop: threading.Event) -> Epoch:
        started = time.perf_counter()

        def one(learner: Learner) -> tuple[Metrics, Snapshot] | None:
            with _thread(self.threads):
                if epoch:
                    learner.train_epoch(self.train_x, epoch, stop)
                if stop.is_set():
                    return None
                metrics = learner.evaluate(self.watched_x, "watched")
                if not metrics.finite():
                    raise Diverged(epoch, learner.name, self.config.learning_rate)
                return metrics, learner.snapshot(self.watched_x)

        results = dict(zip(self.config.variants, apply(one, self.learners), strict=True))
        results = {name: result for name, result in results.items() if result}
        return Epoch(
            epoch=epoch,
            seconds=time.perf_counter() - started,
            metrics={name: metrics for name, (metrics, _) in results.items()},
            snapshots={name: snapshot for name, (_, snapshot) in results.items()},
            weights={learner.name: learner.model.state_dict() for learner in self.learners},
            checkpoint={key: value for learner in self.learners for key, value in learner.state().items()},
        )

    def test(self) -> dict[str, Metrics]:
        """Measure on the test images; once, when training has ended."""
        with _arithmetic(self.config.precision, self.device, self.threads):
            return {learner.name: learner.evaluate(self.test_x, "test") for learner in self.learners}


@contextmanager
def _thread(threads: int) -> Iterator[None]:
    """Settings that belong to a thread, for the time of an epoch."""
    torch.set_num_threads(threads)  # its OpenMP part
    # Adam's moments of pixels that are rarely lit decay into denormal numbers, which cost a later epoch 15 %.
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
