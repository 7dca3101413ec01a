"""Means and variances over the last axis, `[*B, N]`: the transitions of a replica or of a minibatch."""

from __future__ import annotations

import torch
from torch import Tensor


def average(values: Tensor, weights: Tensor) -> Tensor:
    """Σ_n w_n x_n / Σ_n w_n of each row, in double precision.

    A running sum: trailing transitions of weight 0, which only fill up a block, cannot change its rounding.

    Args:
        values: `[*B, N]`.
        weights: `[*B, N]`, not all zero in a row; a value of weight 0 must still be finite.

    Returns:
        `[*B]`, in the type of the values.
    """
    weights = weights.double()
    totals = (values.double() * weights).cumsum(-1)[..., -1]
    return (totals / weights.cumsum(-1)[..., -1]).to(values.dtype)


def standardise(values: Tensor, weights: Tensor, epsilon: float = 1e-8) -> Tensor:
    """(x − μ) / √(σ² + ε) with the mean and population variance of each row (the note, "advantage normalisation").

    Args:
        values: `[*B, N]`.
        weights: `[*B, N]`, as in `average`.
        epsilon: keeps rows without variance finite.

    Returns:
        `[*B, N]`.
    """
    centred = values - average(values, weights).unsqueeze(-1)
    variance = average(centred.square(), weights)
    return centred / (variance + epsilon).sqrt().unsqueeze(-1)


def signal_to_noise(parts: Tensor) -> Tensor:
    """‖E ḡ‖² / tr Cov(ḡ) of the mean ḡ of K independent estimates g_k of one vector.

    tr Cov(ḡ) is estimated by Σ_k ‖g_k − ḡ‖² / (K (K − 1)), and ‖E ḡ‖² by ‖ḡ‖² less that, both without bias; so
    the ratio can be negative, where noise is nearly all there is.

    Args:
        parts: `[K, *B, P]`, K ≥ 2.

    Returns:
        `[*B]`; NaN where all parts are the same.
    """
    mean = parts.mean(0)
    # A running sum over the parts: what is rounded must not depend on how many rows lie beside each other.
    scatter = (parts - mean).square().sum(-1).cumsum(0)[-1]
    noise = scatter / (len(parts) * (len(parts) - 1))
    return (mean.square().sum(-1) - noise) / noise.where(noise > 0.0, torch.nan)


def explained_variance(values: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """1 − Var(target − V) / Var(target): 1 for a perfect critic, 0 for a constant one.

    Args:
        values: `[*B, N]`.
        targets: `[*B, N]`.
        weights: `[*B, N]`, as in `average`.

    Returns:
        `[*B]`; −∞ or NaN where the targets have no variance.
    """
    residuals = targets - values
    unexplained = average((residuals - average(residuals, weights).unsqueeze(-1)).square(), weights)
    total = average((targets - average(targets, weights).unsqueeze(-1)).square(), weights)
    return 1.0 - unexplained / total
