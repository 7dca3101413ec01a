"""Policy and value networks over the replica axis: multilayer perceptrons.

All parameters of a network are one matrix `[S, P]`, a row a replica; layers are views of its columns. In single
precision, in which training computes, a network is evaluated by the loops of `functional.perceptron`. What these
compute is written down as `Perceptron.forward`, in operations of torch, by which double precision goes.
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

from pgbench.methods import components
from pgbench.networks import kernels

VECTOR_WIDTH = 16
"""Rows are multiples of it: how torch rounds a sum may depend on where its terms lie in memory."""

Role = Literal["policy", "value"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


class Outputs(NamedTuple):
    """What a network says: outputs `[S, N, O]` of its last layer, and its free parameters `[S, 1, F]`."""

    values: Tensor
    free: Tensor


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

    @cached_property
    def width(self) -> int:
        """P: the parameters of a row, padded so that every row begins at a full vector, as `VECTOR_WIDTH` says."""
        return -(-(self.used + self.free) // VECTOR_WIDTH) * VECTOR_WIDTH

    def views(self, parameters: Tensor) -> list[Tensor]:
        """The parameters `[S, P]` as tensors `[S, *shape]`, one for each of `shapes`."""
        counts = [math.prod(shape) for shape in self.shapes]
        columns = torch.split(parameters, [*counts, self.width - sum(counts)], dim=1)[:-1]
        return [
            column.reshape(len(column), *shape) for column, shape in zip(columns, self.shapes, strict=True)
        ]

    def __call__(self, parameters: Tensor, inputs: Tensor) -> Outputs:
        """Outputs `[S, N, O]` for parameters `[S, P]` and inputs `[S, N, I]`, and the free parameters."""
        if not _compiles(parameters, inputs):
            return self.by_definition(parameters, inputs)
        if torch.is_grad_enabled():
            return evaluate((self,), (parameters,), inputs)[0]
        parameters = parameters.detach()
        return Outputs(self.compute(parameters, inputs)[0], self.free_of(parameters))

    def compute(self, parameters: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs `[S, N, O]` and hidden units `[S, N · H]` by compiled loops, in single precision.

        Raises:
            ValueError: if the shapes are not this network's, for compiled loops would read beside the arrays.
        """
        replicas, rows, size = inputs.shape
        if size != self.sizes[0] or parameters.shape != (replicas, self.width):
            shapes = f"parameters {list(parameters.shape)} and inputs {list(inputs.shape)}"
            raise ValueError(f"a network of {self.sizes} has rows of {self.width}; it was given {shapes}")
        inputs = inputs.contiguous()
        hidden = torch.empty(replicas, rows * sum(self.sizes[1:-1]))
        outputs = torch.empty(replicas, rows, self.sizes[-1])
        arrays = parameters.numpy(), inputs.numpy(), hidden.numpy(), outputs.numpy()
        kernels.forward(self.layers, self.tanh, *arrays)
        return outputs, hidden

    def linearise(self, parameters: Tensor, inputs: Tensor) -> Linearisation:
        """The outputs as linear functions of a change of parameters `[S, P]`, for inputs `[S, N, I]`."""
        if not _compiles(parameters, inputs):
            return _by_definition(self, parameters, inputs)
        inputs = inputs.contiguous()
        outputs, hidden = self.compute(parameters, inputs)
        arrays = parameters.numpy(), inputs.numpy(), hidden.numpy()

        def push(vectors: Tensor) -> Outputs:
            moved = torch.empty_like(outputs)
            kernels.push(self.layers, self.tanh, *arrays, vectors.contiguous().numpy(), moved.numpy())
            return Outputs(moved, self.free_of(vectors))

        def pull(slopes: Tensor, free_slopes: Tensor) -> Tensor:
            return self.pull(parameters, inputs, hidden, slopes, free_slopes)

        return Linearisation(Outputs(outputs, self.free_of(parameters)), push, pull)

    def pull(
        self, parameters: Tensor, inputs: Tensor, hidden: Tensor, slopes: Tensor, free_slopes: Tensor
    ) -> Tensor:
        """The gradient `[S, P]` of what has these slopes in the outputs and free parameters, after `compute`."""
        gradient = torch.empty_like(parameters)
        tensors = parameters, inputs, hidden, slopes.contiguous(), gradient
        kernels.backward(self.layers, self.tanh, *(each.numpy() for each in tensors))
        if self.free:
            self.free_of(gradient).copy_(free_slopes)
        return gradient

    def free_of(self, parameters: Tensor) -> Tensor:
        """The free parameters `[S, 1, F]` among all `[S, P]`."""
        return parameters[:, self.used : self.used + self.free].unsqueeze(1)

    def by_definition(self, parameters: Tensor, inputs: Tensor) -> Outputs:
        """As a call, by operations of torch, which can be differentiated in every way."""
        views = self.views(parameters)
        return Outputs(self.forward(views, inputs), views[-1])

    def forward(self, views: Sequence[Tensor], inputs: Tensor) -> Tensor:
        """Outputs `[S, N, O]` for inputs `[S, N, I]`, from `views(parameters)`."""
        hidden = inputs
        *layers, (last_weight, last_bias) = zip(views[0:-1:2], views[1:-1:2], strict=True)
        for weight, bias in layers:
            hidden = ACTIVATIONS[self.activation](torch.baddbmm(bias, hidden, weight))
        return torch.baddbmm(last_bias, hidden, last_weight)

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


def _compiles(parameters: Tensor, inputs: Tensor) -> bool:
    """Whether compiled loops do: in single precision, where no gradient of the inputs is asked for."""
    return parameters.dtype == torch.float32 and not inputs.requires_grad


class Linearisation(NamedTuple):
    """A network near some parameters, J its Jacobian there.

    Attributes:
        outputs: there.
        push: v ↦ J v: how fast outputs and free parameters change along rows `[S, P]`.
        pull: u ↦ Jᵀ u, rows `[S, P]`: the gradient of what has slopes u in outputs and free parameters.
    """

    outputs: Outputs
    push: Callable[[Tensor], Outputs]
    pull: Callable[[Tensor, Tensor], Tensor]


def _by_definition(network: Perceptron, parameters: Tensor, inputs: Tensor) -> Linearisation:
    """What torch finds: Jᵀ u by backward differentiation, and J v as the gradient of vᵀ Jᵀ u in u."""
    with torch.enable_grad():
        point = parameters.detach().requires_grad_()
        there = network.by_definition(point, inputs)
        directions = tuple(torch.zeros_like(each, requires_grad=True) for each in there)
        (rows,) = torch.autograd.grad(there, point, directions, create_graph=True)

    def push(vectors: Tensor) -> Outputs:
        return Outputs(*torch.autograd.grad(rows, directions, vectors, retain_graph=True))

    def pull(slopes: Tensor, free_slopes: Tensor) -> Tensor:
        return torch.autograd.grad(there, point, (slopes, free_slopes), retain_graph=True)[0]

    return Linearisation(Outputs(*(each.detach() for each in there)), push, pull)


def evaluate(networks: Sequence[Perceptron], parameters: Sequence[Tensor], inputs: Tensor) -> list[Outputs]:
    """Several networks on the same inputs, each with its own parameters: as one operation, which costs less."""
    if torch.is_grad_enabled() and all(_compiles(rows, inputs) for rows in parameters):
        flat = _Compiled.apply(inputs, networks, *parameters)  # type: ignore[no-untyped-call]
        return [Outputs(*pair) for pair in zip(flat[::2], flat[1::2], strict=True)]
    return [network(rows, inputs) for network, rows in zip(networks, parameters, strict=True)]


class _Compiled(torch.autograd.Function):
    """`Perceptron.by_definition` of some networks in single precision, with its first derivative."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, networks: Sequence[Perceptron], *parameters: Tensor
    ) -> tuple[Tensor, ...]:
        inputs = inputs.contiguous()
        found = [network.compute(rows, inputs) for network, rows in zip(networks, parameters, strict=True)]
        ctx.networks = networks
        ctx.save_for_backward(inputs, *parameters, *(hidden for _, hidden in found))
        return tuple(
            each
            for network, rows, (outputs, _) in zip(networks, parameters, found, strict=True)
            for each in (outputs, network.free_of(rows).clone())
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        inputs, *saved = ctx.saved_tensors
        count = len(ctx.networks)
        parts = zip(ctx.networks, saved[:count], saved[count:], slopes[::2], slopes[1::2], strict=True)
        gradients = (
            network.pull(rows.detach(), inputs, hidden, *its) for network, rows, hidden, *its in parts
        )
        return None, None, *gradients


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
