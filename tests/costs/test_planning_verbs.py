"""What the verb `plan` prints and refuses."""

from __future__ import annotations

import pytest

from helpers.calling import call
from helpers.places import CHECKOUT
from pgbench.studies.plans import configured_plans, runs_by_name


def test_plan_counts_what_a_preset_costs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(CHECKOUT)
    assert call(monkeypatch, "plan", "--preset", "quick", "--runs") == 0
    output = capsys.readouterr().out
    _, plans = configured_plans(CHECKOUT / "workflows" / "config.yaml", "quick")
    for name in runs_by_name(plans):
        assert name in output
    blocks = {block for study in plans for block in study.blocks()}
    assert f"in {len(blocks)} blocks" in output
    assert call(monkeypatch, "plan", "--preset", "quick") == 0
    summary = capsys.readouterr().out
    assert output.startswith(summary)
    assert f"in {len(blocks)} blocks" in summary.splitlines()[2]
    assert not any(name in summary for name in runs_by_name(plans))


@pytest.mark.parametrize(("cores", "said"), [("1", "on 1 core"), ("3", "on 3 cores")])
def test_plan_says_how_long_it_takes_on_so_many_cores(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cores: str, said: str
) -> None:
    monkeypatch.chdir(CHECKOUT)
    assert call(monkeypatch, "plan", "--preset", "smoke", "--cores", cores) == 0
    assert capsys.readouterr().out.splitlines()[2].endswith(said)


def test_plan_refuses_an_unknown_preset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(CHECKOUT)
    assert call(monkeypatch, "plan", "--preset", "quik") == 2
    assert (
        "workflows/config.yaml: preset 'quik' does not exist; did you mean 'quick'?"
        in capsys.readouterr().err
    )
