"""Networks, and the details that implementations add to the printed algorithm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from pgbench.base.specification import SLOT, Specification


class Xavier(Specification):
    """Uniform weights of variance 2 / (fan in + fan out); zero biases (Glorot and Bengio 2010)."""

    kind: Literal["xavier"] = "xavier"


class Orthogonal(Specification):
    """Orthogonal weights times a gain; zero biases (Saxe et al. 2014)."""

    kind: Literal["orthogonal"] = "orthogonal"
    hidden_gain: PositiveFloat = Field(2.0**0.5, description="Gain of the hidden layers.")
    policy_gain: PositiveFloat = Field(0.01, description="Gain of the policy's last layer.")
    value_gain: PositiveFloat = Field(1.0, description="Gain of the critic's last layer.")


Initialisation = Annotated[Xavier | Orthogonal, *SLOT]


class Networks(Specification):
    """The networks of actor and critic, with hidden layers of the same sizes.

    The logarithm of a Gaussian policy's standard deviation does not depend on the state.
    """

    hidden: tuple[PositiveInt, ...] = Field((64, 64), description="Units of each hidden layer.")
    activation: Literal["tanh", "relu"] = "tanh"
    initialisation: Initialisation = Xavier()
    shared: bool = Field(False, description="Whether actor and critic share all layers but the last.")


class ObservationNormalisation(Specification):
    """Subtract the running mean and divide by the running standard deviation of a replica's observations."""

    clip: PositiveFloat | None = Field(10.0, description="Bound on the normalised observation.")


class RewardScaling(Specification):
    """Divide rewards by the running standard deviation of a replica's discounted return; subtract nothing."""

    clip: PositiveFloat | None = Field(10.0, description="Bound on the scaled reward.")


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
        description="The distance from the old value beyond which a value gets no gradient from its loss.",
    )
    entropy_bonus: NonNegativeFloat = Field(0.0, description="Weight of the entropy in the objective.")
    max_gradient_norm: PositiveFloat | None = Field(
        None,
        description="The largest Euclidean norm of a replica's gradient; a longer gradient is shortened to it.",
    )
