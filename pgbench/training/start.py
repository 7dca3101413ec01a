"""The parts of a block before its first iteration."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pgbench import environments
from pgbench.environments import Box, Discrete, VectorEnvironment
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.components import Networks
from pgbench.methods.runs import Run
from pgbench.networks.distributions import Policy
from pgbench.networks.initialisation import Role, initial_parameters
from pgbench.networks.perceptron import Perceptron
from pgbench.training.learner import ActionCritic, Learner, SharedCritic, StateCritic
from pgbench.training.meaning import data, details, surrogates
from pgbench.training.meaning.baselines import critic_fit, critic_of
from pgbench.training.meaning.critics import relative_rate
from pgbench.training.meaning.networks import critic_layers, initial_weights, policy_for
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
    squashes = algorithm.networks.squash
    preprocessing = details.preprocessing(algorithm.details, algorithm.gamma, shape, squashes)
    return Sampler(environment, seeds, preprocessing, run.steps)


def start_learner(algorithm: Algorithm, environment: VectorEnvironment, seeds: Sequence[int]) -> Learner:
    """The networks of a block, drawn from each seed's own streams, for an environment's spaces."""
    networks = algorithm.networks
    policy = policy_for(networks, environment.actions)
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
    network, actor = _network(networks, environment.observation_size, heads, 0, seeds, policy)
    beta = torch.zeros(len(seeds)) + surrogates.initial_beta(algorithm.surrogate)
    scale = details.start_value_scale(algorithm.details, len(seeds))
    return Learner(policy, network, actor, critic, beta, scale)


def _action_critic(
    networks: Networks, environment: VectorEnvironment, policy: Policy, seeds: Sequence[int]
) -> ActionCritic:
    """Q(s, a): an output for each of n actions, or an input for each component of a real-valued one."""
    match environment.actions:
        case Discrete():
            inputs, outputs = environment.observation_size, policy.outputs
        case Box():
            inputs, outputs = environment.observation_size + environment.actions.size, 1
    return ActionCritic(*_network(networks, inputs, [("value", outputs)], 1, seeds), policy)


def _network(
    networks: Networks,
    inputs: int,
    heads: Sequence[Head],
    index: int,
    seeds: Sequence[int],
    policy: Policy | None = None,
) -> tuple[Perceptron, Parameters]:
    """A network and its first parameters, a policy's among them; the index tells a replica's networks apart."""
    outputs = sum(count for _, count in heads)
    free = 0 if policy is None else policy.free
    network = Perceptron((inputs, *networks.hidden, outputs), networks.activation, free)
    generators = [stream(seed, "initialisation", index) for seed in seeds]
    weights = initial_weights(networks.initialisation)
    rows = initial_parameters(network, generators, weights, heads)
    if policy is not None:
        policy.start_deviation(network.views(rows)[-2], network.free_of(rows))
    return network, Parameters.start(rows)
