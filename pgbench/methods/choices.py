"""The slots of an algorithm together, before anybody asks whether the choices fit."""

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
    """One component a slot, and named details; `compatibility.faults` says which do not go together."""

    data: Data = WholeEpisodes()
    gamma: Fraction = Field(0.99, description="Discount γ of rewards, in (0, 1].")
    advantage: Advantage = TotalReturn()
    baseline: Baseline = NoBaseline()
    surrogate: Surrogate = LogLikelihood()
    update: Update = GradientStep()
    networks: Networks = Networks()
    details: Details = Details()
