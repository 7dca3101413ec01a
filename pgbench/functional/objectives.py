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
    return 0.5 * (values - targets).square()
