"""The multilayer perceptron as training computes it: in single precision by kernels, else by its definition.

`definition.py` says what is computed. They are two implementations of one function; the tests hold them equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from pgbench.networks import kernels
from pgbench.networks.definition import Linearisation, Outputs, PerceptronDefinition


@dataclass(frozen=True)
class Perceptron(PerceptronDefinition):
    """A `PerceptronDefinition` that is computed by kernels wherever they can do it; see `_by_kernels`."""

    def __call__(self, parameters: Tensor, inputs: Tensor) -> Outputs:
        """Outputs `[S, N, O]` for parameters `[S, P]` and inputs `[S, N, I]`, and the free parameters."""
        if not _by_kernels(parameters, inputs):
            return self.by_definition(parameters, inputs)
        if torch.is_grad_enabled():
            return evaluate((self,), (parameters,), inputs)[0]
        parameters = parameters.detach()
        return Outputs(self.compute(parameters, inputs)[0], self.free_of(parameters))

    def linearise(self, parameters: Tensor, inputs: Tensor) -> Linearisation:
        """The outputs as linear functions of a change of parameters `[S, P]`, for inputs `[S, N, I]`."""
        if not _by_kernels(parameters, inputs):
            return self.linearised_by_definition(parameters, inputs)
        inputs = inputs.contiguous()
        outputs, hidden = self.compute(parameters, inputs)
        arrays = parameters.numpy(), inputs.numpy(), hidden.numpy()

        def push(vectors: Tensor) -> Outputs:
            derivatives = torch.empty_like(outputs)
            directions = vectors.contiguous().numpy()
            kernels.push(self._sizes, self._is_tanh, *arrays, directions, derivatives.numpy())
            return Outputs(derivatives, self.free_of(vectors))

        def pull(slopes: Tensor, free_slopes: Tensor) -> Tensor:
            return self.pull(parameters, inputs, hidden, slopes, free_slopes)

        return Linearisation(Outputs(outputs, self.free_of(parameters)), push, pull)

    def compute(self, parameters: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs `[S, N, O]` and hidden units `[S, N · H]` by kernels, in single precision.

        Args:
            parameters: `[S, P]`.
            inputs: `[S, N, I]`.

        Raises:
            ValueError: if the shapes are not those of this network; kernels would read beside the arrays.
        """
        replicas, rows, size = inputs.shape
        if size != self.sizes[0] or parameters.shape != (replicas, self.width):
            shapes = f"parameters {list(parameters.shape)} and inputs {list(inputs.shape)}"
            raise ValueError(f"a network of {self.sizes} has rows of {self.width}, but it was given {shapes}")
        inputs = inputs.contiguous()
        hidden = torch.empty(replicas, rows * sum(self.sizes[1:-1]))
        outputs = torch.empty(replicas, rows, self.sizes[-1])
        arrays = parameters.numpy(), inputs.numpy(), hidden.numpy(), outputs.numpy()
        kernels.forward(self._sizes, self._is_tanh, *arrays)
        return outputs, hidden

    def pull(
        self, parameters: Tensor, inputs: Tensor, hidden: Tensor, slopes: Tensor, free_slopes: Tensor
    ) -> Tensor:
        """The gradient `[S, P]` of an objective, by kernels, in single precision.

        Args:
            parameters: `[S, P]`.
            inputs: `[S, N, I]`.
            hidden: `[S, N · H]`, from `compute`.
            slopes: `[S, N, O]`, derivatives of the objective in the outputs.
            free_slopes: `[S, 1, F]`, derivatives of the objective in the free parameters.
        """
        gradient = torch.empty_like(parameters)
        tensors = parameters, inputs, hidden, slopes.contiguous(), gradient
        kernels.backward(self._sizes, self._is_tanh, *(tensor.numpy() for tensor in tensors))
        if self.free:
            self.free_of(gradient).copy_(free_slopes)
        return gradient

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        """`sizes`, as kernels read them."""
        return np.array(self.sizes)

    @property
    def _is_tanh(self) -> bool:
        return self.activation == "tanh"


def _by_kernels(parameters: Tensor, inputs: Tensor) -> bool:
    """Whether kernels compute this: in single precision, if nobody needs the gradient of the inputs."""
    return parameters.dtype == torch.float32 and not inputs.requires_grad


def evaluate(networks: Sequence[Perceptron], parameters: Sequence[Tensor], inputs: Tensor) -> list[Outputs]:
    """Several networks on the same inputs, as one operation, which is faster than one operation for each.

    Args:
        networks: the networks.
        parameters: `[S, P]` for each network.
        inputs: `[S, N, I]`.
    """
    if torch.is_grad_enabled() and all(_by_kernels(rows, inputs) for rows in parameters):
        flat = _ByKernels.apply(inputs, networks, *parameters)  # type: ignore[no-untyped-call]
        return [Outputs(*pair) for pair in zip(flat[::2], flat[1::2], strict=True)]
    return [network(rows, inputs) for network, rows in zip(networks, parameters, strict=True)]


class _ByKernels(torch.autograd.Function):
    """`PerceptronDefinition.by_definition` of several networks in single precision, with its first derivative."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, networks: Sequence[Perceptron], *parameters: Tensor
    ) -> tuple[Tensor, ...]:
        """Outputs and free parameters of each network, one after the other."""
        inputs = inputs.contiguous()
        computed = [network.compute(rows, inputs) for network, rows in zip(networks, parameters, strict=True)]
        ctx.networks = networks
        ctx.save_for_backward(inputs, *parameters, *(hidden for _, hidden in computed))
        return tuple(
            tensor
            for network, rows, (outputs, _) in zip(networks, parameters, computed, strict=True)
            for tensor in (outputs, network.free_of(rows).clone())
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of each network's parameters; inputs have none."""
        inputs, *saved = ctx.saved_tensors
        count = len(ctx.networks)
        parts = zip(ctx.networks, saved[:count], saved[count:], slopes[::2], slopes[1::2], strict=True)
        gradients = (
            network.pull(rows.detach(), inputs, hidden, value_slopes, free_slopes)
            for network, rows, hidden, value_slopes, free_slopes in parts
        )
        return None, None, *gradients
