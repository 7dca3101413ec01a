"""Runs, and the blocks of seeds that train them.

A run is an algorithm on an environment for a number of steps. A block is a range of seeds that are trained
together, one replica a seed.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from pgbench.base.refusals import Refusal
from pgbench.base.specification import LATER, Specification
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.compatibility import of_references

MAXIMAL_BLOCK = 10_000
"""The largest number of seeds in a block."""

_Count = Annotated[int, Field(gt=0, le=10_000)]


class Evaluation(Specification):
    """Evaluation episodes. They run beside training and do not change a bit of it.

    Many published scores are returns of such episodes.
    """

    episodes: _Count = Field(description="Episodes of each replica in one evaluation.")
    times: _Count = Field(
        1, description="Evaluations, evenly spaced over the budget; the last one follows the last update."
    )
    actions: Literal["mean", "sampled"] = Field(
        "mean",
        description="`mean`: the mean action of the policy, or the most likely one. `sampled`: as in training.",
    )
    time_limit: Annotated[PositiveInt | None, LATER] = Field(
        None,
        description="Steps after which an evaluation episode is cut, instead of the environment's own limit. Where "
        "nothing limits an episode, it is cut after as many steps as the run trains.",
    )


class Reference(Specification):
    """Updates whose gradient is compared with that of a large batch, which does not change a bit of training."""

    every: PositiveInt = Field(
        description="Updates from one comparison to the next; the first is the first update."
    )
    batches: Annotated[int, Field(ge=2, le=10_000)] = Field(
        20, description="Batches of an update's size that make up the large batch."
    )


class Run(Specification):
    """An algorithm on an environment for a number of steps: one curve of a report, for all its seeds."""

    algorithm: Algorithm
    environment: str = Field(min_length=1, description="Gymnasium id, such as HalfCheetah-v5.")
    steps: PositiveInt = Field(description="Environment steps of each replica.")
    # A run without one of these leaves the key out of its JSON: its digest is the one from before the field.
    evaluation: Evaluation | None = Field(
        None, exclude_if=lambda value: value is None, description="Evaluation episodes; none by default."
    )
    reference: Reference | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="Comparisons of gradients with a large batch's; none by default.",
    )

    @model_validator(mode="after")
    def _has_what_it_looks_at(self) -> Self:
        if self.reference is not None:
            for fault in of_references.reference_faults(self.algorithm):
                raise ValueError(fault)
        return self

    def evaluation_limit(self, of_environment: int | None) -> int | None:
        """Steps after which an evaluation episode is cut; None: nothing limits it but the run's budget.

        Args:
            of_environment: the environment's own time limit, if it has one.
        """
        asked = None if self.evaluation is None else self.evaluation.time_limit
        return asked or of_environment or self.algorithm.details.time_limit


def path_safe(text: str) -> str:
    """The text as part of a file name: each run of signs other than letters, digits, '_' and '-' becomes '_'."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)


def seeds_of(block: str) -> list[int]:
    """The seeds of a block, from its name: '3-5' → [3, 4, 5], '7' → [7].

    Raises:
        Refusal: if the name is neither one seed nor a rising range, or if it holds more than `MAXIMAL_BLOCK` seeds.
    """
    ends = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", block)
    seeds = range(int(ends[1]), int(ends[2] or ends[1]) + 1) if ends else range(0)
    if not 1 <= len(seeds) <= MAXIMAL_BLOCK:
        raise Refusal(
            f"seeds '{block}' must be one seed or a rising range, such as '0-9', of at most {MAXIMAL_BLOCK:,} seeds"
        )
    return list(seeds)
