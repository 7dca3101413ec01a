"""The slots of an algorithm, before anyone checks whether their choices go together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pgbench.base.specification import LATER, Fraction, Specification
from pgbench.methods.components import (
    Advantage,
    Baseline,
    Data,
    Details,
    GradientStep,
    LogLikelihood,
    Networks,
    NoBaseline,
    Surrogate,
    TotalReturn,
    Update,
    WholeEpisodes,
)


class Choices(Specification):
    """One component in each slot, and named details; `compatibility/` says which do not go together."""

    data: Data = WholeEpisodes()
    gamma: Fraction = Field(0.99, description="The discount γ of rewards, in (0, 1].")
    discount: Annotated[Literal["from_the_action", "from_the_start"], LATER] = Field(
        "from_the_action",
        description="The step from which the discount counts. `from_the_action`: γ^(t'−t), which is common in "
        "practice. `from_the_start`: γ^(t'−1), which the derivation gives; the advantage of step t has the factor "
        "γ^(t−1).",
    )
    advantage: Advantage = TotalReturn()
    baseline: Baseline = NoBaseline()
    surrogate: Surrogate = LogLikelihood()
    update: Update = GradientStep()
    networks: Networks = Networks()
    details: Details = Details()
