"""Measuring costs: what is measured, and that `plan` reads what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgbench.costs import measure
from pgbench.costs.model import read_costs
from pgbench.methods import lineage
from pgbench.studies import plans
from pgbench.studies.configuration import Configuration, Preset
from pgbench.studies.study import Study


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One method, the first measurement that comes, and no job."""
    monkeypatch.setattr(measure, "SECONDS", 0.01)
    monkeypatch.setattr(measure, "REPLICAS", (1, 2))
    monkeypatch.setattr(measure, "ROWS", (1, 8))
    monkeypatch.setattr(measure, "_start", lambda: 3e6)
    monkeypatch.setattr(lineage, "LINEAGE", {"reinforce": lineage.LINEAGE["reinforce"]})
    monkeypatch.setattr(measure, "SYSTEMS", {measure.REFERENCE: None})
    monkeypatch.setattr(measure, "TASKS", {})


@pytest.mark.usefixtures("quick")
def test_what_is_measured_can_be_planned_with(tmp_path: Path) -> None:
    study = Study(
        question="Measured?",
        parent="reinforce",
        environments={"CartPole-v1": 1000},
        variants={"two episodes": {"data.episodes": 2}},
    )
    presets = {"paper": Preset(seeds=None, steps=None)}
    configuration = Configuration(preset="paper", studies=["study"], presets=presets)
    plan = plans.plan_study("study", study, configuration)
    path = tmp_path / "costs.csv"
    path.write_text(measure.measure_costs([plan], 2), encoding="utf-8")
    model = read_costs(path, [])
    assert model.start == 3.0
    assert set(model.environments) == {measure.REFERENCE, "CartPole-v1"}
    environments = {name: learning.environments for name, learning in model.algorithms.items()}
    assert environments == {"reinforce": 4, "reinforce data.episodes=2": 2}
    assert all(set(learning.points) == {1, 2} for learning in model.algorithms.values())
    assert model.estimate(plan.runs[0].run, 2).basis == "measured"
    header = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert all(word in " ".join(header) for word in ("CPU time", "cores", "torch", "commit"))
