"""The baseline slot: what is subtracted from the estimate of a return."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pgbench.base.specification import LATER, SLOT, Specification
from pgbench.methods.components.critics import CriticFit, CriticTarget, MonteCarloTarget, SeparateFit


class NoBaseline(Specification):
    """Nothing is subtracted."""

    kind: Literal["no_baseline"] = "no_baseline"


class AverageReturn(Specification):
    """The average return of the batch: the mean estimate of a trajectory, averaged over trajectories (the note)."""

    kind: Literal["average_return"] = "average_return"


class LeaveOneOut(Specification):
    """The average return of the other trajectories of the batch: unbiased, as the average return is not.

    Kool et al. 2019.
    """

    kind: Literal["leave_one_out"] = "leave_one_out"


class TimestepAverage(Specification):
    """The average of the batch at the same time step, over the trajectories that are still running.

    The time-dependent baseline of Schulman et al. 2016 (GAE), fig. 2.
    """

    kind: Literal["timestep_average"] = "timestep_average"


class OptimalConstant(Specification):
    """The constant that minimises the variance of the gradient, E[‖∇log p(τ)‖² R] / E[‖∇log p(τ)‖²].

    Weaver and Tao 2001; Greensmith et al. 2004.
    """

    kind: Literal["optimal_constant"] = "optimal_constant"


class OptimalComponents(Specification):
    """One constant for each parameter p, with the least variance: E[(∂_p log p(τ))² R] / E[(∂_p log p(τ))²].

    Peters and Schaal 2008, episodic REINFORCE with an optimal baseline.
    """

    kind: Literal["optimal_components"] = "optimal_components"


class LearnedValue(Specification):
    """A critic: a network V(s) that is fitted by regression."""

    kind: Literal["learned_value"] = "learned_value"
    target: CriticTarget = MonteCarloTarget()
    fit: CriticFit = SeparateFit()


class LearnedActionValue(Specification):
    """A critic Q(s, a): a network that is fitted to r + γ Q(s', a')."""

    kind: Literal["learned_action_value"] = "learned_action_value"
    next_action: Literal["buffer", "policy"] = Field(
        "policy",
        description="The action a' of the target. `buffer`: the stored one. `policy`: one that the present policy "
        "draws at s'.",
    )
    subtracts: Annotated[Literal["nothing", "expected_value", "second_action"], LATER] = Field(
        "nothing",
        description="What is subtracted from an action's value. `nothing` (the note). `expected_value`: "
        "Σ_a π(a|s) Q(s, a); actions must be discrete. `second_action`: Q(s, a) of another action that the present "
        "policy draws at s.",
    )
    fit: SeparateFit = SeparateFit()


Baseline = Annotated[
    NoBaseline
    | AverageReturn
    | LeaveOneOut
    | TimestepAverage
    | OptimalConstant
    | OptimalComponents
    | LearnedValue
    | LearnedActionValue,
    *SLOT,
]
