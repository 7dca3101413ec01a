"""The surrogate slot: the objective whose gradient an update follows; Â is the advantage.

Here r = π(a|s) / π_old(a|s) is the probability ratio of the present and the collecting policy.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from pgbench.base.specification import LATER, SLOT, Specification


class LogLikelihood(Specification):
    """log π(a|s) · Â (Williams 1992)."""

    kind: Literal["log_likelihood"] = "log_likelihood"


class ImportanceRatio(Specification):
    """r Â, with neither clip nor penalty (PPO, eq. 6)."""

    kind: Literal["importance_ratio"] = "importance_ratio"


class TruncatedRatio(Specification):
    """min(r, ρ̄) log π(a|s) · Â, the weight held fixed: the policy gradient of V-trace.

    Espeholt et al. 2018, section 4.2.
    """

    kind: Literal["truncated_ratio"] = "truncated_ratio"
    maximum: Annotated[float, Field(ge=1.0)] = Field(1.0, description="ρ̄, the largest weight.")


class ExponentialAdvantage(Specification):
    """min(exp(Â / β), w) log π(a|s): better actions are imitated more (advantage-weighted regression).

    Peng et al. 2019, whose code has these defaults and normalises the advantages.
    """

    kind: Literal["exponential_advantage"] = "exponential_advantage"
    temperature: PositiveFloat = Field(1.0, description="β; a smaller one prefers the best actions more.")
    maximum: PositiveFloat | None = Field(20.0, description="w, the largest weight; null: no bound.")


class ClippedRatio(Specification):
    """min(r Â, clip(r, 1 − ε, 1 + ε) Â) (PPO, eq. 7)."""

    kind: Literal["clipped_ratio"] = "clipped_ratio"
    epsilon: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.2,
        description="Half the width ε of the interval around 1; with epsilon_high, only the part below 1.",
    )
    epsilon_high: Annotated[PositiveFloat | None, LATER] = Field(
        None,
        description="The width of the interval above 1, if it differs from ε (clip-higher, Yu et al. 2025).",
    )
    pessimistic: bool = Field(
        True, description="Whether the outer minimum is taken; without it: clip(r, 1 − ε, 1 + ε) Â."
    )


class ClippedLogRatio(Specification):
    """min(log r · Â, clip(log r, −ε, ε) Â): clipping in log space (PPO, section 6.1, which gives no formula)."""

    kind: Literal["clipped_log_ratio"] = "clipped_log_ratio"
    epsilon: PositiveFloat = Field(0.2, description="Half the width ε of the interval around log 1 = 0.")


class RollbackRatio(Specification):
    """The clipped ratio, which falls with slope −α outside the interval, so that it pulls the ratio back.

    PPO-RB of Wang et al. 2020 (Truly PPO).
    """

    kind: Literal["rollback_ratio"] = "rollback_ratio"
    epsilon: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.2, description="Half the width ε of the interval around 1."
    )
    alpha: PositiveFloat = Field(
        0.3, description="α, the steepness outside the interval; 0 would be the clip."
    )


class QuadraticPenalty(Specification):
    """r Â − |Â| (r − 1)² / 2ε: its best ratio is 1 + ε or 1 − ε, by the sign of Â (SPO, Xie et al. 2025)."""

    kind: Literal["quadratic_penalty"] = "quadratic_penalty"
    epsilon: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.2, description="The distance ε of the best ratio from 1."
    )


Direction = Literal["old_new", "new_old"]


class FixedPenalty(Specification):
    """r Â − β KL(π_old ‖ π) with a fixed β (PPO, eq. 8)."""

    kind: Literal["fixed_penalty"] = "fixed_penalty"
    beta: PositiveFloat = Field(1.0, description="Weight β of the divergence.")
    direction: Annotated[Direction, LATER] = Field(
        "old_new",
        description="`old_new`: KL(π_old ‖ π) (PPO). `new_old`: KL(π ‖ π_old) (mirror descent, Tomar et al. 2022).",
    )


class AdaptivePenalty(Specification):
    """r Â − β KL(π_old ‖ π); after each update, β is doubled or halved to hold a target divergence (PPO, §4)."""

    kind: Literal["adaptive_penalty"] = "adaptive_penalty"
    target: PositiveFloat = Field(0.01, description="d_targ, the KL divergence to hold, in nats.")
    initial_beta: PositiveFloat = Field(1.0, description="β of the first update.")
    direction: Annotated[Direction, LATER] = Field(
        "old_new",
        description="The divergence that is penalised and held. `old_new`: KL(π_old ‖ π) (PPO). `new_old`: "
        "KL(π ‖ π_old) (mirror descent, Tomar et al. 2022).",
    )


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
    | TruncatedRatio
    | ExponentialAdvantage
    | ClippedRatio
    | ClippedLogRatio
    | RollbackRatio
    | QuadraticPenalty
    | FixedPenalty
    | AdaptivePenalty
    | TrajectoryRatio
    | CausalRatio
    | PerDecisionRatio,
    *SLOT,
]
