"""The fast twin of estimators.pathwise: training steps with the chain rule written out, by hand.

Bit for bit what autograd gives, for small networks in half the time; whoever reads to learn may skip this file.
The step of a small network is bookkeeping more than arithmetic. Here nothing is recorded for a backward pass, nothing
is allocated twice, and K networks of one shape (the same run with other seeds) can share the calls to torch.

Equality is by construction, for it would otherwise depend on shapes and processors:
- The matrix products are the very calls that autograd makes, for one network after the other. A batched product is
  another routine, and adds in another order for some shapes.
- All else works on K rows with a gap between them, so that kernels take each row by itself: the last few numbers of a
  row go through no vector instruction, and may be rounded otherwise than those before them.
- Terms of a sum are added in autograd's order: the KL's before the reconstruction's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ..choices.activations import ACTIVATIONS, Activation
from ..choices.likelihoods import likelihood_of
from ..choices.variants import Variant
from ..config import RunConfig
from .adam import Moments, adam_step
from .models import Autoencoder, Decoder, Encoder
from .networks import steps_by_hand

LINE = 16  # float32 numbers in a cache line: every network's part of an array begins on one, as a lone tensor does


class Rows:
    """K arrays (B, width), each beginning on a cache line and followed by a gap."""

    def __init__(self, count: int, batch: int, width: int) -> None:
        numbers = batch * width
        stride = (numbers // LINE + 1) * LINE  # a gap of at least one number
        self.all = torch.zeros(count, stride)[:, :numbers].view(count, batch, width)  # (K, B, width)
        self.each = list(self.all)
        self.each_t = [part.t() for part in self.each]
        self.batch = batch


class Rooms(dict[int, Rows]):
    """Rows of one width, made once for each batch size."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.count, self.width = count, width

    def __missing__(self, batch: int) -> Rows:
        self[batch] = Rows(self.count, batch, self.width)
        return self[batch]


class Linear:
    """The same linear layer of K networks, and its gradients."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        count, (outputs, inputs) = len(layers), layers[0].weight.shape
        self.parameters = [p for layer in layers for p in (layer.weight, layer.bias)]
        self.weights = [layer.weight.detach() for layer in layers]
        self.weights_t = [weight.t() for weight in self.weights]
        self.biases = [layer.bias.detach() for layer in layers]
        self.d_weights = [torch.empty_like(weight) for weight in self.weights]
        self.d_bias = torch.empty(count, outputs)
        self.gradients = [g for pair in zip(self.d_weights, self.d_bias, strict=True) for g in pair]
        self.y, self.d_x = Rooms(count, outputs), Rooms(count, inputs)

    def forward(self, x: Rows) -> Rows:
        """(K, B, inputs) → (K, B, outputs)."""
        self.x, y = x, self.y[x.batch]
        for bias, part, weight_t, out in zip(self.biases, x.each, self.weights_t, y.each, strict=True):
            torch.addmm(bias, part, weight_t, out=out)
        return y

    def backward(self, g: Rows, further: bool = True) -> Rows:
        """Gradients of weights and biases and, where there is more before this layer, of its input."""
        for part_t, x, out in zip(g.each_t, self.x.each, self.d_weights, strict=True):
            torch.mm(part_t, x, out=out)
        torch.sum(g.all, 1, out=self.d_bias)
        d_x = self.d_x[g.batch]
        if further and d_x.all[0].numel() == 1:  # one image, one input: autograd takes the product the other way round
            for part_t, weight_t, out in zip(g.each_t, self.weights_t, d_x.each, strict=True):
                torch.mm(weight_t, part_t, out=out)
        elif further:
            for part, weight, out in zip(g.each, self.weights, d_x.each, strict=True):
                torch.mm(part, weight, out=out)
        return d_x


class Nonlinearity:
    """An activation on K networks."""

    parameters: tuple[Tensor, ...] = ()
    gradients: tuple[Tensor, ...] = ()

    def __init__(self, activation: Activation, count: int, width: int) -> None:
        assert activation.by_hand is not None, "see steps_by_hand"
        self.f, self.df = activation.by_hand()
        self.h = Rooms(count, width)

    def forward(self, a: Rows) -> Rows:
        self.a, h = a, self.h[a.batch]
        self.f(a.all, h.all)
        return h

    def backward(self, g: Rows, further: bool = True) -> Rows:
        self.df(g.all, self.a.all, self.h[g.batch].all)
        return g


class Stack:
    """K networks of one variant that are trained alike, with seeds of their own: one step for all of them.

    With K > 1 and several torch threads, arrays of more than 32,768 numbers are cut where those of one network are not.
    """

    def __init__(
        self, config: RunConfig, variant: Variant, models: Sequence[Autoencoder], moments: Sequence[Moments]
    ) -> None:
        """`moments`: Adam's, of each model in turn. Raises TypeError for a module that isn't written out here."""
        self.config, self.variant, self.likelihood = config, variant, likelihood_of(config)
        count, code, activation = len(models), config.latent_dim, ACTIVATIONS[config.activation]
        gradient = self.likelihood.gradient
        if gradient is None or not steps_by_hand(config):
            raise TypeError("the steps by hand don't know this network, activation or loss; train it by autograd")
        self._loss_gradient = gradient

        def chain(parts: Sequence[nn.Sequential], inputs: int) -> list[Linear | Nonlinearity]:
            made: list[Linear | Nonlinearity] = []
            width = inputs
            for same in zip(*parts, strict=True):
                if isinstance(same[0], nn.Linear):
                    made.append(Linear(same))
                    width = same[0].out_features
                elif type(same[0]) is type(activation.build()):
                    made.append(Nonlinearity(activation, count, width))
                else:
                    raise TypeError(f"the steps by hand don't know {type(same[0]).__name__}; train it by autograd")
            return made

        encoders = [model.encoder for model in models if isinstance(model.encoder, Encoder)]
        decoders = [model.decoder for model in models if isinstance(model.decoder, Decoder)]
        if not len(encoders) == len(decoders) == count:
            raise TypeError("the steps by hand know the modules of models.py alone; train it by autograd")
        self.to_mu = Linear([encoder.to_mu for encoder in encoders])
        heads = [encoder.to_logvar for encoder in encoders if encoder.to_logvar is not None]
        self.to_logvar = Linear(heads) if heads else None
        last = [decoder.to_logits for decoder in decoders if isinstance(decoder.to_logits, nn.Linear)]
        if len(last) < count:
            raise TypeError("the steps by hand know fully connected layers alone; train it by autograd")
        self.to_logits = Linear(last)
        pixels = last[0].out_features
        self.encoder = chain([encoder.body for encoder in encoders], pixels)
        self.decoder = [*chain([decoder.body for decoder in decoders], code), self.to_logits]
        self.images, self.d_logits = Rooms(count, pixels), Rooms(count, pixels)
        self.eps, self.std, self.z, self.d_mu, self.d_logvar = (Rooms(count, code) for _ in range(5))
        states = {
            id(p): (p.detach(), each.exp_avg[i], each.exp_avg_sq[i], each.steps[i])
            for each in moments
            for i, p in enumerate(each.parameters)
        }
        trained = [*self.encoder, self.to_mu, *self.decoder]
        with_logvar = [*trained, self.to_logvar] if self.to_logvar else trained
        written_out = {id(p) for part in with_logvar for p in part.parameters}
        unknown = [name for model in models for name, p in model.named_parameters() if id(p) not in written_out]
        if unknown:  # it would never be trained, and nobody would notice
            raise TypeError(f"the steps by hand don't know {unknown[0]}; train it by autograd")
        # By whether the log-variance has a gradient.
        self._adam = {False: _lists(trained, states), True: _lists(with_logvar, states)}

    @torch.no_grad()
    def step(
        self,
        x: Tensor,
        rows: Sequence[Tensor],
        beta: float,
        noise: Sequence[torch.Generator],
        learning_rate: float | None = None,
    ) -> None:
        """Each network learns from its own `rows` (B,) of the images `x` (N, P), with noise of its own generator.

        At the config's learning rate if none is given.
        """
        batch = len(rows[0])
        images = self.images[batch]
        for mine, out in zip(rows, images.each, strict=True):
            torch.index_select(x, 0, mine, out=out)
        h = images
        for part in self.encoder:
            h = part.forward(h)
        mu, logvar = self.to_mu.forward(h), self.to_logvar.forward(h) if self.to_logvar else None  # (K, B, D)
        h = self._sample(mu, logvar, noise) if self.variant.noise else mu
        for part in self.decoder:
            h = part.forward(h)
        g = self.d_logits[batch]
        torch.div(self._loss_gradient(h.all, images.all), batch, out=g.all)
        for part in reversed(self.decoder):
            g = part.backward(g)
        uses_logvar = self.variant.noise or bool(self.variant.kl and beta)
        d_mu, d_logvar = self._code_backward(g, mu, logvar, beta / batch if self.variant.kl else 0.0)
        further = bool(self.encoder)
        g = self.to_mu.backward(d_mu, further)
        if self.to_logvar and uses_logvar:
            more = self.to_logvar.backward(d_logvar, further)
            if further:
                g.all.add_(more.all)
        for i, part in reversed([*enumerate(self.encoder)]):
            g = part.backward(g, i > 0)
        rate = self.config.learning_rate if learning_rate is None else learning_rate
        adam_step(*self._adam[uses_logvar], rate)

    def _sample(self, mu: Rows, logvar: Rows | None, noise: Sequence[torch.Generator]) -> Rows:
        """z = μ + σ·ε; σ and ε stay for the way back."""
        assert logvar is not None, "a variant with noise has a log-variance"
        eps, std, z = self.eps[mu.batch], self.std[mu.batch], self.z[mu.batch]
        for part, generator in zip(eps.each, noise, strict=True):
            part.normal_(generator=generator)
        torch.mul(logvar.all, 0.5, out=std.all).exp_()
        torch.mul(std.all, eps.all, out=z.all).add_(mu.all)
        return z

    def _code_backward(self, d_z: Rows, mu: Rows, logvar: Rows | None, weight: float) -> tuple[Rows, Rows]:
        """Gradients of μ and log σ² from that of z, and from `weight` times the KL's sum ½ Σ (μ² + σ² − 1 − log σ²)."""
        batch = mu.batch
        if not weight and not self.variant.noise:
            return d_z, self.d_logvar[batch]  # which nobody asks for
        d_mu, d_logvar, half = d_z, self.d_logvar[batch], 0.5 * weight
        if weight:
            assert logvar is not None, "a variant with a KL has a log-variance"
            d_mu = self.d_mu[batch]
            torch.mul(mu.all, 2, out=d_mu.all).mul_(half).add_(d_z.all)  # weight · μ + ∂/∂z
            torch.exp(logvar.all, out=d_logvar.all).mul_(half).sub_(half)  # ½ weight · (σ² − 1)
        if self.variant.noise:  # ∂z/∂log σ² = ½ σ ε
            through = torch.mul(d_z.all, self.eps[batch].all, out=self.eps[batch].all)
            through.mul_(self.std[batch].all).mul_(0.5)
            d_logvar.all.add_(through) if weight else d_logvar.all.copy_(through)
        return d_mu, d_logvar


Lists = tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor], list[Tensor]]


def _lists(parts: Sequence[Linear | Nonlinearity], states: Mapping[int, tuple[Tensor, ...]]) -> Lists:
    """(weights, gradients, exp_avg, exp_avg_sq, steps) of all networks' parts, as `adam_step` takes them."""
    found = []
    for part in parts:
        for p, gradient in zip(part.parameters, part.gradients, strict=True):
            weight, *others = states[id(p)]
            found.append((weight, gradient, *others))
    weights, gradients, exp_avg, exp_avg_sq, steps = (list(column) for column in zip(*found, strict=True))
    return weights, gradients, exp_avg, exp_avg_sq, steps
