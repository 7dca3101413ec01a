"""The optimiser, which turns a gradient into a step, and the schedule of its step size."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from pgbench.base.specification import SLOT, Specification


class LinearDecay(Specification):
    """The step size falls linearly and reaches 0 at the end of the budget."""

    kind: Literal["linear"] = "linear"


class KLAdaptive(Specification):
    """The step size follows the mean KL(old ‖ new) of each update (PPO, Figure 3, "vanilla PG, adaptive").

    A footnote of the paper names code for it, the fourth homework of Berkeley's course on deep reinforcement
    learning. Target, band and factor are that code's, which has no bounds. The bounds are those of Isaac Gym's
    learners (Rudin et al. 2022); within them the step size can always come back.
    """

    kind: Literal["kl_adaptive"] = "kl_adaptive"
    target: PositiveFloat = Field(2e-3, description="The KL divergence to hold, in nats.")
    band: Annotated[float, Field(gt=1.0)] = Field(
        2.0, description="Above target × band the step size falls, below target / band it rises."
    )
    factor: Annotated[float, Field(gt=1.0)] = Field(1.5, description="By what it falls or rises at once.")
    smallest: PositiveFloat = Field(1e-5, description="The smallest step size.")
    largest: PositiveFloat = Field(1e-2, description="The largest step size.")


Schedule = Annotated[LinearDecay | KLAdaptive | None, *SLOT]

DECAY = (
    "How the step size changes. `linear`: it falls to 0 at the end of the budget. `kl_adaptive`: it follows the KL "
    "divergence of the updates. null: it does not change."
)


class GradientAscent(Specification):
    """The plain gradient, θ ← θ + α ∇J; with momentum, Polyak's heavy ball (Polyak 1964).

    The heavy ball keeps a velocity v ← μ v + ∇J and steps θ ← θ + α v.
    """

    kind: Literal["gradient_ascent"] = "gradient_ascent"
    learning_rate: PositiveFloat = Field(1e-2, description="The step size α.")
    momentum: Annotated[float, Field(gt=0.0, lt=1.0)] | None = Field(
        None, description="The share μ of the velocity that is kept; null: none is."
    )
    decay: Schedule = Field(None, description=DECAY)


class RMSProp(Specification):
    """RMSProp: the gradient over the root of its mean square (Tieleman and Hinton 2012), not centred.

    A3C and A2C take its steps with ε under the root (Mnih et al. 2016, section 4).
    """

    kind: Literal["rmsprop"] = "rmsprop"
    learning_rate: PositiveFloat = Field(7e-4, description="The step size α.")
    smoothing: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.99, description="The share of the mean square that is kept at each step."
    )
    epsilon: PositiveFloat = Field(1e-5, description="The constant ε in the denominator.")
    epsilon_under_root: bool = Field(
        True,
        description="Whether the denominator is √(v + ε), as in A3C and TensorFlow, or √v + ε, as in torch.",
    )
    decay: Schedule = Field(None, description=DECAY)


class Adam(Specification):
    """Adam (Kingma and Ba 2015)."""

    kind: Literal["adam"] = "adam"
    learning_rate: PositiveFloat = Field(3e-4, description="The step size α.")
    epsilon: PositiveFloat = Field(1e-8, description="The constant ε in the denominator.")
    decay: Schedule = Field(None, description=DECAY)


Optimiser = Annotated[GradientAscent | RMSProp | Adam, *SLOT]
