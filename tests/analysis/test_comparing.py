"""`compare` says what is the same to the bit, and whether the rest differs more than chance would."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from pgbench import __main__ as command_line
from pgbench.analysis import comparing
from pgbench.methods import lineage, naming, paths, runs
from pgbench.running.block import train_block

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
    assert "0 blocks the same to the bit, 1 not; 0 of 2 scores differ more than chance would" in printed


def test_another_level_is_more_than_chance() -> None:
    scores = {score: np.array([1.0, 2.0, 3.0, 2.0]) for score in comparing.SCORES}
    (far, _) = comparing._differences("run", scores, {name: each + 50 for name, each in scores.items()})
    assert (far.value, far.means) == (50.0, (2.0, 52.0))
    assert far.interval[0] > 40
    assert far.p < 0.001
    (near, _) = comparing._differences("run", scores, {name: each + 0.1 for name, each in scores.items()})
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
