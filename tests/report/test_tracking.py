"""Weights & Biases: what it records offline stands in the tables, and it neither asks nor fails anything."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import wandb

from helpers.places import CHECKOUT
from pgbench.base.refusals import Refusal
from pgbench.methods.runs import Run
from pgbench.report import tracking
from pgbench.running.block import train_block
from pgbench.storage.blocks import Block, read_block
from pgbench.studies import configuration, plans, study

STUDY = study.Study(
    question="Is it recorded?",
    parent="ppo",
    seeds=2,
    environments={"CartPole-v1": 400},
    variants={"short PPO": {"data.steps": 128, "update.epochs": 1}},
    evaluation=study.Evaluation(episodes=2, times=2),
)
PRESETS = {"paper": configuration.Preset(seeds=None, steps=None)}
PLAN = plans.plan_study(
    "recorded", STUDY, configuration.Configuration(preset="paper", studies=["recorded"], presets=PRESETS)
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a study of one run with two replicas."""
    results = tmp_path_factory.mktemp("project") / "results"
    (planned,) = PLAN.runs
    train_block(planned.run, [0, 1], results / "runs" / planned.name / "0-1")
    (results / "studies/paper/recorded").mkdir(parents=True)
    (results / "studies/paper/recorded/plan.json").write_text(PLAN.model_dump_json(), encoding="utf-8")
    return results


@pytest.fixture(scope="module")
def block(results: Path) -> Block:
    (planned,) = PLAN.runs
    return read_block(results / "runs" / planned.name / "0-1", planned.name)


def without_account(home: Path, **variables: str) -> dict[str, str]:
    """An environment in which W&B knows nobody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB", "NETRC"))}
    another = {"WANDB_RESUME": "must", "WANDB_RUN_ID": "another", "WANDB_NOTES": "of another run"}
    return kept | another | {"HOME": str(home), "PYTHONPATH": str(CHECKOUT)} | variables


def track_on_a_terminal(results: Path) -> str:
    """Call the verb as a person without an account does; a question would wait for an answer for ever."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pgbench", "track", "results/studies/paper/recorded"]
    environment = without_account(results.parent)
    try:
        run = subprocess.run(
            command,
            cwd=results.parent,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            timeout=120,
            check=False,
        )
        output = os.read(ours, 100_000).decode()
    finally:
        os.close(theirs)
        os.close(ours)
    assert run.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def recorded(results: Path) -> dict[int, list[dict[str, Any]]]:
    """Seed → the records that W&B's own reader finds, after the study was tracked twice."""
    for _ in range(2):
        output = track_on_a_terminal(results)
        assert output.startswith("2 replicas of 1 blocks are recorded offline in results/wandb;")
        assert len(output.splitlines()) == 1
    found = {}
    for directory in results.glob("wandb/offline-run-*"):
        command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(directory)]
        lines = subprocess.run(command, env=without_account(results.parent), capture_output=True, check=True)
        records = [json.loads(line) for line in lines.stdout.splitlines()]
        (run,) = [record["run"] for record in records if record["type"] == "run"]
        seed = run["config"]["update"]["seed"]
        assert seed not in found, "a replica stands there twice"
        found[seed] = records
    return found


def of_type(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [record[kind] for record in records if record["type"] == kind]


def test_a_tag_is_as_long_as_wandb_allows() -> None:
    assert tracking.tag("ladder", "quick") == "ladder/quick"
    long = [tracking.tag("s" * 100, preset) for preset in ("p" * 100, "p" * 99, "quick")]
    assert len(set(long)) == len(long)
    for tag in long:
        assert wandb.Settings(run_tags=[tag]).run_tags == (tag,)


def test_a_replica_tracked_twice_is_one_run(recorded: dict[int, Any]) -> None:
    assert sorted(recorded) == [0, 1]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_says_what_it_is(recorded: dict[int, Any], block: Block, seed: int) -> None:
    (run,) = of_type(recorded[seed], "run")
    (planned,) = PLAN.runs
    assert run["project"] == "pgbench"
    assert run["run_group"] == planned.name
    assert run["tags"] == ["recorded/paper"]
    assert run["run_id"] == tracking.replica_id(planned.name, seed)
    config = run["config"]["update"]
    assert Run.model_validate(
        {key: config[key] for key in ("algorithm", "environment", "steps", "evaluation")}
    ) == (planned.run)
    assert config["studies"] == {"recorded": {"paper": "short PPO"}}
    assert config["block"]["tables"] == block.record.tables.model_dump()
    assert "machine" in config["block"]


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_recorded_stands_in_the_tables(recorded: dict[int, Any], block: Block, seed: int) -> None:
    rows = [history["item"] for history in of_type(recorded[seed], "history")]
    metrics = block.metrics[block.metrics.seed == seed]
    episodes = block.episodes[block.episodes.seed == seed]
    evaluations = block.evaluations[block.evaluations.seed == seed]
    evaluated = evaluations.groupby("step").episodic_return.mean()
    assert len(metrics) > len(evaluated) == 2
    assert [row["global_step"] for row in rows] == metrics.step.tolist()
    begin = 0
    for row, expected in zip(rows, metrics.to_dict("records"), strict=True):
        for metric in set(expected) - {"seed", "iteration", "step"}:
            name = tracking.CLEANRL_NAMES.get(str(metric), f"losses/{metric}")
            assert row[name] == expected[metric]
        ended = episodes[(episodes.step > begin) & (episodes.step <= expected["step"])]
        assert row["charts/episodic_return"] == pytest.approx(ended.episodic_return.mean())
        assert row["charts/episodic_length"] == pytest.approx(ended.episodic_length.mean())
        assert row.get("charts/evaluation_return") == evaluated.get(expected["step"])
        begin = expected["step"]
    assert {"losses/value_loss", "losses/approx_kl", "losses/clipfrac", "charts/learning_rate"} <= set(
        rows[0]
    )
    assert of_type(recorded[seed], "exit")[0]["exit_code"] == 0


def invented(metric_steps: list[int], episode_steps: list[int], block: Block) -> Block:
    count = len(metric_steps)
    metrics = pd.DataFrame({"seed": 3, "iteration": range(count), "step": metric_steps, "value_loss": 1.0})
    episodes = {"seed": 3, "step": episode_steps, "episodic_return": np.array(episode_steps, dtype=float)}
    episodes |= {"episodic_length": 1, "terminated": True, "cut": False}
    table = pd.DataFrame(episodes)
    return Block(block.replicas, table, metrics, table[:0], block.record)


@pytest.mark.parametrize(
    ("episodes", "steps", "means"),
    [
        ([5, 10, 11], [10, 20], [7.5, 11.0]),
        ([11, 20], [10, 20], [np.nan, 15.5]),
        ([21, 31], [10, 20, 31], [np.nan, np.nan, 26.0]),
        ([], [10, 20], [np.nan, np.nan]),
    ],
)
def test_an_episode_counts_in_the_row_that_follows_it(
    block: Block, episodes: list[int], steps: list[int], means: list[float]
) -> None:
    history = tracking.history(invented([10, 20], episodes, block), 3)
    assert history["global_step"].tolist() == steps
    np.testing.assert_array_equal(history["charts/episodic_return"], means)
    logged = list(tracking.rows(history))
    assert ["charts/episodic_return" in row for row in logged] == [not np.isnan(mean) for mean in means]


# Modes


def test_the_mode_is_online_only_with_a_key(tmp_path: Path) -> None:
    program = """
import os
from pgbench.methods.runs import Run
from pgbench.report import tracking
print(tracking.choose_mode())
os.environ["WANDB_API_KEY"] = "0" * 40
print(tracking.choose_mode())
os.environ["WANDB_MODE"] = "offline"
print(tracking.choose_mode())
"""
    environment = without_account(tmp_path)
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout.split() == ["offline", "online", "offline"]


def test_disabled_writes_nothing(results: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    assert "nothing was recorded" in tracking.track([results / "studies/paper/recorded"], results)
    assert not list(tmp_path.iterdir())


def test_an_unknown_mode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "onlin")
    with pytest.raises(Refusal, match="WANDB_MODE: 'onlin' is not a mode; did you mean 'online'"):
        tracking.choose_mode()


# What goes wrong


def test_what_wandb_raises_becomes_one_line(
    block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def init(**_: Any) -> None:
        raise ConnectionError("no\nroute")

    broken = types.SimpleNamespace(init=init, Settings=dict)
    monkeypatch.setitem(sys.modules, "wandb", broken)
    earlier = tmp_path / "wandb" / f"offline-run-1-{tracking.replica_id(block.record.name, 0)}"
    earlier.mkdir(parents=True)
    with pytest.raises(tracking.TrackingError) as failure:
        tracking.Tracker("offline", tmp_path).track(block, {})
    assert str(failure.value).startswith("warning: ")
    assert f"did not record {block.record.name}: no route;" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert earlier.exists(), "what was recorded goes only when its successor is whole"


def test_a_path_that_holds_no_results_is_refused(results: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="is neither a block"):
        tracking.find_blocks(tmp_path / "rnus", results)


def test_a_study_with_missing_blocks_is_refused_before_any_is_recorded(results: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="1 of 1 blocks were never finished"):
        tracking.find_blocks(results / "studies/paper/recorded", tmp_path)


def test_a_run_stands_for_its_blocks(results: Path) -> None:
    (planned,) = PLAN.runs
    run = results / "runs" / planned.name
    assert tracking.find_blocks(run, results) == [run / "0-1"]
    assert tracking.find_blocks(run / "0-1", results) == [run / "0-1"]


def test_a_plan_of_another_version_labels_nothing(results: Path, tmp_path: Path) -> None:
    for name, text in (("old", "{}"), ("recorded", PLAN.model_dump_json())):
        (tmp_path / "studies/paper" / name).mkdir(parents=True)
        (tmp_path / "studies/paper" / name / "plan.json").write_text(text, encoding="utf-8")
    assert tracking.study_labels(tmp_path) == {PLAN.runs[0].name: {"recorded": {"paper": "short PPO"}}}
