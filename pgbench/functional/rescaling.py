"""Values in units of a mean and a standard deviation, and an output layer that these units leave alone."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Unit(NamedTuple):
    """The mean μ and the standard deviation σ > 0 that values are measured by; both broadcast against them."""

    mean: Tensor
    deviation: Tensor

    def real(self, outputs: Tensor) -> Tensor:
        """Values V = μ + σ n for outputs n of a network that are in these units."""
        return self.mean + self.deviation * outputs

    def outputs(self, values: Tensor) -> Tensor:
        """The inverse of `real`: n = (V − μ) / σ."""
        return (values - self.mean) / self.deviation


def preserving_outputs(weight: Tensor, bias: Tensor, before: Unit, after: Unit) -> tuple[Tensor, Tensor]:
    """The same values in new units: W' = σ W / σ', b' = (σ b + μ − μ') / σ'.

    Van Hasselt et al. 2016, proposition 1.

    Args:
        weight: `[*B, I, O]`, W of a last layer x ↦ x W + b.
        bias: `[*B, 1, O]`, b.
        before: the units so far, μ and σ, which broadcast against both.
        after: the new ones, μ' and σ'.
    """
    ratio = before.deviation / after.deviation
    return weight * ratio, bias * ratio + (before.mean - after.mean) / after.deviation
