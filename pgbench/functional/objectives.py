"""Objectives: the surrogates that an update climbs and the losses that it descends, one number a transition.

The adaptation of the penalty's weight β is here as well, beside the penalty. All shapes are `[*B]` unless stated.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def log_likelihood(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """The surrogate log π(a|s) · Â; its gradient is the policy gradient (Williams 1992)."""
    return log_probs * advantages


def importance_ratio(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor) -> Tensor:
    """The surrogate r Â with r = π(a|s) / π_old(a|s) (Schulman et al. 2017, eq. 6)."""
    return (log_probs - old_log_probs).exp() * advantages


def truncated_ratio(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, maximum: float) -> Tensor:
    """The surrogate min(r, ρ̄) log π(a|s) · Â, through whose weight no gradient flows.

    The policy gradient of V-trace (Espeholt et al. 2018, section 4.2). With a large ρ̄ its gradient is that of r Â.
    """
    weights = (log_probs - old_log_probs).detach().exp().clamp(max=maximum)
    return weights * log_likelihood(log_probs, advantages)


def exponential_weights(advantages: Tensor, temperature: float, maximum: float | None) -> Tensor:
    """The weights min(exp(Â / β), w) of advantage-weighted regression (Peng et al. 2019, eq. 8).

    Args:
        advantages: `[*B]`, Â.
        temperature: β.
        maximum: w; none: no bound.
    """
    exponents = advantages / temperature
    # The bound stands in the exponent, so that no weight overflows on its way to the bound.
    return (exponents if maximum is None else exponents.clamp(max=math.log(maximum))).exp()


def clipped_ratio(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, below: float, above: float
) -> Tensor:
    """The surrogate min(r Â, clip(r, 1 − ε, 1 + ε') Â) (Schulman et al. 2017, eq. 7, with ε' = ε).

    Args:
        log_probs: `[*B]`, log π(a|s).
        old_log_probs: `[*B]`, log π_old(a|s).
        advantages: `[*B]`, Â.
        below: ε.
        above: ε', which Yu et al. 2025 choose larger ("clip-higher").
    """
    ratios = (log_probs - old_log_probs).exp()
    return torch.minimum(ratios * advantages, ratios.clamp(1.0 - below, 1.0 + above) * advantages)


def clipped_ratio_without_minimum(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, below: float, above: float
) -> Tensor:
    """The surrogate clip(r, 1 − ε, 1 + ε') Â (Schulman et al. 2017, eq. 7, without the minimum).

    A ratio outside the interval has no gradient, even where the advantage would pull it back. The arguments are
    those of `clipped_ratio`.
    """
    return (log_probs - old_log_probs).exp().clamp(1.0 - below, 1.0 + above) * advantages


def clipped_log_ratio(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, epsilon: float) -> Tensor:
    """The surrogate min(log r · Â, clip(log r, −ε, ε) Â).

    Schulman et al. 2017, section 6.1, "clipping in log space"; the paper gives no formula. This is its equation 7
    with the logarithm in the place of the ratio.
    """
    log_ratios = log_probs - old_log_probs
    return torch.minimum(log_ratios * advantages, log_ratios.clamp(-epsilon, epsilon) * advantages)


def rollback_ratio(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, epsilon: float, alpha: float
) -> Tensor:
    """The surrogate min(r Â, F(r) Â), whose F has the slope 1 in [1 − ε, 1 + ε] and −α outside.

    F is continuous: F(r) = −α r + (1 + α)(1 ± ε) beyond 1 ± ε (PPO-RB, Wang et al. 2020).
    """
    ratios = (log_probs - old_log_probs).exp()
    beyond = ratios - ratios.clamp(1.0 - epsilon, 1.0 + epsilon)
    return torch.minimum(ratios * advantages, (ratios - (1.0 + alpha) * beyond) * advantages)


def quadratic_penalty(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, epsilon: float) -> Tensor:
    """The surrogate r Â − |Â| (r − 1)² / 2ε, which is greatest at r = 1 + ε sign(Â) (SPO, Xie et al. 2025)."""
    ratios = (log_probs - old_log_probs).exp()
    return ratios * advantages - advantages.abs() * (ratios - 1.0).square() / (2.0 * epsilon)


def kl_penalised(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, kl: Tensor, beta: Tensor | float
) -> Tensor:
    """The surrogate r Â − β d, with d = KL(π_old(·|s) ‖ π(·|s)) in PPO (Schulman et al. 2017, eq. 8).

    Mirror descent has d = KL(π(·|s) ‖ π_old(·|s)) (Tomar et al. 2022).

    Args:
        log_probs: `[*B]`, log π(a|s).
        old_log_probs: `[*B]`, log π_old(a|s).
        advantages: `[*B]`, Â.
        kl: `[*B]`, d, the divergence of the whole distributions at s, in nats.
        beta: β, a number or a tensor that broadcasts against `[*B]`, such as `[S, 1]` for one a replica.

    Returns:
        `[*B]`.
    """
    return importance_ratio(log_probs, old_log_probs, advantages) - beta * kl


BETA_REACH = 2.0**64
"""How far doubling and halving may take β from 1, either way. In single precision 150 halvings would make it 0 and
128 doublings ∞, and no later update could undo that. Long before, a penalty is either lost in the rounding of the
rest, or all there is."""


def adapt_beta(beta: Tensor, kl: Tensor, target: float) -> Tensor:
    """The β of the next update: β/2 where d < d_targ / 1.5, 2β where d > 1.5 d_targ, else β (PPO, section 4).

    Args:
        beta: `[S]`, β of the last update.
        kl: `[S]`, d, the mean divergence of the last update, in nats; NaN leaves β unchanged.
        target: d_targ, in nats.

    Returns:
        `[S]`; a step that would leave `BETA_REACH` is not taken.
    """
    doubled = torch.where(beta < BETA_REACH, 2.0 * beta, beta)
    halved = torch.where(beta > 1.0 / BETA_REACH, 0.5 * beta, beta)
    larger = torch.where(kl > 1.5 * target, doubled, beta)
    return torch.where(kl < target / 1.5, halved, larger)


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
