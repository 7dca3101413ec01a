"""A block is whole and its own, or refused with a sentence that says what to do."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from pgbench import lineage, results
from pgbench.provenance import provenance
from pgbench.refusals import Refusal
from pgbench.specs import Run

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
        }
    )


@pytest.fixture
def metrics():
    keys = {"seed": [0, 1], "iteration": [0, 0], "step": [30, 30]}
    return pd.DataFrame(keys | {"loss": [0.1, np.nan]})


@pytest.fixture
def record():
    run = Run(algorithm=lineage.REINFORCE.algorithm, environment="CartPole-v1", steps=30)
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    own = {"name": NAME, "run": run, "seeds": [0, 1], "code_digest": "abcd"}
    return {**provenance(), **own, "started": moment, "finished": moment, "seconds": 1.5, "steps": 60}


@pytest.fixture
def block(tmp_path, episodes, metrics, record):
    directory = tmp_path / "0-1"
    results.write_block(directory, episodes, metrics, record)
    return directory


def test_what_is_written_is_read(block, episodes, metrics, record):
    read = results.read_block(block, NAME)
    pd.testing.assert_frame_equal(read.episodes, episodes)
    pd.testing.assert_frame_equal(read.metrics, metrics)
    assert read.record.run == record["run"]
    assert read.record.tables.episodes.rows == len(episodes)


def test_only_the_block_is_left(block):
    assert sorted(path.name for path in block.iterdir()) == [
        "episodes.parquet",
        "metrics.parquet",
        "run.json",
    ]


def test_rows_are_ordered_whatever_came_in(block, tmp_path, episodes, metrics, record):
    results.write_block(tmp_path / "other", episodes[::-1], metrics[::-1], record)
    for name in ("episodes.parquet", "metrics.parquet"):
        assert (tmp_path / "other" / name).read_bytes() == (block / name).read_bytes()


def test_tables_of_another_time_and_place_have_the_same_bytes(block, tmp_path, episodes, metrics, record):
    elsewhere = record | {"seconds": 9.0, "commit": "f" * 40}
    results.write_block(tmp_path / "other", episodes, metrics, elsewhere)
    for name in ("episodes.parquet", "metrics.parquet"):
        assert (tmp_path / "other" / name).read_bytes() == (block / name).read_bytes()
    assert (tmp_path / "other" / "run.json").read_bytes() != (block / "run.json").read_bytes()


def test_a_block_without_episodes(tmp_path, episodes, metrics, record):
    results.write_block(tmp_path, episodes[:0], metrics, record)
    pd.testing.assert_frame_equal(results.read_block(tmp_path, NAME).episodes, episodes[:0])


def test_a_rewrite_that_fails_leaves_no_valid_block(block, episodes, metrics, record):
    with pytest.raises(ValueError, match="secnods"):
        results.write_block(block, episodes, metrics, record | {"secnods": 1.0})
    with pytest.raises(Refusal, match="never finished"):
        results.read_block(block, NAME)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop(columns="terminated"),
        lambda table: table.astype({"step": "int32"}),
        lambda table: table.assign(extra=1.0),
    ],
)
def test_foreign_columns_are_not_written(tmp_path, episodes, metrics, record, change):
    with pytest.raises(ValueError, match="episodes: must have the columns seed int64"):
        results.write_block(tmp_path, change(episodes), metrics, record)
    assert not list(tmp_path.iterdir())


def edit(block, change):
    content = json.loads((block / "run.json").read_text())
    change(content)
    (block / "run.json").write_text(json.dumps(content))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def claim_table(block, table):
    """Put another table in the place of the episodes, with a record that vouches for it."""
    path = block / "episodes.parquet"
    table.to_parquet(path, index=False)
    described = {"rows": len(table), "sha256": results._sha256(path)}
    edit(block, lambda content: content["tables"].update(episodes=described))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda block: (block / "run.json").unlink(), "run.json: cannot be read .* never finished"),
        (lambda block: (block / "metrics.parquet").unlink(), "metrics.parquet: cannot be read"),
        (lambda block: truncate(block / "episodes.parquet"), "episodes.parquet: .* altered or truncated"),
        (lambda block: truncate(block / "run.json"), "run.json: .*Invalid JSON"),
        (lambda block: edit(block, lambda c: c.update(name="ppo")), "belongs to the run 'ppo'"),
        (lambda block: edit(block, lambda c: c.update(sead=1)), "unknown key 'sead'; did you mean 'seeds'"),
        (lambda block: edit(block, lambda c: c.pop("steps")), "'steps' is missing"),
        (lambda block: edit(block, lambda c: c.update(seeds=[0])), "seeds that its record does not name"),
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
        results.read_block(block, NAME)
    assert "run the workflow again" in str(refused.value)


def test_a_file_that_is_not_parquet_is_refused_even_if_vouched_for(block):
    path = block / "episodes.parquet"
    path.write_text("seed,step\n")
    described = {"rows": 0, "sha256": results._sha256(path)}
    edit(block, lambda content: content["tables"].update(episodes=described))
    with pytest.raises(Refusal, match="is not a Parquet table"):
        results.read_block(block, NAME)


def test_a_failed_replacement_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def interrupted():
        with results.replacing(path) as temporary:
            temporary.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
