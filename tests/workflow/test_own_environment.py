"""An environment that a user's own module registers, from the command line and through the workflow."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.documents import blocks
from helpers.places import CHECKOUT
from pgbench import __main__ as command_line
from pgbench.analysis.verification import verify_block
from pgbench.environments import gymnasium_ids
from pgbench.methods import naming
from pgbench.methods.lineage import LINEAGE
from pgbench.methods.runs import Run
from pgbench.storage.blocks import read_block
from pgbench.storage.provenance import Provenance, provenance

WALK = "my_worlds:Walk-v0"
SHORTER = {
    "ppo": ("data.steps=128", "update.epochs=2"),
    "trpo": ("data.steps=128",),
    "reward_to_go": ("data.episodes=2",),
    "replay": ("data.warm_up=64", "data.capacity=256", "data.batch_size=64"),
}


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["pgbench", *arguments])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    return int(stop.value.code or 0)


@pytest.mark.parametrize("method", SHORTER)
def test_every_kind_of_method_trains_on_it(
    method: str, my_worlds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = [argument for change in SHORTER[method] for argument in ("--override", change)]
    assert call(monkeypatch, "train", method, WALK, "--steps", "256", "--seeds", "0-1", *overrides) == 0
    (directory,) = Path("results/runs").glob(f"{method}.my_worlds_Walk-v0.*/0-1")
    block = read_block(directory, directory.parent.name)
    assert set(block.episodes.seed) == {0, 1}
    assert set(block.episodes.episodic_length) == {50}
    assert (block.episodes.episodic_return < 0).all()
    assert block.record.environment_origin == gymnasium_ids.origin(WALK)
    assert str(block.record.environment_origin).startswith("my_worlds ")


def test_a_built_in_environments_record_names_no_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        call(
            monkeypatch,
            "train",
            "reward_to_go",
            "CartPole-v1",
            "--steps",
            "200",
            "--seeds",
            "0",
            "--into",
            str(tmp_path),
        )
        == 0
    )
    assert "environment_origin" not in json.loads((tmp_path / "run.json").read_text())


def test_runs_on_ids_that_give_the_same_path_have_different_names() -> None:
    algorithm = LINEAGE["ppo"].algorithm
    runs = [Run(algorithm=algorithm, environment=name, steps=9) for name in (WALK, "my_worlds/Walk-v0")]
    names = [naming.run_name(run) for run in runs]
    assert [name.rpartition(".")[0] for name in names] == ["ppo.my_worlds_Walk-v0"] * 2
    assert len(set(names)) == 2


def test_an_edited_world_is_another_origin(
    my_worlds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its block is trained again, and `verify` says why a block would not be reproduced."""
    monkeypatch.chdir(tmp_path)
    arguments = ("train", "reward_to_go", WALK, "--steps", "60", "--seeds", "0")
    for _ in range(2):
        assert call(monkeypatch, *arguments) == 0
    assert "has been trained by this code" in capsys.readouterr().err
    (block,) = Path("results/runs").glob("*/0-0")
    assert verify_block(block, Provenance(**provenance())).reproducible
    for origin in ("my_worlds 00000000", None):
        monkeypatch.setattr("pgbench.environments.origin", lambda environment, origin=origin: origin)
        remark = verify_block(block, Provenance(**provenance())).remark
        assert re.search(rf"trained in an environment of my_worlds \w{{8}}, now {origin}", remark)
    assert call(monkeypatch, *arguments) == 0
    assert "has been trained by this code" not in capsys.readouterr().err


def test_a_study_on_it_goes_through_the_workflow(
    my_worlds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The study of docs/studies.md, at a small budget: the workflow plans jobs that train."""
    monkeypatch.chdir(tmp_path)
    (study,) = (block.text for block in blocks("yaml") if WALK in block.text)
    Path("walk.yaml").write_text(study)
    preset = {"seeds": 1, "steps": 100, "studies": {"walk": [WALK]}}
    configuration = {"preset": "one", "studies": ["walk.yaml"], "laboratory": [], "presets": {"one": preset}}
    Path("one.json").write_text(json.dumps(configuration))
    workflow = ["snakemake", "--snakefile", str(CHECKOUT / "Snakefile"), "--cores", "1", "--dry-run"]
    options = ["--printshellcmds", "--configfile", "one.json", "--until", "train"]
    command = [sys.executable, "-m", *workflow, *options]
    planned = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    jobs = re.findall(r"python -m pgbench (train .*) > ", planned)
    assert len(jobs) == 2
    for job in jobs:
        assert call(monkeypatch, *shlex.split(job)) == 0
    names = [path.parent.parent.name for path in Path("results/runs").glob("*/0-0/run.json")]
    assert len(names) == 2
    assert all(name.startswith("ppo.my_worlds_Walk-v0.") for name in names)
