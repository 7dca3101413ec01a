"""The gradient that training gives its optimiser has the expectation that theory says.

On two small worlds every trajectory is listed with its probability. Each goes through the training code as a
replica of its own, in double precision, and the mean over all is compared with a closed form.
"""

from dataclasses import replace

import torch

from helpers import decision_processes
from helpers.decision_processes import HIDDEN, credited, gradient, policy_table
from pgbench.environments import Discrete
from pgbench.laboratory import estimators
from pgbench.laboratory.exact import action_values, objective, true_values
from pgbench.laboratory.trajectories import enumerate_trajectories, groups
from pgbench.laboratory.worlds import chain, garnet
from pgbench.methods import paths
from pgbench.networks.distributions import Policy
from pgbench.networks.perceptron import Perceptron
from pgbench.training import credit, iteration
from pgbench.training.learner import Learner, StateCritic
from pgbench.training.meaning import data, surrogates, updates
from pgbench.training.parameters import Parameters

WORLDS = {
    "chain": chain(),
    "chain under a time limit": replace(chain(), cut=True),
    "garnet": garnet(),
}
GAMMA = 0.8
EXACT = 1e-10
"""Errors no larger than this are rounding, in double precision."""
CLEAR = 0.01
"""Errors larger than this are no rounding."""
ENDS = {"details.time_limits": "terminal"}


# ----------------------------------------------------------------------------------------------------------
# What training computes


def method(name, gamma=GAMMA, **overrides):
    """A member of the lineage on one episode, whose steps are too short to move the policy of the tests."""
    algorithm = estimators.method(name, gamma, **{"networks.hidden": (HIDDEN,)} | overrides)
    still = {"update.optimiser.learning_rate": 1e-300}
    return paths.with_values(algorithm, still) if hasattr(algorithm.update, "optimiser") else algorithm


def learner_with(algorithm, world, count, row, critic):
    """A learner of `count` replicas that all have the same policy `[P]` and a critic `[H + 1, X]`."""
    actions, inputs = Discrete(world.actions), world.indices
    network = Perceptron((inputs, *algorithm.networks.hidden, world.actions), algorithm.networks.activation)
    assert network.width == len(row)
    # On one-hot observations a single layer is a table.
    table = None if critic is None else padded(critic.flatten(), Perceptron((inputs, 1), "tanh"), count)
    beta = torch.full((count,), surrogates.initial_beta(algorithm.surrogate))
    return Learner(Policy(actions), network, Parameters.start(row.repeat(count, 1)), table, beta)


def padded(values, network, count):
    """A critic of `count` replicas whose network is a table of values."""
    table = torch.zeros(count, network.width, dtype=torch.float64)
    table[:, : len(values)] = values
    return StateCritic(network, Parameters.start(table))


def gradients(algorithm, world, rollout, row, critic=None, collected_by=None):
    """The gradient `[S, P]` that Adam is given, for each replica's part of a rollout.

    Args:
        algorithm: takes steps on a batch that do not move the policy, each of the same gradient.
        world: where the rollout comes from.
        rollout: `[T, S, E]`.
        row: the parameters `[P]` before the step.
        critic: `[H + 1, X]`, or None.
        collected_by: the parameters that collected the rollout, if they were others.
    """
    count = rollout.rewards.shape[1]
    learner = learner_with(algorithm, world, count, row if collected_by is None else collected_by, critic)
    batch = credit.prepare(algorithm, learner, rollout)
    learner = learner.at(row.repeat(count, 1))
    all_of_them = torch.ones(count, dtype=torch.bool)
    progress = iteration.Moment(0, list(range(count)), all_of_them, torch.ones(count, dtype=torch.float64))
    updates.update(algorithm, learner, batch, progress)
    (steps,) = set(learner.actor.state.count.tolist())
    # Adam's mean began at zero, and the loss is minus the objective.
    return -learner.actor.state.mean / (1.0 - 0.9**steps)


def expected(algorithm, world, row, critic=None, collected_by=None):
    """E[ĝ] `[P]` over all batches of as many episodes as the algorithm takes."""
    policy = policy_table(world, row if collected_by is None else collected_by)
    probabilities = enumerate_trajectories(world).probabilities(policy)
    members = groups(len(probabilities), data.environments_each(algorithm.data))
    rollout = decision_processes.rollout(world, members)
    if algorithm.data.kind == "whole_episodes":
        rollout = decision_processes.with_idle_rows(rollout, 3)
    return probabilities[members].prod(1) @ gradients(algorithm, world, rollout, row, critic, collected_by)


def error(found, exact):
    """How far apart two gradients are, as a share of the exact one."""
    return float((found - exact).norm() / exact.norm())


def some_critic(world):
    """Values that are wrong everywhere, in terminal states and at the horizon too."""
    shape = world.horizon + 1, world.states
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def exact_critic(world, row, gamma=GAMMA):
    return true_values(world, policy_table(world, row), gamma)


def exact_gradient(world, row, gamma=GAMMA, critic=None):
    """∇J; with a critic, J values what it says of the states at a time limit."""
    return gradient(world, row, lambda policy: objective(world, policy, gamma, critic))


def practical_gradient(world, row, gamma=GAMMA, critic=None):
    """What is left of ∇J where the discount of the action's own time is left out, as everybody does."""
    return credited(world, row, action_values(world, policy_table(world, row), gamma, critic))


def parameters(world):
    return decision_processes.parameters(world, seed=0)


def later_parameters(world):
    """After an update that went far."""
    return decision_processes.parameters(world, seed=0) + 0.6 * decision_processes.parameters(world, seed=1)
