"""The parts of a block before its first iteration."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pgbench import environments
from pgbench.base.refusals import Refusal
from pgbench.environments import Box, Discrete, VectorEnvironment
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.components import Networks
from pgbench.methods.runs import Run
from pgbench.networks.distributions import Policy
from pgbench.networks.initialisation import Role, initial_parameters
from pgbench.networks.perceptron import Perceptron
from pgbench.training.learner import ActionCritic, Learner, SharedCritic, StateCritic
from pgbench.training.meaning import data, details, surrogates
from pgbench.training.meaning.advantages import credited_action
from pgbench.training.meaning.baselines import critic_fit, critic_of, sums_over_actions
from pgbench.training.meaning.critics import relative_rate
from pgbench.training.meaning.networks import critic_layers, initial_weights
from pgbench.training.meaning.updates import policy_optimiser
from pgbench.training.parameters import Parameters
from pgbench.training.sampler import Sampler, environment_streams
from pgbench.training.streams import stream

Head = tuple[Role, int]
"""Some outputs of a network: what they are for, and how many they are."""


def start_sampler(run: Run, seeds: Sequence[int]) -> Sampler:
    """The environments of a block, with the preprocessing that the algorithm asks for."""
    algorithm = run.algorithm
    each = data.environments_each(algorithm.data)
    streams = environment_streams(seeds, each)
    environment = environments.make(run.environment, streams, algorithm.details.time_limit)
    shape = (len(seeds), each, environment.observation_size)
    preprocessing = details.preprocessing(algorithm.details, algorithm.gamma, shape)
    return Sampler(environment, seeds, preprocessing, run.steps)


def start_learner(algorithm: Algorithm, environment: VectorEnvironment, seeds: Sequence[int]) -> Learner:
    """The networks of a block, drawn from each seed's own streams, for an environment's spaces."""
    _check_actions(algorithm, environment)
    policy, networks = Policy(environment.actions), algorithm.networks
    of_critic = critic_layers(networks)
    heads: list[Head] = [("policy", policy.outputs)]
    critic: SharedCritic | StateCritic | ActionCritic | None
    match critic_of(algorithm.baseline):
        case "states" if networks.shared:
            critic, heads = SharedCritic(), [*heads, ("value", 1)]
        case "states":
            critic = StateCritic(*_network(of_critic, environment.observation_size, [("value", 1)], 1, seeds))
            policys = policy_optimiser(algorithm.update)
            critic.parameters.relative_rate = relative_rate(critic_fit(algorithm.baseline), policys)
        case "actions":
            critic = _action_critic(of_critic, environment, policy, seeds)
        case None:
            critic = None
    network, actor = _network(networks, environment.observation_size, heads, 0, seeds, policy.free)
    beta = torch.zeros(len(seeds)) + surrogates.initial_beta(algorithm.surrogate)
    scale = details.start_value_scale(algorithm.details, len(seeds))
    return Learner(policy, network, actor, critic, beta, scale)


def _check_actions(algorithm: Algorithm, environment: VectorEnvironment) -> None:
    """Refuse sums over actions where these are real numbers: only the environment knows that."""
    if isinstance(environment.actions, Discrete):
        return
    if sums_over_actions(algorithm.baseline):
        raise Refusal(
            "baseline.subtracts 'expected_value' sums over the actions, and those of this environment are real "
            "numbers: set baseline.subtracts to 'second_action'"
        )
    if credited_action(algorithm.advantage) == "all":
        raise Refusal(
            "advantage.action 'all' sums over the actions, and those of this environment are real numbers: "
            "set advantage.action to 'policy'"
        )


def _action_critic(
    networks: Networks, environment: VectorEnvironment, policy: Policy, seeds: Sequence[int]
) -> ActionCritic:
    """Q(s, a): an output for each of n actions, or an input for each component of a real-valued one."""
    match environment.actions:
        case Discrete():
            inputs, outputs = environment.observation_size, policy.outputs
        case Box():
            inputs, outputs = environment.observation_size + policy.outputs, 1
    return ActionCritic(*_network(networks, inputs, [("value", outputs)], 1, seeds), policy)


def _network(
    networks: Networks, inputs: int, heads: Sequence[Head], index: int, seeds: Sequence[int], free: int = 0
) -> tuple[Perceptron, Parameters]:
    """A network and its first parameters; the index tells the networks of a replica apart."""
    outputs = sum(count for _, count in heads)
    network = Perceptron((inputs, *networks.hidden, outputs), networks.activation, free)
    generators = [stream(seed, "initialisation", index) for seed in seeds]
    weights = initial_weights(networks.initialisation)
    return network, Parameters.start(initial_parameters(network, generators, weights, heads))
