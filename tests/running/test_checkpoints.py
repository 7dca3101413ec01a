"""Interrupted and resumed is the same, to the bit, as never interrupted; what is damaged is refused."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.representatives import on_classic_control
from helpers.trainings import MUJOCO, small, trace
from pgbench import __main__ as command_line
from pgbench.methods import naming, paths, runs
from pgbench.running import block, checkpoints
from pgbench.running.checkpoints import Checkpoints
from pgbench.running.recording import Tables
from pgbench.storage import blocks
from pgbench.storage.provenance import History, provenance
from pgbench.training import loop

FILES = sorted([*blocks.FILES.values(), blocks.POLICY])
SEEDS = [3, 0]


def run_of(name, environment="CartPole-v1", steps=256, **overrides):
    algorithm = small(name, **overrides, **{"networks.hidden": (16,)})
    if hasattr(getattr(algorithm.baseline, "fit", None), "steps"):
        algorithm = paths.with_values(algorithm, {"baseline.fit.steps": 2})
    if algorithm.data.kind == "whole_episodes":
        algorithm = paths.with_values(algorithm, {"data.episodes": 4})
    asked = runs.Evaluation(episodes=2, times=3)
    return runs.Run(algorithm=algorithm, environment=environment, steps=steps, evaluation=asked)


def content(directory):
    return [(directory / file).read_bytes() for file in FILES]


@pytest.fixture
def often(monkeypatch):
    """Checkpoints whenever one is allowed for, whatever they cost."""
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)


# Every method


def through_a_file(state, path):
    checkpoints._dump(path, state)
    return checkpoints._load(path)


@pytest.mark.parametrize(("name", "environment"), [*on_classic_control(), *MUJOCO])
def test_a_restored_trainer_goes_on_to_the_bit(name, environment, tmp_path):
    run = run_of(name, environment)
    first, second = loop.Trainer(run, SEEDS), loop.Trainer(run, SEEDS)
    first.iterate()
    state = through_a_file(first.state(), tmp_path / "state.npz")
    expected = list(first.records())
    second.restore(state)
    found = list(second.records())
    assert len(found) >= 1
    for seed in SEEDS:
        assert trace(found, SEEDS, seed) == trace(expected, SEEDS, seed)
    for one, other in zip(first.learner.parts, second.learner.parts, strict=True):
        assert all(torch.equal(tensor, other.tensors()[key]) for key, tensor in one.tensors().items())


def test_a_state_between_two_iterations_has_something_of_everything_in_it():
    """Else a restoration that forgets something would pass the test above."""
    run = run_of("ppo", "Hopper-v5")
    trainer = loop.Trainer(run, SEEDS)
    before = trainer.state()["sampler"]["environment"]["generators"]
    trainer.iterate()
    state = trainer.state()
    assert state["sampler"]["environment"]["generators"] != before
    assert state["sampler"]["normaliser"]["count"].min() > 1
    assert np.abs(state["sampler"]["scaler"]["returns"]).max() > 0
    assert state["sampler"]["lengths"].max() > 0
    assert state["learner"]["parts"][0]["count"].min() > 0
    memory = loop.Trainer(run_of("replay"), SEEDS)
    memory.iterate()
    assert memory.state()["memory"]["filled"] > 0
    assert memory.state()["memory"]["next"] > 0


# Through the command line


def train_and_kill(arguments, directory, seconds):
    """Call the command line in a child process, kill it, and say whether it was still at work.

    It is killed some time after the directory holds a checkpoint, or is finished.
    """
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.argv = ["pgbench", "train", *arguments]
        try:
            command_line.main()
        except SystemExit as stop:
            os._exit(int(stop.code or 0))
        finally:
            os._exit(70)
    while not (list(directory.glob("checkpoint-*/checkpoint.json")) or (directory / "run.json").exists()):
        time.sleep(0.005)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize(
    ("name", "environment", "steps"),
    [("ppo", "Hopper-v5", 2560), ("replay", "CartPole-v1", 2560), ("average_baseline", "Acrobot-v1", 16_000)],
)
def test_killed_at_random_it_ends_with_the_same_bytes(name, environment, steps, tmp_path, often):
    run = run_of(name, environment, steps)
    clock = time.monotonic()
    block.train_block(run, [0, 1, 2], tmp_path / "whole")
    seconds = time.monotonic() - clock
    killed = tmp_path / "killed"
    arguments = [*naming.training_arguments(run), "--seeds", "0-2", "--checkpoint-every", "0"]
    draws = random.Random(0)
    waits = [seconds * draws.uniform(0.0, 0.4) for _ in range(4)]
    kills = sum(train_and_kill([*arguments, "--into", str(killed)], killed, wait) for wait in waits)
    block.train_block(run, [0, 1, 2], killed)
    assert content(killed) == content(tmp_path / "whole")
    records = [
        blocks.read_block(place, naming.run_name(run)).record for place in (killed, tmp_path / "whole")
    ]
    assert 1 <= len(records[0].resumptions) <= kills
    assert records[0].steps == records[1].steps
    assert sorted(path.name for path in killed.iterdir()) == [".kept", ".lock", *FILES, "run.json"]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "environment", "steps"),
    [("ppo", "CartPole-v1", 40_000), ("replay", "CartPole-v1", 20_000), ("trpo", "Hopper-v5", 20_000)],
)
def test_processes_killed_at_random_end_with_the_same_bytes(name, environment, steps, tmp_path):
    """The same with processes that share nothing with this one, and with checkpoints as rare as they are."""
    run = run_of(name, environment, steps)
    block.train_block(run, [0, 1, 2], tmp_path / "whole")
    command = [sys.executable, "-m", "pgbench", "train", *naming.training_arguments(run)]
    command += ["--seeds", "0-2", "--checkpoint-every", "0.5", "--into", str(tmp_path / "killed")]
    draws = random.Random(1)
    for _ in range(4):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(tmp_path.glob("killed/checkpoint-*/checkpoint.json")):
            time.sleep(0.1)
        time.sleep(draws.uniform(0.0, 10.0))
        process.kill()
        process.wait()
    subprocess.run(command, check=True)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    record = blocks.read_block(tmp_path / "killed", naming.run_name(run)).record
    assert record.resumptions


# What they cost


def test_a_checkpoint_that_took_long_makes_the_next_one_wait(monkeypatch, tmp_path):
    """A hundredth of the time at most, and not more often than asked for."""
    clock, cost = [0.0], [0.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])

    def write(self, trainer, tables, history):
        clock[0] += cost[0]

    monkeypatch.setattr(Checkpoints, "_write", write)
    run = run_of("ppo")
    identity = checkpoints.Identity(run=run, seeds=(0,), code_digests=("", ""), versions={})
    saved = Checkpoints(tmp_path, identity, 60.0)
    for cost[0], wait in ((0.1, 60.0), (3.0, 300.0), (0.1, 60.0)):
        clock[0] += 1000.0
        assert saved.due
        saved.save(None, None, None)
        clock[0] += wait - 0.5
        assert not saved.due
        clock[0] += 1.0
        assert saved.due


def test_a_checkpoint_adds_to_the_tables_instead_of_writing_them_again(tmp_path, often):
    run = run_of("ppo", steps=512)
    trainer, tables = loop.Trainer(run, SEEDS), Tables(SEEDS)
    identity = checkpoints.Identity(run=run, seeds=tuple(SEEDS), code_digests=("", ""), versions={})
    history = History(**provenance(), code_digest="", started=datetime.now(UTC), seconds=0.0, steps=0)
    saved = Checkpoints(tmp_path, identity, 0.0)
    whole = Tables(SEEDS)
    for number, record in enumerate(trainer.records(), start=1):
        tables.add(record)
        whole.add(record)
        saved.save(trainer, tables, history)
        assert not any(map(len, tables.rows()))
        (directory,) = tmp_path.iterdir()
        assert len(list(directory.glob("metrics-*.parquet"))) == number
        assert len(list(directory.glob("state-*.npz"))) == 1
    for found, expected in zip(saved.rows(tables), whole.rows(), strict=True):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
