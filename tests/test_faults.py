"""Faults, injected: what the user reads, that nothing valid is lost, and that nothing invalid is accepted.

Faults of finished blocks are in `test_results.py`, kills in `test_checkpoints.py`.
"""

import errno
import io
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.places import CHECKOUT
from pgbench import __main__ as command_line
from pgbench.base.refusals import Refusal
from pgbench.environments import VectorEnvironment
from pgbench.methods import lineage, naming, paths, runs
from pgbench.running import block, checkpoints
from pgbench.storage import blocks, digests, files

FILES = sorted([*blocks.FILES.values(), blocks.POLICY])
PPO = lineage.LINEAGE["ppo"].algorithm
SMALL = paths.with_values(PPO, {"data.steps": 64, "update.epochs": 2, "networks.hidden": (8,)})
RUN = runs.Run(algorithm=SMALL, environment="CartPole-v1", steps=512)
SEEDS = (0, 1)
ARGUMENTS = [*naming.training_arguments(RUN), "--seeds", "0-1", "--checkpoint-every", "0"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The block as it is when nothing goes wrong."""
    directory = tmp_path_factory.mktemp("whole")
    block.train_block(RUN, SEEDS, directory)
    return directory


@pytest.fixture
def often(monkeypatch):
    """Checkpoints whenever one is allowed for, whatever they cost."""
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)


@pytest.fixture
def interrupted(tmp_path, often):
    """A block that was interrupted after four of its eight iterations."""
    interrupt(4, tmp_path)
    return tmp_path


def interrupt(iterations, directory, run=RUN, seeds=SEEDS):
    """Train a block, with a checkpoint after every iteration, until it is interrupted after some of them."""

    def iterate(self):
        if self.iteration == iterations:
            raise KeyboardInterrupt
        return original(self)

    original = block.Trainer.iterate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block.Trainer, "iterate", iterate)
        with pytest.raises(KeyboardInterrupt):
            block.train_block(run, seeds, directory, 0.0)


def call(monkeypatch, *arguments):
    """Call `pgbench train` here; its exit code."""
    monkeypatch.setattr(sys, "argv", ["pgbench", "train", *ARGUMENTS, *arguments])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    return int(stop.value.code or 0)


def same(directory, whole):
    return all((directory / file).read_bytes() == (whole / file).read_bytes() for file in FILES)


def saved(directory):
    (found,) = directory.glob("checkpoint-*")
    return found


def resumptions(directory):
    return blocks.read_block(directory, naming.run_name(RUN)).record.resumptions


# Two writers


def test_a_second_writer_is_refused_and_the_first_is_not_disturbed(tmp_path, whole, monkeypatch, capsys):
    def second(self, trainer, tables, history):
        assert call(monkeypatch, "--into", str(tmp_path)) == 2

    monkeypatch.setattr(checkpoints.Checkpoints, "save", second)
    block.train_block(RUN, SEEDS, tmp_path, 0.0)
    assert f"process {os.getpid()} on" in capsys.readouterr().err
    assert same(tmp_path, whole)


def test_a_finished_block_is_not_trained_again(tmp_path, whole, monkeypatch, capsys):
    block.train_block(RUN, SEEDS, tmp_path)
    (tmp_path / "checkpoint-01234567").mkdir()  # it was killed just before it deleted this
    before = (tmp_path / "run.json").read_bytes()
    assert call(monkeypatch, "--into", str(tmp_path)) == 0
    assert (tmp_path / "run.json").read_bytes() == before
    assert not list(tmp_path.glob("checkpoint-*"))
    assert "has been trained by this code" in capsys.readouterr().err


@pytest.mark.parametrize("deleted", [["run.json"], ["run.json", *FILES]])
def test_a_finished_block_whose_files_were_deleted_is_given_back(
    tmp_path, whole, monkeypatch, capsys, deleted
):
    """Snakemake deletes the outputs of a job that outlived it before it starts that job again."""
    block.train_block(RUN, SEEDS, tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    for file in deleted:
        (tmp_path / file).unlink()
    monkeypatch.delattr(block.Trainer, "iterate")
    block.train_block(RUN, SEEDS, tmp_path)
    assert "it is given back" in capsys.readouterr().err
    assert same(tmp_path, whole)
    assert (tmp_path / "run.json").read_bytes() == before


def test_what_was_kept_of_other_code_is_not_given_back(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(digests, "of_run", lambda *_: "01234567")
        block.train_block(RUN, SEEDS, tmp_path)
    (tmp_path / "run.json").unlink()
    block.train_block(RUN, SEEDS, tmp_path)
    record = blocks.read_block(tmp_path, naming.run_name(RUN)).record
    assert record.code_digest == digests.of_run(RUN)


def test_an_edited_block_is_trained_again(tmp_path, whole):
    block.train_block(RUN, SEEDS, tmp_path)
    table = pd.read_parquet(tmp_path / "episodes.parquet")
    table.assign(episodic_return=500.0).to_parquet(tmp_path / "episodes.parquet")
    block.train_block(RUN, SEEDS, tmp_path)
    assert same(tmp_path, whole)


# A full disk


def full(monkeypatch, name):
    """From now on the disk is full whenever a file of this kind is to be forced to it."""
    original = files.force

    def force(path):
        if name in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        original(path)

    for module in (files, blocks):
        monkeypatch.setattr(module, "force", force)


@pytest.mark.parametrize("name", [".state-", ".checkpoint.json"])
def test_without_room_for_checkpoints_training_goes_on(tmp_path, whole, often, monkeypatch, capsys, name):
    full(monkeypatch, name)
    block.train_block(RUN, SEEDS, tmp_path, 0.0)
    assert "no checkpoint could be written (No space left on device)" in capsys.readouterr().err
    assert same(tmp_path, whole)


@pytest.mark.parametrize("name", [".state-", ".checkpoint.json"])
def test_a_failed_checkpoint_leaves_the_one_before(interrupted, whole, often, monkeypatch, name):
    """Training goes on for two iterations that cannot be saved, is killed, and goes on again from the fourth."""
    with monkeypatch.context() as patch:
        full(patch, name)
        interrupt(6, interrupted)
    block.train_block(RUN, SEEDS, interrupted, 0.0)
    assert same(interrupted, whole)
    assert [resumption.steps for resumption in resumptions(interrupted)] == [2 * 4 * 64]


@pytest.mark.parametrize("name", [f".{file}" for file in (*blocks.FILES.values(), blocks.RECORD)])
def test_without_room_for_the_results_nothing_is_lost(tmp_path, whole, often, monkeypatch, capsys, name):
    with monkeypatch.context() as patch:
        full(patch, name)
        assert call(patch, "--into", str(tmp_path)) == 1
    message = capsys.readouterr().err
    assert "No space left on device" in message
    assert "training goes on from it" in message
    assert "Traceback" not in message
    assert sorted(path.name[:10] for path in tmp_path.iterdir()) == [".lock", "checkpoint"]
    monkeypatch.delattr(block.Trainer, "iterate")  # all has been done: the last checkpoint is enough
    block.train_block(RUN, SEEDS, tmp_path)
    assert same(tmp_path, whole)


@pytest.mark.faults
def test_a_disk_that_is_really_full(tmp_path, whole):
    """A file system of 200 kB: the checkpoints fit at first, and then no more."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        command = [sys.executable, "-m", "pgbench", "train", *ARGUMENTS, "--into", str(tmp_path / "block")]
        (tmp_path / "ballast").write_bytes(bytes(185_000))
        failed = subprocess.run(command, check=False, capture_output=True, text=True)
        assert failed.returncode == 1, failed.stderr
        assert "No space left on device" in failed.stderr
        assert "Traceback" not in failed.stderr
        (tmp_path / "ballast").unlink()
        subprocess.run(command, check=True)
        assert same(tmp_path / "block", whole)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


# Checkpoints that are not what they should be


def test_an_interrupted_block_goes_on(interrupted, whole, capsys):
    block.train_block(RUN, SEEDS, interrupted, 0.0)
    assert "goes on from a checkpoint after 4 iterations" in capsys.readouterr().err
    assert same(interrupted, whole)
    assert len(resumptions(interrupted)) == 1


@pytest.mark.parametrize(
    ("changed", "value"),
    [("of_run", lambda *_: "01234567"), ("of_checkpoints", lambda *_: "01234567"), ("provenance", None)],
)
def test_other_code_or_versions_start_over(interrupted, whole, monkeypatch, capsys, changed, value):
    """And the checkpoint stays for when they come back, until the block is finished."""

    def other():
        found = blocks_provenance()
        return found | {"versions": found["versions"] | {"torch": "1.0"}}

    blocks_provenance = block.provenance
    with monkeypatch.context() as patch:
        patch.setattr(digests if value else block, changed, value or other)
        interrupt(2, interrupted)
    assert "belongs to other code, versions" in capsys.readouterr().err
    block.train_block(RUN, SEEDS, interrupted)
    assert "goes on from a checkpoint after 4 iterations" in capsys.readouterr().err
    assert same(interrupted, whole)


def test_a_checkpoint_of_other_seeds_is_not_taken_for_its_own(interrupted):
    other = checkpoints.Identity(
        run=RUN,
        seeds=(5, 6),
        code_digests=(digests.of_run(RUN), digests.of_checkpoints(RUN)),
        versions=block.provenance()["versions"],
    )
    saved(interrupted).rename(interrupted / f"checkpoint-{other.digest}")
    with pytest.raises(Refusal, match=r"belongs to another run, seeds, code or version; delete .* to train"):
        block.train_block(RUN, other.seeds, interrupted)


class Exploit:
    """Its unpickling leaves a file behind."""

    def __reduce__(self):
        return (Path("exploited").touch, ())


def pickled(path):
    buffer = io.BytesIO()
    np.savez(buffer, np.array([Exploit()], dtype=object))
    path.write_bytes(buffer.getvalue())


def edited(path):
    path.write_text(path.read_text().replace('"iteration": 4', '"iteration": 3'))


def vouch(directory, path):
    """Make the record say that a state is the one that was written."""
    record = files.read_record(directory / "checkpoint.json", checkpoints.Checkpoint, "")
    vouched = record.model_copy(update={"state": files.sha256(path)})
    (directory / "checkpoint.json").write_text(files.sealed(vouched))


@pytest.mark.parametrize(
    ("file", "damage", "vouched", "message"),
    [
        ("state-4.npz", lambda path: path.write_bytes(path.read_bytes()[:-9]), False, "altered or truncated"),
        ("state-4.npz", Path.unlink, False, "cannot be read"),
        ("state-4.npz", lambda path: path.write_bytes(pickle.dumps(Exploit())), True, "holds no state"),
        ("state-4.npz", pickled, True, "holds no state"),
        ("metrics-000002.parquet", Path.unlink, False, "cannot be read"),
        ("episodes-000001.parquet", lambda path: path.write_text("seed\n"), False, "altered or truncated"),
        ("checkpoint.json", lambda path: path.write_text("{"), False, "is not a record"),
        ("checkpoint.json", edited, False, "does not match its own checksum"),
    ],
)
def test_a_damaged_checkpoint_is_refused(interrupted, whole, monkeypatch, file, damage, vouched, message):
    monkeypatch.chdir(interrupted)
    directory = saved(interrupted)
    damage(directory / file)
    if vouched:
        vouch(directory, directory / file)
    with pytest.raises(Refusal, match=rf"{file}: .*{message}.*; delete .*{directory.name} to train"):
        block.train_block(RUN, SEEDS, interrupted)
    assert not Path("exploited").exists()


def test_a_damaged_checkpoint_once_deleted_costs_only_time(interrupted, whole):
    shutil.rmtree(saved(interrupted))
    block.train_block(RUN, SEEDS, interrupted)
    assert same(interrupted, whole)


# Training that cannot go on


LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from pgbench import __main__ as command_line
from pgbench.running import block
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
sys.argv = ["pgbench", "train", *sys.argv[1:]]
command_line.main()
"""
"""A training in a process of its own, which may take 64 MiB more than its libraries."""


def test_without_memory_it_says_so_and_goes_on_with_more(tmp_path, often):
    few = {"data.warm_up": 64, "data.batch_size": 8, "baseline.fit.steps": 1, "networks.hidden": (8,)}
    large = paths.with_values(lineage.LINEAGE["replay"].algorithm, few | {"data.capacity": 2_000_000})
    run = runs.Run(algorithm=large, environment="CartPole-v1", steps=512)
    block.train_block(run, SEEDS, tmp_path / "whole")
    interrupt(3, tmp_path / "interrupted", run)
    arguments = [*naming.training_arguments(run), "--seeds", "0-1", "--into", str(tmp_path / "interrupted")]
    command = [sys.executable, "-c", LITTLE_MEMORY, *arguments]
    little = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert little.returncode == 1, little.stderr
    assert "there is not enough memory" in little.stderr
    assert "Traceback" not in little.stderr
    block.train_block(run, SEEDS, tmp_path / "interrupted")
    assert same(tmp_path / "interrupted", tmp_path / "whole")


def disturb(patch, step, disturbance):
    """Let something happen at one call of an environment's step, counted from 0."""
    original, calls = VectorEnvironment.step, iter(range(10**6))

    def disturbed(self, actions, active=None):
        transition = original(self, actions, active)
        return disturbance(transition) if next(calls) == step else transition

    patch.setattr(VectorEnvironment, "step", disturbed)


def test_an_environment_that_raises_names_the_block_and_loses_nothing(interrupted, whole, monkeypatch):
    def fail(transition):
        raise ArithmeticError("the physics exploded")

    with monkeypatch.context() as patch:
        disturb(patch, 100, fail)
        with pytest.raises(ArithmeticError, match="exploded") as raised:
            block.train_block(RUN, SEEDS, interrupted, 0.0)
    assert f"while training {interrupted}" in raised.value.__notes__[0]
    block.train_block(RUN, SEEDS, interrupted, 0.0)
    assert same(interrupted, whole)
    assert [resumption.steps for resumption in resumptions(interrupted)] == [2 * 4 * 64, 2 * 5 * 64]


def test_not_a_number_in_one_replica_of_ten(tmp_path, monkeypatch, often):
    """It ends with the update that met it, says at which step, and no other replica notices."""
    seeds, sick = range(10), 4

    def poison(transition):
        transition.rewards[sick] = np.nan
        return transition

    block.train_block(RUN, seeds, tmp_path / "well")
    with monkeypatch.context() as patch:
        disturb(patch, 150, poison)
        block.train_block(RUN, seeds, tmp_path / "sick")
    with monkeypatch.context() as patch:
        disturb(patch, 150, poison)
        interrupt(5, tmp_path / "resumed", seeds=seeds)
    block.train_block(RUN, seeds, tmp_path / "resumed", 0.0)
    assert same(tmp_path / "resumed", tmp_path / "sick")
    well, found = (blocks.read_block(tmp_path / name, naming.run_name(RUN)) for name in ("well", "sick"))
    for one, other in ((getattr(well, name), getattr(found, name)) for name in blocks.FILES):
        pd.testing.assert_frame_equal(
            *(table[table.seed != sick].reset_index(drop=True) for table in (one, other))
        )
    assert found.metrics[found.metrics.seed == sick].step.tolist() == [64, 128, 192]
    ended = found.replicas.set_index("seed")
    assert ended.loc[sick, ["step", "status"]].tolist() == [192, "diverged"]
    assert (ended.drop(sick)["status"] == "finished").all()
    assert found.record.steps == 9 * 512 + 192


def test_a_gymnasium_environment_is_trained_without_checkpoints(tmp_path, capsys):
    run = runs.Run(algorithm=SMALL, environment="Bandit-v0", steps=256)
    block.train_block(run, SEEDS, tmp_path, 0.0)
    assert capsys.readouterr().err.count("if this block is killed, it starts over") == 1
    assert blocks.read_block(tmp_path, naming.run_name(run)).record.steps == 512
