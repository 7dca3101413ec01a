"""The multilayer perceptron as a definition, in operations of torch that can be differentiated in every way.

`perceptron.py` computes the same function by kernels. They are two implementations of one function; the tests hold
them equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

VECTOR_WIDTH = 16
"""The length of a row is a multiple of it: how torch rounds a sum may depend on where its terms lie in memory."""

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


class Outputs(NamedTuple):
    """What a network returns: outputs `[S, N, O]` of its last layer, and its free parameters `[S, 1, F]`."""

    values: Tensor
    free: Tensor


class Linearisation(NamedTuple):
    """A network near some parameters, where its Jacobian is J.

    Attributes:
        outputs: the outputs at these parameters.
        push: v ↦ J v, from rows `[S, P]` to the derivatives of the outputs and of the free parameters along v.
        pull: u ↦ Jᵀ u, from slopes of an objective in outputs and free parameters to its gradient `[S, P]`.
    """

    outputs: Outputs
    push: Callable[[Tensor], Outputs]
    pull: Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class PerceptronDefinition:
    """A multilayer perceptron for each replica, with free parameters behind its layers.

    All parameters of a replica are one row of `[S, P]`: weights `[I, O]` and biases `[O]` of each layer in turn,
    free parameters that no layer uses, and padding.

    Attributes:
        sizes: units of the input, of each hidden layer and of the output.
        activation: a key of `ACTIVATIONS`; it follows every layer but the last.
        free: the number of free parameters, such as a log standard deviation.
    """

    sizes: tuple[int, ...]
    activation: str
    free: int = 0

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the weights and biases in turn, then of the free parameters."""
        layers = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        return [*(shape for i, o in layers for shape in ((i, o), (1, o))), (1, self.free)]

    @cached_property
    def used(self) -> int:
        """The number of parameters that the layers use; the free ones follow them."""
        return sum(math.prod(shape) for shape in self.shapes) - self.free

    @cached_property
    def width(self) -> int:
        """P: the length of a row, padded to a multiple of `VECTOR_WIDTH`."""
        return -(-(self.used + self.free) // VECTOR_WIDTH) * VECTOR_WIDTH

    def views(self, parameters: Tensor) -> list[Tensor]:
        """The parameters `[S, P]` as tensors `[S, *shape]`, one for each of `shapes`."""
        counts = [math.prod(shape) for shape in self.shapes]
        columns = torch.split(parameters, [*counts, self.width - sum(counts)], dim=1)[:-1]
        return [
            column.reshape(len(column), *shape) for column, shape in zip(columns, self.shapes, strict=True)
        ]

    def free_of(self, parameters: Tensor) -> Tensor:
        """The free parameters `[S, 1, F]` among all parameters `[S, P]`."""
        return parameters[:, self.used : self.used + self.free].unsqueeze(1)

    def forward(self, views: Sequence[Tensor], inputs: Tensor) -> Tensor:
        """Outputs `[S, N, O]` for inputs `[S, N, I]`, from `views(parameters)`."""
        hidden = inputs
        *layers, (last_weight, last_bias) = zip(views[0:-1:2], views[1:-1:2], strict=True)
        for weight, bias in layers:
            hidden = ACTIVATIONS[self.activation](torch.baddbmm(bias, hidden, weight))
        return torch.baddbmm(last_bias, hidden, last_weight)

    def by_definition(self, parameters: Tensor, inputs: Tensor) -> Outputs:
        """Outputs `[S, N, O]` for parameters `[S, P]` and inputs `[S, N, I]`, and the free parameters."""
        views = self.views(parameters)
        return Outputs(self.forward(views, inputs), views[-1])

    def linearised_by_definition(self, parameters: Tensor, inputs: Tensor) -> Linearisation:
        """The linearisation at parameters `[S, P]`, for inputs `[S, N, I]`.

        Jᵀ u is a backward pass. J v is the derivative of vᵀ Jᵀ u in u.
        """
        with torch.enable_grad():
            point = parameters.detach().requires_grad_()
            outputs = self.by_definition(point, inputs)
            directions = tuple(torch.zeros_like(output, requires_grad=True) for output in outputs)
            (rows,) = torch.autograd.grad(outputs, point, directions, create_graph=True)

        def push(vectors: Tensor) -> Outputs:
            return Outputs(*torch.autograd.grad(rows, directions, vectors, retain_graph=True))

        def pull(slopes: Tensor, free_slopes: Tensor) -> Tensor:
            return torch.autograd.grad(outputs, point, (slopes, free_slopes), retain_graph=True)[0]

        return Linearisation(Outputs(*(output.detach() for output in outputs)), push, pull)
