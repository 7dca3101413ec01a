"""Small worlds for the tests: the laboratory's, under a policy that is written out here once more.

The policy is a perceptron with one hidden layer on one-hot observations, the time among them. Its table is computed
without the code that it is there to test.
"""

from dataclasses import fields, replace

import numpy as np
import torch

from pgbench.laboratory import exact, trajectories
from pgbench.laboratory.trajectories import enumerate_trajectories

HIDDEN = 6

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
    return process.indices * HIDDEN, HIDDEN, HIDDEN * process.actions, process.actions


def gradient(process, row, function):
    """∇_θ function(policy table) `[P]` at parameters `[P]`."""
    return exact.gradient(row, lambda point: function(policy_table(process, point)))


def credited(process, row, values, weights=None, visits=None):
    """What crediting actions with `values` `[H, X, A]` comes to, `[P]`."""
    return exact.credited(
        process, row, lambda point: policy_table(process, point), values, weights=weights, visits=visits
    )


# ----------------------------------------------------------------------------------------------------------
# Rollouts


def rollout(process, members):
    """What collecting would give if replica s saw the trajectories `members[s]` `[S, E]`, one-hot."""
    placed = trajectories.rollout(process, enumerate_trajectories(process), members)
    one_hot = torch.eye(process.indices, dtype=torch.float64)
    return replace(
        placed,
        observations=one_hot[placed.observations[..., 0].long()],
        next_observations=one_hot[placed.next_observations[..., 0].long()],
    )


def rows(whole, first, last):
    """Steps `first` to `last` of a rollout, as if it had been collected in pieces."""
    columns = {column.name: getattr(whole, column.name) for column in fields(whole)}
    pieces = {name: columns[name][first:last] for name in columns if name not in ("elapsed", "episodes")}
    return replace(whole, **pieces, elapsed=torch.full(whole.rewards.shape[1:], first))


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
