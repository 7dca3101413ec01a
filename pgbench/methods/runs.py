"""Runs: an algorithm on an environment for a number of steps, and the blocks of seeds that train it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    Field,
    PositiveInt,
)

from pgbench.base.refusals import Refusal
from pgbench.base.specification import Specification
from pgbench.methods.algorithm import Algorithm

Times = Annotated[int, Field(gt=0, le=10_000)]


class Evaluation(Specification):
    """Episodes beside training, which it does not notice: they are what many published scores are made of."""

    episodes: Times = Field(description="Episodes of each replica, each time.")
    times: Times = Field(
        1, description="Evaluations, evenly spaced over the budget; the last is of the replica as it ends."
    )
    actions: Literal["mean", "sampled"] = Field(
        "mean", description="The policy's mean, or likeliest, action; or one drawn from it, as in training."
    )


class Run(Specification):
    """An algorithm on an environment for a number of steps: what one curve of a report shows, seeds aside."""

    algorithm: Algorithm
    environment: str = Field(min_length=1, description="Gymnasium id, such as HalfCheetah-v5.")
    steps: PositiveInt = Field(description="Environment steps of each replica.")
    # Left out of its JSON where there is none: such a run has the name that it had before there were evaluations.
    evaluation: Evaluation | None = Field(
        None, exclude_if=lambda value: value is None, description="Episodes beside training; none by default."
    )


def path_safe(text: str) -> str:
    """The text with everything but letters, digits, '_' and '-' replaced, so that it can name a file."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)


MAXIMAL_BLOCK = 10_000


def blocks_of(seeds: int, block_size: int) -> tuple[str, ...]:
    """Names of the blocks that hold seeds 0 … seeds − 1, such as ('0-9', '10-14')."""
    firsts = range(0, seeds, block_size)
    return tuple(f"{first}-{min(first + block_size, seeds) - 1}" for first in firsts)


def seeds_of(block: str) -> list[int]:
    """The seeds of a block's name: '3-5' → [3, 4, 5], '7' → [7].

    Raises:
        Refusal: if the text is neither a seed nor a rising range.
    """
    ends = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", block)
    seeds = range(int(ends[1]), int(ends[2] or ends[1]) + 1) if ends else range(0)
    if not 1 <= len(seeds) <= MAXIMAL_BLOCK:
        raise Refusal(
            f"seeds '{block}' must be one seed or a rising range, such as '0-9', of at most {MAXIMAL_BLOCK:,}"
        )
    return list(seeds)
