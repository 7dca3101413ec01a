"""Measuring how training grows: what is measured, in which process, and that the table can be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pgbench.base.refusals import Breakdown
from pgbench.costs import measure, measure_growth
from pgbench.costs.growth import DEFAULT, Setting, read_growth

SMALL = DEFAULT._replace(width=16)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, the first measurement that comes, two settings."""
    monkeypatch.setattr(measure, "SECONDS", 0.01)
    monkeypatch.setattr(measure_growth, "BATCH", 128)
    monkeypatch.setattr(measure_growth, "settings", lambda: [DEFAULT, SMALL])


@pytest.mark.usefixtures("quick")
def test_what_is_measured_can_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    taken: list[Setting] = []

    def here(setting: Setting) -> measure_growth.Found:
        taken.append(setting)
        return measure_growth.measure_setting(setting)

    monkeypatch.setattr(measure_growth, "_measure_alone", here)
    path = tmp_path / "growth.csv"
    path.write_text(measure_growth.measure(2), encoding="utf-8")
    assert taken == [DEFAULT, SMALL] * 2
    table = read_growth(path)
    assert [row.setting for row in table.rows] == [DEFAULT, SMALL]
    assert all(row.rounds == 2 and row.mebibytes > 50.0 for row in table.rows)
    assert all(word in table.origin for word in ("cores", "torch", "commit"))


def test_medians_are_kept() -> None:
    found = [measure_growth.Found(*figures) for figures in ((3.0, 7.0), (1.0, 9.0), (2.0, 8.0))]
    assert measure_growth._line(Setting(1, 2, 3), found) == "1,2,3,2,8,3"


@pytest.mark.parametrize("environments", [1, 2, 16])
def test_environments_share_the_batch_of_a_replica(environments: int) -> None:
    run = measure_growth._run(Setting(4, 32, environments), 2048)
    data = run.algorithm.data
    assert data.steps * data.environments == 2048
    assert data.environments == environments
    assert run.algorithm.networks.hidden == (32, 32)


def test_a_measurement_is_a_process_of_its_own_whose_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_growth, "measure_setting", os._exit)
    with pytest.raises(Breakdown, match="was ended, perhaps because memory ran out; nothing was written"):
        measure_growth._measure_alone(9)
