"""The README's own instructions, followed to the letter."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from helpers.places import CHECKOUT
from pgbench.methods import lineage
from pgbench.studies import plans
from pgbench.studies.configuration import parse_configuration, study_files

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def planned(directory: Path, study: str) -> plans.StudyPlan:
    """The plan of a study that stands in a file of its own."""
    (directory / "mine.yaml").write_text(study, encoding="utf-8")
    values = {"preset": "full", "studies": [str(directory / "mine.yaml")], "presets": {"full": {}}}
    configuration = parse_configuration(values, "test")
    return plans.plan_studies(configuration, study_files(configuration, directory))["mine"]


def test_the_readmes_study_is_a_study(tmp_path: Path) -> None:
    plan = planned(tmp_path, blocks("yaml")[0])
    assert [run.run.environment for run in plan.runs] == ["HalfCheetah-v5"] * 3


def test_the_readmes_claim_is_a_claim(tmp_path: Path) -> None:
    study = {
        "question": "Does clipping help?",
        "parent": "ppo_clip",
        "environments": {"HalfCheetah-v5": 1000},
        "variants": {"PPO-clip": {}, "no clip": {"parent": "no_clip"}},
    }
    (block,) = [block for block in blocks("yaml") if block.startswith("claims:")]
    plan = planned(tmp_path, yaml.safe_dump(study, sort_keys=False) + block)
    assert list(plan.study.claims) == ["clip-helps"]


@pytest.mark.parametrize("block", [block for block in blocks("yaml")[1:] if not block.startswith("claims:")])
def test_the_readmes_variants_are_variants(tmp_path: Path, block: str) -> None:
    study = {"question": "Which?", "parent": "replay", "seeds": 2, "environments": {"CartPole-v1": 1000}}
    variants = yaml.safe_load(block)
    plan = planned(tmp_path, yaml.safe_dump(study | {"variants": variants}, sort_keys=False))
    assert [run.variant for run in plan.runs] == list(variants)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(CHECKOUT / "pgbench", tmp_path / "pgbench", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def insert(path: Path, before: str, text: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert content.count(before) == 1
    path.write_text(content.replace(before, text + before), encoding="utf-8")


def call(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=False, cwd=checkout, capture_output=True, text=True)


def test_a_component_takes_a_model_and_a_case(checkout: Path) -> None:
    model, meaning = blocks("python")
    components, estimation = (
        checkout / "pgbench" / name for name in ("components/__init__.py", "estimation.py")
    )
    name = re.findall(r"class (\w+)", model)[0]
    insert(components, "Baseline = Annotated[\n", f"{model}\n\n")
    insert(components, "    | LearnedActionValue,\n", f"    | {name}\n")
    (command,) = re.findall(r"^    python (-m pgbench train .*median_return)$", README, flags=re.MULTILINE)
    into = ["--seeds", "0-1", "--into", "block"]
    assert "Expected code to be unreachable" in call(checkout, *command.split(), *into).stderr

    last_case = "        case _:\n            assert_never(baseline)\n\n\ndef critic_targets"
    insert(estimation, last_case, meaning)
    done = call(checkout, *command.split(), *into)
    assert done.returncode == 0, done.stderr
    metrics = pd.read_parquet(checkout / "block" / "metrics.parquet")
    assert metrics.step.max() >= 5000
    assert "median_return" not in lineage.LINEAGE
