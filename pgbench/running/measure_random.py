"""Measures what a uniformly random policy scores; `studies.random_returns` reads what is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pgbench.base.refusals import Refusal
from pgbench.running.progress import say
from pgbench.storage.provenance import origin_comment
from pgbench.studies.random_returns import RandomReturn
from pgbench.training.experience import Episode
from pgbench.training.random_policy import random_episodes


def measure_random_returns(environments: Iterable[str], seeds: Sequence[int], each: int) -> str:
    """Run a uniformly random policy in each environment.

    Args:
        environments: Gymnasium ids.
        seeds: at least one.
        each: episodes of each seed.

    Returns:
        The text of a `random_returns.csv`.

    Raises:
        Refusal: if an environment has no uniformly random policy whose episodes end.
    """
    comment = _comment(seeds, each)  # before measuring: a checkout may be edited meanwhile
    lines = [",".join(RandomReturn.model_fields)]
    for environment in environments:
        say(environment)
        try:
            episodes = random_episodes(environment, seeds, each)
        except ValueError as error:
            raise Refusal(f"measure-random: {error}") from None
        lines.append(_line(environment, seeds, episodes))
    return "\n".join([comment, *lines])


def _line(environment: str, seeds: Sequence[int], episodes: Sequence[Episode]) -> str:
    returns = np.array([episode.episodic_return for episode in episodes])
    line = RandomReturn(
        environment=environment,
        seeds=len(seeds),
        episodes=len(episodes),
        mean=round(float(returns.mean()), 4),
        standard_deviation=round(float(returns.std(ddof=1)), 4),
        minimum=round(float(returns.min()), 4),
        maximum=round(float(returns.max()), 4),
        mean_length=round(float(np.mean([episode.episodic_length for episode in episodes])), 4),
    )
    return ",".join(str(value) for value in line.model_dump().values())


def _comment(seeds: Sequence[int], each: int) -> str:
    """What the figures are, and where they come from."""
    return f"""\
# Undiscounted returns of a uniformly random policy, by `python -m pgbench measure-random`.
# Every action is drawn uniformly from the box, or from the discrete actions. Episodes run to their end or limit.
# Seeds {seeds[0]} to {seeds[-1]}, {each} episodes each; the standard deviation is over episodes.
{origin_comment()}"""
