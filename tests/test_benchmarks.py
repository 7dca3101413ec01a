"""The benchmarks' inputs are what they stand for; how long anything takes is not tested."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pgbench.storage.blocks import read_block, write_block
from pgbench.storage.files import write_text

BENCHMARKS = Path(__file__).parent / "benchmarks"


@pytest.fixture
def benchmark_of(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_simulated_blocks_are_read_as_real_ones(benchmark_of, tmp_path: Path) -> None:
    reporting: ModuleType = benchmark_of("reporting")
    plan = reporting.study(0)
    assert len(plan.runs) == 50
    planned = plan.runs[0]
    (block,) = planned.blocks
    tables = reporting.simulate(planned, block, np.random.default_rng(0))
    write_block(tmp_path, tables, reporting.record_of(planned, block))
    read = read_block(tmp_path, planned.name)
    assert read.episodes.groupby("seed").size().between(500, 2000).all()
    assert (read.metrics.groupby("seed")["step"].max() >= planned.run.steps).all()
    assert read.metrics.groupby("seed").size().max() <= 1000


def test_no_two_simulated_studies_share_a_run(benchmark_of) -> None:
    reporting = benchmark_of("reporting")
    names = [planned.name for number in range(3) for planned in reporting.study(number).runs]
    assert len(set(names)) == 150


def test_a_planned_study_has_five_hundred_jobs_of_training(benchmark_of, tmp_path: Path) -> None:
    workflow = benchmark_of("workflow")
    files = workflow.write_studies(tmp_path, 2)
    records = [record for file in files for record in workflow.records(file)]
    assert len(set(records)) == len(records) == 1000


def test_a_failed_program_shows_what_it_said(benchmark_of, tmp_path: Path) -> None:
    processes = benchmark_of("processes")
    write_text(tmp_path / "program", "echo nothing works; exit 3")
    with pytest.raises(SystemExit, match="ended with 3\nnothing works"):
        processes.run(["sh", str(tmp_path / "program")])
