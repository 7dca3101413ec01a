"""What the networks' initialisation means."""

from __future__ import annotations

from typing import assert_never

from torch.nn.init import orthogonal_, xavier_uniform_

from pgbench.methods import components as c
from pgbench.networks.initialisation import Fill


def initial_weights(method: c.Initialisation) -> Fill:
    """How the weights of a network are drawn before the first update."""
    match method:
        case c.Xavier():
            return lambda weight, place, draws: xavier_uniform_(weight, generator=draws)
        case c.Orthogonal():
            gains = {"hidden": method.hidden_gain, "policy": method.policy_gain, "value": method.value_gain}
            return lambda weight, place, draws: orthogonal_(weight, gain=gains[place], generator=draws)
        case _:
            assert_never(method)
