"""What the choice of networks means: the critic's layers, the policy, and the weights before the first update."""

from __future__ import annotations

from typing import assert_never

from torch.nn.init import orthogonal_, xavier_uniform_

from pgbench.environments import Box, Discrete
from pgbench.methods import components as c
from pgbench.networks.distributions import Policy
from pgbench.networks.initialisation import Fill, unit_columns_


def critic_layers(networks: c.Networks) -> c.Networks:
    """The networks whose hidden layers are the critic's."""
    match networks.critic:
        case c.CriticNetwork(hidden=hidden, activation=activation):
            return networks.model_copy(update={"hidden": hidden, "activation": activation})
        case None:
            return networks
        case _:
            assert_never(networks.critic)


def policy_for(networks: c.Networks, actions: Discrete | Box) -> Policy:
    """The policy for the actions of an environment, which `pgbench.methods.compatibility` has found to fit."""
    match networks.deviation:
        case c.FreeDeviation(initial_log_std=initial):
            return Policy(actions, initial, depends_on_state=False, squashes=networks.squash)
        case c.StateDeviation(initial_log_std=initial):
            return Policy(actions, initial, depends_on_state=True, squashes=networks.squash)
        case _:
            assert_never(networks.deviation)


def initial_weights(method: c.Initialisation) -> Fill:
    """How the weights of a network are drawn before the first update."""
    match method:
        case c.Xavier():
            return lambda weight, place, draws: xavier_uniform_(weight, generator=draws)
        case c.Orthogonal():
            gains = {"hidden": method.hidden_gain, "policy": method.policy_gain, "value": method.value_gain}
            return lambda weight, place, draws: orthogonal_(weight, gain=gains[place], generator=draws)
        case c.UnitColumns():
            norms = {"hidden": method.hidden_gain, "policy": method.policy_gain, "value": method.value_gain}
            return lambda weight, place, draws: unit_columns_(weight, norms[place], draws)
        case _:
            assert_never(method)
