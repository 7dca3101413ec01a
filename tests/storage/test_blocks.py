"""A block is whole and its own, or refused with a sentence that says what to do."""

import itertools
import json
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pgbench.base.refusals import Refusal
from pgbench.methods import lineage
from pgbench.methods.runs import Run
from pgbench.storage import blocks, files
from pgbench.storage.provenance import provenance

NAME = "reinforce.CartPole-v1.01234567"


@pytest.fixture
def episodes():
    return pd.DataFrame(
        {
            "seed": np.array([0, 0, 1], dtype=np.int64),
            "step": np.array([10, 25, 12], dtype=np.int64),
            "episodic_return": [10.0, np.nan, 12.0],
            "episodic_length": np.array([10, 15, 12], dtype=np.int64),
            "terminated": [True, False, True],
            "cut": [False, True, False],
        }
    )


@pytest.fixture
def metrics():
    keys = {"seed": [0, 1], "iteration": [0, 0], "step": [30, 30]}
    return pd.DataFrame(keys | {"loss": [0.1, np.nan]})


@pytest.fixture
def record():
    run = Run(algorithm=lineage.LINEAGE["reinforce"].algorithm, environment="CartPole-v1", steps=30)
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    own = {"name": NAME, "run": run, "seeds": [0, 1], "code_digest": "abcd"}
    return {**provenance(), **own, "started": moment, "finished": moment, "seconds": 1.5, "steps": 60}


@pytest.fixture
def tables(episodes, metrics):
    keys = {"seed": [0, 1], "step": 30, "status": ["diverged", "finished"], "episodes": [1, 1]}
    replicas = pd.DataFrame(keys | {"mean(loss)": [0.1, np.nan]}).astype({"status": "str"})
    return blocks.BlockTables(replicas, episodes, metrics, episodes.assign(step=30))


@pytest.fixture
def block(tmp_path, tables, record):
    directory = tmp_path / "0-1"
    blocks.write_block(directory, tables, record)
    return directory


def test_what_is_written_is_read(block, tables, record):
    read = blocks.read_block(block, NAME)
    for name, table in tables._asdict().items():
        pd.testing.assert_frame_equal(getattr(read, name), table)
        assert getattr(read.record.tables, name).rows == len(table)
    assert read.record.run == record["run"]


def test_only_the_block_is_left(block):
    assert sorted(path.name for path in block.iterdir()) == [
        "episodes.parquet",
        "evaluations.parquet",
        "metrics.parquet",
        "replicas.parquet",
        "run.json",
    ]


def test_rows_are_ordered_whatever_came_in(block, tmp_path, tables, record):
    turned = blocks.BlockTables(*(table[::-1] for table in tables))
    # episodes of one evaluation have one step, and keep the order in which they ended
    turned = turned._replace(evaluations=tables.evaluations)
    blocks.write_block(tmp_path / "other", turned, record)
    for name in blocks.FILES.values():
        assert (tmp_path / "other" / name).read_bytes() == (block / name).read_bytes()


def test_tables_of_another_time_and_place_have_the_same_bytes(block, tmp_path, tables, record):
    elsewhere = record | {"seconds": 9.0, "commit": "f" * 40}
    blocks.write_block(tmp_path / "other", tables, elsewhere)
    for name in blocks.FILES.values():
        assert (tmp_path / "other" / name).read_bytes() == (block / name).read_bytes()
    assert (tmp_path / "other" / "run.json").read_bytes() != (block / "run.json").read_bytes()


@pytest.mark.parametrize("name", ["episodes", "evaluations"])
def test_a_block_without_episodes(tmp_path, tables, record, name):
    empty = getattr(tables, name)[:0]
    counted = tables.replicas.assign(episodes=0 if name == "episodes" else 1)
    blocks.write_block(tmp_path, tables._replace(**{name: empty, "replicas": counted}), record)
    pd.testing.assert_frame_equal(getattr(blocks.read_block(tmp_path, NAME), name), empty)


def test_a_rewrite_that_fails_leaves_the_block_that_was_there(block, tables, record):
    with pytest.raises(ValueError, match="secnods"):
        blocks.write_block(block, shorter(tables), record | {"secnods": 1.0})
    pd.testing.assert_frame_equal(blocks.read_block(block, NAME).episodes, tables.episodes)
    assert len(list(block.iterdir())) == 5


def shorter(tables):
    return tables._replace(episodes=tables.episodes[:1])


@pytest.mark.parametrize("renamed", [0, 1, 2, 3, 4])
def test_a_kill_between_two_renames_leaves_no_block_that_looks_whole(
    block, tables, record, renamed, monkeypatch
):
    """Files take their names one after the other; a process may end after any of them."""

    def replace(path, target):
        if next(calls) == renamed:
            raise KeyboardInterrupt
        return original(path, target)

    calls, original = itertools.count(), Path.replace
    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        blocks.write_block(block, shorter(tables), record)
    with pytest.raises(Refusal, match="never finished"):
        blocks.read_block(block, NAME)


@pytest.mark.parametrize("name", ["episodes", "evaluations"])
@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop(columns="terminated"),
        lambda table: table.astype({"step": "int32"}),
        lambda table: table.assign(extra=1.0),
    ],
)
def test_foreign_columns_are_not_written(tmp_path, tables, record, name, change):
    with pytest.raises(ValueError, match=f"{name}: must have the columns seed int64"):
        blocks.write_block(tmp_path, tables._replace(**{name: change(getattr(tables, name))}), record)
    assert not list(tmp_path.iterdir())


def edit(block, change):
    """Edit a record by the hand of one who knows of its checksum."""
    content = json.loads((block / "run.json").read_text())
    del content[files.SEAL]
    change(content)
    (block / "run.json").write_text(json.dumps(content | {files.SEAL: files.seal(content)}))


def replace_text(path, before, after):
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def claim_table(block, table):
    """Put another table in the place of the episodes, with a record that vouches for it."""
    path = block / "episodes.parquet"
    table.to_parquet(path, index=False)
    described = {"rows": len(table), "sha256": files.sha256(path)}
    edit(block, lambda content: content["tables"].update(episodes=described))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda block: (block / "run.json").unlink(), "run.json: cannot be read .* never finished"),
        (lambda block: (block / "metrics.parquet").unlink(), "metrics.parquet: cannot be read"),
        (lambda block: truncate(block / "episodes.parquet"), "episodes.parquet: .* altered or truncated"),
        (lambda block: (block / "evaluations.parquet").unlink(), "evaluations.parquet: cannot be read"),
        (
            lambda block: edit(block, lambda c: c["tables"].pop("evaluations")),
            "'tables.evaluations' is missing",
        ),
        (lambda block: truncate(block / "run.json"), "run.json: is not a record .*"),
        (lambda block: (block / "run.json").write_text("[" * 10**5), "run.json: is not a record .*"),
        (lambda block: (block / "run.json").write_bytes(b"\xff"), "run.json: is not a record .*"),
        (lambda block: (block / "run.json").write_text("[1]"), "run.json: .*should be an object"),
        (
            lambda block: replace_text(block / "run.json", '"seconds": 1.5', '"seconds": 1.0'),
            "does not match its own checksum: it was edited",
        ),
        (lambda block: edit(block, lambda c: c.update(name="ppo")), "belongs to the run 'ppo'"),
        (lambda block: edit(block, lambda c: c.update(sead=1)), "unknown key 'sead'; did you mean 'seeds'"),
        (lambda block: edit(block, lambda c: c.pop("steps")), "'steps' is missing"),
        (lambda block: edit(block, lambda c: c.update(seeds=[0])), "seeds that its record does not name"),
        (lambda block: edit(block, lambda c: c["run"].update(steps=11)), "counts other episodes than"),
        (
            lambda block: edit(block, lambda c: c.update(seeds=[0, 1, 2])),
            "has other replicas than its record",
        ),
        (
            lambda block: edit(block, lambda c: c["tables"]["episodes"].update(rows=2)),
            "has 3 rows, where its record says 2",
        ),
        (lambda block: claim_table(block, pd.DataFrame({"a": [1]})), "must have the columns seed int64"),
    ],
)
def test_a_damaged_block_is_refused(block, damage, message):
    damage(block)
    with pytest.raises(Refusal, match=message) as refused:
        blocks.read_block(block, NAME)
    assert "run the workflow again" in str(refused.value)


def test_a_file_that_is_not_parquet_is_refused_even_if_vouched_for(block):
    path = block / "episodes.parquet"
    path.write_text("seed,step\n")
    described = {"rows": 0, "sha256": files.sha256(path)}
    edit(block, lambda content: content["tables"].update(episodes=described))
    with pytest.raises(Refusal, match="is not a Parquet table"):
        blocks.read_block(block, NAME)


def test_a_failed_replacement_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def interrupted():
        with files.replacing(path) as temporary:
            temporary.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_one_process_writes_a_directory_at_a_time(tmp_path):
    with (
        files.sole_writer(tmp_path),
        pytest.raises(Refusal, match=rf"process {os.getpid()} on .* is writing"),
    ):
        files.sole_writer(tmp_path).__enter__()
    with files.sole_writer(tmp_path):
        pass


def test_what_a_killed_writer_left_behind_is_deleted_and_nothing_else(tmp_path):
    names = [".run.json.123", "run.json", ".hidden", "state-1.npz"]
    for name in names:
        (tmp_path / name).touch()
    with files.sole_writer(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([files.LOCK, *names[1:]])


def test_the_lock_ends_with_its_process_however_that_ends(tmp_path):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with files.sole_writer(tmp_path):
            os.write(writing, b"locked")
            time.sleep(60)
    os.read(reading, 6)
    with pytest.raises(Refusal, match=f"process {child} on"):
        files.sole_writer(tmp_path).__enter__()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with files.sole_writer(tmp_path):
        pass
