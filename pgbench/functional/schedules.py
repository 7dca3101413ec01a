"""Step sizes that follow what updates do."""

from __future__ import annotations

import torch
from torch import Tensor


def adapt_step_size(
    rate: Tensor, kl: Tensor, target: float, band: float, factor: float, smallest: float, largest: float
) -> Tensor:
    """The step size of the next update: α / f where d > b d_targ, α f where d < d_targ / b, else α.

    The rule of PPO's penalty (Schulman et al. 2017, section 4) the other way round, as for its Figure 3. An update
    that moved nothing has d = 0, and the step size rises. A rule that left it then would never leave a step size
    that is too small to be seen in d.

    Args:
        rate: `[S]`, α.
        kl: `[S]`, d, the mean KL(old ‖ new) of the last update, in nats; NaN leaves α unchanged.
        target: d_targ, in nats.
        band: b > 1.
        factor: f > 1.
        smallest: lower bound on α.
        largest: upper bound on α.

    Returns:
        `[S]`.
    """
    smaller = torch.where(kl > band * target, rate / factor, rate)
    return torch.where(kl < target / band, factor * rate, smaller).clamp(smallest, largest)
