"""The slots of an algorithm, before anyone checks whether their choices go together."""

from __future__ import annotations

from pydantic import Field

from pgbench.base.specification import Fraction, Specification
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
    advantage: Advantage = TotalReturn()
    baseline: Baseline = NoBaseline()
    surrogate: Surrogate = LogLikelihood()
    update: Update = GradientStep()
    networks: Networks = Networks()
    details: Details = Details()
