"""How training grows: the settings, how they are measured, the table, and the advice on the block size."""

from __future__ import annotations

import csv
import os

import pytest

from helpers.places import CHECKOUT
from pgbench.base.refusals import Breakdown
from pgbench.costs import growth, measure
from pgbench.costs.growth import DEFAULT, FACTORS, Growth, GrowthSetting
from pgbench.methods.components import FixedHorizon, Networks
from pgbench.studies.configuration import Configuration, Preset

SMALL = DEFAULT._replace(width=16)
MEASURED = {
    GrowthSetting(1, 64, 1): Growth(1000.0, 300.0),
    DEFAULT: Growth(5000.0, 400.0),
    GrowthSetting(16, 64, 1): Growth(8000.0, 500.0),
    GrowthSetting(64, 64, 1): Growth(9000.0, 2500.0),
    GrowthSetting(10, 512, 1): Growth(99_000.0, 450.0),
}


def configuration(block_size: int = 10, job_megabytes: int = 2000) -> Configuration:
    sizes = {"block_size": block_size, "job_megabytes": job_megabytes}
    return Configuration(preset="paper", presets={"paper": Preset()}, **sizes)


def test_the_default_setting_is_that_of_the_configuration_and_the_specifications() -> None:
    block_size = Configuration.model_fields["block_size"].default
    assert GrowthSetting(block_size, Networks().hidden[0], FixedHorizon().environments) == DEFAULT
    assert len(set(Networks().hidden)) == 1


def test_one_factor_is_varied_at_a_time_and_the_default_measured_once() -> None:
    settings = growth.settings()
    assert len(set(settings)) == len(settings) == sum(map(len, FACTORS.values())) - 2
    for setting in settings:
        assert sum(a != b for a, b in zip(setting, DEFAULT, strict=True)) <= 1
    for factor, values in FACTORS.items():
        assert {getattr(setting, factor) for setting in settings} == set(values)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, short measurements, two settings."""
    monkeypatch.setattr(measure, "SECONDS", 0.01)
    monkeypatch.setattr(growth, "BATCH", 128)
    monkeypatch.setattr(growth, "settings", lambda: [DEFAULT, SMALL])


@pytest.mark.usefixtures("quick")
def test_settings_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[GrowthSetting] = []

    def in_this_process(setting: GrowthSetting) -> Growth:
        taken.append(setting)
        return growth.measure_setting(setting)

    monkeypatch.setattr(growth, "measure_in_new_process", in_this_process)
    measured = growth.measure_growth(2)
    assert taken == [DEFAULT, SMALL] * 2
    assert list(measured) == [DEFAULT, SMALL]
    assert all(each.mebibytes > 50.0 and each.steps_per_second > 0.0 for each in measured.values())


def test_medians_are_kept() -> None:
    assert growth.medians([Growth(3.0, 7.0), Growth(1.0, 9.0), Growth(2.0, 8.0)]) == Growth(2.0, 8.0)


@pytest.mark.parametrize("environments", [1, 2, 16])
def test_environments_share_the_batch_of_a_replica(environments: int) -> None:
    run = growth.run_at(GrowthSetting(4, 32, environments), 2048)
    data = run.algorithm.data
    assert data.steps * data.environments == 2048
    assert data.environments == environments
    assert run.algorithm.networks.hidden == (32, 32)


def test_a_measuring_process_that_is_ended_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "measure_setting", os._exit)
    with pytest.raises(Breakdown, match="was ended, perhaps because memory ran out; nothing was written"):
        growth.measure_in_new_process(9)


def test_the_table_says_what_was_measured_and_where() -> None:
    *comments, header, first = growth.growth_table({DEFAULT: Growth(5000.4, 400.6)}, 3).splitlines()
    assert (header, first) == (
        "replicas,width,environments,steps_per_second,mebibytes,rounds",
        "10,64,1,5000,401,3",
    )
    assert all(line.startswith("#") for line in comments)
    assert all(word in " ".join(comments) for word in ("Measured", "cores", "torch", "commit"))


def test_the_advice_names_the_fastest_block_that_fits() -> None:
    assert growth.advice(MEASURED, configuration()) == (
        "In the 1,907 MiB that a job has (job_megabytes), a block of 16 replicas makes the most of a core: "
        "8,000 steps a second; the configured block of 10 (block_size) makes 5,000, 62\N{NO-BREAK SPACE}% of that."
    )
    assert "a block of 64 replicas" in growth.advice(MEASURED, configuration(job_megabytes=3000))
    assert growth.advice(MEASURED, configuration(block_size=7)).endswith("(block_size) was not measured.")
    assert growth.advice(MEASURED, configuration(job_megabytes=100)).startswith(
        "No measured block fits into the 95 MiB"
    )


def test_the_committed_table_has_all_settings() -> None:
    lines = (CHECKOUT / "workflows/growth.csv").read_text(encoding="utf-8").splitlines()
    assert any("torch" in line for line in lines if line.startswith("#"))
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    measured = {GrowthSetting(*(int(row[factor]) for factor in GrowthSetting._fields)) for row in rows}
    assert measured == set(growth.settings())
