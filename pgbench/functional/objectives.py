"""Objectives: what an update climbs or descends, one value a transition. All shapes are `[*B]`."""

from __future__ import annotations

import torch
from torch import Tensor


def log_likelihood(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """Log π(a|s) · Â (Williams 1992; its gradient is the policy gradient)."""
    return log_probs * advantages


def importance_ratio(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor) -> Tensor:
    """R Â with r = π(a|s) / π_old(a|s) (Schulman et al. 2017, eq. 6)."""
    return (log_probs - old_log_probs).exp() * advantages


def clipped_ratio(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, epsilon: float) -> Tensor:
    """min(r Â, clip(r, 1 − ε, 1 + ε) Â) (Schulman et al. 2017, eq. 7)."""
    ratios = (log_probs - old_log_probs).exp()
    return torch.minimum(ratios * advantages, ratios.clamp(1.0 - epsilon, 1.0 + epsilon) * advantages)


def value_loss(values: Tensor, targets: Tensor) -> Tensor:
    """½ (V − target)², a regression; the paper's L^VF (PPO, eq. 9) leaves the ½ to the coefficient."""
    return 0.5 * torch.nn.functional.mse_loss(values, targets, reduction="none")


def clipped_ratio_without_minimum(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, epsilon: float
) -> Tensor:
    """clip(r, 1 − ε, 1 + ε) Â (Schulman et al. 2017, eq. 7, without its min).

    A ratio that has left the interval has no gradient here, even where the advantage wants it back.
    """
    return (log_probs - old_log_probs).exp().clamp(1.0 - epsilon, 1.0 + epsilon) * advantages


def kl_penalised(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, kl: Tensor, beta: Tensor | float
) -> Tensor:
    """The penalised ratio r Â − β KL(π_old(·|s) ‖ π(·|s)) (Schulman et al. 2017, eq. 8).

    KL is that of the whole distributions at s, in nats. β is a number, or a tensor that broadcasts against
    `[*B]`, such as `[S, 1]` for one a replica.
    """
    return importance_ratio(log_probs, old_log_probs, advantages) - beta * kl


def clipped_value_loss(values: Tensor, old_values: Tensor, targets: Tensor, epsilon: float) -> Tensor:
    """½ max((V − y)², (V_old + clip(V − V_old, −ε, ε) − y)²), y the target.

    Not in the PPO paper: OpenAI's baselines; Engstrom et al. 2020, section 3, their first optimisation. ε is in
    units of the return. Within ε of the old value it is `value_loss`, and never less.
    """
    clipped = old_values + (values - old_values).clamp(-epsilon, epsilon)
    return torch.maximum(value_loss(values, targets), value_loss(clipped, targets))


def adapt_beta(beta: Tensor, kl: Tensor, target: float) -> Tensor:
    """β/2 where d < d_targ / 1.5, 2β where d > 1.5 d_targ, else β: for the next update (PPO, section 4).

    Args:
        beta: `[S]`, β of the update that was made.
        kl: `[S]`, d, its mean KL(old ‖ new) in nats; a NaN leaves β as it is.
        target: d_targ in nats.

    Returns:
        `[S]`.
    """
    larger = torch.where(kl > 1.5 * target, 2.0 * beta, beta)
    return torch.where(kl < target / 1.5, 0.5 * beta, larger)
