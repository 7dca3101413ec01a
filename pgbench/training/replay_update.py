"""Actor-critic on a memory of past transitions: the note's two faults, and their two repairs.

An update stores a rollout, and then steps critic and policy in turn, each on minibatches of the memory. A minibatch
is a rollout of one step, `[1, S, B, …]`, so that TD targets, advantages and time limits are those of `credit`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

import torch
from torch import Tensor

from pgbench.functional import objectives
from pgbench.functional.moments import average
from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.networks.distributions import kl
from pgbench.training.batches import Credit
from pgbench.training.credit import shares_of
from pgbench.training.experience import Rollout, Values
from pgbench.training.iteration import Moment, Statistics
from pgbench.training.learner import ActionCritic, Learner
from pgbench.training.meaning import details, optimisers
from pgbench.training.meaning.advantages import advantages, credited_action
from pgbench.training.meaning.baselines import critic_fit, expected_values, next_values
from pgbench.training.meaning.critics import separate_fit, targets_of
from pgbench.training.meaning.data import transition_weights
from pgbench.training.meaning.surrogates import likelihood_weights
from pgbench.training.meaning.updates import single_steps
from pgbench.training.parameters import Parameters
from pgbench.training.replay_memory import Drawn, ReplayDraws, ReplayMemory


@dataclass(frozen=True)
class Minibatch:
    """What the actor learns from: B transitions of each replica.

    Attributes:
        observations: `[S, B, O]`.
        actions: `[S, B]` or `[S, B, A]`, to be made likelier.
        credit: of these actions.
    """

    observations: Tensor
    actions: Tensor
    credit: Credit


def update(
    algorithm: Algorithm, learner: Learner, memory: ReplayMemory, rollout: Rollout, moment: Moment
) -> tuple[Minibatch, Statistics]:
    """Store a rollout, then step critic and policy in turn, each on minibatches drawn anew.

    The order is the note's: for each step of the policy the critic learns first, and the policy learns from the
    minibatch that the critic has seen last.

    Returns:
        The last minibatch; and `[S]` each: the critic's mean loss over its steps, the actor's mean gradient norm.
    """
    method, fit = single_steps(algorithm.update), separate_fit(critic_fit(algorithm.baseline))
    if fit is None:
        raise ValueError("a replay buffer needs a critic that is fitted separately")
    draws = ReplayDraws(moment.seeds, moment.iteration)
    memory.add(rollout, next_actions(learner, rollout, draws))
    losses = norms = torch.zeros(len(moment.seeds))
    for _ in range(method.steps):
        for _ in range(fit.steps):
            drawn = draws.transitions(memory)
            losses = losses + fit_critic(algorithm, fit, learner, drawn, draws, moment)
        part = credited(algorithm, learner, drawn, draws)
        norms = norms + step_policy(algorithm, method, learner, part, moment)
    return part, {
        "value_loss": losses / (method.steps * fit.steps),
        "gradient_norm": norms / method.steps,
        "learning_rate": optimisers.learning_rate(method.optimiser, learner.actor, moment.remaining),
    }


@torch.no_grad()
def next_actions(learner: Learner, rollout: Rollout, draws: ReplayDraws) -> Tensor:
    """What the collecting policy did next, `[T, S, E]` or `[T, S, E, A]`.

    Where an episode or the rollout ends nothing was done next. There the same policy draws an action at the
    observation that followed.
    """
    time, replicas, environments = rollout.rewards.shape
    flat = rollout.next_observations.transpose(0, 1).flatten(1, 2)
    drawn = draws.actions("stored", learner, flat)
    drawn = drawn.reshape(replicas, time, environments, *drawn.shape[2:]).transpose(0, 1)
    done = torch.cat([rollout.actions[1:], drawn[-1:]])
    ended = (rollout.terminated | rollout.truncated).reshape(drawn.shape[:3] + (1,) * (drawn.dim() - 3))
    return torch.where(ended, drawn, done)


def gradient(losses: Tensor, parameters: Parameters) -> Tensor:
    """The gradient `[S, P]` of each replica's loss `[S]` in some parameters, which then have none left."""
    losses.sum().backward()  # type: ignore[no-untyped-call]
    return parameters.pop_gradient()


# ----------------------------------------------------------------------------------------------------------
# Critic


def critic_values(learner: Learner, observations: Tensor, actions: Tensor) -> Tensor:
    """Q(s, a), or V(s) where the critic knows no actions, `[S, B]`."""
    if isinstance(learner.critic, ActionCritic):
        return learner.action_values(observations, actions)
    return learner.values(observations)


def critic_losses(algorithm: Algorithm, learner: Learner, drawn: Drawn, draws: ReplayDraws) -> Tensor:
    """The mean of ½ (Q(s, a) − y)², y = r + γ Q(s', a') held fixed, `[S]`; or the same with V."""
    values = critic_values(learner, drawn.rollout.observations[0], drawn.rollout.actions[0])
    following = next_values(algorithm.baseline, learner, drawn, draws)
    both = Values(values.detach().unsqueeze(0), following.unsqueeze(0))
    rollout, both = details.at_time_limits(algorithm, drawn.rollout, both)
    targets = targets_of(c.NStepTarget(n=1), rollout, both, algorithm.gamma)[0]
    shares = shares_of(rollout.active[0].to(targets.dtype))
    return (shares * objectives.value_loss(values, targets)).sum(1)


def fit_critic(
    algorithm: Algorithm,
    fit: c.SeparateFit,
    learner: Learner,
    drawn: Drawn,
    draws: ReplayDraws,
    moment: Moment,
) -> Tensor:
    """One gradient step of the critic down its loss; the loss before the step, `[S]`."""
    losses = critic_losses(algorithm, learner, drawn, draws)
    losses.sum().backward()  # type: ignore[no-untyped-call]
    optimisers.step(fit.optimiser, algorithm.details, learner.critic_parts, moment.remaining, moment.running)
    return losses.detach()


# ----------------------------------------------------------------------------------------------------------
# Actor


@torch.no_grad()
def credited(algorithm: Algorithm, learner: Learner, drawn: Drawn, draws: ReplayDraws) -> Minibatch:
    """The minibatch for the actor: the actions to make likelier, and by how much.

    ∇log π(a|s) Â with the buffer's a is the note's other fault. The second repair draws a ∼ π(·|s) anew, and
    credits it with Q(s, a).
    """
    following = next_values(algorithm.baseline, learner, drawn, draws)
    drawn, frequencies = _with_actions(algorithm, learner, drawn, draws)
    observations, actions = drawn.rollout.observations[0], drawn.rollout.actions[0]
    here = critic_values(learner, observations, actions)
    following = following.repeat_interleave(here.shape[1] // following.shape[1], 1)
    expected = expected_values(algorithm.baseline, learner, observations, draws)
    both = Values(here.unsqueeze(0), following.unsqueeze(0), expected)
    rollout, both = details.at_time_limits(algorithm, drawn.rollout, both)
    advantage = advantages(algorithm, rollout, both, None)[0]
    active = rollout.active[0].to(advantage.dtype)
    shares = shares_of(active) * frequencies
    credit = Credit(
        details.over_the_batch(algorithm.details, advantage, shares),
        transition_weights(algorithm.data, active, shares),
        shares,
        None,
    )
    return Minibatch(observations, actions, credit)


def _with_actions(
    algorithm: Algorithm, learner: Learner, drawn: Drawn, draws: ReplayDraws
) -> tuple[Drawn, Tensor | float]:
    """The transitions with the actions to be credited, and how much more than on average each of them counts.

    With all n actions, each transition stands there n times: Σ_a ∇π(a|s) Q(s, a) is Σ_a π(a|s) ∇log π(a|s) Q(s, a).
    """
    rollout = drawn.rollout
    match credited_action(algorithm.advantage):
        case "buffer":
            return drawn, 1.0
        case "policy":
            actions = draws.actions("actor", learner, rollout.observations[0])
            return drawn._replace(rollout=replace(rollout, actions=actions.unsqueeze(0))), 1.0
        case "all":
            probabilities, _ = learner.every_action(rollout.observations[0])
            return drawn.with_every_action(probabilities.shape[-1]), len(
                probabilities[0, 0]
            ) * probabilities.flatten(1)
        case other:
            assert_never(other)


def actor_losses(algorithm: Algorithm, learner: Learner, part: Minibatch) -> Tensor:
    """Minus the mean of log π(a|s) Â, `[S]`, or of what the surrogate makes of Â."""
    new = learner.distribution(part.observations)
    factors = likelihood_weights(algorithm.surrogate, part.credit.advantages)
    gain = objectives.log_likelihood(new.log_prob(part.actions), factors)
    return (-part.credit.weights * details.with_entropy_bonus(algorithm.details, gain, new)).sum(1)


def step_policy(
    algorithm: Algorithm, method: c.GradientStep, learner: Learner, part: Minibatch, moment: Moment
) -> Tensor:
    """One gradient step of the policy down its loss; the gradient's norm, `[S]`."""
    actor_losses(algorithm, learner, part).sum().backward()  # type: ignore[no-untyped-call]
    parts = [learner.actor]
    return optimisers.step(method.optimiser, algorithm.details, parts, moment.remaining, moment.running)


@torch.no_grad()
def measure(algorithm: Algorithm, learner: Learner, part: Minibatch, before: Tensor) -> Statistics:
    """How far the update moved the policy on the last minibatch, and what its last step was credited with.

    Args:
        algorithm: whose objective was climbed.
        learner: after the update.
        part: the last minibatch.
        before: `[S, P]`, the actor's parameters before the update.
    """
    old, new = learner.distribution(part.observations, before), learner.distribution(part.observations)
    ratios = (new.log_prob(part.actions) - old.log_prob(part.actions)).exp()
    advantage, shares = part.credit.advantages, part.credit.shares
    gain = details.with_entropy_gain(algorithm.details, (ratios - 1.0) * advantage, old, new)
    return {
        "surrogate_gain": average(gain, shares),
        "credit": average(advantage, shares),
        "entropy": average(new.entropy(), shares),
        "kl": average(kl(old, new), shares),
    }
