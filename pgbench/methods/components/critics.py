"""Critics: the target of a critic's regression, and how the critic is fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pgbench.base.specification import LATER, SLOT, Probability, Specification
from pgbench.methods.components.optimisers import Adam, Optimiser


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

    On policy, all steps follow one another on the batch, before or after the policy's update. With a replay buffer,
    the critic steps before each step of the policy, each time on a new minibatch.
    """

    kind: Literal["separate"] = "separate"
    steps: PositiveInt = Field(
        20,
        description="Gradient steps of the critic in one update; with a replay buffer, before each policy step.",
    )
    minibatch_size: Annotated[PositiveInt | None, LATER] = Field(
        None,
        description="Transitions of one replica in a gradient step (M); null: the whole batch. The batch is dealt "
        "out in shuffled passes: k passes over N transitions take k · N / M steps.",
    )
    order: Annotated[Literal["before", "after"], LATER] = Field(
        "after",
        description="`before`: the critic is fitted before the policy's update, whose advantages are then those of "
        "the fitted critic (the note). `after`: the policy is updated first, so that advantages are those of the "
        "critic before its fit (GAE, section 5).",
    )
    targets: Annotated[Literal["once", "fresh"], LATER] = Field(
        "once",
        description="`once`: the targets are those of the critic before its fit. `fresh`: they are made anew with "
        "the present critic before each step (the note).",
    )
    optimiser: Optimiser = Adam(learning_rate=1e-3)


class JointFit(Specification):
    """The value loss is added to the loss of the policy in each gradient step (PPO, eq. 9)."""

    kind: Literal["joint"] = "joint"
    coefficient: PositiveFloat = Field(0.5, description="Weight of the value loss ½(V − target)².")
    learning_rate: Annotated[PositiveFloat | None, LATER] = Field(
        None,
        description="The step size of the critic's own parameters; null: the policy's. A schedule of the policy's "
        "step size moves both in proportion.",
    )


CriticFit = Annotated[SeparateFit | JointFit, *SLOT]
