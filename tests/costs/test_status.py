"""What `status` says of blocks that are done, running, stopped or waiting, and what Ctrl-C leaves to read."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from helpers.places import CHECKOUT
from pgbench import __main__ as command_line
from pgbench.costs import status
from pgbench.costs.model import CostModel, Learning
from pgbench.storage.files import LOCK, sole_writer
from pgbench.storage.layout import Layout
from pgbench.studies.plans import StudyPlan, configured_plans

STUDY = {
    "question": "How far is it?",
    "parent": "ppo",
    "seeds": 2,
    "environments": {"CartPole-v1": 1_000_000},
    "variants": {"PPO": None, "REINFORCE": {"parent": "reinforce"}},
}
CONFIGURATION = {"preset": "paper", "block_size": 1, "presets": {"paper": {}}}
MODEL = CostModel(
    environments={"CartPole-v1": {1: 0.0}},
    algorithms={"ppo": Learning(1, {1: 3600.0}), "reinforce": Learning(1, {1: 7200.0})},
    start=0.0,
    corrections={},
)
"""An hour a block of PPO, two hours a block of REINFORCE."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and the study `far`."""
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "far.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False), encoding="utf-8")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIGURATION), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(project: Path) -> list[StudyPlan]:
    return configured_plans(project / "config.yaml")[1]


def begin(project: Path, block: str, writer: str, age: float, steps: int = 0, seconds: float = 0.0) -> Path:
    """A block as it is on disk while it is trained; a checkpoint with steps, if there are any."""
    directory = Layout(project / "results").block(block)
    directory.mkdir(parents=True)
    written = [directory / LOCK]
    written[0].write_text(writer, encoding="utf-8")
    if steps:
        written.append(directory / "checkpoint-0" / "checkpoint.json")
        written[1].parent.mkdir()
        written[1].write_text(f'{{"history": {{"steps": {steps}, "seconds": {seconds}}}}}', encoding="utf-8")
    for path in written:
        os.utime(path, (time.time() - age, time.time() - age))
    return directory


def finish(project: Path, block: str) -> None:
    directory = Layout(project / "results").block(block)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "run.json").touch()


def shown(project: Path) -> tuple[dict[str, list[str]], str]:
    """The cells of each line that `describe` gives, by its first cell, and the last line."""
    plans = planned(project)
    text = status.describe(plans, status.block_statuses(plans, Layout(project / "results"), MODEL))
    lines = [re.split(r"  +", line) for line in text.splitlines()]
    return {first: rest for first, *rest in lines}, text.splitlines()[-1]


def test_nothing_is_there_yet(project: Path) -> None:
    rows, summary = shown(project)
    assert rows["far"] == ["4", "0", "0", "0", "4"]
    assert summary == "0 of 4 blocks done, 4 waiting; left: about 6 h 0 min of training on one core"


def test_a_block_of_another_machine_runs_while_there_is_news_of_it(project: Path) -> None:
    ppo, reinforce = (run.name for run in planned(project)[0].runs)
    finish(project, f"{ppo}/0-0")
    begin(project, f"{ppo}/1-1", "process 7 on node5", age=60.0, steps=250_000, seconds=500.0)
    begin(project, f"{reinforce}/0-0", "process 8 on node6", age=3600.0, steps=100_000, seconds=100.0)
    rows, summary = shown(project)
    assert rows["far"] == ["4", "1", "1", "1", "1"]
    # 750,000 steps at 500 a second are 25 minutes, of which one has passed since; at 1,000 a second 15 are left.
    assert rows[f"{ppo}/1-1"] == ["running", "25\N{NO-BREAK SPACE}%", "500", "24 min", "process 7 on node5"]
    assert rows[f"{reinforce}/0-0"][:4] == ["stopped", "10\N{NO-BREAK SPACE}%", "1,000", "15 min"]
    assert summary == (
        "1 of 4 blocks done, 1 running, 1 stopped, 1 waiting; left: about 2 h 39 min of training on one core"
    )


def test_the_log_of_a_job_is_news_of_it(project: Path) -> None:
    ppo = planned(project)[0].runs[0].name
    begin(project, f"{ppo}/0-0", "process 7 on node5", age=3600.0, steps=1000, seconds=1.0)
    assert shown(project)[0][f"{ppo}/0-0"][0] == "stopped"
    log = Layout(project / "results").log("train", f"{ppo}/0-0")
    log.parent.mkdir(parents=True)
    log.touch()
    assert shown(project)[0][f"{ppo}/0-0"][0] == "running"


def test_here_the_kernel_says_whether_a_block_runs(project: Path) -> None:
    """However old its files are, and whatever process has its number meanwhile."""
    ppo, reinforce = (run.name for run in planned(project)[0].runs)
    directory = Layout(project / "results").block(f"{ppo}/0-0")
    here = f"process {os.getpid()} on {platform.node()}"
    begin(project, f"{reinforce}/0-0", f"process 999999999 on {platform.node()}", age=5.0)
    with sole_writer(directory):
        os.utime(directory / LOCK, (time.time() - 1200, time.time() - 1200))
        rows, _ = shown(project)
    # Without a checkpoint the time left is the estimate, less the time since the beginning.
    assert rows[f"{ppo}/0-0"] == ["running", "no checkpoint", "–", "40 min", here]
    assert rows[f"{reinforce}/0-0"][:4] == ["stopped", "no checkpoint", "–", "2 h 0 min"]
    assert shown(project)[0][f"{ppo}/0-0"][0] == "stopped"


def test_blocks_side_by_side_end_sooner(project: Path) -> None:
    ppo, reinforce = (run.name for run in planned(project)[0].runs)
    for block in (f"{ppo}/0-0", f"{ppo}/1-1"):
        begin(project, block, "process 7 on node5", age=0.0, steps=500_000, seconds=3600.0)
    for block in (f"{reinforce}/0-0", f"{reinforce}/1-1"):
        finish(project, block)
    assert shown(project)[1].endswith("left: about 2 h 0 min of training on one core, 1 h 0 min on 2")


def test_when_all_is_done_nothing_is_left(project: Path) -> None:
    for block in planned(project)[0].blocks():
        finish(project, block)
    assert shown(project)[1] == "4 of 4 blocks done"


def test_looks_that_the_workflow_planned_count(project: Path) -> None:
    (plan,) = planned(project)
    layout = Layout(project / "results")
    assert status.as_last_planned(plan, layout, 1) == plan
    written = layout.study("paper", "far") / "plan.json"
    written.parent.mkdir(parents=True)
    written.write_text(plan.extended(2, 1).model_dump_json(), encoding="utf-8")
    assert status.as_last_planned(plan, layout, 1).looks == 2
    written.write_text(
        plan.extended(2, 1).model_copy(update={"seeds": 3}).model_dump_json(), encoding="utf-8"
    )
    assert status.as_last_planned(plan, layout, 1) == plan


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["pgbench", *arguments])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    return int(stop.value.code or 0)


def test_the_verb_takes_studies_and_refuses_unknown_ones(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    costs = str(CHECKOUT / "workflows" / "costs.csv")
    options = ("--configuration", "config.yaml", "--costs", costs)
    assert call(monkeypatch, "status", *options) == 0
    everything = capsys.readouterr().out
    assert everything.startswith("preset paper\n\nstudy")
    for study in ("far", "studies/far.yaml"):
        assert call(monkeypatch, "status", study, *options) == 0
        assert capsys.readouterr().out == everything
    assert call(monkeypatch, "status", "fra", *options) == 2
    assert "there is no 'fra' in studies; did you mean 'far'?" in capsys.readouterr().err
    assert call(monkeypatch, "status", "--preset", "papre", *options) == 2
    assert "preset 'papre' does not exist; did you mean 'paper'?" in capsys.readouterr().err


@pytest.fixture
def training(project: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that trains a block of the study, and saves as often as it may."""
    command = [sys.executable, "-m", "pgbench", "train", "ppo", "CartPole-v1", "--steps", "1000000"]
    process = subprocess.Popen(
        [*command, "--seeds", "0-0", "--checkpoint-every", "0"],
        cwd=project,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background of a shell, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no threads here)
    )
    yield process
    process.kill()
    process.wait()


def test_a_real_block_is_seen_while_it_runs_and_ctrl_c_says_how_to_go_on(
    project: Path, training: subprocess.Popen[str]
) -> None:
    name = planned(project)[0].runs[0].name
    for _ in range(1200):
        if any((project / "results" / "runs" / name / "0-0").glob("checkpoint-*/checkpoint.json")):
            break
        time.sleep(0.1)
    rows, _ = shown(project)
    state, share, rate, _, writer = rows[f"{name}/0-0"]
    assert (state, writer) == ("running", f"process {training.pid} on {platform.node()}")
    assert re.fullmatch(r"\d+\W%", share)
    assert int(rate.replace(",", "")) > 0
    training.send_signal(signal.SIGINT)
    _, said = training.communicate(timeout=60)
    (checkpoint,) = Path("results", "runs", name, "0-0").glob("checkpoint-*")
    assert f"ended by you; the same command goes on from the checkpoint {checkpoint}" in said
    assert "Traceback" not in said
    assert shown(project)[0][f"{name}/0-0"][0] == "stopped"


def test_looks_that_are_whole_on_disk_count_without_a_written_plan(project: Path) -> None:
    """As after `restore`, before the workflow has planned anything."""
    (plan,) = planned(project)
    for block in plan.extended(2, 1).blocks():
        finish(project, block)
    assert status.as_last_planned(plan, Layout(project / "results"), 1) == plan.extended(2, 1)
