"""Decision processes small enough to know everything: all trajectories, and J, V, Q and ∇J in closed form.

Tables are float64: a policy `[H, X, A]` or a critic `[H + 1, X]` depends on the time as well as on the state, since
an episode lasts at most H steps. Nothing here uses the code that it is there to test.
"""

from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
import torch

from pgbench.rollouts import Rollout

HIDDEN = 6


@dataclass(frozen=True, eq=False)
class Process:
    """Episodes begin in state 0, and end in a terminal state or after H steps.

    Attributes:
        transitions: `[X, A, X]`, probability of the next state.
        rewards: `[X, A, X]`.
        terminal: `[X]`, boolean.
        horizon: H.
        cut: whether the horizon is a time limit, which truncates; else the world ends there.
    """

    transitions: torch.Tensor
    rewards: torch.Tensor
    terminal: torch.Tensor
    horizon: int
    cut: bool

    @property
    def states(self):
        return self.transitions.shape[0]

    @property
    def actions(self):
        return self.transitions.shape[1]

    @property
    def observation_size(self):
        """One component for each time, the horizon included, and state."""
        return (self.horizon + 1) * self.states


def chain():
    """Two states and a terminal one: the first action mostly stays, the second mostly goes on."""
    stay, go = [0.8, 0.2, 0.0], [0.3, 0.7, 0.0]
    back, leave = [0.4, 0.6, 0.0], [0.0, 0.4, 0.6]
    nowhere = [0.0, 0.0, 1.0]
    transitions = torch.tensor([[stay, go], [back, leave], [nowhere, nowhere]], dtype=torch.float64)
    rewards = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 2, 3)))
    return Process(transitions, rewards, torch.tensor([False, False, True]), horizon=4, cut=False)


def garnet():
    """Four states, three actions, two random successors of each; only the time limit ends an episode."""
    generator = np.random.default_rng(0)
    transitions = np.zeros((4, 3, 4))
    for row in transitions.reshape(-1, 4):
        share = generator.uniform(0.2, 0.8)
        row[generator.permutation(4)[:2]] = share, 1.0 - share
    rewards = torch.from_numpy(generator.normal(size=transitions.shape))
    return Process(
        torch.from_numpy(transitions), rewards, torch.zeros(4, dtype=torch.bool), horizon=4, cut=True
    )


# ----------------------------------------------------------------------------------------------------------
# The policy: a perceptron with one hidden layer on one-hot observations


def parameters(process, seed):
    """Some parameters `[P]`, laid out and padded as training has them."""
    count = sum(_counts(process))
    row = torch.zeros(-(-count // 16) * 16, dtype=torch.float64)
    row[:count] = torch.from_numpy(np.random.default_rng(seed).normal(scale=0.7, size=count))
    return row


def policy_table(process, row):
    """π(a|s, t) `[H, X, A]` of parameters `[P]`; differentiable."""
    counts = _counts(process)
    first, first_bias, last, last_bias, _ = row.split([*counts, len(row) - sum(counts)])
    hidden = (first.reshape(-1, HIDDEN) + first_bias).tanh()  # one-hot observations pick rows
    logits = hidden @ last.reshape(HIDDEN, -1) + last_bias
    table = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return table.reshape(process.horizon + 1, process.states, process.actions)[:-1]


def _counts(process):
    return process.observation_size * HIDDEN, HIDDEN, HIDDEN * process.actions, process.actions


# ----------------------------------------------------------------------------------------------------------
# Trajectories


@dataclass(frozen=True)
class Trajectories:
    """All trajectories that can happen, K of them, `[K, H]`; rows after an episode's end hold the last state."""

    states: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    next_states: torch.Tensor
    active: torch.Tensor
    dynamics: torch.Tensor
    """`[K]`, the product of the probabilities that are the world's."""

    def probabilities(self, policy):
        """p(τ) `[K]` under a policy `[H, X, A]`; differentiable."""
        chosen = policy[torch.arange(len(policy)), self.states, self.actions]
        return self.dynamics * chosen.where(self.active, 1.0).prod(1)

    def rewards_to_go(self, gamma):
        """Σ_{t'≥t} γ^(t'−t) r_{t'}, `[K, H]`, by the definition."""
        horizon = self.rewards.shape[1]
        later = [
            sum(gamma ** (k - t) * self.rewards[:, k] for k in range(t, horizon)) for t in range(horizon)
        ]
        return torch.stack(later, 1)


@cache
def trajectories(process):
    found = []

    def follow(steps, state, probability):
        if len(steps) == process.horizon or process.terminal[state]:
            found.append((steps, state, probability))
            return
        for action in range(process.actions):
            for following in process.transitions[state, action].nonzero().flatten().tolist():
                reward = float(process.rewards[state, action, following])
                chance = float(process.transitions[state, action, following])
                step = (state, action, reward, following, True)
                follow([*steps, step], following, probability * chance)

    follow([], 0, 1.0)
    rows = []
    for steps, last, _ in found:
        # What an idle environment shows is without meaning: any action will do.
        rows.append([*steps, *[(last, 1, 0.0, last, False)] * (process.horizon - len(steps))])
    columns = [torch.tensor([[step[i] for step in row] for row in rows]) for i in (0, 1, 3, 4)]
    rewards = torch.tensor([[step[2] for step in row] for row in rows], dtype=torch.float64)
    dynamics = torch.tensor([probability for *_, probability in found], dtype=torch.float64)
    states, actions, following, active = columns
    return Trajectories(states, actions, rewards, following, active, dynamics)


def groups(count, size):
    """All ordered groups `[count ** size, size]` of trajectories' numbers."""
    return torch.cartesian_prod(*[torch.arange(count)] * size).reshape(-1, size)


def rollout(process, members):
    """What collecting would give if replica s saw the trajectories `members[s]` `[S, E]`, float64."""
    all_of_them = trajectories(process)

    def in_time(column):
        return column[members].movedim(-1, 0)

    time = torch.arange(process.horizon).reshape(-1, 1, 1)
    active, following = in_time(all_of_them.active), in_time(all_of_them.next_states)
    dead = active & process.terminal[following]
    out_of_time = active & (time == process.horizon - 1)  # both flags may be set, as in Gymnasium
    one_hot = torch.eye(process.observation_size, dtype=torch.float64)
    return Rollout(
        observations=one_hot[time * process.states + in_time(all_of_them.states)],
        actions=in_time(all_of_them.actions),
        rewards=in_time(all_of_them.rewards),
        next_observations=one_hot[(time + 1) * process.states + following],
        terminated=dead if process.cut else dead | out_of_time,
        truncated=out_of_time if process.cut else torch.zeros_like(dead),
        active=active,
        elapsed=torch.zeros(members.shape, dtype=torch.int64),
        episodes=[],
    )


def rows(whole, first, last):
    """Steps `first` to `last` of a rollout, as if it had been collected in pieces."""
    columns = {column.name: getattr(whole, column.name) for column in fields(whole)}
    pieces = {name: columns[name][first:last] for name in columns if name not in ("elapsed", "episodes")}
    return replace(whole, **pieces, elapsed=whole.elapsed + first)


def end_to_end(first, second):
    """One rollout after another."""
    names = [column.name for column in fields(first) if column.name not in ("elapsed", "episodes")]
    return replace(
        first, **{name: torch.cat([getattr(first, name), getattr(second, name)]) for name in names}
    )


def with_idle_rows(whole, count):
    """Filled up with rows in which nothing happens, as collecting does with whole episodes."""
    like = rows(whole, 0, 1)
    nothing = {column.name: torch.zeros_like(getattr(like, column.name)) for column in fields(like)[:-1]}
    idle = replace(like, **nothing)
    for _ in range(count):
        whole = end_to_end(whole, idle)
    return whole


# ----------------------------------------------------------------------------------------------------------
# Closed forms


def occupancy(process, policy):
    """P(s_t = x, the episode still under way) `[H, X]`."""
    now = torch.eye(process.states, dtype=torch.float64)[0]
    result = []
    for at_time in policy:
        result.append(now)
        now = torch.einsum("x,xa,xay->y", now, at_time, process.transitions) * ~process.terminal
    return torch.stack(result)


def expected_reward_then(process, gamma, follows):
    """r(x, a) + γ E[follows(x')] `[X, A]` for what a next state `[X]` is worth; a terminal one is worth 0."""
    worth = process.rewards + gamma * follows * ~process.terminal
    return (process.transitions * worth).sum(-1)


def at_the_end(process, critic):
    """What states `[X]` are worth when the horizon is reached, to who believes this critic."""
    return critic[-1] if process.cut else torch.zeros_like(critic[-1])


def lambda_values(process, policy, gamma, lam, critic):
    """E[λ-return | s_t, a_t] `[H, X, A]` with a critic `[H + 1, X]`; λ = 1: Q, the critic only at a time limit."""
    follows, result = at_the_end(process, critic), []
    for time in reversed(range(process.horizon)):
        result.append(expected_reward_then(process, gamma, follows))
        follows = (1.0 - lam) * critic[time] + lam * (policy[time] * result[-1]).sum(-1)
    return torch.stack(result[::-1])


def n_step_values(process, policy, gamma, n, critic):
    """E[n-step return | s_t, a_t] `[H, X, A]` with a critic `[H + 1, X]`."""
    follows = [*critic[1:-1], at_the_end(process, critic)]
    values = [expected_reward_then(process, gamma, worth) for worth in follows]
    for _ in range(n - 1):
        onwards = [(policy[t] * values[t]).sum(-1) for t in range(1, process.horizon)]
        values = [*(expected_reward_then(process, gamma, worth) for worth in onwards), values[-1]]
    return torch.stack(values)


def no_critic(process):
    return torch.zeros(process.horizon + 1, process.states, dtype=torch.float64)


def action_values(process, policy, gamma, critic=None):
    """Q `[H, X, A]`, with what a critic says of the states at a time limit, if there is one."""
    return lambda_values(process, policy, gamma, 1.0, no_critic(process) if critic is None else critic)


def true_values(process, policy, gamma):
    """V `[H + 1, X]`; 0 at the horizon."""
    values = (policy * action_values(process, policy, gamma)).sum(-1)
    return torch.cat([values, torch.zeros_like(values[:1])]).where(~process.terminal, 0.0)


def objective(process, policy, gamma, critic=None):
    """J = E[Σ_t γᵗ r_t] of a policy; differentiable."""
    return (policy[0, 0] * action_values(process, policy, gamma, critic)[0, 0]).sum()


def gradient(process, row, function):
    """∇_θ function(policy table) `[P]` at parameters `[P]`."""
    point = row.clone().requires_grad_()
    return torch.autograd.grad(function(policy_table(process, point)), point)[0]


def credited(process, row, values, weights=None, visits=None):
    """Σ_t w_t Σ_s d_t(s) Σ_a ∇π(a|s) values_t(s, a) `[P]`: what crediting actions with `values` comes to.

    Args:
        process: the world.
        row: parameters `[P]` of the policy.
        values: `[H, X, A]`.
        weights: `[H]`; none: 1.
        visits: `[H, X]`, d; none: the policy's own.
    """
    visits = occupancy(process, policy_table(process, row)) if visits is None else visits
    weights = torch.ones(process.horizon, dtype=torch.float64) if weights is None else weights
    return gradient(
        process, row, lambda policy: torch.einsum("t,tx,txa,txa", weights, visits, policy, values)
    )


def powers(process, gamma):
    """γᵗ `[H]`."""
    return gamma ** torch.arange(process.horizon, dtype=torch.float64)
