"""Published blocks: copied whole or without their policies, restored where this code reaches them unchanged."""

from pathlib import Path

import pandas as pd
import pytest

from helpers.trainings import small
from pgbench.analysis import verification
from pgbench.base.refusals import Refusal
from pgbench.methods import naming
from pgbench.methods.runs import Run
from pgbench.running.block import train_block
from pgbench.storage import blocks, digests, published_blocks
from pgbench.storage.layout import RECORD, Layout


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two finished blocks of a run, and one that was begun."""
    root = tmp_path_factory.mktemp("results")
    run = Run(algorithm=small("ppo"), environment="CartPole-v1", steps=128)
    name = naming.run_name(run)
    for seed in (0, 1):
        train_block(run, [seed], Layout(root).block(f"{name}/{seed}-{seed}"), progress=False)
    Layout(root).block(f"{name}/2-2").mkdir()
    return root


@pytest.fixture
def names(results):
    return [f"{path.parent.name}/{path.name}" for path in Layout(results).blocks()]


def outcomes(copies):
    return [copy.outcome for copy in copies]


def test_finished_blocks_are_published_once(results, tmp_path):
    assert outcomes(published_blocks.publish(results, tmp_path)) == ["copied", "copied", "unfinished"]
    assert outcomes(published_blocks.publish(results, tmp_path)) == [
        "there already",
        "there already",
        "unfinished",
    ]
    findings = verification.verify(tmp_path)
    assert [(each.state, each.unchanged, each.reproducible) for each in findings] == [
        ("valid", True, True)
    ] * 2
    assert {each.remark for each in findings} == {"published without its policies"}


def test_the_tables_lose_nothing(results, tmp_path, names):
    published_blocks.publish(results, tmp_path)
    for name in names[:2]:
        for file in blocks.FILES.values():
            there, here = (Layout(root).block(name) / file for root in (tmp_path, results))
            assert there.read_bytes() == here.read_bytes()


def test_policies_are_left_out_unless_they_are_asked_for(results, tmp_path, names):
    """A block without them is whole; one that has lost them is not."""
    published_blocks.publish(results, tmp_path)
    directory = Layout(tmp_path).block(names[0])
    record = blocks.read_block(directory).record
    with pytest.raises(Refusal, match="was published without its policies; delete this directory and train"):
        blocks.policies_of(directory, record)
    assert outcomes(published_blocks.publish(results, tmp_path, policies=True))[:2] == ["copied", "copied"]
    assert blocks.policies_of(directory, blocks.read_block(directory).record).tensors
    assert outcomes(published_blocks.publish(results, tmp_path))[:2] == ["there already", "there already"]
    (directory / blocks.POLICY).unlink()
    with pytest.raises(Refusal, match=r"policy\.safetensors: cannot be read"):
        blocks.read_block(directory)


def test_another_result_of_the_same_name_stays(results, tmp_path, names):
    published_blocks.publish(results, tmp_path)
    directory = Layout(tmp_path).block(names[0])
    block = blocks.read_block(directory)
    other = block.episodes.assign(episodic_return=block.episodes["episodic_return"] + 1.0)
    tables = blocks.BlockTables(block.replicas, other, block.metrics, block.evaluations)
    fields = block.record.model_dump(exclude={"tables", "policy", "policies_left_out"})
    blocks.write_block(directory, tables, fields)
    assert outcomes(published_blocks.publish(results, tmp_path))[:2] == ["differs", "there already"]
    pd.testing.assert_frame_equal(blocks.read_block(directory).episodes, other)
    assert outcomes(published_blocks.publish(results, tmp_path, replace=True))[:2] == [
        "copied",
        "there already",
    ]
    pd.testing.assert_frame_equal(blocks.read_block(directory).episodes, block.episodes)


def test_a_damaged_block_is_not_published_and_the_others_are(results, tmp_path, names):
    copied, published = tmp_path / "results", tmp_path / "published"
    published_blocks.publish(results, copied)
    (Layout(copied).block(names[0]) / "episodes.parquet").write_bytes(b"nothing")
    copies = published_blocks.publish(copied, published)
    assert outcomes(copies) == ["refused", "copied"]
    assert f"{names[0]}/episodes.parquet: is not what was written" in copies[0].fault
    assert [f"{path.parent.name}/{path.name}" for path in Layout(published).blocks()] == [names[1]]


def test_a_damaged_block_is_not_restored_and_the_others_are(results, tmp_path, names):
    published = tmp_path / "published"
    published_blocks.publish(results, published)
    (Layout(published).block(names[0]) / "episodes.parquet").write_bytes(b"nothing")
    copies = published_blocks.restore(published, tmp_path / "results", names)
    assert outcomes(copies) == ["refused", "copied"]
    assert f"{names[0]}/episodes.parquet: is not what was written" in copies[0].fault


def test_a_folder_without_blocks_is_refused_by_name(tmp_path):
    with pytest.raises(Refusal, match="misspelt: holds no blocks"):
        published_blocks.publish(tmp_path / "misspelt", tmp_path / "published")
    with pytest.raises(Refusal, match="misspelt: holds no blocks"):
        published_blocks.restore(tmp_path / "misspelt", tmp_path / "results", [])


def test_a_restored_block_is_a_finished_one(results, tmp_path, names, capsys):
    published_blocks.publish(results, tmp_path / "published")
    wanted = [names[0], "no-such-run.CartPole-v1.00000000/0-0"]
    assert outcomes(published_blocks.restore(tmp_path / "published", tmp_path, wanted)) == ["copied"]
    assert outcomes(published_blocks.restore(tmp_path / "published", tmp_path, wanted)) == ["there already"]
    directory = Layout(tmp_path).block(names[0])
    record = blocks.read_block(directory).record
    train_block(record.run, record.seeds, directory)
    assert "has been trained by this code and these versions" in capsys.readouterr().err


def test_a_block_of_other_code_is_not_restored(results, tmp_path, names, monkeypatch):
    published_blocks.publish(results, tmp_path / "published")
    monkeypatch.setattr(digests, "of_run", lambda run: "00000000")
    assert outcomes(published_blocks.restore(tmp_path / "published", tmp_path, names)) == ["other code"] * 2
    assert not Layout(tmp_path).blocks()


def test_the_contents_have_a_row_a_block(results, tmp_path, names):
    published_blocks.publish(results, tmp_path)
    run = names[0].partition("/")[0]
    published_blocks.write_contents(tmp_path, {run: ["gae: λ = 1", "ladder: PPO"]})
    table = pd.read_csv(tmp_path / published_blocks.CONTENTS)
    assert table["seeds"].tolist() == ["0-0", "1-1"]
    assert set(table["variants"]) == {"gae: λ = 1; ladder: PPO"}
    sizes = [
        sum(path.stat().st_size for path in Layout(tmp_path).block(name).iterdir()) for name in names[:2]
    ]
    assert table["bytes"].tolist() == sizes
    assert Path(tmp_path, "runs", run, "0-0", RECORD).exists()
