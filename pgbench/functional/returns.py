"""Returns and advantages along trajectories, `[T, *B]`.

Two flags end an episode. `terminated`: the episode reached a terminal state, and no reward follows.
`truncated`: a time limit cut the episode, and the value of the observation that really followed stands for the
rest. The last row of a rollout is a cut, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgbench.base.compiled import compiled


def backward_sum(terms: Tensor, factors: Tensor, last: Tensor) -> Tensor:
    """y_t = terms_t + factors_t · y_{t+1}, with y_T = last.

    Args:
        terms: `[T, *B]`.
        factors: `[T, *B]`.
        last: `[*B]`, the sum after the last row.

    Returns:
        `[T, *B]`, y.

    Raises:
        ValueError: if the shapes do not agree.
    """
    if terms.shape != factors.shape or terms.shape[1:] != last.shape:
        shapes = f"terms {list(terms.shape)}, factors {list(factors.shape)}, last {list(last.shape)}"
        raise ValueError(f"shapes must be [T, *B], [T, *B] and [*B], but they are {shapes}")
    sums = torch.empty_like(terms, memory_format=torch.contiguous_format)
    flat = [values.detach().contiguous().numpy().reshape(len(terms), -1) for values in (terms, factors, sums)]
    _backward_sum(flat[0], flat[1], flat[2], last.detach().numpy().flatten())
    return sums


@compiled
def _backward_sum(
    terms: NDArray[np.floating[Any]],
    factors: NDArray[np.floating[Any]],
    sums: NDArray[np.floating[Any]],
    following: NDArray[np.floating[Any]],
) -> None:
    for time in range(len(terms) - 1, -1, -1):
        for b in range(terms.shape[1]):
            following[b] = terms[time, b] + factors[time, b] * following[b]
            sums[time, b] = following[b]


def rewards_to_go(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, truncated: Tensor, gamma: float
) -> Tensor:
    """G_t = Σ_{k≥0} γᵏ r_{t+k} to the end of the episode, plus γᵏ V(s) of the observation at a cut.

    Sutton et al. 2000; the discounted reward-to-go of the note, γ^(t'−t).

    Args:
        rewards: `[T, *B]`.
        next_values: `[T, *B]`, V of the observation that really followed; zeros if there is no critic.
        terminated: `[T, *B]`, boolean.
        truncated: `[T, *B]`, boolean.
        gamma: discount in (0, 1].

    Returns:
        `[T, *B]`.
    """
    ended = terminated | truncated
    at_a_cut = gamma * next_values * (truncated & ~terminated)
    return backward_sum(rewards + at_a_cut, gamma * (~ended).to(rewards.dtype), next_values[-1])


def total_returns(to_go: Tensor, terminated: Tensor, truncated: Tensor) -> Tensor:
    """The reward-to-go of an episode's first row, for each of its rows (Williams 1992).

    Args:
        to_go: `[T, *B]` from `rewards_to_go`.
        terminated: `[T, *B]`, boolean.
        truncated: `[T, *B]`, boolean.

    Returns:
        `[T, *B]`.
    """
    return to_go.gather(0, first_rows(terminated, truncated))


def td_errors(
    rewards: Tensor, values: Tensor, next_values: Tensor, terminated: Tensor, gamma: float
) -> Tensor:
    """δ_t = r_t + γ V(s_{t+1}) − V(s_t), `[T, *B]`; the arguments are those of `gae`."""
    return rewards + gamma * next_values.masked_fill(terminated, 0.0) - values


def gae(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float,
    lam: float,
) -> Tensor:
    """Â_t = Σ_{k≥0} (γλ)ᵏ δ_{t+k} to the end of the episode; δ_t = r_t + γ V(s_{t+1}) − V(s_t).

    Schulman et al. 2016, eq. 16. λ = 0 gives the one-step TD error, λ = 1 the reward-to-go minus the value.

    Args:
        rewards: `[T, *B]`.
        values: `[T, *B]`, V(s_t).
        next_values: `[T, *B]`, V of the observation that really followed; ignored where terminated.
        terminated: `[T, *B]`, boolean; stops bootstrapping.
        truncated: `[T, *B]`, boolean; either flag ends the sum.
        gamma: discount in (0, 1].
        lam: λ in [0, 1].

    Returns:
        `[T, *B]`.
    """
    errors = td_errors(rewards, values, next_values, terminated, gamma)
    decay = gamma * lam * (~(terminated | truncated)).to(rewards.dtype)
    return backward_sum(errors, decay, torch.zeros_like(errors[0]))


def first_rows(terminated: Tensor, truncated: Tensor) -> Tensor:
    """The index of the row at which the episode of each row starts; the first row of a rollout always starts one.

    Args:
        terminated: `[T, *B]`, boolean.
        truncated: `[T, *B]`, boolean.

    Returns:
        `[T, *B]`, integers.
    """
    rows = torch.arange(len(terminated)).reshape(-1, *[1] * (terminated.dim() - 1)).expand_as(terminated)
    starts = torch.ones_like(terminated)
    starts[1:] = (terminated | truncated)[:-1]
    return torch.where(starts, rows, 0).cummax(0).values


def n_step_returns(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, truncated: Tensor, gamma: float, n: int
) -> Tensor:
    """G_t = Σ_{k<m} γᵏ r_{t+k} + γᵐ V(s_{t+m}), where m is n, or less if the episode or the rollout ends earlier.

    Watkins 1989; Sutton and Barto 2018, eq. 7.1. n = 1 gives the TD target, n ≥ T the reward-to-go.

    Args:
        rewards: `[T, *B]`.
        next_values: `[T, *B]`, V of the observation that really followed; ignored where terminated.
        terminated: `[T, *B]`, boolean; stops bootstrapping.
        truncated: `[T, *B]`, boolean; either flag ends the sum.
        gamma: discount in (0, 1].
        n: the number of rewards before the value, at least 1.

    Returns:
        `[T, *B]`.

    Raises:
        ValueError: if n is not positive.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, but it is {n}")
    targets = rewards + gamma * next_values.masked_fill(terminated, 0.0)
    ended, sums = (terminated | truncated)[:-1], targets
    for _ in range(min(n, len(rewards)) - 1):
        longer = torch.where(ended, targets[:-1], rewards[:-1] + gamma * sums[1:])
        sums = torch.cat([longer, targets[-1:]])
    return sums


def derived_discounts(
    terminated: Tensor,
    truncated: Tensor,
    gamma: float,
    elapsed: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """γ^(t−t₀), where t₀ is the first step of the row's episode.

    The gradient that is derived from the discounted return multiplies the discounted reward-to-go by this
    factor (Sutton et al. 2000, with the discounted weighting of states); practice omits it. The note counts
    steps from 1: this factor is γ^(t−1) there, and γ^(t'−1) = γ^(t−1) γ^(t'−t).

    Args:
        terminated: `[T, *B]`, boolean.
        truncated: `[T, *B]`, boolean.
        gamma: discount in (0, 1].
        elapsed: `[*B]`, integers, steps that the running episode took before the first row. None: 0.
        dtype: type of the result. None: the default of torch.

    Returns:
        `[T, *B]`.
    """
    rows = torch.arange(len(terminated)).reshape(-1, *[1] * (terminated.dim() - 1))
    first = first_rows(terminated, truncated)
    steps = rows - first
    if elapsed is not None:
        steps = steps + elapsed * (first == 0)
    # A running product, so that the bits of a power depend on nothing but its exponent.
    powers = torch.full((int(steps.max()) + 1,), gamma, dtype=torch.float64)
    powers[0] = 1.0
    return powers.cumprod(0)[steps].to(dtype or torch.get_default_dtype())
