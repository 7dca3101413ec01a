"""The networks of actor and critic, and their weights before the first update."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pgbench.base.specification import LATER, SLOT, Specification


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


Activation = Literal["tanh", "relu"]


class CriticNetwork(Specification):
    """The hidden layers of the critic, where they differ from the actor's."""

    hidden: tuple[PositiveInt, ...] = Field((64, 64), description="Units of each hidden layer of the critic.")
    activation: Activation = Field("tanh", description="The activation of the critic's hidden layers.")


class Networks(Specification):
    """The networks of actor and critic, with hidden layers of the same sizes unless `critic` says otherwise.

    The logarithm of a Gaussian policy's standard deviation does not depend on the state.
    """

    hidden: tuple[PositiveInt, ...] = Field((64, 64), description="Units of each hidden layer.")
    activation: Activation = "tanh"
    critic: Annotated[CriticNetwork | None, LATER] = Field(
        None, description="The hidden layers of the critic; null: they are like the actor's."
    )
    initialisation: Initialisation = Xavier()
    shared: bool = Field(False, description="Whether actor and critic share all layers but the last.")
