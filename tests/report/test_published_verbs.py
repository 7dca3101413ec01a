"""The verbs for published blocks: what they print, what they refuse, and how they end."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from helpers.trainings import small
from pgbench.__main__ import app
from pgbench.base.refusals import Breakdown, Refusal
from pgbench.laboratory import published_measurements
from pgbench.methods import naming
from pgbench.methods.runs import Run
from pgbench.running.block import train_block
from pgbench.storage import digests
from pgbench.storage.layout import MEASUREMENT, Layout

NAME = "divergence"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two finished blocks of a run."""
    root = tmp_path_factory.mktemp("results")
    run = Run(algorithm=small("ppo"), environment="CartPole-v1", steps=128)
    for seed in (0, 1):
        block = f"{naming.run_name(run)}/{seed}-{seed}"
        train_block(run, [seed], Layout(root).block(block), progress=False)
    return root


def call(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.mark.parametrize(
    "verb", [["restore"], ["published"], ["published", "--measurements"], ["published", "--complete"]]
)
def test_a_misspelt_folder_is_refused_by_name(verb, tmp_path):
    outcome = call(*verb, "--published", tmp_path / "pubished")
    assert isinstance(outcome.exception, Refusal)
    assert "pubished: holds no blocks; name the folder that has 'runs' in it" in str(outcome.exception)


def test_publish_keeps_what_is_whole_and_ends_with_what_is_damaged(results, tmp_path):
    shutil.copytree(results, tmp_path / "results")
    first, second = Layout(tmp_path / "results").blocks()
    (first / "metrics.parquet").write_bytes(b"nothing")
    outcome = call("publish", "--results", tmp_path / "results", "--into", tmp_path / "published")
    assert outcome.stdout.startswith("1 refused and 1 copied; ")
    assert isinstance(outcome.exception, Breakdown)
    assert f"{first / 'metrics.parquet'}: is not what was written" in str(outcome.exception)
    contents = (tmp_path / "published" / "contents.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in contents[1:]] == [[second.parent.name, second.name]]


def measured(root, code, **files):
    """A measurement's directory, as far as copying reads it."""
    directory = Layout(root).measurement("smoke", NAME)
    directory.mkdir(parents=True)
    for name, text in {MEASUREMENT: json.dumps({"code": code}), **files}.items():
        (directory / name).write_text(text)
    return directory


@pytest.fixture
def codes(monkeypatch):
    """Records that say only of which code they are; this code is "new"."""

    class Record:
        def __init__(self, directory):
            self.code_digest = json.loads((directory / MEASUREMENT).read_text())["code"]

    monkeypatch.setattr(published_measurements, "read_record", Record)
    monkeypatch.setattr(digests, "of_measurement", lambda name: "new")


def outcomes(source, destination):
    copies = published_measurements.copy(source, destination, "smoke", [NAME, "not measured"])
    return [(copy.block, copy.outcome) for copy in copies]


def test_a_measurement_gives_way_to_one_of_this_code(codes, tmp_path):
    measured(tmp_path / "here", "new", table="new")
    there = measured(tmp_path / "there", "old", table="old", left="old")
    assert outcomes(tmp_path / "there", tmp_path / "here") == [(NAME, "other code")]
    assert outcomes(tmp_path / "here", tmp_path / "there") == [(NAME, "copied")]
    assert {path.name: path.read_text() for path in there.iterdir()} == {
        MEASUREMENT: '{"code": "new"}',
        "table": "new",
    }
    assert [path.name for path in there.parent.iterdir()] == [NAME]
    assert outcomes(tmp_path / "here", tmp_path / "there") == [(NAME, "there already")]


def test_an_interrupted_copy_leaves_the_measurement_before(codes, tmp_path, monkeypatch):
    measured(tmp_path / "here", "new", table="new")
    there = measured(tmp_path / "there", "old", table="old")

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copytree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        outcomes(tmp_path / "here", tmp_path / "there")
    assert (there / "table").read_text() == "old"
    assert [path.name for path in there.parent.iterdir()] == [NAME]
