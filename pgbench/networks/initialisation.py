"""The first parameters of a network: what `methods.components.Initialisation` means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, assert_never

import numpy as np
import torch
from torch import Tensor

from pgbench.methods import components
from pgbench.networks.definition import PerceptronDefinition

Role = Literal["policy", "value"]
"""What some outputs of a network mean."""


def initial_parameters(
    network: PerceptronDefinition,
    generators: Sequence[np.random.Generator],
    method: components.Initialisation,
    heads: Sequence[tuple[Role, int]],
) -> Tensor:
    """Parameters `[S, P]`, one row from each generator: drawn weights; biases and free parameters are 0.

    Args:
        network: the network.
        generators: one generator a replica.
        method: how weights are drawn.
        heads: role and number of outputs of each part of the last layer, in order.
    """
    parameters = torch.zeros(len(generators), network.width)
    *hidden, last = network.views(parameters)[0:-1:2]
    for replica, generator in enumerate(generators):
        draws = torch.Generator().manual_seed(int(generator.integers(2**63)))
        for weight in hidden:
            _fill(weight[replica], method, "hidden", draws)
        columns = torch.split(last[replica], [outputs for _, outputs in heads], dim=1)
        for (role, _), weight in zip(heads, columns, strict=True):
            _fill(weight, method, role, draws)
    return parameters


def _fill(
    weight: Tensor, method: components.Initialisation, place: Role | Literal["hidden"], draws: torch.Generator
) -> None:
    """Draw one weight matrix in place: a hidden layer's, or the last layer's for the policy or the value."""
    match method:
        case components.Xavier():
            torch.nn.init.xavier_uniform_(weight, generator=draws)
        case components.Orthogonal():
            gains = {"hidden": method.hidden_gain, "policy": method.policy_gain, "value": method.value_gain}
            torch.nn.init.orthogonal_(weight, gain=gains[place], generator=draws)
        case _:
            assert_never(method)
