"""`compare` says what is the same to the bit, and whether the rest differs more than chance would."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.invented_study import invent
from pgbench import __main__ as command_line
from pgbench.analysis import comparing
from pgbench.analysis.published_verdicts import what_is_tested
from pgbench.methods import lineage, naming, paths, runs
from pgbench.running.block import train_block
from pgbench.storage.layout import Layout
from pgbench.studies.plans import PlannedRun, StudyPlan

RUN = runs.Run(
    algorithm=paths.with_values(lineage.LINEAGE["ppo"].algorithm, {"data.steps": 256}),
    environment="CartPole-v1",
    steps=1024,
)
NAME = naming.run_name(RUN)


def train(results: Path, seeds: list[int], place: str = "0-2") -> None:
    train_block(RUN, seeds, results / "runs" / NAME / place, progress=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("compared") / "results"
    train(results, [0, 1, 2])
    return results


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["pgbench", "compare", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    return int(stop.value.code or 0)


def test_a_copy_is_the_same_to_the_bit(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    assert call(monkeypatch, trained, tmp_path / "copy") == 0
    assert "1 run in both, 0 only in the first, 0 only in the second; 1 block the same" in (
        capsys.readouterr().out
    )


def test_other_seeds_of_the_same_run_differ_by_chance(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path / "other", [3, 4, 5])
    assert call(monkeypatch, trained, tmp_path / "other") == 3
    printed = capsys.readouterr().out
    assert "replicas, episodes, metrics" in printed
    assert "0 blocks the same to the bit, 1 not; 0 of 5 scores differ more than chance would" in printed


def test_another_level_is_more_than_chance() -> None:
    scores = {score: np.array([1.0, 2.0, 3.0, 2.0]) for score in comparing.SCORES}
    far, *_ = comparing._differences("run", scores, {name: each + 50 for name, each in scores.items()})
    assert (far.value, far.means) == (50.0, (2.0, 52.0))
    assert far.interval[0] > 40
    assert far.p < 0.001
    near, *_ = comparing._differences("run", scores, {name: each + 0.1 for name, each in scores.items()})
    assert near.p > 0.5


def test_what_is_neither_folder_preset_nor_commit_is_refused(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (trained / "studies" / "quick").mkdir(parents=True)
    assert call(monkeypatch, "quik", trained, "--results", trained) == 2
    assert "'quik' is no results folder" in (said := capsys.readouterr().err)
    assert "did you mean 'quick'?" in said
    assert call(monkeypatch, "quick", "quick", "--results", trained) == 2
    assert "no run is in both" in capsys.readouterr().err


@pytest.fixture
def presets(gathered: Path, results: Path, tmp_path: Path) -> Path:
    """A results folder with the invented study under two presets; three runs of the second have other names.

    The second lacks a run, and judges one claim otherwise.
    """
    folder = tmp_path / "two"
    shutil.copytree(results, folder)
    plan = StudyPlan.model_validate_json((gathered / "plan.json").read_bytes())
    longer = plan.model_copy(
        update={"preset": "standard", "runs": (*map(renamed, plan.runs[:3]), *plan.runs[3:])}
    )
    invent(longer, tmp_path / "longer")
    for planned in longer.runs[:3]:
        shutil.copytree(Layout(tmp_path / "longer").run(planned.name), Layout(folder).run(planned.name))
    for each in (plan, longer.model_copy(update={"runs": longer.runs[:-1]})):
        study = Layout(folder).study(each.preset, each.name)
        shutil.copytree(gathered, study)
        (study / "plan.json").write_text(each.model_dump_json(), encoding="utf-8")
    table = pd.read_csv(study / "verdicts.csv")
    table.loc[table["claim"] == "ppo-is-best", "verdict"] = "contradicted"
    table.to_csv(study / "verdicts.csv", index=False)
    return folder


def renamed(planned: PlannedRun) -> PlannedRun:
    """The same variant under another preset: a run of another name."""
    run = planned.run.model_copy(update={"steps": planned.run.steps + 1})
    return planned.model_copy(update={"run": run, "name": naming.run_name(run)})


def test_two_presets_are_paired_by_study_variant_and_environment(
    presets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "quick", "standard", "--results", presets) == 4
    printed = " ".join(capsys.readouterr().out.split())
    assert "7 runs in both, 1 only in the first, 0 only in the second" in printed
    # Runs of other names are not compared block by block, and their scores here are the same.
    assert printed.count(" all is another run: ") == 3
    assert "invented: REINFORCE, CartPole-v1 all is another run: reinforce.CartPole-v1." in printed
    assert "0 of 10 scores differ more than chance would" in printed
    assert re.search(r" 1 of \d+ verdicts changed", printed)
    assert "invented ppo-is-best quick: " in printed
    assert " standard: contradicted " in printed


def test_published_verdicts_are_compared_with_ones_own_if_both_test_the_same(
    presets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Layout(presets).study("quick", "invented")
    plan = StudyPlan.model_validate_json((own / "plan.json").read_bytes())
    table = pd.read_csv(own / "verdicts.csv").dropna(subset=["effect"]).assign(study=plan.name)
    table["tested"] = [what_is_tested(plan, claim) for claim in table["claim"]]
    table.loc[table.index[0], "tested"] = "00000000"  # it tested something else
    table.loc[table.index[1], "verdict"] = "no such verdict as before"
    (tmp_path / "published" / "runs").mkdir(parents=True)
    table.to_csv(tmp_path / "published" / "verdicts.csv", index=False)
    assert call(monkeypatch, "quick", tmp_path / "published", "--results", presets) == 4
    printed = " ".join(capsys.readouterr().out.split())
    assert "0 runs in both" in printed
    assert f"1 of {len(table) - 1} verdicts changed" in printed
    assert f"invented {table['claim'].iloc[1]} quick: " in printed
    assert "published: no " in printed


def test_folders_are_compared_preset_by_preset(
    presets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that holds a study under two presets is the same as its copy, whatever the presets say."""
    shutil.copytree(presets, tmp_path / "copy")
    assert call(monkeypatch, presets, tmp_path / "copy") == 0
    assert re.search(r" 0 of \d+ verdicts changed", capsys.readouterr().out)
