"""The examples of README.md and docs/, followed to the letter."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from helpers.documents import Block, blocks, commands, own_module
from helpers.places import CHECKOUT
from pgbench.methods.lineage import LINEAGE
from pgbench.studies.configuration import parse_configuration, study_files
from pgbench.studies.plans import StudyPlan, plan_studies

YAML = blocks("yaml")
KEYS = ("question", "margins", "evaluation", "reference")
"""What a block begins with that is a study, or a part of one; any other holds variants."""
STUDY = {
    "question": "Does clipping help?",
    "parent": "ppo_clip",
    "environments": {"HalfCheetah-v5": 1000},
    "variants": {"PPO-clip": {}, "no clip": {"parent": "no_clip"}},
}


def beginning_with(*keys: str) -> list[Block]:
    return [block for block in YAML if block.text.startswith(keys)]


def planned(directory: Path, study: str) -> StudyPlan:
    """The plan of a study that stands in a file of its own."""
    (directory / "mine.yaml").write_text(study, encoding="utf-8")
    values = {"preset": "full", "studies": [str(directory / "mine.yaml")], "presets": {"full": {}}}
    configuration = parse_configuration(values, "test")
    return plan_studies(configuration, study_files(configuration, directory))["mine"]


@pytest.mark.parametrize("block", beginning_with("question"), ids=str)
def test_a_study_is_a_study(tmp_path: Path, block: Block) -> None:
    plan, study = planned(tmp_path, block.text), yaml.safe_load(block.text)
    expected = [
        (variant, environment) for variant in study["variants"] for environment in study["environments"]
    ]
    assert sorted((run.variant, run.environment) for run in plan.runs) == sorted(expected)


@pytest.mark.parametrize("block", beginning_with("margins", "evaluation", "reference"), ids=str)
def test_a_part_of_a_study_is_one(tmp_path: Path, block: Block) -> None:
    plan = planned(tmp_path, yaml.safe_dump(STUDY, sort_keys=False) + block.text)
    assert all(getattr(plan.study, key) for key in yaml.safe_load(block.text))


@pytest.mark.parametrize("block", [block for block in YAML if not block.text.startswith(KEYS)], ids=str)
def test_variants_are_variants(tmp_path: Path, block: Block) -> None:
    parent = re.findall(r"`parent: (\w+)`", block.before)[-1]
    study: dict[str, Any] = {"question": "Which?", "parent": parent, "environments": {"CartPole-v1": 1000}}
    variants = yaml.safe_load(block.text)
    plan = planned(tmp_path, yaml.safe_dump(study | {"variants": variants}, sort_keys=False))
    assert [run.variant for run in plan.runs] == list(variants)
    assert len({run.name for run in plan.runs}) == len(variants), "two variants are the same"


# A new baseline, as docs/studies.md adds one

OLD, NEW = "c.AverageReturn()", "c.AverageReturn() | c.MedianReturn()"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package; compiled loops come along, because compiling takes long."""
    shutil.copytree(CHECKOUT / "pgbench", tmp_path / "pgbench")
    return tmp_path


def insert(path: Path, before: str, text: str) -> None:
    """Insert a text before another, which must stand there once."""
    content = path.read_text(encoding="utf-8")
    assert content.count(before) == 1
    path.write_text(content.replace(before, text + before), encoding="utf-8")


def give_meaning(path: Path, case: str) -> None:
    """Add a case to `subtracted`, and the median beside the average to a case of every other function."""
    content = path.read_text(encoding="utf-8")
    lines = content.splitlines(keepends=True)
    functions = [each for each in ast.parse(content).body if isinstance(each, ast.FunctionDef)]
    for function in functions:
        for number in range(function.lineno - 1, function.end_lineno or 0):
            if function.name != "subtracted":
                lines[number] = lines[number].replace(OLD, NEW)
            elif lines[number].strip() == "case _:":
                lines[number] = case + lines[number]
    path.write_text("".join(lines), encoding="utf-8")


def answers(code: str, checkout: Path) -> set[str]:
    """The functions of training that hold some code."""
    functions = (
        (function, path)
        for path in (checkout / "pgbench" / "training").rglob("*.py")
        for function in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(function, ast.FunctionDef)
    )
    return {f"{path.name}: {function.name}" for function, path in functions if code in ast.unparse(function)}


def of_studies() -> list[Block]:
    """The blocks of Python in docs/studies.md; those of docs/python.md are run in `tests/notebook`."""
    return [block for block in blocks("python") if block.document.name == "studies.md"]


def train(checkout: Path) -> subprocess.CompletedProcess[str]:
    """The command of the example, in a checkout; its block goes to `block`."""
    (command,) = [command for command in commands() if "baseline=median_return" in command]
    arguments = [sys.executable, *command[1:], "--seeds", "0-1", "--into", "block"]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    return subprocess.run(
        arguments, cwd=checkout, env=environment, check=False, capture_output=True, text=True
    )


def test_a_baseline_takes_a_model_and_a_meaning(checkout: Path) -> None:
    model, handed_on, case = (block.text for block in of_studies() if block != own_module())
    components = checkout / "pgbench" / "methods" / "components"
    insert(components / "baselines.py", "Baseline = Annotated[\n", f"{model}\n\n")
    insert(components / "baselines.py", "    | LearnedActionValue,\n", "    | MedianReturn\n")
    insert(
        components / "__init__.py", "from pgbench.methods.components.baselines import NoBaseline", handed_on
    )
    assert "Expected code to be unreachable" in train(checkout).stderr

    example = (CHECKOUT / "docs" / "studies.md").read_text(encoding="utf-8")
    assert f"`{NEW}`" in example
    for path in re.findall(r"\[`(pgbench/training/meaning/\w+\.py)`\]", example):
        give_meaning(checkout / path, case)
    assert answers("c.MedianReturn()", checkout) == answers("assert_never(baseline)", checkout)
    done = train(checkout)
    assert done.returncode == 0, done.stderr
    metrics = pd.read_parquet(checkout / "block" / "metrics.parquet")
    assert metrics.step.max() >= 5000
    assert "median_return" not in LINEAGE
