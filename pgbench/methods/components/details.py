"""The details that implementations add to the printed algorithm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat

from pgbench.base.specification import LATER, Specification


class ObservationNormalisation(Specification):
    """Subtract the running mean and divide by the running standard deviation of a replica's observations."""

    clip: PositiveFloat | None = Field(10.0, description="Bound on the normalised observation.")


class RewardScaling(Specification):
    """Divide rewards by the running standard deviation of a replica's discounted return; subtract nothing."""

    clip: PositiveFloat | None = Field(10.0, description="Bound on the scaled reward.")


class ValueNormalisation(Specification):
    """The critic learns its targets less their running mean, over their running standard deviation.

    Values are turned back into the unit of returns wherever they are used. The statistics count the targets of each
    update once, when the critic begins to learn from them (Andrychowicz et al. 2021, section 3.3).
    """

    rescale: bool = Field(
        False,
        description="Whether the critic's last layer is rescaled when the statistics move, so that no value moves "
        "with them (PopArt: van Hasselt et al. 2016).",
    )


class Details(Specification):
    """The details that implementations add to the printed algorithm. Each can be switched alone."""

    observation_normalisation: ObservationNormalisation | None = None
    reward_scaling: RewardScaling | None = None
    advantage_normalisation: Literal["batch", "minibatch"] | None = Field(
        None, description="The transitions over which advantages get mean 0 and standard deviation 1."
    )
    reward_offset: float | None = Field(
        None, description="A constant that is added to every reward before learning."
    )
    time_limits: Literal["bootstrap", "terminal", "drop"] = Field(
        "bootstrap",
        description="What follows a time limit. `bootstrap`: the critic's value of the next observation. "
        "`terminal`: nothing, as after a termination. `drop`: the step is left out of the update.",
    )
    value_clip: PositiveFloat | None = Field(
        None,
        description="The distance from the old value beyond which a value gets no gradient from its loss; with "
        "value normalisation, in standard deviations of the targets.",
    )
    value_normalisation: Annotated[ValueNormalisation | None, LATER] = None
    entropy_bonus: NonNegativeFloat = Field(0.0, description="Weight of the entropy in the objective.")
    max_gradient_norm: PositiveFloat | None = Field(
        None,
        description="The largest Euclidean norm of a replica's gradient; a longer gradient is shortened to it.",
    )
