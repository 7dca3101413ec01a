import errno
import io
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from pgbench.methods import lineage, naming, paths, runs
from pgbench.running.block import train_block
from pgbench.running.progress import Progress
from pgbench.running.recording import Tables
from pgbench.storage import blocks
from pgbench.training.experience import Episode
from pgbench.training.iteration import Iteration

RUN = runs.Run(
    algorithm=paths.with_values(lineage.LINEAGE["ppo"].algorithm, {"data.steps": 256}),
    environment="CartPole-v1",
    steps=1024,
)


def test_a_block_trained_twice_has_the_same_bytes(tmp_path):
    for place in ("one", "two"):
        train_block(RUN, [0, 1], tmp_path / place)
    for file in (*blocks.FILES.values(), blocks.POLICY):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_block_reads_back_with_its_record(tmp_path):
    train_block(RUN, [3, 4], tmp_path)
    block = blocks.read_block(tmp_path, naming.run_name(RUN))
    assert block.record.run == RUN
    assert block.record.seeds == (3, 4)
    assert block.record.steps == 2 * 1024
    assert set(block.episodes.seed) == {3, 4}
    assert block.metrics.groupby("seed").iteration.max().tolist() == [3, 3]
    assert block.episodes.groupby("seed").episodic_length.sum().le(1024).all()


def record(iteration, running=(True, True), episodes=()):
    steps = np.array([100, 50]) * (iteration + 1)
    who = np.array(running)
    return Iteration(iteration, steps, who, who, list(episodes), {"loss": torch.tensor([1.0, 2.0])})


def test_tables_hold_only_the_replicas_that_ran():
    tables = Tables([7, 8])
    tables.add(record(0))
    tables.add(record(1, running=(True, False), episodes=[Episode(7, 90, 12.0, 12, True)]))
    assert tables.rows().metrics.seed.tolist() == [7, 8, 7]
    expected = pd.DataFrame(
        {
            "seed": [7],
            "step": [90],
            "episodic_return": [12.0],
            "episodic_length": [12],
            "terminated": [True],
            "cut": [False],
        }
    )
    pd.testing.assert_frame_equal(tables.rows().episodes, expected)


def test_tables_hold_only_the_metrics_that_were_measured():
    tables = Tables([7, 8])
    tables.add(replace(record(0), measured=np.array([False, True])))
    tables.add(replace(record(1), measured=np.array([False, False]), statistics={}))
    assert tables.rows().metrics[["seed", "iteration"]].to_numpy().tolist() == [[8, 0]]


def test_without_an_episode_the_table_is_empty_and_has_its_columns():
    tables = Tables([7, 8])
    tables.add(record(0))
    assert {
        name: str(kind) for name, kind in tables.rows().episodes.dtypes.items()
    } == blocks.EPISODES.columns


def test_progress_says_how_far_and_how_long():
    output = io.StringIO()
    progress = Progress("ppo", 100, output)
    progress.add(record(0, episodes=[Episode(7, 90, 12.0, 12, True)]))
    assert not output.getvalue()
    finished = Iteration(1, np.array([100, 110]), np.array([True, True]), np.array([True, True]), [], {})
    progress.add(finished)
    line = output.getvalue()
    assert "100%" in line
    assert "0:00:00 left" in line
    assert "last 100 episodes: 12.0" in line


def test_progress_counts_only_what_this_process_did(monkeypatch):
    clock = iter([0.0, 20.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    output = io.StringIO()
    progress = Progress("ppo", 1000, output, before=600)
    progress.add(Iteration(1, np.array([500, 500]), np.array([True, True]), np.array([True, True]), [], {}))
    assert "20 steps/s" in output.getvalue()  # 400 of them in 20 s
    assert "0:00:50 left" in output.getvalue()


class Full(io.StringIO):
    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_progress_that_cannot_be_written_does_not_end_training():
    Progress("ppo", 100, Full()).add(
        Iteration(1, np.array([100]), np.array([True]), np.array([True]), [], {})
    )
