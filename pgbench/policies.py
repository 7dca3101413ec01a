"""Policies and value networks over the replica axis.

All parameters of a network are one matrix `[S, P]`, a row a replica; layers are views of its columns. In single
precision, in which training computes, a network is evaluated by the loops of `functional.perceptron`. What they compute
is written down as `Perceptron.forward`, of which second derivatives are taken too. There, two things make a replica's
bits independent of the block: P is padded to a multiple of 16, so that every row begins at a full vector, and so are
the rows of its inputs; and a layer with a single output is a product and a sum, not a batched matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, assert_never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from pgbench import components
from pgbench.environments import Box, Discrete
from pgbench.functional import perceptron

VECTOR_WIDTH = 16
Role = Literal["policy", "value"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


@dataclass(frozen=True)
class Categorical:
    """A distribution over n actions, from log-probabilities `[*B, n]`."""

    log_probabilities: Tensor

    @property
    def parameters(self) -> Tensor:
        """What the distribution can be made from again, `[*B, n]`."""
        return self.log_probabilities

    def sample(self, noise: Tensor) -> Tensor:
        """Actions `[*B]`: the inverse distribution function at uniform noise `[*B, 1]`."""
        below = self.log_probabilities.exp().cumsum(-1)[..., :-1]
        return (noise > below).sum(-1)

    def mode(self) -> Tensor:
        """The likeliest actions `[*B]`; of several, the first."""
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
    """A normal distribution with diagonal covariance: mean `[*B, A]`; log standard deviation, broadcast to it."""

    mean: Tensor
    log_std: Tensor

    @property
    def parameters(self) -> Tensor:
        """What the distribution can be made from again, `[*B, 2A]`."""
        return torch.cat([self.mean, self.log_std.expand_as(self.mean)], -1)

    def sample(self, noise: Tensor) -> Tensor:
        """Actions `[*B, A]`: μ + σ ε for standard normal noise `[*B, A]`."""
        return torch.addcmul(self.mean, self.log_std.exp(), noise)

    def mode(self) -> Tensor:
        """The likeliest actions `[*B, A]`, which are the mean."""
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
    """KL(first ‖ second) of two distributions of one kind, `[*B]`, in nats.

    Raises:
        TypeError: if they are of two kinds.
    """
    if isinstance(first, Categorical) and isinstance(second, Categorical):
        return first.divergence(second)
    if isinstance(first, Gaussian) and isinstance(second, Gaussian):
        return first.divergence(second)
    raise TypeError(f"no divergence between {type(first).__name__} and {type(second).__name__}")


@dataclass(frozen=True)
class Perceptron:
    """A multilayer perceptron for each replica, with room for free parameters behind its layers.

    Attributes:
        sizes: units of input, hidden and output layers.
        activation: a key of `ACTIVATIONS`, after every layer but the last.
        free: number of parameters that no layer uses, such as a log standard deviation.
    """

    sizes: tuple[int, ...]
    activation: str
    free: int = 0

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of weights and biases in turn, then of the free parameters."""
        layers = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        return [*(shape for i, o in layers for shape in ((i, o), (1, o))), (1, self.free)]

    @cached_property
    def layers(self) -> NDArray[np.int64]:
        """`sizes`, as compiled loops read them."""
        return np.array(self.sizes)

    @property
    def tanh(self) -> bool:
        """Whether the activation is tanh; else it is ReLU."""
        return self.activation == "tanh"

    @cached_property
    def used(self) -> int:
        """How many parameters the layers use; the free ones follow them."""
        return sum(math.prod(shape) for shape in self.shapes) - self.free

    @property
    def width(self) -> int:
        """P: the parameters of a row, padded to a multiple of the vector width."""
        return -(-(self.used + self.free) // VECTOR_WIDTH) * VECTOR_WIDTH

    def views(self, parameters: Tensor) -> list[Tensor]:
        """The parameters `[S, P]` as tensors `[S, *shape]`, one for each of `shapes`."""
        counts = [math.prod(shape) for shape in self.shapes]
        columns = torch.split(parameters, [*counts, self.width - sum(counts)], dim=1)[:-1]
        return [
            column.reshape(len(column), *shape) for column, shape in zip(columns, self.shapes, strict=True)
        ]

    def __call__(self, parameters: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs `[S, N, O]` for parameters `[S, P]` and inputs `[S, N, I]`; and the free parameters `[S, 1, F]`.

        Inputs have no gradient in single precision.
        """
        if parameters.dtype != torch.float32:
            return self.by_definition(parameters, inputs)
        if torch.is_grad_enabled():
            return _Compiled.apply(parameters, inputs, self)  # type: ignore[no-any-return, no-untyped-call]
        parameters = parameters.detach()
        return self.compute(parameters, inputs)[0], self.free_of(parameters)

    def compute(self, parameters: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs `[S, N, O]` and hidden units `[S, N · H]` by compiled loops, in single precision."""
        replicas, rows, _ = inputs.shape
        hidden = inputs.new_empty(replicas, rows * sum(self.sizes[1:-1]))
        outputs = inputs.new_empty(replicas, rows, self.sizes[-1])
        arrays = parameters.numpy(), inputs.numpy(), hidden.numpy(), outputs.numpy()
        perceptron.forward(self.layers, self.tanh, *arrays)
        return outputs, hidden

    def linearise(self, parameters: Tensor, inputs: Tensor) -> Linearisation:
        """The outputs as linear functions of a change of parameters `[S, P]`, for inputs `[S, N, I]`."""
        if parameters.dtype != torch.float32:
            return _by_definition(self, parameters, inputs)
        outputs, hidden = self.compute(parameters, inputs)
        arrays = parameters.numpy(), inputs.numpy(), hidden.numpy()

        def push(vectors: Tensor) -> tuple[Tensor, Tensor]:
            moved = torch.empty_like(outputs)
            perceptron.push(self.layers, self.tanh, *arrays, vectors.numpy(), moved.numpy())
            return moved, self.free_of(vectors)

        def pull(slopes: Tensor, free_slopes: Tensor) -> Tensor:
            gradient = torch.zeros_like(parameters)
            perceptron.backward(self.layers, self.tanh, *arrays, slopes.numpy(), gradient.numpy())
            self.free_of(gradient).copy_(free_slopes)
            return gradient

        return Linearisation(outputs, self.free_of(parameters), push, pull)

    def free_of(self, parameters: Tensor) -> Tensor:
        """The free parameters `[S, 1, F]` among all `[S, P]`."""
        return parameters[:, self.used : self.used + self.free].unsqueeze(1)

    def by_definition(self, parameters: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """As a call, by operations of torch, which can be differentiated in every way."""
        views = self.views(parameters)
        return self.forward(views, inputs), views[-1]

    def forward(self, views: Sequence[Tensor], inputs: Tensor) -> Tensor:
        """Outputs `[S, N, O]` for inputs `[S, N, I]`, from `views(parameters)`."""
        rows = inputs.shape[1]
        hidden = _on_vector_boundaries(inputs)
        *layers, (last_weight, last_bias) = zip(views[0:-1:2], views[1:-1:2], strict=True)
        for weight, bias in layers:
            hidden = ACTIVATIONS[self.activation](torch.baddbmm(bias, hidden, weight))
        if self.sizes[-1] == 1:
            outputs = (hidden * last_weight.transpose(1, 2)).sum(-1, keepdim=True) + last_bias
        else:
            outputs = torch.baddbmm(last_bias, hidden, last_weight)
        return outputs[:, :rows]

    def initialise(
        self,
        generators: Sequence[np.random.Generator],
        method: components.Initialisation,
        heads: Sequence[tuple[Role, int]],
    ) -> Tensor:
        """Parameters `[S, P]`, a row from each generator: weights by the method, all else zero.

        Args:
            generators: one for each replica.
            method: how weights are drawn.
            heads: what the outputs are, in order: role and number of outputs.
        """
        parameters = torch.zeros(len(generators), self.width)
        *hidden, last = self.views(parameters)[0:-1:2]
        for replica, generator in enumerate(generators):
            draws = torch.Generator().manual_seed(int(generator.integers(2**63)))
            for weight in hidden:
                _fill(weight[replica], method, "hidden", draws)
            columns = torch.split(last[replica], [outputs for _, outputs in heads], dim=1)
            for (role, _), weight in zip(heads, columns, strict=True):
                _fill(weight, method, role, draws)
        return parameters


class Linearisation(NamedTuple):
    """A network near some parameters, J its Jacobian there.

    Attributes:
        outputs: `[S, N, O]` there.
        free: free parameters `[S, 1, F]` there.
        push: v ↦ J v: how fast outputs and free parameters change along rows `[S, P]`.
        pull: u ↦ Jᵀ u, rows `[S, P]`: the gradient of what has slopes u in outputs and free parameters.
    """

    outputs: Tensor
    free: Tensor
    push: Callable[[Tensor], tuple[Tensor, Tensor]]
    pull: Callable[[Tensor, Tensor], Tensor]


def _by_definition(network: Perceptron, parameters: Tensor, inputs: Tensor) -> Linearisation:
    """The linearisation that torch finds: Jᵀ u by backward differentiation, and J v as the gradient of vᵀ Jᵀ u in u."""
    with torch.enable_grad():
        point = parameters.detach().requires_grad_()
        outputs, free = network.by_definition(point, inputs)
        slopes = torch.zeros_like(outputs, requires_grad=True), torch.zeros_like(free, requires_grad=True)
        (rows,) = torch.autograd.grad((outputs, free), point, slopes, create_graph=True)

    def push(vectors: Tensor) -> tuple[Tensor, Tensor]:
        moved, free_moved = torch.autograd.grad(rows, slopes, vectors, retain_graph=True)
        return moved, free_moved

    def pull(slopes: Tensor, free_slopes: Tensor) -> Tensor:
        return torch.autograd.grad((outputs, free), point, (slopes, free_slopes), retain_graph=True)[0]

    return Linearisation(outputs.detach(), free.detach(), push, pull)


class _Compiled(torch.autograd.Function):
    """`Perceptron.by_definition` in single precision, by compiled loops, with its first derivative."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, parameters: Tensor, inputs: Tensor, network: Perceptron
    ) -> tuple[Tensor, Tensor]:
        outputs, hidden = network.compute(parameters, inputs)
        ctx.network = network
        ctx.save_for_backward(parameters, inputs, hidden)
        return outputs, network.free_of(parameters).clone()

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(  # type: ignore[override]
        ctx: Any, slopes: Tensor, free_slopes: Tensor
    ) -> tuple[Tensor, None, None]:
        network: Perceptron = ctx.network
        parameters, inputs, hidden = ctx.saved_tensors
        gradient = torch.zeros_like(parameters)
        arguments = parameters.detach(), inputs, hidden, slopes, gradient
        perceptron.backward(network.layers, network.tanh, *(each.numpy() for each in arguments))
        network.free_of(gradient).copy_(free_slopes)
        return gradient, None, None


def _on_vector_boundaries(inputs: Tensor) -> Tensor:
    """The inputs `[S, N, I]`, copied if need be so that every replica's matrices begin at a full vector.

    The rounding of a matrix product may depend on where its operands lie in memory. With rows in multiples of the
    vector width, all that follows from the inputs lies alike for every replica; a single row is a dot product a
    unit, for which it does not matter.
    """
    if inputs.shape[1] == 1:
        return inputs
    missing = -inputs.shape[1] % VECTOR_WIDTH
    boundary = VECTOR_WIDTH * inputs.element_size()
    if missing or inputs.data_ptr() % boundary or inputs.stride(0) % VECTOR_WIDTH:
        return torch.nn.functional.pad(inputs, (0, 0, 0, missing))
    return inputs


def _fill(
    weight: Tensor, method: components.Initialisation, place: Role | Literal["hidden"], draws: torch.Generator
) -> None:
    """Draw one weight matrix in place: a hidden layer's, or the last of the policy or the critic."""
    match method:
        case components.Xavier():
            torch.nn.init.xavier_uniform_(weight, generator=draws)
        case components.Orthogonal():
            gains = {"hidden": method.hidden_gain, "policy": method.policy_gain, "value": method.value_gain}
            torch.nn.init.orthogonal_(weight, gain=gains[place], generator=draws)
        case _:
            assert_never(method)


@dataclass(frozen=True)
class Policy:
    """A stochastic policy: categorical for discrete actions, Gaussian with a free log-std for a box.

    Attributes:
        actions: the action space.
    """

    actions: Discrete | Box

    @property
    def outputs(self) -> int:
        """How many outputs of a network make a distribution: logits or means."""
        return self.actions.n if isinstance(self.actions, Discrete) else self.actions.size

    @property
    def free(self) -> int:
        """How many free parameters it needs besides: log standard deviations."""
        return 0 if isinstance(self.actions, Discrete) else self.actions.size

    def distribution(self, outputs: Tensor, free: Tensor) -> Distribution:
        """π(·|s) from a network's outputs `[S, N, …]` and the free parameters `[S, 1, …]`."""
        if isinstance(self.actions, Discrete):
            return Categorical(outputs.log_softmax(-1))
        return Gaussian(outputs, free)

    def restore(self, parameters: Tensor) -> Distribution:
        """The distribution whose `parameters` these are."""
        if isinstance(self.actions, Discrete):
            return Categorical(parameters)
        mean, log_std = parameters.chunk(2, -1)
        return Gaussian(mean, log_std)

    def noise(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """What `sample` needs for actions of that shape: uniform `[*shape, 1]` or normal `[*shape, A]`, float32."""
        if isinstance(self.actions, Discrete):
            return generator.random((*shape, 1), dtype=np.float32)
        return generator.standard_normal((*shape, self.actions.size), dtype=np.float32)
