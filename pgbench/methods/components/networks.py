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


class UnitColumns(Specification):
    """Normal weights, each unit's incoming weights scaled to one norm; zero biases (PPO as released)."""

    kind: Literal["unit_columns"] = "unit_columns"
    hidden_gain: PositiveFloat = Field(
        1.0, description="Norm of the weights into each unit of a hidden layer."
    )
    policy_gain: PositiveFloat = Field(
        0.01, description="Norm of the weights into each output of the policy."
    )
    value_gain: PositiveFloat = Field(1.0, description="Norm of the weights into each output of the critic.")


Initialisation = Annotated[Xavier | Orthogonal | UnitColumns, *SLOT]


Activation = Literal["tanh", "relu"]


class FreeDeviation(Specification):
    """Log σ of a Gaussian policy is a parameter for each component of an action, the same in every state."""

    kind: Literal["free"] = "free"
    initial_log_std: float = Field(0.0, description="Log σ before the first update.")


class StateDeviation(Specification):
    """Log σ of a Gaussian policy is a second output of the network, which depends on the state.

    Andrychowicz et al. 2021, section 3.2.
    """

    kind: Literal["state"] = "state"
    initial_log_std: float = Field(
        0.0,
        description="Bias of these outputs before the first update: log σ, as far as the weights are small.",
    )


Deviation = Annotated[FreeDeviation | StateDeviation, *SLOT]


class CriticNetwork(Specification):
    """The hidden layers of the critic, where they differ from the actor's."""

    hidden: tuple[PositiveInt, ...] = Field((64, 64), description="Units of each hidden layer of the critic.")
    activation: Activation = Field("tanh", description="The activation of the critic's hidden layers.")


class Networks(Specification):
    """The networks of actor and critic, with hidden layers of the same sizes unless `critic` says otherwise."""

    hidden: tuple[PositiveInt, ...] = Field((64, 64), description="Units of each hidden layer.")
    activation: Activation = "tanh"
    critic: Annotated[CriticNetwork | None, LATER] = Field(
        None, description="The hidden layers of the critic; null: they are like the actor's."
    )
    initialisation: Initialisation = Xavier()
    deviation: Annotated[Deviation, LATER] = Field(
        FreeDeviation(), description="The standard deviation σ of a Gaussian policy."
    )
    squash: Annotated[bool, LATER] = Field(
        False,
        description="Whether a Gaussian's number u becomes the action tanh u, scaled to the box of actions "
        "(Andrychowicz et al. 2021, section 3.2). By default u itself is the action.",
    )
    shared: bool = Field(False, description="Whether actor and critic share all layers but the last.")
