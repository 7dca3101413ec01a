"""The first parameters of a network, one row from each generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pgbench.networks.definition import PerceptronDefinition

Role = Literal["policy", "value"]
"""What some outputs of a network mean."""
Place = Role | Literal["hidden"]
"""Where a weight matrix lies: in a hidden layer, or in the last layer for the policy or the value."""
Fill = Callable[[Tensor, Place, torch.Generator], object]
"""Draws one weight matrix in place."""


def initial_parameters(
    network: PerceptronDefinition,
    generators: Sequence[np.random.Generator],
    fill: Fill,
    heads: Sequence[tuple[Role, int]],
) -> Tensor:
    """Parameters `[S, P]`, one row from each generator: drawn weights; biases and free parameters are 0.

    Args:
        network: the network.
        generators: one generator a replica.
        fill: how weights are drawn.
        heads: role and number of outputs of each part of the last layer, in order.
    """
    parameters = torch.zeros(len(generators), network.width)
    *hidden, last = network.views(parameters)[0:-1:2]
    for replica, generator in enumerate(generators):
        draws = torch.Generator().manual_seed(int(generator.integers(2**63)))
        for weight in hidden:
            fill(weight[replica], "hidden", draws)
        columns = torch.split(last[replica], [outputs for _, outputs in heads], dim=1)
        for (role, _), weight in zip(heads, columns, strict=True):
            fill(weight, role, draws)
    return parameters


def unit_columns_(weight: Tensor, norm: float, draws: torch.Generator) -> Tensor:
    """Fill a weight `[I, O]` with normal draws, each unit's incoming weights scaled to a Euclidean norm."""
    with torch.no_grad():
        weight.normal_(generator=draws)
        return weight.mul_(norm / weight.norm(dim=0))
