"""One variant of a run: its network, its optimiser's state, and how it is trained, measured and pictured."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property

import torch
from torch import Tensor

from ..choices.binarisations import BINARISATIONS
from ..choices.likelihoods import likelihood_of
from ..choices.training import SCHEDULES
from ..choices.variants import VARIANTS
from ..config import RunConfig
from ..metrics import MOST_AT_ONCE, Evaluated, Metrics, measured
from . import smoothing
from .adam import Moments
from .estimators import ESTIMATORS
from .layers.modules import learning
from .losses import active_units, kl_divergence, paid_kl, reparameterize, scheduled_beta
from .manual_backward import Stack
from .networks import Shape, initialised, network_of, steps_by_hand
from .randomness import normal_like, stream
from .snapshots import CODES_SHOWN, IMAGES_SHOWN, Snapshot, plane_of, prior_in_plane, to_grey

SETTLED_ON = 5000  # training images that a closed form is taken of after every epoch


class Learner:
    """One variant: its network, Adam's moments, and how it is trained and measured."""

    def __init__(self, config: RunConfig, shape: Shape, variant: str, device: torch.device) -> None:
        self.config, self.name, self.variant, self.device = config, variant, VARIANTS[variant], device
        self.model = initialised(config, shape, variant, stream(config.seed, "weights")).to(device)
        self.likelihood = likelihood_of(config)
        self.moments = Moments(list(self.model.parameters()))
        self.axes: Tensor | None = None  # of the last PCA plane

    def train_epoch(self, x: Tensor, epoch: int, stop: threading.Event) -> None:
        """One pass over `x` (N, P), in an order and with noise that depend only on the seed and the epoch."""
        batches, noise, beta = self.draws(len(x), epoch)
        each_time = BINARISATIONS[self.config.binarisation].each_time
        pixels = stream(self.config.seed, "binarisation", epoch, self.device.type)  # the same for all variants
        rate = self.learning_rate(epoch)
        dropped = stream(self.config.seed, "dropout", epoch, self.device.type)  # the same for all variants
        with learning(self.model, dropped):
            for rows in batches:
                if stop.is_set():
                    return
                if each_time:
                    drawn = torch.bernoulli(x.index_select(0, rows), generator=pixels)
                    self.step(drawn, torch.arange(len(rows), device=self.device), beta, noise, rate)
                else:
                    self.step(x, rows, beta, noise, rate)
        self.settle(x, epoch)

    def settle(self, x: Tensor, epoch: int) -> None:
        """Set what is not learnt step by step, by the training images `x` (N, P), before anything is measured."""
        if not (self.variant.fixed_noise or self.likelihood.closed_form):
            return
        if BINARISATIONS[self.config.binarisation].each_time:
            x = torch.bernoulli(x, generator=stream(self.config.seed, "settled pixels", epoch, self.device.type))
        if self.variant.fixed_noise:
            smoothing.settle(self.model, self.moments, x)
        if self.likelihood.closed_form:
            self.settle_likelihood(x[:SETTLED_ON], epoch)

    def learning_rate(self, epoch: int) -> float:
        """Adam's step size in `epoch`."""
        return self.config.learning_rate * SCHEDULES[self.config.schedule].share(epoch, self.config.epochs)

    def draws(self, images: int, epoch: int) -> tuple[Sequence[Tensor], torch.Generator, float]:
        """What an epoch is made of: the rows of each batch, the source of its noise, and its β."""
        config = self.config
        order = torch.randperm(images, generator=stream(config.seed, "order", epoch)).to(self.device)
        purpose = "input noise" if self.variant.input_noise else "noise"
        noise = stream(config.seed, purpose, epoch, self.device.type)
        return order.split(config.batch_size), noise, scheduled_beta(config, epoch)

    @torch.no_grad()
    def settle_likelihood(self, x: Tensor, epoch: int) -> None:
        """Set what the likelihood learns in closed form to its best values for training images `x` (N, P).

        Rebuilt as they are in training: from a sample where the variant has noise, from noisy images where it sees
        those, else from the mean.
        """
        noise = stream(self.config.seed, "closed form", epoch, self.device.type)
        seen = smoothing.noisy(x, self.strength, noise) if self.variant.input_noise else x
        mu, logvar = self.model.encoder(seen)  # each (N, D)
        self.model.settle(reparameterize(mu, logvar, normal_like(mu, noise)) if self.variant.noise else mu, x)

    def step(
        self, x: Tensor, rows: Tensor, beta: float, noise: torch.Generator, learning_rate: float | None = None
    ) -> None:
        """Learn from the images `rows` (B,) of `x` (N, P); at the config's learning rate if none is given."""
        config = self.config
        rate = config.learning_rate if learning_rate is None else learning_rate
        if self.stack:
            self.stack.step(x, [rows], beta, [noise], rate)
            return
        if self.variant.strength:
            batch = x.index_select(0, rows)
            with self.autocast():
                smoothing.learn(self.model, self.variant, batch, self.likelihood, self.strength, noise)
            self.moments.step(rate)
            return
        with self.autocast():
            ESTIMATORS[config.estimator](
                self.model,
                self.variant,
                x.index_select(0, rows),
                self.likelihood,
                beta,
                noise,
                config.samples,
                config.baseline,
                *([config.free_bits] if config.free_bits else []),
            )
        self.moments.step(rate)

    @property
    def strength(self) -> float:
        """How much there is of what this variant adds by itself; 0 for those that are made of noise and KL alone."""
        return float(getattr(self.config, self.variant.strength)) if self.variant.strength else 0.0

    @cached_property
    def stack(self) -> Stack | None:
        """The same step with the chain rule written out, its fast twin; None where only autograd knows it."""
        by_hand = self.device.type == "cpu" and steps_by_hand(self.config, self.variant)
        return Stack(self.config, self.variant, [self.model], [self.moments]) if by_hand else None

    def autocast(self) -> torch.autocast | nullcontext:
        """bfloat16 off the processor; on it `_arithmetic` does the same without casts."""
        if self.config.precision == "bfloat16" and self.device.type != "cpu":
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

    @torch.inference_mode()
    def evaluate(self, x: Tensor, purpose: str) -> Metrics:
        """Measure on all of `x` (N, P). The noise is the same at every epoch, so that curves move only by learning."""
        noise = stream(self.config.seed, purpose, 0, self.device.type)
        input_noise = stream(self.config.seed, f"{purpose}, input noise", 0, self.device.type)
        further = measured(self.variant, test=purpose == "test")
        sums = dict.fromkeys(("reconstruction", "mse_from_mean", "mse_from_sample", *further), 0.0)
        whole = measured(self.variant, test=purpose == "test", at_once=True)
        sums |= dict.fromkeys(whole, 0.0)
        codes: list[Evaluated] = []
        means, kl_sum = [], None
        for chunk in x.split(network_of(self.config).at_once):
            with self.autocast():
                mu, logvar = self.model.encoder(chunk)  # each (B, D)
                outputs = self.model.decoder(mu).float()
            mu = mu.float()
            means.append(mu)
            z = mu
            from_mean, from_sample = self.likelihood.mean(outputs), None  # (B, P)
            sums["mse_from_mean"] += float((from_mean - chunk).square().mean(-1).sum())
            if self.variant.has_logvar:
                of_chunk = kl_divergence(mu, logvar.float()).sum(0)  # (D,)
                kl_sum = of_chunk if kl_sum is None else kl_sum + of_chunk
            if self.variant.noise:
                with self.autocast():
                    z = reparameterize(mu, logvar, normal_like(mu, noise))
                    outputs = self.model.decoder(z).float()
                from_sample = self.likelihood.mean(outputs)
                sums["mse_from_sample"] += float((from_sample - chunk).square().mean(-1).sum())
            elif self.variant.input_noise:
                with self.autocast():
                    seen = smoothing.noisy(chunk, self.strength, input_noise)
                    outputs = self.model.decoder(self.model.encoder(seen)[0]).float()
            losses = self.likelihood.value(outputs, chunk, **self.model.likelihood_parameters)  # (B,)
            sums["reconstruction"] += float(losses.sum())
            penalty = self.penalty(chunk, mu)
            here = Evaluated(chunk, mu, logvar, from_mean, from_sample, penalty, z)
            for name, per_image in further.items():
                sums[name] += float(per_image(here).sum())
            if whole:
                codes.append(Evaluated(x[:0], mu, logvar, x[:0], None, z=z))
        for name, per_image in whole.items():
            sums[name] = float(per_image(_all_codes(codes)).mean()) * len(x)
        sums = {name: value / len(x) for name, value in sums.items()}
        kl_per_dim = None if kl_sum is None else (kl_sum / len(x)).tolist()
        kl = None if kl_per_dim is None else math.fsum(kl_per_dim)
        objective = sums["reconstruction"]
        if self.variant.kl:
            assert kl is not None, "a variant with a KL has a log-variance"
            free = self.config.free_bits
            objective += self.config.beta * (float(paid_kl(torch.tensor(kl_per_dim), free)) if free else kl)
        objective += sums.get("penalty", 0.0)
        return Metrics(
            loss=objective,
            reconstruction=sums["reconstruction"],
            kl=kl,
            kl_per_dim=kl_per_dim,
            mse_from_mean=sums["mse_from_mean"],
            mse_from_sample=sums["mse_from_sample"] if self.variant.noise else None,
            active_units=active_units(torch.cat(means)),
            per_image={name: sums[name] for name in (*further, *whole)},
        )

    def penalty(self, x: Tensor, mu: Tensor) -> Tensor | None:
        """Strength · penalty of the images `x` (B, P) with the codes `mu` (B, D), (B,); None where there is none."""
        if not self.variant.penalty:
            return None
        return self.strength * smoothing.PENALTIES[self.variant.penalty](self.model, x, mu, False).float()

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
            from_sample = to_grey(self.model.picture(z))
        return Snapshot(codes, share, prior, to_grey(self.model.picture(mu)), from_sample)

    def state(self) -> dict[str, Tensor]:
        """Weights, running statistics, Adam's moments and the axes of the last plane, named; live tensors."""
        named = {} if self.axes is None else {f"{self.name}/axes": self.axes}
        moments = self.moments
        for i, (name, weight) in enumerate(self.model.named_parameters()):
            named |= {f"{self.name}/weight/{name}": weight.detach(), f"{self.name}/exp_avg/{name}": moments.exp_avg[i]}
            named[f"{self.name}/exp_avg_sq/{name}"] = moments.exp_avg_sq[i]
            named[f"{self.name}/step/{name}"] = moments.steps[i]
        named |= {f"{self.name}/buffer/{name}": buffer for name, buffer in self.model.named_buffers()}
        return named

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take over what `state()` gave."""
        axes = state.get(f"{self.name}/axes")
        self.axes = None if axes is None else axes.clone()
        for name, tensor in self.state().items():
            tensor.copy_(state[name])


def _all_codes(parts: Sequence[Evaluated]) -> Evaluated:
    """One `Evaluated` of several, without pictures: of the first MOST_AT_ONCE images."""

    def joined(tensors: Sequence[Tensor | None]) -> Tensor | None:
        there = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(there)[:MOST_AT_ONCE].float() if there else None

    none = parts[0].x
    mu, logvar, z = (joined([getattr(part, name) for part in parts]) for name in ("mu", "logvar", "z"))
    assert mu is not None, "every variant has means"
    return Evaluated(none, mu, logvar, none, None, z=z)
