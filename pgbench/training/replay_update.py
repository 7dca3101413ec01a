"""Learning from a replay buffer: the note's off-policy actor-critic, naive or with either repair.

A minibatch is a rollout of one step, so that advantage, target, time limits and surrogate mean here what they mean
on policy. What is its own is which actions stand in the formulas: the buffer's, or the present policy's. Of the
states nothing is corrected: they are those of the policies that collected them, as the note leaves it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pgbench.functional import objectives
from pgbench.functional.moments import average, standardise
from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.networks.distributions import kl
from pgbench.training.experience import Rollout, Transitions, Values
from pgbench.training.iteration import Moment, Statistics
from pgbench.training.learner import Learner, take_step
from pgbench.training.losses import policy_losses
from pgbench.training.meaning.advantages import advantages, at_time_limits
from pgbench.training.meaning.critics import critic_fit, critic_targets
from pgbench.training.meaning.data import transition_weights
from pgbench.training.replay_memory import Drawn, ReplayDraws, ReplayMemory


def update(
    algorithm: Algorithm, learner: Learner, memory: ReplayMemory, rollout: Rollout, progress: Moment
) -> Statistics:
    """Store a rollout, then step critic and policy in turn, each on minibatches drawn anew.

    The order is the note's: for each step of the policy the critic learns first, and the policy learns from the
    minibatch that the critic has seen last.

    Returns:
        `[S]` each: the critic's mean loss over its steps, the actor's mean gradient norm, and what the last
        minibatch shows of the whole update; nothing if it is not watched.
    """
    method, fit, batch_size = _choices(algorithm)
    chance = ReplayDraws(progress.seeds, progress.iteration)
    memory.add(rollout, next_actions(learner, rollout, chance))
    before = learner.actor.values.detach().clone()  # which the metrics start from
    losses = norms = torch.zeros(len(progress.seeds))
    for _ in range(method.steps):
        for _ in range(fit.steps):
            drawn = chance.transitions(memory, batch_size)
            losses = losses + fit_critic(algorithm, fit, learner, drawn, chance, progress)
        part = credited(algorithm, learner, drawn, chance)
        norms = norms + step_policy(algorithm, method, learner, part, progress)
    if not progress.watched:
        return {}
    return {
        "value_loss": losses / (method.steps * fit.steps),
        "gradient_norm": norms / method.steps,
        "learning_rate": progress.learning_rate(method.optimiser),
        **measure(learner, part, before),
    }


def _choices(algorithm: Algorithm) -> tuple[c.GradientStep, c.SeparateFit, int]:
    """How policy and critic are stepped, and on how many transitions each time."""
    match algorithm.update, critic_fit(algorithm.baseline), algorithm.data:
        case c.GradientStep() as method, c.SeparateFit() as fit, c.ReplayBuffer(batch_size=batch_size):
            return method, fit, batch_size
        case _:  # refused by `pgbench.methods.compatibility`
            raise ValueError("a replay buffer needs gradient steps, and a critic that is fitted separately")


@torch.no_grad()
def next_actions(learner: Learner, rollout: Rollout, chance: ReplayDraws) -> Tensor:
    """What the collecting policy did next, `[T, S, E]` or `[T, S, E, A]`.

    Where an episode or the rollout ends nothing was done next: there, what the same policy draws at the
    observation that followed.
    """
    time, replicas, environments = rollout.rewards.shape
    flat = rollout.next_observations.transpose(0, 1).flatten(1, 2)
    drawn = chance.actions("stored", learner, flat)
    drawn = drawn.reshape(replicas, time, environments, *drawn.shape[2:]).transpose(0, 1)
    done = torch.cat([rollout.actions[1:], drawn[-1:]])
    ended = (rollout.terminated | rollout.truncated).reshape(drawn.shape[:3] + (1,) * (drawn.dim() - 3))
    return torch.where(ended, drawn, done)


# ----------------------------------------------------------------------------------------------------------
# Critic


def critic_values(learner: Learner, observations: Tensor, actions: Tensor) -> Tensor:
    """Q(s, a), or V(s) where the critic knows no actions, `[S, B]`."""
    return (
        learner.action_values(observations, actions) if learner.of_actions else learner.values(observations)
    )


@torch.no_grad()
def next_values(baseline: c.Baseline, learner: Learner, drawn: Drawn, chance: ReplayDraws) -> Tensor:
    """What the critic says of the observations that followed, `[S, B]`.

    V(s') is the note's fault: s' came of the buffer's action, so that V becomes the value of the policies that
    filled the buffer. The first repair is Q(s', a') with a' ∼ π(·|s') of the present policy.
    """
    following = drawn.rollout.next_observations[0]
    match baseline:
        case c.LearnedValue():
            return learner.values(following)
        case c.LearnedActionValue(next_action="buffer"):
            return learner.action_values(following, drawn.next_actions)
        case c.LearnedActionValue():
            return learner.action_values(following, chance.actions("target", learner, following))
        case _:
            raise ValueError(f"baseline '{baseline.kind}' has no value of what follows")


def shares_of(active: Tensor) -> Tensor:
    """The weight `[S, B]` of each transition in a mean over those that are active."""
    return active.float() / active.float().sum(1, keepdim=True).clamp(min=1.0)


def fit_critic(
    algorithm: Algorithm,
    fit: c.SeparateFit,
    learner: Learner,
    drawn: Drawn,
    chance: ReplayDraws,
    progress: Moment,
) -> Tensor:
    """One gradient step of the critic down ½ (Q(s, a) − y)², y = r + γ Q(s', a'); or the same with V.

    Returns:
        `[S]`, the mean loss before the step.
    """
    values = critic_values(learner, drawn.rollout.observations[0], drawn.rollout.actions[0])
    following = next_values(algorithm.baseline, learner, drawn, chance)
    both = Values(values.detach().unsqueeze(0), following.unsqueeze(0))
    rollout, both = at_time_limits(algorithm, drawn.rollout, both)
    targets = critic_targets(c.NStepTarget(n=1), rollout, both, algorithm.gamma)[0]
    losses = (shares_of(rollout.active[0]) * objectives.value_loss(values, targets)).sum(1)
    losses.sum().backward()  # type: ignore[no-untyped-call]
    _step(algorithm, fit.optimiser, learner, progress, critic=True)
    return losses.detach()


# ----------------------------------------------------------------------------------------------------------
# Actor


@torch.no_grad()
def credited(algorithm: Algorithm, learner: Learner, drawn: Drawn, chance: ReplayDraws) -> Transitions:
    """The minibatch for the actor: the actions to make likelier, and by how much.

    ∇log π(a|s) Â with the buffer's a is the note's other fault. The second repair draws a ∼ π(·|s) anew, and
    credits it with Q(s, a).
    """
    observations, actions = drawn.rollout.observations[0], drawn.rollout.actions[0]
    if algorithm.advantage == c.ActionValue(action="policy"):
        actions = chance.actions("actor", learner, observations)
    here = critic_values(learner, observations, actions)
    following = next_values(algorithm.baseline, learner, drawn, chance)
    both = Values(here.unsqueeze(0), following.unsqueeze(0))
    rollout, both = at_time_limits(algorithm, drawn.rollout, both)
    active = rollout.active[0].float()
    shares = shares_of(rollout.active[0])
    nothing = torch.zeros_like(shares)
    advantage = advantages(algorithm, rollout, both, nothing)[0]
    if algorithm.details.advantage_normalisation == "batch":
        advantage = standardise(advantage, shares)
    return Transitions(
        observations=observations,
        actions=actions,
        advantages=advantage,
        targets=nothing,
        old_values=nothing,
        old_log_probs=nothing,
        old_parameters=nothing,
        weights=transition_weights(algorithm.data, active, shares),
        shares=shares,
    )


def step_policy(
    algorithm: Algorithm, method: c.GradientStep, learner: Learner, part: Transitions, progress: Moment
) -> Tensor:
    """One gradient step of the policy up the mean of log π(a|s) Â; the gradient's norm, `[S]`."""
    new = learner.distribution(part.observations)
    policy_losses(algorithm, learner, new, part).sum().backward()  # type: ignore[no-untyped-call]
    return _step(algorithm, method.optimiser, learner, progress, critic=False)


def _step(
    algorithm: Algorithm, optimiser: c.Adam, learner: Learner, progress: Moment, critic: bool
) -> Tensor:
    """One step of the critic's or the actor's parameters; the gradient's norm, `[S]`."""
    actor, *critics = learner.parts
    norm, rate = algorithm.details.max_gradient_norm, progress.learning_rate(optimiser)
    return take_step(critics if critic else [actor], rate, optimiser.epsilon, norm, progress.running)


@torch.no_grad()
def measure(learner: Learner, part: Transitions, before: Tensor) -> Statistics:
    """How far the update moved the policy on the last minibatch, and what its last step was credited with.

    Args:
        learner: after the update.
        part: the last minibatch.
        before: `[S, P]`, the actor's parameters before the update.
    """
    old, new = learner.distribution(part.observations, before), learner.distribution(part.observations)
    ratios = (new.log_prob(part.actions) - old.log_prob(part.actions)).exp()
    return {
        "surrogate_gain": average((ratios - 1.0) * part.advantages, part.shares),
        "credit": average(part.advantages, part.shares),
        "entropy": average(new.entropy(), part.shares),
        "kl": average(kl(old, new), part.shares),
    }
