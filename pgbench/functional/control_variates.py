"""Baselines computed from a batch of trajectories: what to subtract from a return to lower the variance.

An average over the batch includes the trajectory that it is subtracted from. That costs a bias of order 1/E; the
note and the papers accept it. Sums over trajectories are running sums in double precision, see `moments`.
"""

from __future__ import annotations

from torch import Tensor

from pgbench.functional.moments import average


def timestep_average(estimates: Tensor, active: Tensor) -> Tensor:
    """b_t = Σ_e x_{t,e} / n_t over the n_t trajectories that are still active at step t; 0 where there is none.

    The time-dependent baseline, "No VF", of Schulman et al. 2016, fig. 2. Each trajectory is part of its own
    average, which shrinks the expected gradient of step t by 1 − 1/n_t: the last survivor is credited with nothing.

    Args:
        estimates: `[T, S, E]`, one trajectory a column; idle rows may hold anything.
        active: `[T, S, E]`, boolean; False after a trajectory's end.

    Returns:
        `[T, S, 1]`.
    """
    totals = estimates.masked_fill(~active, 0.0).double().cumsum(-1)[..., -1:]
    return (totals / active.sum(-1, keepdim=True).clamp(min=1)).to(estimates.dtype)


def optimal_constant(squared_score_norms: Tensor, returns: Tensor) -> Tensor:
    """The constant of least variance: b = E[‖∇log p(τ)‖² R] / E[‖∇log p(τ)‖²].

    E[∇log p] = 0, so b leaves the mean of ∇log p (R − b) alone, and the trace of its covariance is least where the
    second moment is: 0 = d/db E[‖∇log p‖² (R − b)²] (Weaver and Tao 2001; Greensmith et al. 2004).

    Args:
        squared_score_norms: `[S, E]`, ‖∇_θ log p(τ)‖² = ‖Σ_t ∇_θ log π(a_t|s_t)‖² of each trajectory.
        returns: `[S, E]`, total return of each trajectory.

    Returns:
        `[S, 1]`; 0 where no trajectory has a score, since any constant will do.
    """
    constants = average(returns, squared_score_norms)
    return constants.where(squared_score_norms.any(-1), 0.0).unsqueeze(-1)


def optimal_components(scores: Tensor, returns: Tensor) -> Tensor:
    """Each component's constant of least variance: b_p = E[(∂_p log p(τ))² R] / E[(∂_p log p(τ))²].

    Peters and Schaal 2008, episodic REINFORCE with an optimal baseline. Of one component: `optimal_constant`.

    Args:
        scores: `[S, E, P]`, ∇_θ log p(τ) of each trajectory.
        returns: `[S, E]`, total return of each trajectory.

    Returns:
        `[S, P]`; 0 for components, such as padding, that no score touches.
    """
    squares = scores.square().transpose(1, 2)
    return average(returns.unsqueeze(1), squares).where(squares.any(-1), 0.0)


def trajectory_average(estimates: Tensor, active: Tensor) -> Tensor:
    """B = 1/E Σ_e (mean over the trajectory's rows): the note's average-return baseline.

    With the total return, whose rows are equal, it is (1/N) Σ_i r(τ_i). As in the note the average includes the
    trajectory itself: with the total return that shrinks the expected gradient by a factor 1 − 1/E; with the
    reward-to-go it subtracts 1/E of the gradient of a trajectory's mean reward-to-go.

    Args:
        estimates: `[T, S, E]`, one trajectory a column.
        active: `[T, S, E]`, boolean; False after a trajectory's end.

    Returns:
        `[S, 1]`.
    """
    # A running sum, unlike a tree-shaped one, is not rounded otherwise when idle rows follow: a replica's numbers
    # must not depend on how long the other replicas' episodes are.
    totals = (estimates * active).cumsum(0)[-1]
    return (totals / active.sum(0).clamp(min=1)).mean(-1, keepdim=True)
