"""What `verify` accepts, what it finds, and what it says of other code."""

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from pgbench import __main__ as command_line
from pgbench.analysis import verification
from pgbench.methods import lineage, naming, paths, runs
from pgbench.running.block import train_block
from pgbench.storage import blocks, files
from pgbench.studies import plans
from pgbench.studies.configuration import Configuration, Preset
from pgbench.studies.study import Study

PPO = lineage.LINEAGE["ppo"].algorithm
SMALL = paths.with_values(PPO, {"data.steps": 64, "update.epochs": 2, "networks.hidden": (8,)})
ASKED = runs.Evaluation(episodes=2, times=2)
RUN = runs.Run(algorithm=SMALL, environment="CartPole-v1", steps=256, evaluation=ASKED)
NAME = naming.run_name(RUN)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A results folder with two blocks of one run, and the study that they belong to."""
    folder = tmp_path_factory.mktemp("verify") / "results"
    for block in ("0-1", "2-3"):
        train_block(RUN, runs.seeds_of(block), folder / "runs" / NAME / block)
    study = Study(
        question="Does it run?",
        parent="ppo",
        seeds=4,
        environments={"CartPole-v1": 256},
        variants={"PPO": {"data.steps": 64, "update.epochs": 2, "networks.hidden": [8]}},
        evaluation=ASKED,
    )
    configuration = Configuration(
        preset="paper", studies=["small"], block_size=2, presets={"paper": Preset()}
    )
    directory = folder / "studies" / "paper" / "small"
    directory.mkdir(parents=True)
    plan = plans.plan_study("small", study, configuration)
    (directory / "plan.json").write_text(plan.model_dump_json())
    verification.gather(plan, folder, directory)
    return folder


@pytest.fixture
def folder(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "results")


def verify(monkeypatch, capsys, folder):
    """Call the verb: its exit code, and what it prints."""
    monkeypatch.setattr(sys, "argv", ["pgbench", "verify", str(folder)])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    return int(stop.value.code or 0), capsys.readouterr().out


def test_what_the_workflow_wrote_is_valid_and_reproducible(folder, monkeypatch, capsys):
    code, output = verify(monkeypatch, capsys, folder)
    assert code == 0, output
    assert "3 results: 3 valid, 0 unfinished, 0 invalid; this code would reproduce 3" in output


def reseal(path, change):
    """Edit a record by the hand of one who knows of its checksum."""
    content = json.loads(path.read_text())
    del content[files.SEAL]
    change(content)
    path.write_text(json.dumps(content | {files.SEAL: files.seal(content)}))


def edited(change):
    return lambda block: reseal(block / "run.json", change)


def vouched_table(block, name, change):
    """Replace a table, with a record that vouches for it."""
    table = change(getattr(blocks.read_block(block, NAME), name))
    described = blocks.put(name, block / blocks.FILES[name], table).model_dump()
    reseal(block / "run.json", lambda content: content["tables"].update({name: described}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda block: (block / "metrics.parquet").unlink(), "cannot be read"),
        (lambda block: (block / "episodes.parquet").write_bytes(b"PAR1"), "altered or truncated"),
        (lambda block: (block / "run.json").write_text("{}"), "is missing"),
        (edited(lambda record: record.update(steps=1)), "the record says 1"),
        (edited(lambda record: record.update(name=f"{NAME[:-1]}x")), "belongs to the run"),
        (edited(lambda record: record["run"].update(steps=999)), "which is not in its name"),
        (edited(lambda record: record.update(seeds=[0, 1, 2])), "has other replicas than its record"),
        (
            edited(lambda record: record.update(finished="2001-01-01T00:00:00Z")),
            "before it began",
        ),
        (
            lambda block: vouched_table(
                block, "episodes", lambda table: table.assign(step=table.step + 10**6)
            ),
            "counts other episodes than episodes.parquet has",
        ),
        (
            lambda block: vouched_table(
                block, "metrics", lambda table: table.assign(step=table.step + 10**6)
            ),
            "metrics after the last step",
        ),
        (
            lambda block: vouched_table(block, "replicas", lambda table: table.assign(step=table.step - 64)),
            "trained for 384 steps, the record says 512",
        ),
        (
            lambda block: vouched_table(
                block, "replicas", lambda table: table.assign(step=[192, 320], status="finished")
            ),
            "ended before its budget and did not diverge",
        ),
        (
            lambda block: vouched_table(block, "evaluations", lambda table: table[1:].reset_index(drop=True)),
            "other than 2 episodes",
        ),
        (
            lambda block: vouched_table(
                block, "evaluations", lambda table: table.assign(step=table.step + 10**6)
            ),
            "later ones than the last step",
        ),
        (
            lambda block: vouched_table(
                block,
                "evaluations",
                lambda table: pd.concat([table, table.assign(step=1)], ignore_index=True),
            ),
            "more evaluations than 2",
        ),
        (lambda block: block.rename(block.with_name("4-5")), "not 4-5"),
        (lambda block: block.parent.rename(block.parent.with_name("other")), "not to 'other'"),
    ],
)
def test_a_block_that_contradicts_itself_is_found(folder, monkeypatch, capsys, damage, message):
    damage(folder / "runs" / NAME / "0-1")
    code, output = verify(monkeypatch, capsys, folder)
    assert code == 1
    assert message in output


@pytest.mark.parametrize("name", ["scores.parquet", "summary.csv", "provenance.json"])
def test_a_table_of_a_study_that_was_edited_is_found(folder, monkeypatch, capsys, name):
    path = folder / "studies" / "paper" / "small" / name
    path.write_bytes(path.read_bytes() + b" ")
    code, output = verify(monkeypatch, capsys, folder)
    assert code == 1
    assert f"{name}: not what its blocks give with this code" in output


def test_a_killed_block_is_unfinished_and_nothing_is_wrong_with_that(folder, monkeypatch, capsys):
    shutil.rmtree(folder / "studies")
    first, second = (folder / "runs" / NAME / block for block in ("0-1", "2-3"))
    (first / "run.json").unlink()
    (second / "run.json").unlink()
    (second / "checkpoint-01234567").mkdir()
    code, output = verify(monkeypatch, capsys, folder)
    assert code == 0
    assert [line.split()[1:3] + line.split()[3:] for line in output.splitlines()[2:4]] == [
        ["unfinished", "no", "starts", "over"],
        ["unfinished", "no", *["goes", "on", "from", "a", "checkpoint"]],
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.update(code_digest="01234567"), "trained by code 01234567, now "),
        (lambda record: record["versions"].update(torch="1.0"), "trained with torch 1.0, now "),
        (lambda record: record["versions"].pop("numpy"), "trained with numpy none, now "),
        (lambda record: record["machine"].update(processor="Z80"), "trained on Z80, here "),
        (
            lambda record: record.update(
                resumptions=[
                    {
                        "at": record["started"],
                        "steps": 1,
                        "commit": None,
                        "machine": record["machine"] | {"processor": "Z80"},
                    }
                ]
            ),
            "trained on Z80, here ",
        ),
    ],
)
def test_what_other_code_versions_or_machines_gave_is_valid_and_told_apart(
    folder, monkeypatch, capsys, change, message
):
    shutil.rmtree(folder / "studies")
    reseal(folder / "runs" / NAME / "0-1" / "run.json", change)
    code, output = verify(monkeypatch, capsys, folder)
    assert code == 0
    assert message in output
    assert "2 valid, 0 unfinished, 0 invalid; this code would reproduce 1" in output


def test_a_folder_without_results_is_refused(tmp_path, monkeypatch, capsys):
    assert verify(monkeypatch, capsys, tmp_path)[0] == 2
    assert blocks.RECORD not in Path(tmp_path).iterdir()
