"""One loop for all variants: same batches, same initial weights wherever shapes match, one result per epoch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..choices.binarisations import BINARISATIONS
from ..choices.likelihoods import likelihood_of
from ..config import RunConfig
from ..datasets import Images, Split, binarised
from ..datasets.principal_axes import PrincipalAxes
from ..metrics import Metrics
from . import early_stopping
from .devices import arithmetic, arithmetic_of_thread, pick_device
from .learner import Learner
from .losses import mean_image_floor
from .networks import network_of
from .snapshots import Snapshot

TRAINING_IMAGES_WATCHED = 5000  # images the curves are measured on when none are set aside for validation
# Multiply-adds of an image (in an MLP: weights) × batch above which one Python thread per variant beats taking turns:
# below it they only fight for the interpreter lock. Measured on 2 cores: digits 64-128-2 (1e6) is 1.2× slower in
# threads, 784-400-20 (8e7) 1.7× faster. Two such runs at once on those cores lose 8 % by it, so threads are used
# whether or not the machine is shared.
WORTH_A_THREAD = 4_000_000


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
        if (
            config.held_out_class
            and (
                images.train_y[np.concatenate([split.train, split.validation])]
                == images.class_named(config.held_out_class)
            ).any()
        ):
            raise ValueError("the split holds images of the class that is kept from training")
        grey, images = images, binarised(images, config.binarisation).tested_without(config.held_out_class)
        self.seen = images  # as models see them when nothing is learnt
        learnt_from = grey if BINARISATIONS[config.binarisation].each_time else images
        self.train_x = self._tensor(learnt_from.train_x[split.train], images.white)
        self.test_x = self._tensor(images.test_x, images.white)
        watched = split.validation if len(split.validation) else split.train[:TRAINING_IMAGES_WATCHED]
        self.watched_rows, self.watched_split = watched, "validation" if len(split.validation) else "train"
        self.watched_x = self._tensor(images.train_x[watched], images.white)
        self.learners = [Learner(config, images.shape, name, self.device) for name in config.variants]
        self.epoch, self.threads = -1, threads  # −1: not even the state before training is measured
        self.losses: dict[str, list[float]] = {name: [] for name in config.variants}  # watched, from epoch 0 on
        work = network_of(config).counts(config, images.shape, self.learners[0].variant).multiply_adds
        if parallel is None:
            parallel = self.device.type == "cpu" and work * config.batch_size > WORTH_A_THREAD
        self.parallel = parallel

    def _tensor(self, grey: np.ndarray, white: int) -> Tensor:
        return torch.from_numpy(grey).to(self.device).float().div_(white)  # (N, P) in [0, 1]

    def floor(self) -> dict[str, dict[str, float]]:
        """The mean-image line on the watched and on the test images."""
        return {
            self.watched_split: mean_image_floor(self.train_x, self.watched_x, self.config),
            "test": mean_image_floor(self.train_x, self.test_x, self.config),
        }

    def pca_line(self) -> dict[str, float]:
        """What PCA costs, by the run's own likelihood, with as many numbers as the code: on the same images.

        Empty where a picture that leaves [0, 1] has no loss, as by cross-entropy.
        """
        likelihood = likelihood_of(self.config)
        if not likelihood.any_picture:
            return {}
        principal = PrincipalAxes.of_pixels(self.train_x.cpu().numpy())
        found = {}
        for split, held_out in ((self.watched_split, self.watched_x), ("test", self.test_x)):
            x = held_out.cpu()
            rebuilt = torch.from_numpy(principal.rebuilt(x.numpy(), self.config.latent_dim))
            found[split] = likelihood.floor(rebuilt, x)
        return found

    def resume(self, epoch: int, checkpoint: dict[str, Tensor]) -> None:
        """Go on after `epoch` as if nothing had happened."""
        for learner in self.learners:
            learner.load(checkpoint)
        if self.config.patience:
            self.losses = {name: checkpoint[f"{name}/losses"].tolist() for name in self.losses}
        self.epoch = epoch

    @property
    def ended(self) -> bool:
        """Whether there is no further epoch: all are trained, or patience is at its end."""
        return self.epoch >= self.config.epochs or early_stopping.over(self.config, self.losses)

    def run(self, stop: threading.Event | None = None) -> Iterator[Epoch]:
        """Train to the last epoch, yielding each. Ends early, without the unfinished epoch, once `stop` is set.

        With patience the last epoch is the one that `early_stopping.over` tells; `ended` says so when it is yielded.
        Raises Diverged when a loss is no longer finite.
        """
        stop = stop or threading.Event()
        with (
            arithmetic(self.config.precision, self.device, self.threads),
            ThreadPoolExecutor(len(self.learners)) as pool,
        ):
            # Taking turns happens in the calling thread: a second team of OpenMP threads would halve the speed.
            apply = pool.map if self.parallel else map
            try:
                while not self.ended and not stop.is_set():
                    epoch = self._step(apply, self.epoch + 1, stop)
                    if stop.is_set():
                        return
                    yield self._recorded(epoch)
            except BaseException:  # one variant diverged, or Ctrl-C: do not let the other train its epoch to the end
                stop.set()
                raise

    def _recorded(self, epoch: Epoch) -> Epoch:
        """An epoch that counts from here on: with patience, its checkpoint knows the losses up to it."""
        self.epoch = epoch.epoch
        for name, metrics in epoch.metrics.items():
            self.losses[name].append(metrics.loss)
        if not self.config.patience:
            return epoch
        losses = {f"{name}/losses": torch.tensor(values, dtype=torch.float64) for name, values in self.losses.items()}
        return replace(epoch, checkpoint=epoch.checkpoint | losses)

    def _step(self, apply: Callable, epoch: int, stop: threading.Event) -> Epoch:
        started = time.perf_counter()

        def one(learner: Learner) -> tuple[Metrics, Snapshot] | None:
            with arithmetic_of_thread(self.threads):
                if epoch:
                    learner.train_epoch(self.train_x, epoch, stop)
                else:
                    learner.settle(self.train_x, epoch)
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
        with arithmetic(self.config.precision, self.device, self.threads):
            return {learner.name: learner.evaluate(self.test_x, "test") for learner in self.learners}
