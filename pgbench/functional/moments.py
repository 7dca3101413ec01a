"""Means and variances over the last axis of `[*B, N]`: over the transitions of a replica or of a minibatch."""

from __future__ import annotations

import torch
from torch import Tensor


def average(values: Tensor, weights: Tensor) -> Tensor:
    """Σ_n w_n x_n / Σ_n w_n of each row, computed in double precision.

    The sums are running sums. Transitions of weight 0 at the end only fill up a block; they cannot change how a
    running sum is rounded.

    Args:
        values: `[*B, N]`, x; a value of weight 0 must be finite, too.
        weights: `[*B, N]`, w ≥ 0; a row must not be all 0.

    Returns:
        `[*B]`, in the type of the values.
    """
    weights = weights.double()
    totals = (values.double() * weights).cumsum(-1)[..., -1]
    return (totals / weights.cumsum(-1)[..., -1]).to(values.dtype)


def standardise(values: Tensor, weights: Tensor, epsilon: float = 1e-8) -> Tensor:
    """(x − μ) / √(σ² + ε), with mean μ and population variance σ² of a row (the note, "advantage normalisation").

    Args:
        values: `[*B, N]`, x.
        weights: `[*B, N]`, as for `average`, but all may be 0.
        epsilon: ε; it keeps rows without variance finite.

    Returns:
        `[*B, N]`; 0 where no entry of the row counts, because NaN would outlive a weight of 0.
    """
    centred = values - average(values, weights).unsqueeze(-1)
    variance = average(centred.square(), weights)
    normalised = centred / (variance + epsilon).sqrt().unsqueeze(-1)
    return normalised.where(weights.any(-1, keepdim=True), 0.0)


def signal_to_noise(parts: Tensor, sizes: Tensor | None = None) -> Tensor:
    """‖E ḡ‖² / tr Cov(ḡ) for the mean ḡ of K independent estimates g_k of one vector.

    An estimate may itself be a mean of n_k draws. It then has 1 / n_k of a draw's covariance, and ḡ weighs it by
    n_k. With s_k = K n_k / Σ n, the mean is ḡ = Σ_k s_k g_k / K, and Σ_k s_k ‖g_k − ḡ‖² / (K (K − 1)) estimates
    tr Cov(ḡ). ‖ḡ‖² minus that estimates ‖E ḡ‖². Both estimates have no bias. Therefore the ratio can be negative
    when the noise dominates.

    Args:
        parts: `[K, *B, P]`, the estimates g_k, K ≥ 2.
        sizes: `[K, *B]`, n_k; an estimate of no draws does not count. None: all are equal.

    Returns:
        `[*B]`; ∞ where all estimates are equal, NaN where all are 0 or only one counts.
    """
    sizes = torch.ones(parts.shape[:-1]) if sizes is None else sizes
    count = (sizes > 0).sum(0)
    shares = (sizes * count / sizes.sum(0)).to(parts.dtype)
    mean = (shares.unsqueeze(-1) * parts).sum(0) / count.unsqueeze(-1)
    # A running sum over the estimates, because its rounding does not depend on the number of rows.
    scatter = (shares * (parts - mean).square().sum(-1)).cumsum(0)[-1]
    noise = scatter / (count * (count - 1))
    return (mean.square().sum(-1) - noise) / noise


def explained_variance(values: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """1 − Var(target − V) / Var(target): 1 for a perfect critic, 0 for a constant one.

    Args:
        values: `[*B, N]`, V.
        targets: `[*B, N]`.
        weights: `[*B, N]`, as for `average`.

    Returns:
        `[*B]`; −∞ or NaN where the targets have no variance.
    """
    residuals = targets - values
    unexplained = average((residuals - average(residuals, weights).unsqueeze(-1)).square(), weights)
    total = average((targets - average(targets, weights).unsqueeze(-1)).square(), weights)
    return 1.0 - unexplained / total
