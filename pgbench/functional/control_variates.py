"""Control variates: baselines from a batch of trajectories, which lower the variance of a policy gradient.

An average over the batch includes the trajectory from which it is subtracted. This causes a bias of order 1/E,
which the note and the papers accept, and which `leave_one_out` avoids. Sums over rows that may be idle are running
sums; `moments.average` says why.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pgbench.functional.moments import average


def timestep_average(estimates: Tensor, active: Tensor) -> Tensor:
    """b_t = Σ_e x_{t,e} / n_t over the n_t trajectories that still run at step t.

    The time-dependent baseline, "No VF", of Schulman et al. 2016, fig. 2. Each trajectory is part of the
    average that is subtracted from it. This shrinks the expected gradient of step t by 1 − 1/n_t; if one
    trajectory is left, its advantage is 0.

    Args:
        estimates: `[T, S, E]`, x, one trajectory a column; idle rows may hold anything.
        active: `[T, S, E]`, boolean; False after the end of a trajectory.

    Returns:
        `[T, S, 1]`, b; 0 at steps that no trajectory reaches.
    """
    totals = estimates.masked_fill(~active, 0.0).double().cumsum(-1)[..., -1:]
    return (totals / active.sum(-1, keepdim=True).clamp(min=1)).to(estimates.dtype)


def optimal_constant(squared_score_norms: Tensor, returns: Tensor) -> Tensor:
    """The constant of least variance: b = E[‖∇log p(τ)‖² R] / E[‖∇log p(τ)‖²].

    E[∇log p] = 0, therefore b does not change the mean of ∇log p (R − b). The trace of the covariance is least
    where the second moment is: 0 = d/db E[‖∇log p‖² (R − b)²] (Weaver and Tao 2001; Greensmith et al. 2004).

    Args:
        squared_score_norms: `[S, E]`, ‖∇_θ log p(τ)‖² = ‖Σ_t ∇_θ log π(a_t|s_t)‖² of each trajectory.
        returns: `[S, E]`, R, the total return of each trajectory.

    Returns:
        `[S, 1]`, b; 0 where all scores are 0, because then b has no effect.
    """
    constants = average(returns, squared_score_norms)
    return constants.where(squared_score_norms.any(-1), 0.0).unsqueeze(-1)


def optimal_components(scores: Tensor, returns: Tensor) -> Tensor:
    """The constant of least variance for each parameter: b_p = E[(∂_p log p(τ))² R] / E[(∂_p log p(τ))²].

    Peters and Schaal 2008, episodic REINFORCE with an optimal baseline. With one parameter it is
    `optimal_constant`.

    Args:
        scores: `[S, E, P]`, ∇_θ log p(τ) of each trajectory.
        returns: `[S, E]`, R, the total return of each trajectory.

    Returns:
        `[S, P]`, b; 0 for parameters whose scores are all 0, such as padding.
    """
    squares = scores.square().transpose(1, 2)
    return average(returns.unsqueeze(1), squares).where(squares.any(-1), 0.0)


def trajectory_average(estimates: Tensor, active: Tensor) -> Tensor:
    """The average-return baseline of the note: b = 1/E Σ_e (mean over the rows of trajectory e).

    The rows of a total return are equal, therefore b is (1/N) Σ_i r(τ_i) there. As in the note, the average
    includes the trajectory itself. With the total return, this shrinks the expected gradient by 1 − 1/E. With
    the reward-to-go, it subtracts 1/E of the gradient of a trajectory's mean reward-to-go.

    Args:
        estimates: `[T, S, E]`, one trajectory a column; idle rows must be finite.
        active: `[T, S, E]`, boolean; False after the end of a trajectory.

    Returns:
        `[S, 1]`, b.
    """
    return _means_in_time(estimates, active).mean(-1, keepdim=True)


def leave_one_out(estimates: Tensor, active: Tensor) -> Tensor:
    """The average-return baseline without the trajectory itself: b_e = 1/(E − 1) Σ_{e'≠e} (mean over its rows).

    Kool et al. 2019, for returns that may differ from row to row. The other trajectories do not depend on the
    actions of this one; therefore it does not change the expected gradient, with the total return or with the
    reward-to-go.

    Args:
        estimates: `[T, S, E]`, one trajectory a column, E ≥ 2; idle rows must be finite.
        active: `[T, S, E]`, boolean; False after the end of a trajectory.

    Returns:
        `[S, E]`, b.
    """
    means = _means_in_time(estimates, active)
    others = ~torch.eye(means.shape[-1], dtype=torch.bool)
    # Summed without the trajectory itself, because a total minus it would leave rounding as large as the total.
    return (means.unsqueeze(-2) * others).sum(-1) / (means.shape[-1] - 1)


def _means_in_time(estimates: Tensor, active: Tensor) -> Tensor:
    """The mean of each trajectory over its rows, `[S, E]`."""
    # Idle rows at the end do not change how a running sum is rounded. A replica's numbers must not depend on the
    # length of the other replicas' episodes, and the rounding of a tree-shaped sum would depend on it.
    totals = (estimates * active).cumsum(0)[-1]
    return totals / active.sum(0).clamp(min=1)
