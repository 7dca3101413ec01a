"""Replicas that were trained, with their tables and policies, as a notebook holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pgbench.base.refusals import Refusal
from pgbench.methods import naming, runs
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.runs import Run
from pgbench.running.block import train_block
from pgbench.running.condensing import condensed
from pgbench.running.keeping import policies_of
from pgbench.running.recording import Tables
from pgbench.running.trained_policy import TrainedPolicy
from pgbench.storage import blocks
from pgbench.storage.blocks import BlockTables
from pgbench.storage.policy_file import KeptPolicies
from pgbench.studies.loading import describe_run
from pgbench.training.loop import Trainer


class TrainedReplicas:
    """Replicas of a run after their training.

    Attributes:
        run: algorithm, environment and budget.
        seeds: one for each replica.
        replicas: one row a seed: how it ended, and statistics of its metrics over all updates.
        episodes: one row a finished training episode: seed, step, episodic_return, episodic_length, terminated.
        evaluations: one row an evaluation episode, with the same columns.
        metrics: one row a seed and kept iteration, with a column for each metric.
        policies: seed → `TrainedPolicy`; a replica that diverged has none.
    """

    def __init__(
        self, run: Run, seeds: Iterable[int], tables: BlockTables, kept: KeptPolicies | None
    ) -> None:
        self.run, self.seeds = run, tuple(seeds)
        self.replicas: pd.DataFrame = tables.replicas
        self.episodes: pd.DataFrame = tables.episodes
        self.evaluations: pd.DataFrame = tables.evaluations
        self.metrics: pd.DataFrame = tables.metrics
        self._kept = kept

    @property
    def name(self) -> str:
        """The run's name, which ends with the digest of its specification."""
        return naming.run_name(self.run)

    @cached_property
    def policies(self) -> Mapping[int, TrainedPolicy]:
        """Each seed's policy, made when it is first asked for.

        Raises:
            Refusal: if the block has none.
        """
        if self._kept is None:
            raise Refusal(
                f"{self.name}: this block has no policies: its tables were not trained but simulated"
            )
        return _Policies(self.run, self._kept)

    def __repr__(self) -> str:
        """What was trained, and how often."""
        return f"TrainedReplicas({self.name!r}, seeds={list(self.seeds)})"


class _Policies(Mapping[int, TrainedPolicy]):
    """The policies of a block by seed."""

    def __init__(self, run: Run, kept: KeptPolicies) -> None:
        self._run, self._kept = run, kept
        self._made: dict[int, TrainedPolicy] = {}

    def __getitem__(self, seed: int) -> TrainedPolicy:
        if seed not in self._made:
            self._made[seed] = TrainedPolicy(self._run, self._kept, seed)
        return self._made[seed]

    def __iter__(self) -> Iterator[int]:
        return iter(self._kept.description.seeds)

    def __len__(self) -> int:
        return len(self._kept.description.seeds)

    def __contains__(self, seed: object) -> bool:
        return seed in self._kept.description.seeds

    def __repr__(self) -> str:
        return f"policies of the seeds {list(self)}"


def train(
    algorithm: str | Algorithm,
    overrides: Mapping[str, Any],
    values: Mapping[str, Any],
    seeds: str | Iterable[int],
    into: Path | None,
) -> TrainedReplicas:
    """See `calls.train`; the values are the fields of a run without its algorithm."""
    run, block = describe_run(algorithm, overrides, values, "train"), _seeds(seeds)
    if into is not None:
        with _one_thread():
            train_block(run, block, into, progress=False)
        return load(into)
    tables = Tables(block)
    with _one_thread(), closing(Trainer(run, block)) as trainer:
        for record in trainer.records():
            tables.add(record)
        kept = policies_of(trainer, naming.run_name(run))
        condensed_tables = condensed(tables.rows(), trainer.outcomes(), run.steps)
    return TrainedReplicas(run, block, blocks.ordered(condensed_tables), kept)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Train as a job does, and leave torch as it was."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _seeds(seeds: str | Iterable[int]) -> list[int]:
    """The seeds of a block.

    Raises:
        Refusal: if they are no seeds, or one of them is given twice.
    """
    if isinstance(seeds, str):
        return runs.seeds_of(seeds)
    if not isinstance(seeds, Iterable):
        raise Refusal(
            f"train: seeds must be several numbers: range({seeds}) for that many, [{seeds}] for that one"
        )
    numbers = [int(seed) for seed in seeds]
    if not numbers or min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise Refusal(f"train: seeds must be different numbers from 0, but they are {numbers}")
    return numbers


def load(directory: Path) -> TrainedReplicas:
    """See `calls.load_block`."""
    block = blocks.read_block(directory)
    record = block.record
    kept = blocks.policies_of(directory, record) if record.has_policies else None
    tables = BlockTables(block.replicas, block.episodes, block.metrics, block.evaluations)
    return TrainedReplicas(record.run, record.seeds, tables, kept)
