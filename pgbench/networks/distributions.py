"""Stochastic policies: distributions over actions, made from the outputs of a network.

Letters of the shapes: B any batch axes, n discrete actions, A components of an action, S replicas, N transitions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor
from torch.nn.functional import softplus

from pgbench.environments import Box, Discrete

NODES = 32
"""Points of the quadrature in a squashed Gaussian's entropy; its error is below 2e-4 for σ ≤ 2."""


@dataclass(frozen=True)
class Categorical:
    """A distribution over n actions.

    Attributes:
        log_probabilities: `[*B, n]`.
    """

    log_probabilities: Tensor

    @property
    def parameters(self) -> Tensor:
        """The tensor from which `Policy.restore` makes the distribution again, `[*B, n]`."""
        return self.log_probabilities

    def sample(self, noise: Tensor) -> Tensor:
        """Actions `[*B]`: the inverse distribution function at uniform noise `[*B, 1]` in [0, 1)."""
        below = self.log_probabilities.exp().cumsum(-1)[..., :-1]
        return (noise > below).sum(-1)

    def mode(self) -> Tensor:
        """The most likely actions `[*B]`; of equals, the first."""
        return self.log_probabilities.argmax(-1)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log π(a|s) of actions `[*B]`."""
        return self.log_probabilities.gather(-1, actions.unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """−Σ p log p, `[*B]`, in nats."""
        return -(self.log_probabilities.exp() * self.log_probabilities).sum(-1)

    def divergence(self, other: Categorical) -> Tensor:
        """KL(self ‖ other) = Σ p (log p − log q), `[*B]`, in nats."""
        difference = self.log_probabilities - other.log_probabilities
        return (self.log_probabilities.exp() * difference).sum(-1)


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution with diagonal covariance.

    Attributes:
        mean: `[*B, A]`, μ.
        log_std: log σ, a tensor that broadcasts against the mean.
    """

    mean: Tensor
    log_std: Tensor

    @property
    def parameters(self) -> Tensor:
        """The tensor from which `Policy.restore` makes the distribution again, `[*B, 2A]`."""
        return torch.cat([self.mean, self.log_std.expand_as(self.mean)], -1)

    def sample(self, noise: Tensor) -> Tensor:
        """Actions `[*B, A]`: μ + σ ε for standard normal noise `[*B, A]`."""
        return torch.addcmul(self.mean, self.log_std.exp(), noise)

    def mode(self) -> Tensor:
        """The most likely actions `[*B, A]`: the mean."""
        return self.mean

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log π(a|s) of actions `[*B, A]`."""
        deviations = (actions - self.mean) * (-self.log_std).exp()
        constant = self.log_std.sum(-1) + 0.5 * math.log(2.0 * math.pi) * actions.shape[-1]
        return -0.5 * deviations.square().sum(-1) - constant

    def entropy(self) -> Tensor:
        """Σ log σ + ½ A (1 + log 2π), `[*B]`, in nats."""
        constant = 0.5 * (1.0 + math.log(2.0 * math.pi)) * self.mean.shape[-1]
        return (self.log_std.sum(-1) + constant).expand(self.mean.shape[:-1])

    def divergence(self, other: Gaussian) -> Tensor:
        """KL(self ‖ other) = Σ log(σ₂/σ₁) + (σ₁² + (μ₁ − μ₂)²) / 2σ₂² − ½, `[*B]`, in nats."""
        scale = (2.0 * (self.log_std - other.log_std)).exp()
        shift = (self.mean - other.mean).square() * (-2.0 * other.log_std).exp()
        return (other.log_std - self.log_std + 0.5 * (scale + shift - 1.0)).sum(-1)


@dataclass(frozen=True)
class SquashedGaussian(Gaussian):
    """The distribution of the action a = low + (high − low) (tanh u + 1) / 2, where u is a Gaussian's number.

    An action is told by its u throughout: near the bounds, a no longer says what u was. The change of variables is
    one to one, so that ratios of densities and KL divergences are those of u.

    Attributes:
        log_scale: `[A]`, log ½ (high − low).
    """

    log_scale: Tensor

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log π(a|s) = log N(u; μ, σ) − Σ log |da/du|, for `actions` u `[*B, A]`."""
        return super().log_prob(actions) - self._log_slope(actions).sum(-1)

    def entropy(self) -> Tensor:
        """The entropy of u plus E Σ log |da/du|, `[*B]`, in nats; the mean by Gauss–Hermite quadrature."""
        nodes, weights = (torch.from_numpy(each).to(self.mean) for each in hermegauss(NODES))
        numbers = self.mean.unsqueeze(-2) + self.log_std.exp().unsqueeze(-2) * nodes.unsqueeze(-1)
        slopes = self._log_slope(numbers).sum(-1)
        return super().entropy() + (slopes * (weights / weights.sum())).sum(-1)

    def _log_slope(self, numbers: Tensor) -> Tensor:
        """Log |da/du| of numbers u `[*B, A]`: log(1 − tanh² u), written so that it is finite for every u."""
        return self.log_scale + 2.0 * (math.log(2.0) - numbers - softplus(-2.0 * numbers))


Distribution = Categorical | Gaussian


def kl(first: Distribution, second: Distribution) -> Tensor:
    """KL(first ‖ second) of two distributions of the same kind, `[*B]`, in nats.

    Raises:
        TypeError: if one is categorical and the other Gaussian.
    """
    if isinstance(first, Categorical) and isinstance(second, Categorical):
        return first.divergence(second)
    if isinstance(first, Gaussian) and isinstance(second, Gaussian):
        return first.divergence(second)
    raise TypeError(
        f"there is no KL divergence between a {type(first).__name__} and a {type(second).__name__} distribution"
    )


@dataclass(frozen=True)
class Policy:
    """A stochastic policy: categorical for discrete actions, Gaussian for a box.

    Attributes:
        actions: the action space.
        initial_log_std: log σ of a Gaussian before the first update.
        depends_on_state: whether log σ is an output of the network, behind the means; else it is free.
        squashes: whether a Gaussian's numbers become actions by a hyperbolic tangent; the box has bounds then.
    """

    actions: Discrete | Box
    initial_log_std: float = 0.0
    depends_on_state: bool = False
    squashes: bool = False

    @property
    def outputs(self) -> int:
        """The number of network outputs that a distribution needs: logits, or means and perhaps log σ."""
        if isinstance(self.actions, Discrete):
            return self.actions.n
        return 2 * self.actions.size if self.depends_on_state else self.actions.size

    @property
    def free(self) -> int:
        """The number of free parameters that a distribution needs: log standard deviations."""
        if isinstance(self.actions, Discrete) or self.depends_on_state:
            return 0
        return self.actions.size

    def start_deviation(self, bias: Tensor, free: Tensor) -> None:
        """Set log σ before the first update, in place.

        Args:
            bias: `[S, 1, O]`, biases of the network's last layer, those of other outputs behind the policy's.
            free: `[S, 1, F]`, its free parameters.
        """
        if isinstance(self.actions, Box):
            size = self.actions.size
            (bias[..., size : 2 * size] if self.depends_on_state else free).fill_(self.initial_log_std)

    def distribution(self, outputs: Tensor, free: Tensor) -> Distribution:
        """π(·|s) from outputs `[S, N, …]` of a network and its free parameters `[S, 1, …]`."""
        if isinstance(self.actions, Discrete):
            return Categorical(outputs.log_softmax(-1))
        if self.depends_on_state:
            return self._gaussian(*outputs.chunk(2, -1))
        return self._gaussian(outputs, free)

    def restore(self, parameters: Tensor) -> Distribution:
        """The distribution with these `parameters`, `[*B, n]` or `[*B, 2A]`."""
        if isinstance(self.actions, Discrete):
            return Categorical(parameters)
        return self._gaussian(*parameters.chunk(2, -1))

    def _gaussian(self, mean: Tensor, log_std: Tensor) -> Gaussian:
        if self._log_scale is None:
            return Gaussian(mean, log_std)
        return SquashedGaussian(mean, log_std, self._log_scale.to(mean))

    @cached_property
    def _log_scale(self) -> Tensor | None:
        """Log ½ (high − low) of a squashing policy's box, `[A]`."""
        if not self.squashes or isinstance(self.actions, Discrete):
            return None
        low, high = self.actions.low.astype(np.float64), self.actions.high.astype(np.float64)
        return torch.from_numpy(np.log(0.5 * (high - low)))

    def noise(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Noise for `sample`, float32: uniform `[*shape, 1]` or normal `[*shape, A]`."""
        if isinstance(self.actions, Discrete):
            return generator.random((*shape, 1), dtype=np.float32)
        return generator.standard_normal((*shape, self.actions.size), dtype=np.float32)
