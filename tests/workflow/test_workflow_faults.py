"""Snakemake is killed with jobs in flight: what it leaves behind, and how a person gets everything back."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.places import CHECKOUT
from pgbench.analysis import verification
from pgbench.base.refusals import Refusal
from pgbench.methods import naming, runs
from pgbench.running import block
from pgbench.storage import blocks, files
from pgbench.studies import loading

pytestmark = pytest.mark.faults

STUDY = (
    "question: Is it lost?\nparent: reinforce\nenvironments: {CartPole-v1: 20000}\nvariants: {REINFORCE: }\n"
)
CONFIGURATION = (
    "preset: three\nstudies: [study.yaml]\nlaboratory: []\nblock_size: 1\npresets: {three: {seeds: 3}}\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with three blocks to train, and a checkout in which checkpoints are frequent."""
    for part in ("pgbench", "workflows"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / part, tmp_path / "checkout" / part, ignore=ignored)
    for part in ("Snakefile", "environment.yml", "profiles"):
        shutil.copy(CHECKOUT / part, tmp_path / "checkout", follow_symlinks=False)
    # A checkpoint after every iteration, so that each block has one however fast the machine is.
    for name, usual, often in (
        ("__main__.py", "CheckpointEvery = 60.0", "CheckpointEvery = 0.0"),
        ("running/checkpoints.py", "SHARE = 0.01", "SHARE = 1.0"),
    ):
        module = tmp_path / "checkout" / "pgbench" / name
        assert usual in module.read_text()
        module.write_text(module.read_text().replace(usual, often))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "study.yaml").write_text(STUDY)
    (tmp_path / "work" / "config.yaml").write_text(CONFIGURATION)
    return tmp_path / "work"


def start(project: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Snakemake, whose output goes to a file: its jobs may outlive it, and would hold a pipe open."""
    snakefile = project.parent / "checkout" / "Snakefile"
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--cores", "2"]
    with (project / "output.log").open("wb") as output:
        return subprocess.Popen(
            [*command, "--configfile", "config.yaml", *arguments],
            cwd=project,
            env=os.environ | {"PYTHONPATH": str(project.parent / "checkout")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def finish(project: Path, *arguments: str) -> tuple[int, str]:
    """Run Snakemake to its end: exit code and what it prints."""
    code = start(project, *arguments).wait()
    return code, (project / "output.log").read_text()


def until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.2)
    raise TimeoutError


def writers(project: Path) -> list[int]:
    """The processes that are writing a block."""
    found = []
    for lock in project.glob(f"results/runs/*/*/{files.LOCK}"):
        try:
            with files.sole_writer(lock.parent):
                pass
        except Refusal as refusal:
            found += [int(number) for number in re.findall(r"process (\d+) on", str(refusal))]
    return found


def test_snakemake_killed_with_jobs_in_flight(project: Path) -> None:
    snakemake = start(project)
    until(lambda: len(list(project.glob("results/runs/*/*/checkpoint-*/checkpoint.json"))) >= 2)
    snakemake.kill()
    snakemake.wait()
    orphans = writers(project)
    assert len(orphans) == 2
    for orphan in orphans:
        os.kill(orphan, signal.SIGSTOP)  # so that they outlive what follows, however slow the machine

    # Snakemake itself refuses first, and says what to type.
    code, output = finish(project)
    assert code == 1
    assert "--unlock" in output
    assert finish(project, "--unlock")[0] == 0

    # The orphans are not disturbed; the third block is trained beside them.
    code, output = finish(project)
    assert code == 1
    assert len(set(re.findall(r"process (\d+) on .* is writing it; wait until it has ended", output))) == 2
    assert writers(project) == orphans
    assert len(list(project.glob("results/runs/*/*/run.json"))) == 1

    # One orphan is killed, the other ends by itself, unseen by any Snakemake.
    os.kill(orphans[0], signal.SIGKILL)
    os.kill(orphans[1], signal.SIGCONT)
    until(lambda: not writers(project))
    assert len(list(project.glob("results/runs/*/*/run.json"))) == 2
    code, output = finish(project)
    assert code == 0, output
    findings = verification.verify(project / "results")
    assert [finding.state for finding in findings] == ["valid"] * 4
    logs = "".join(log.read_text() for log in project.glob("results/logs/train/*/*.log"))
    assert logs.count("goes on from a checkpoint") == 1

    run = loading.describe_run("reinforce", {}, {"environment": "CartPole-v1", "steps": 20_000}, "test")
    for directory in (project / "results" / "runs" / naming.run_name(run)).iterdir():
        block.train_block(run, runs.seeds_of(directory.name), project / "whole" / directory.name)
        for table in blocks.FILES.values():
            assert (directory / table).read_bytes() == (
                project / "whole" / directory.name / table
            ).read_bytes()
