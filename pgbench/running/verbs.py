"""The verbs of the command line that show what trained policies do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

BlockDirectory = Annotated[
    Path, typer.Argument(metavar="BLOCK", help="A block's directory, such as results/runs/<run>/0-9.")
]

FILM = Path("film.mp4")


def evaluate(
    block: BlockDirectory,
    seed: Annotated[
        list[int] | None, typer.Option(help="A replica, instead of all; may be repeated.", min=0)
    ] = None,
    episodes: Annotated[
        int | None, typer.Option(help="Episodes of each replica; by default the run's own, or 10.", min=1)
    ] = None,
    sampled: Annotated[
        bool | None,
        typer.Option(
            "--sampled/--mean", help="How actions are chosen; by default as the run evaluates, or mean."
        ),
    ] = None,
    into: Annotated[Path | None, typer.Option(help="A CSV file that receives every episode.")] = None,
) -> None:
    """Play episodes of a block's trained policies: the block's own last evaluation, or others like it."""
    from pgbench.running import evaluating

    played = evaluating.play_block(block, seed, episodes, sampled)
    print(evaluating.described(played))
    if into is not None:
        into.parent.mkdir(parents=True, exist_ok=True)
        played.to_csv(into, index=False)


def watch(
    block: BlockDirectory,
    seed: Annotated[int, typer.Option(help="The replica.", min=0)] = 0,
    into: Annotated[Path, typer.Option(help="The film: .mp4, .gif, or another kind of ffmpeg's.")] = Path(
        "film.mp4"
    ),
    start: Annotated[int, typer.Option(help="The environment's seed: how the episode begins.", min=0)] = 0,
    steps: Annotated[int, typer.Option(help="The most steps.", min=1)] = 1000,
    sampled: Annotated[bool, typer.Option("--sampled", help="Draw actions as in training.")] = False,
) -> None:
    """Write a film of an episode of a block's trained policy; no screen is needed."""
    import numpy as np

    from pgbench.running import filming
    from pgbench.running.trained_policy import TrainedPolicy
    from pgbench.storage import blocks

    record = blocks.read_block(block).record
    policy = TrainedPolicy(record.run, blocks.policies_of(block, record), seed)
    path, filmed = filming.film(policy, into, start, steps, np.random.default_rng(start) if sampled else None)
    if path != into:
        print(f"{into}: is a GIF, {path}, because there is no ffmpeg here: {filming.EXTRA}", file=sys.stderr)
    print(f"{path}: {filmed.episodic_length:,} steps, return {filmed.episodic_return:,.1f}")
