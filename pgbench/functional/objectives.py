"""Objectives: the surrogates that an update climbs and the losses that it descends, one number a transition.

The adaptation of the penalty's weight β is here as well, beside the penalty. All shapes are `[*B]` unless stated.
"""

from __future__ import annotations

import torch
from torch import Tensor


def log_likelihood(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """The surrogate log π(a|s) · Â; its gradient is the policy gradient (Williams 1992)."""
    return log_probs * advantages


def importance_ratio(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor) -> Tensor:
    """The surrogate r Â with r = π(a|s) / π_old(a|s) (Schulman et al. 2017, eq. 6)."""
    return (log_probs - old_log_probs).exp() * advantages


def clipped_ratio(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, epsilon: float) -> Tensor:
    """The surrogate min(r Â, clip(r, 1 − ε, 1 + ε) Â) (Schulman et al. 2017, eq. 7)."""
    ratios = (log_probs - old_log_probs).exp()
    return torch.minimum(ratios * advantages, ratios.clamp(1.0 - epsilon, 1.0 + epsilon) * advantages)


def clipped_ratio_without_minimum(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, epsilon: float
) -> Tensor:
    """The surrogate clip(r, 1 − ε, 1 + ε) Â (Schulman et al. 2017, eq. 7, without the minimum).

    A ratio outside the interval has no gradient, even where the advantage would pull it back.
    """
    return (log_probs - old_log_probs).exp().clamp(1.0 - epsilon, 1.0 + epsilon) * advantages


def kl_penalised(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, kl: Tensor, beta: Tensor | float
) -> Tensor:
    """The surrogate r Â − β KL(π_old(·|s) ‖ π(·|s)) (Schulman et al. 2017, eq. 8).

    Args:
        log_probs: `[*B]`, log π(a|s).
        old_log_probs: `[*B]`, log π_old(a|s).
        advantages: `[*B]`, Â.
        kl: `[*B]`, the divergence of the whole distributions at s, in nats.
        beta: β, a number or a tensor that broadcasts against `[*B]`, such as `[S, 1]` for one a replica.

    Returns:
        `[*B]`.
    """
    return importance_ratio(log_probs, old_log_probs, advantages) - beta * kl


def adapt_beta(beta: Tensor, kl: Tensor, target: float) -> Tensor:
    """The β of the next update: β/2 where d < d_targ / 1.5, 2β where d > 1.5 d_targ, else β (PPO, section 4).

    Args:
        beta: `[S]`, β of the last update.
        kl: `[S]`, d, the mean KL(old ‖ new) of the last update, in nats; NaN leaves β unchanged.
        target: d_targ, in nats.

    Returns:
        `[S]`.
    """
    larger = torch.where(kl > 1.5 * target, 2.0 * beta, beta)
    return torch.where(kl < target / 1.5, 0.5 * beta, larger)


def value_loss(values: Tensor, targets: Tensor) -> Tensor:
    """The loss ½ (V − target)² of a regression; L^VF of PPO, eq. 9, has the ½ in its coefficient."""
    return 0.5 * torch.nn.functional.mse_loss(values, targets, reduction="none")


def clipped_value_loss(values: Tensor, old_values: Tensor, targets: Tensor, epsilon: float) -> Tensor:
    """The loss ½ max((V − y)², (V_old + clip(V − V_old, −ε, ε) − y)²), where y is the target.

    The PPO paper does not have it. It comes from OpenAI's baselines (Engstrom et al. 2020, section 3, the first
    optimisation). ε has the unit of the return. The loss equals `value_loss` within ε of the old value and is never
    less.
    """
    clipped = old_values + (values - old_values).clamp(-epsilon, epsilon)
    return torch.maximum(value_loss(values, targets), value_loss(clipped, targets))
