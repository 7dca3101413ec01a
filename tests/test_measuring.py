"""Measuring costs: what is measured, and that `plan` reads what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgbench import costs, lineage, measuring, studies


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One method, the first measurement that comes, and no job."""
    monkeypatch.setattr(measuring, "SECONDS", 0.01)
    monkeypatch.setattr(measuring, "REPLICAS", (1, 2))
    monkeypatch.setattr(measuring, "ROWS", (1, 8))
    monkeypatch.setattr(measuring, "_start", lambda: 3e6)
    monkeypatch.setattr(lineage, "LINEAGE", {"reinforce": lineage.REINFORCE})
    monkeypatch.setattr(measuring, "SYSTEMS", {measuring.REFERENCE: None})
    monkeypatch.setattr(measuring, "TASKS", {})


@pytest.mark.usefixtures("quick")
def test_what_is_measured_can_be_planned_with(tmp_path: Path) -> None:
    study = studies.Study(
        question="Measured?",
        parent="reinforce",
        environments={"CartPole-v1": 1000},
        variants={"two episodes": {"data.episodes": 2}},
    )
    presets = {"paper": studies.Preset(seeds=None, steps=None)}
    configuration = studies.Configuration(preset="paper", studies=["study"], presets=presets)
    plan = studies.plan_study("study", study, configuration)
    path = tmp_path / "costs.csv"
    path.write_text(measuring.measure([plan], 2), encoding="utf-8")
    model = costs.read_costs(path, [])
    assert model.start == 3.0
    assert set(model.environments) == {measuring.REFERENCE, "CartPole-v1"}
    environments = {name: learning.environments for name, learning in model.algorithms.items()}
    assert environments == {"reinforce": 4, "reinforce data.episodes=2": 2}
    assert all(set(learning.points) == {1, 2} for learning in model.algorithms.values())
    assert model.estimate(plan.runs[0].run, 2).basis == "measured"
    header = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert all(word in " ".join(header) for word in ("CPU time", "cores", "torch", "commit"))
