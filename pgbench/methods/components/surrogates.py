"""The surrogate slot: the objective whose gradient an update follows; Â is the advantage.

Here r = π(a|s) / π_old(a|s) is the probability ratio of the present and the collecting policy.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from pgbench.base.specification import SLOT, Specification


class LogLikelihood(Specification):
    """log π(a|s) · Â (Williams 1992)."""

    kind: Literal["log_likelihood"] = "log_likelihood"


class ImportanceRatio(Specification):
    """r Â, with neither clip nor penalty (PPO, eq. 6)."""

    kind: Literal["importance_ratio"] = "importance_ratio"


class ClippedRatio(Specification):
    """min(r Â, clip(r, 1 − ε, 1 + ε) Â) (PPO, eq. 7)."""

    kind: Literal["clipped_ratio"] = "clipped_ratio"
    epsilon: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.2, description="Half the width ε of the interval around 1."
    )
    pessimistic: bool = Field(
        True, description="Whether the outer minimum is taken; without it: clip(r, 1 − ε, 1 + ε) Â."
    )


class FixedPenalty(Specification):
    """r Â − β KL(π_old ‖ π) with a fixed β (PPO, eq. 8)."""

    kind: Literal["fixed_penalty"] = "fixed_penalty"
    beta: PositiveFloat = Field(1.0, description="Weight β of the divergence.")


class AdaptivePenalty(Specification):
    """r Â − β KL(π_old ‖ π); after each update, β is doubled or halved to hold a target divergence (PPO, §4)."""

    kind: Literal["adaptive_penalty"] = "adaptive_penalty"
    target: PositiveFloat = Field(0.01, description="d_targ, the KL divergence to hold, in nats.")
    initial_beta: PositiveFloat = Field(1.0, description="β of the first update.")


class TrajectoryRatio(Specification):
    """The importance ratio of the whole trajectory: unbiased, but its variance explodes (the note)."""

    kind: Literal["trajectory_ratio"] = "trajectory_ratio"


class CausalRatio(Specification):
    """The product of the ratios up to the action; causality removes the ratios of the future (the note)."""

    kind: Literal["causal_ratio"] = "causal_ratio"


class PerDecisionRatio(Specification):
    """The ratios of the actions up to a reward weight it: unbiased and less noisy (Precup et al. 2000)."""

    kind: Literal["per_decision_ratio"] = "per_decision_ratio"


Surrogate = Annotated[
    LogLikelihood
    | ImportanceRatio
    | ClippedRatio
    | FixedPenalty
    | AdaptivePenalty
    | TrajectoryRatio
    | CausalRatio
    | PerDecisionRatio,
    *SLOT,
]
