"""The baseline slot: what is subtracted from the estimate of a return."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pgbench.base.specification import SLOT, Specification
from pgbench.methods.components.critics import CriticFit, CriticTarget, MonteCarloTarget, SeparateFit


class NoBaseline(Specification):
    """Nothing is subtracted."""

    kind: Literal["no_baseline"] = "no_baseline"


class AverageReturn(Specification):
    """The average return of the batch: the mean estimate of a trajectory, averaged over trajectories (the note)."""

    kind: Literal["average_return"] = "average_return"


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
    """A critic Q(s, a): a network that is fitted to r + γ Q(s', a'). It is not subtracted (the note)."""

    kind: Literal["learned_action_value"] = "learned_action_value"
    next_action: Literal["buffer", "policy"] = Field(
        "policy",
        description="The action a' of the target. `buffer`: the stored one. `policy`: one that the present policy "
        "draws at s'.",
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
