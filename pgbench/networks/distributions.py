"""Stochastic policies: distributions over actions, made from the outputs of a network.

Letters of the shapes: B any batch axes, n discrete actions, A components of an action, S replicas, N transitions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pgbench.environments import Box, Discrete


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
    """A stochastic policy: categorical for discrete actions, Gaussian with free log standard deviations for a box.

    Attributes:
        actions: the action space.
    """

    actions: Discrete | Box

    @property
    def outputs(self) -> int:
        """The number of network outputs that a distribution needs: logits or means."""
        return self.actions.n if isinstance(self.actions, Discrete) else self.actions.size

    @property
    def free(self) -> int:
        """The number of free parameters that a distribution needs: log standard deviations."""
        return 0 if isinstance(self.actions, Discrete) else self.actions.size

    def distribution(self, outputs: Tensor, free: Tensor) -> Distribution:
        """π(·|s) from outputs `[S, N, …]` of a network and its free parameters `[S, 1, …]`."""
        if isinstance(self.actions, Discrete):
            return Categorical(outputs.log_softmax(-1))
        return Gaussian(outputs, free)

    def restore(self, parameters: Tensor) -> Distribution:
        """The distribution with these `parameters`, `[*B, n]` or `[*B, 2A]`."""
        if isinstance(self.actions, Discrete):
            return Categorical(parameters)
        mean, log_std = parameters.chunk(2, -1)
        return Gaussian(mean, log_std)

    def noise(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Noise for `sample`, float32: uniform `[*shape, 1]` or normal `[*shape, A]`."""
        if isinstance(self.actions, Discrete):
            return generator.random((*shape, 1), dtype=np.float32)
        return generator.standard_normal((*shape, self.actions.size), dtype=np.float32)
