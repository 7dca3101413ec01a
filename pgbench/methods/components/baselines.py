"""The baseline slot: what an action's return is compared with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pgbench.base.specification import SLOT, Specification
from pgbench.methods.components.critics import CriticFit, CriticTarget, MonteCarloTarget, SeparateFit


class NoBaseline(Specification):
    """Nothing is subtracted."""

    kind: Literal["no_baseline"] = "no_baseline"


class AverageReturn(Specification):
    """The average return of the batch: each trajectory's mean estimate, averaged over trajectories."""

    kind: Literal["average_return"] = "average_return"


class TimestepAverage(Specification):
    """The batch's average at the same time step, over the trajectories that got so far."""

    kind: Literal["timestep_average"] = "timestep_average"


class OptimalConstant(Specification):
    """The constant of least variance, E[‖∇log p(τ)‖² R] / E[‖∇log p(τ)‖²] (Peters and Schaal 2008)."""

    kind: Literal["optimal_constant"] = "optimal_constant"


class OptimalComponents(Specification):
    """For each parameter its own constant of least variance, E[(∂_p log p(τ))² R] / E[(∂_p log p(τ))²].

    Peters and Schaal 2008, episodic REINFORCE with an optimal baseline.
    """

    kind: Literal["optimal_components"] = "optimal_components"


class LearnedValue(Specification):
    """A network V(s) fitted by regression: the critic."""

    kind: Literal["learned_value"] = "learned_value"
    target: CriticTarget = MonteCarloTarget()
    fit: CriticFit = SeparateFit()


class LearnedActionValue(Specification):
    """A network Q(s, a) fitted to r + γ Q(s', a'): a critic of actions, which is not subtracted (the note)."""

    kind: Literal["learned_action_value"] = "learned_action_value"
    next_action: Literal["buffer", "policy"] = Field(
        "policy",
        description="Whose a' the target has: the stored one, or one that the present policy draws.",
    )
    fit: SeparateFit = SeparateFit()


Baseline = Annotated[
    NoBaseline
    | AverageReturn
    | TimestepAverage
    | OptimalConstant
    | OptimalComponents
    | LearnedValue
    | LearnedActionValue,
    *SLOT,
]
