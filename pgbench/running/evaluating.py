"""Episodes of trained policies, exactly as an evaluation beside training plays them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from pgbench.base import wording
from pgbench.base.refusals import Refusal, explain
from pgbench.methods.runs import Evaluation, Run
from pgbench.running.keeping import restored
from pgbench.storage.blocks import ORDERS, STABLE, policies_of, read_block
from pgbench.storage.policy_file import KeptPolicies
from pgbench.training import evaluation

EPISODES = 10
"""Episodes of each replica, where neither the caller nor the run says how many."""


def play(
    run: Run,
    kept: KeptPolicies,
    seeds: Sequence[int] | None = None,
    episodes: int | None = None,
    sampled: bool | None = None,
) -> pd.DataFrame:
    """Play episodes as the evaluation after the last update does.

    With the run's own number of episodes and its own actions these are that evaluation's episodes, to the bit. Of
    mean actions, fewer or more episodes begin with the same ones.

    Args:
        run: what was trained.
        kept: its policies.
        seeds: which of them; by default all.
        episodes: of each replica; by default as many as in the run's evaluations, or `EPISODES`.
        sampled: whether actions are drawn; by default as in the run's evaluations, or not.

    Returns:
        One row an episode, as in the evaluations of a block.

    Raises:
        Refusal: if one of the seeds has no policy.
    """
    seeds = kept.description.seeds if seeds is None else tuple(dict.fromkeys(seeds))
    if not seeds:
        raise Refusal(f"{kept.description.run}: no replica has a policy to evaluate, because all diverged")
    asked = _asked(run, episodes, sampled)
    learner, sampler = restored(run, kept, seeds)
    with closing(sampler.environment):
        evaluated, everyone = (
            run.model_copy(update={"evaluation": asked}),
            np.ones(len(seeds), dtype=np.bool_),
        )
        played = evaluation.play(evaluated, asked, seeds, learner, sampler, everyone)
    table = pd.DataFrame([asdict(episode) for episode in played])
    ordered: pd.DataFrame = table.sort_values(ORDERS["evaluations"], **STABLE)
    return ordered


def _asked(run: Run, episodes: int | None, sampled: bool | None) -> Evaluation:
    """The run's own evaluation, with what the caller wants otherwise."""
    usual = run.evaluation or Evaluation(episodes=EPISODES)
    actions = None if sampled is None else "sampled" if sampled else "mean"
    changes = {"episodes": episodes, "actions": actions}
    given = {name: value for name, value in changes.items() if value is not None}
    try:
        return Evaluation.model_validate(usual.model_dump() | given)
    except ValidationError as error:
        raise explain(error, "evaluate", Evaluation) from None


def play_block(
    directory: Path, seeds: Sequence[int] | None, episodes: int | None, sampled: bool | None
) -> pd.DataFrame:
    """`play` for the block in a directory.

    Raises:
        Refusal: if there is no whole block, or one of the seeds has no policy.
    """
    record = read_block(directory).record
    return play(record.run, policies_of(directory, record), seeds, episodes, sampled)


def described(played: pd.DataFrame) -> str:
    """Episodes as text: a row for each seed and, of several, one over them."""
    by_seed = played.groupby("seed")
    means = by_seed["episodic_return"].mean()
    places = wording.decimals(played["episodic_return"])
    rows = [
        (str(seed), str(len(each)), *_row(each["episodic_return"], each["episodic_length"], places))
        for seed, each in by_seed
    ]
    if len(rows) > 1:
        rows.append(("over seeds", str(len(rows)), *_row(means, by_seed["episodic_length"].mean(), places)))
    return wording.text_table(("seed", "episodes", "mean return", "sd", "mean length"), rows)


def _row(returns: pd.Series, lengths: pd.Series, places: int) -> tuple[str, str, str]:
    """Mean and standard deviation of returns, and the mean length."""
    return (
        wording.number(returns.mean(), places),
        wording.number(returns.std(), places),
        wording.number(lengths.mean(), 1),
    )
