"""The details that implementations add to the printed algorithm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from pgbench.base.specification import LATER, Specification


class ObservationNormalisation(Specification):
    """Subtract the running mean and divide by the running standard deviation of a replica's observations."""

    clip: PositiveFloat | None = Field(10.0, description="Bound on the normalised observation.")
    updates: Annotated[Literal["each_step", "each_batch"], LATER] = Field(
        "each_step",
        description="When the statistics move. `each_step`: with every observation. `each_batch`: with all "
        "observations of a batch at once, after the batch was collected and before it is learned from; the update "
        "sees the whole batch under the new statistics (OpenAI Baselines of July 2017).",
    )
    minimum_variance: Annotated[PositiveFloat | None, LATER] = Field(
        None, description="The least variance that observations are divided by."
    )


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
    actions: Annotated[Literal["clipped", "raw"], LATER] = Field(
        "clipped",
        description="What the environment is given of a Gaussian's action. `clipped`: the nearest action in its "
        "box. `raw`: the action as it was drawn.",
    )
    time_limit: Annotated[PositiveInt | None, LATER] = Field(
        None,
        description="Steps after which a training episode is cut, instead of the environment's own limit (Pardo et "
        "al. 2018). Evaluations keep the environment's limit, and have this one only where it has none.",
    )
    max_gradient_norm: PositiveFloat | None = Field(
        None,
        description="The largest Euclidean norm of a replica's gradient; a longer gradient is shortened to it.",
    )
