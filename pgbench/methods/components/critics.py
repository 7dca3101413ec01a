"""Critics: what a critic regresses on, and how it is fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pgbench.base.specification import SLOT, Probability, Specification
from pgbench.methods.components.optimisers import Adam


class MonteCarloTarget(Specification):
    """The critic regresses on the observed discounted return, bootstrapped only where an episode was cut."""

    kind: Literal["monte_carlo"] = "monte_carlo"


class LambdaTarget(Specification):
    """The critic regresses on the λ-return: GAE(λ) plus the value (Sutton and Barto 2018, eq. 12.2)."""

    kind: Literal["lambda_return"] = "lambda_return"
    lam: Probability = Field(0.95, description="λ of the critic's target; independent of the actor's.")


class NStepTarget(Specification):
    """The critic regresses on n rewards and then its own value; n = 1 is TD(0)."""

    kind: Literal["n_step"] = "n_step"
    n: PositiveInt = Field(1, description="Rewards before the critic takes over.")


CriticTarget = Annotated[MonteCarloTarget | NStepTarget | LambdaTarget, *SLOT]


class SeparateFit(Specification):
    """The critic takes gradient steps with an optimiser of its own.

    On a batch at hand: after the policy's update, on the whole batch. From a replay buffer: before each of the
    policy's steps, on a minibatch each.
    """

    kind: Literal["separate"] = "separate"
    steps: PositiveInt = Field(
        20, description="Gradient steps of the critic an update; with a replay buffer, a step of the policy."
    )
    optimiser: Adam = Adam(learning_rate=1e-3)


class JointFit(Specification):
    """The value loss is added to the policy's loss in each of its gradient steps (PPO, eq. 9)."""

    kind: Literal["joint"] = "joint"
    coefficient: PositiveFloat = Field(0.5, description="Weight of the value loss ½(V − target)².")


CriticFit = Annotated[SeparateFit | JointFit, *SLOT]
