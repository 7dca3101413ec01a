"""What `plan` prints: its counts, its hours, and that it counts once what studies share."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from pgbench.costs import budgets
from pgbench.costs.model import CostModel, Learning
from pgbench.studies.configuration import Configuration, Preset
from pgbench.studies.plans import StudyPlan, plan_study
from pgbench.studies.study import Study

HOUR_A_STEP = 3600.0 * 1e6
MODEL = CostModel(
    environments={"CartPole-v1": {1: 0.0}},
    algorithms={"ppo": Learning(1, {1: HOUR_A_STEP}), "reinforce": Learning(1, {1: HOUR_A_STEP / 2})},
    start=0.0,
    corrections={},
)


def plan(name: str, *parents: str) -> StudyPlan:
    """Three steps of each method with three seeds, in blocks of two."""
    study = Study(
        question="What does it cost?",
        parent="ppo",
        seeds=3,
        environments={"CartPole-v1": 3},
        variants={parent: {"parent": parent} for parent in parents},
    )
    presets = {"paper": Preset(seeds=None, steps=None)}
    configuration = Configuration(preset="paper", studies=[name], block_size=2, presets=presets)
    return plan_study(name, study, configuration)


@pytest.fixture
def plans() -> list[StudyPlan]:
    return [plan("one", "ppo", "reinforce"), plan("two", "ppo")]


def line(text: str, *words: str) -> list[str]:
    """The cells of the one line that begins with these words."""
    (found,) = [line for line in text.splitlines() if line.split()[: len(words)] == list(words)]
    return re.split(r"  +", found)


def test_a_run_a_study_and_everything(plans: list[StudyPlan], tmp_path: Path) -> None:
    total, each = budgets.describe(plans, MODEL, 2, tmp_path).split("\n\n")
    runs = budgets.describe_runs(plans, MODEL)
    # three replicas of three steps, at an hour each and at half an hour
    name = plans[0].runs[0].name
    assert line(runs, "one", "ppo")[3:] == ["3", "0-1 2-2", "9 h 0 min", "measured", name]
    assert line(runs, "one", "reinforce")[5] == "4 h 30 min"
    # blocks of 6, 3, 3 and 1.5 hours on two cores, in turn: 6 | 3 + 3, then 1.5 on either
    assert line(each, "one")[1:] == ["2", "4", "6", "18", "13 h 30 min", "6 h 0 min", "7 h 30 min"]
    assert line(each, "two")[1:] == ["1", "2", "3", "9", "9 h 0 min", "6 h 0 min", "6 h 0 min"]
    assert total == (
        "2 runs in 4 blocks, 6 replicas, 18 environment steps: "
        "about 13 h 30 min of training on one core, 7 h 30 min on 2 cores"
    )


@pytest.mark.parametrize(
    ("seconds", "hours", "text"), [(29.0, 0, "29 s"), (40.0, 1, "1 h 1 min"), (0.0, 30, "30 h 0 min")]
)
def test_times_are_said_in_seconds_minutes_or_hours(
    tmp_path: Path, seconds: float, hours: int, text: str
) -> None:
    model = dataclasses.replace(
        MODEL, start=(seconds + 3600 * hours) / 2, algorithms={"ppo": Learning(1, {1: 0.0})}
    )
    total = budgets.describe([plan("two", "ppo")], model, 1, tmp_path).partition("\n\n")[0]
    assert total.endswith(f": about {text} of training on one core, {text} on 1 core")


def test_finished_blocks_are_not_counted_again(plans: list[StudyPlan], tmp_path: Path) -> None:
    block = tmp_path / "runs" / plans[0].runs[0].name / "0-1"
    block.mkdir(parents=True)
    (block / "run.json").touch()
    total = budgets.describe(plans, MODEL, 2, tmp_path).partition("\n\n")[0]
    assert total.splitlines()[1] == (
        "without 1 finished block: about 7 h 30 min of training on one core, 4 h 30 min on 2 cores"
    )


def test_many_cores_are_bounded_by_the_longest_block(plans: list[StudyPlan]) -> None:
    """Blocks of 6, 3, 3 and 1.5 hours, and an hour more for each job's start."""
    text = budgets.scaling(plans, MODEL, overhead=3600.0)
    assert line(text, "2")[1:] == ["9 h 30 min", "71%"]
    assert line(text, "4")[1:] == ["7 h 0 min", "48%"]
    assert line(text, "512")[1:] == ["7 h 0 min", "0%"]
    assert "4 jobs, 13 h 30 min of one core" in text
    assert "longest job: 6 h 0 min, ppo.CartPole-v1" in text
