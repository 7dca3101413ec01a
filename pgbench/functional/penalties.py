"""Coefficients of soft constraints, one for each replica."""

from __future__ import annotations

import torch
from torch import Tensor


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
