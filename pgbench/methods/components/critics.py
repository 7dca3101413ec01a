"""Critics: the target of a critic's regression, and how the critic is fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pgbench.base.specification import SLOT, Probability, Specification
from pgbench.methods.components.optimisers import Adam


class MonteCarloTarget(Specification):
    """The observed discounted return; the critic's value is added only where an episode was cut."""

    kind: Literal["monte_carlo"] = "monte_carlo"


class LambdaTarget(Specification):
    """The λ-return: GAE(λ) plus the value (Sutton and Barto 2018, eq. 12.2)."""

    kind: Literal["lambda_return"] = "lambda_return"
    lam: Probability = Field(
        0.95, description="λ of the critic's target; it is independent of the actor's λ."
    )


class NStepTarget(Specification):
    """n rewards, and then the critic's own value; n = 1 is TD(0) (Sutton and Barto 2018, eq. 7.1)."""

    kind: Literal["n_step"] = "n_step"
    n: PositiveInt = Field(1, description="The number of rewards before the critic's value.")


class VTraceTarget(Specification):
    """V-trace: the observed return, corrected for the change of the policy since (Espeholt et al. 2018, eq. 1)."""

    kind: Literal["v_trace"] = "v_trace"
    rho_max: Annotated[float, Field(ge=1.0)] = Field(
        1.0, description="ρ̄, the largest ratio that weights a TD error; it decides which values are learned."
    )
    c_max: Annotated[float, Field(ge=1.0)] = Field(
        1.0, description="c̄, the largest ratio that hands a later TD error on to earlier steps."
    )


CriticTarget = Annotated[MonteCarloTarget | NStepTarget | LambdaTarget | VTraceTarget, *SLOT]


class SeparateFit(Specification):
    """The critic takes gradient steps with its own optimiser.

    On policy, the critic steps after the policy's update, on the whole batch. With a replay buffer, the critic
    steps before each step of the policy, each time on a new minibatch.
    """

    kind: Literal["separate"] = "separate"
    steps: PositiveInt = Field(
        20,
        description="Gradient steps of the critic in one update; with a replay buffer, before each policy step.",
    )
    optimiser: Adam = Adam(learning_rate=1e-3)


class JointFit(Specification):
    """The value loss is added to the loss of the policy in each gradient step (PPO, eq. 9)."""

    kind: Literal["joint"] = "joint"
    coefficient: PositiveFloat = Field(0.5, description="Weight of the value loss ½(V − target)².")


CriticFit = Annotated[SeparateFit | JointFit, *SLOT]
