"""Which looks a study has had, which are worth their cost, and what calling again does."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest

from helpers.places import CHECKOUT
from pgbench.base.refusals import Refusal
from pgbench.costs import settling
from pgbench.costs.model import CostModel, Learning
from pgbench.costs.settling import NextLook, OpenClaim
from pgbench.storage.layout import PLAN, RECORD, Layout
from pgbench.storage.looks_on_disk import with_looks_on_disk
from pgbench.studies.configuration import Configuration, Preset
from pgbench.studies.plans import MOST_LOOKS, StudyPlan, plan_study
from pgbench.studies.study import Study

SIZE = 10
HOUR = 3600.0
MODEL = CostModel(
    environments={"CartPole-v1": {1: 0.0}},
    algorithms={"ppo": Learning(1, {1: HOUR * 1e6})},
    start=0.0,
    corrections={},
)
"""An environment step takes an hour."""
COSTS = CHECKOUT / "workflows" / "costs.csv"


def a_study(seeds: int = 5) -> Study:
    return Study(
        question="Is it settled?",
        parent="ppo",
        seeds=seeds,
        environments={"CartPole-v1": 1},
        variants={"A": {}, "B": {"advantage.lam": 0.5}},
    )


def configured(hours: float | None = None) -> Configuration:
    presets = {"paper": Preset(seeds=None, steps=None)}
    return Configuration(preset="paper", block_size=SIZE, settle_hours=hours, presets=presets)


def a_plan(name: str = "one", seeds: int = 5) -> StudyPlan:
    return plan_study(name, a_study(seeds), configured())


def train(plan: StudyPlan, layout: Layout, seconds: float = HOUR) -> None:
    """Leave the records of all blocks of a plan that are not there yet."""
    for planned in plan.runs:
        for block in planned.blocks:
            record = layout.block(f"{planned.name}/{block}") / RECORD
            if not record.exists():
                record.parent.mkdir(parents=True)
                run = planned.run.model_dump_json()
                record.write_text(f'{{"run": {run}, "seeds": [0], "seconds": {seconds}, "steps": 1}}')


def gather(plan: StudyPlan, layout: Layout, **chances: float | None) -> None:
    """Leave the tables of a study, with the chance of the next look at each claim; None for a settled one."""
    directory = layout.study("paper", plan.name)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / PLAN).write_text(plan.model_dump_json())
    with (directory / "verdicts.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["claim", "chance"])
        writer.writerows((claim, "" if chance is None else chance) for claim, chance in chances.items())


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "results")


@pytest.mark.parametrize("looks", range(1, MOST_LOOKS + 1))
def test_a_study_has_had_the_looks_whose_blocks_are_there(layout: Layout, looks: int) -> None:
    plan = a_plan()
    train(plan.extended(looks, SIZE), layout)
    assert with_looks_on_disk(plan, layout, SIZE) == plan.extended(looks, SIZE)


def test_a_look_without_one_of_its_blocks_has_not_been_had(layout: Layout) -> None:
    plan = a_plan().extended(2, SIZE)
    train(plan, layout)
    (layout.block(plan.blocks()[-1]) / RECORD).unlink()
    assert with_looks_on_disk(plan, layout, SIZE).looks == 1


def test_the_next_look_has_what_is_open_and_what_is_missing(layout: Layout) -> None:
    plan = a_plan()
    train(plan, layout)
    gather(plan, layout, settled=None, likely=0.7, hardly=0.1)
    (look,) = settling.next_looks([plan], layout, SIZE, MODEL)
    assert look.plan == plan.extended(2, SIZE)
    assert look.claims == (OpenClaim("one", "likely", 0.7), OpenClaim("one", "hardly", 0.1))
    assert look.worth == pytest.approx(0.8)
    assert look.missing == dict.fromkeys((f"{run.name}/5-9" for run in plan.runs), 5 * HOUR)
    assert not look.begun


def test_blocks_of_the_next_look_that_are_there_cost_nothing_more(layout: Layout) -> None:
    plan = a_plan()
    extended = plan.extended(2, SIZE)
    train(extended, layout)
    (layout.block(extended.blocks()[-1]) / RECORD).unlink()
    gather(plan, layout, likely=0.7)
    (look,) = settling.next_looks([plan], layout, SIZE, MODEL)
    assert (look.seconds(), look.begun) == (5 * HOUR, True)
    assert look.seconds(chosen=look.missing) == 0.0
    assert settling.spent([plan], layout, SIZE) == HOUR


@pytest.mark.parametrize("case", ["another plan", "no open claim", "no tables", "no more looks"])
def test_what_has_no_next_look(layout: Layout, case: str) -> None:
    plan = a_plan()
    if case == "another plan":
        gather(a_plan(seeds=6), layout, likely=0.7)
    elif case == "no open claim":
        gather(plan, layout, settled=None)
    elif case == "no more looks":
        plan = plan.extended(MOST_LOOKS, SIZE)
        gather(plan, layout, likely=0.7)
    assert settling.next_looks([plan], layout, SIZE, MODEL) == []


def a_look(name: str, chance: float, hours: float, begun: bool = False) -> NextLook:
    missing = {f"{name}/0": hours * HOUR}
    return NextLook(a_plan(name).extended(2, SIZE), (OpenClaim(name, "c", chance),), missing, begun)


def test_the_best_looks_are_those_that_settle_most_for_an_hour() -> None:
    looks = [
        a_look("dear", 0.9, 30),
        a_look("cheap", 0.2, 1),
        a_look("middling", 0.8, 8),
        a_look("no", 0.0, 0.1),
    ]

    def chosen(hours: float, looks: list[NextLook] = looks) -> list[str]:
        return [look.plan.name for look in settling.best(looks, hours * HOUR)]

    assert chosen(0.5) == []
    assert chosen(2) == ["cheap"]
    assert chosen(20) == ["cheap", "middling"]
    assert chosen(100) == ["cheap", "middling", "dear"]
    begun = [dataclasses.replace(looks[0], begun=True), *looks[1:]]
    assert chosen(31, begun) == ["dear", "cheap"]
    shared = dataclasses.replace(looks[0], missing=looks[2].missing)
    assert chosen(9, [shared, *looks[1:]]) == ["cheap", "dear", "middling"]


def write_study(tmp_path: Path, seeds: int = 5) -> dict[str, Path]:
    (tmp_path / "one.yaml").write_text(
        f"question: Is it settled?\nparent: ppo\nseeds: {seeds}\nenvironments: {{CartPole-v1: 1}}\n"
        "variants: {A: {}, B: {advantage.lam: 0.5}}\n"
    )
    return {"one": tmp_path / "one.yaml"}


def test_calling_again_goes_on_and_spends_no_more(layout: Layout, tmp_path: Path) -> None:
    files, plan = write_study(tmp_path), a_plan()
    train(plan, layout, seconds=1.0)
    gather(plan, layout, likely=0.7)
    asked = settling.planned(configured(hours=0.0112), files, layout, COSTS)["one"]
    assert asked.looks == 2
    train(asked, layout, seconds=20.0)  # what is there counts: 0.0001 of the hours are left
    gather(asked, layout, likely=0.7)
    assert settling.planned(configured(), files, layout, COSTS)["one"] == asked
    assert settling.planned(configured(hours=0.0112), files, layout, COSTS)["one"] == asked
    assert settling.planned(configured(hours=10.0), files, layout, COSTS)["one"].looks == 3


def test_hours_need_tables(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="settle_hours: no study has been gathered"):
        settling.planned(configured(hours=1.0), write_study(tmp_path), layout, COSTS)


def test_what_is_printed() -> None:
    looks = [a_look("dear", 0.9, 30), a_look("cheap", 0.25, 1)]
    assert "no claim is open" in settling.describe([], [], 40)
    first, second, *rest = settling.describe(looks, [looks[1]], 2).splitlines()[2:]
    assert first.split()[:4] == ["cheap", "c", "10", "25"]
    assert first.rstrip().endswith("yes")
    assert second.startswith("dear")
    assert "2 hours of one core pay for the next looks at: cheap; expected to settle: 0.2 claims" in rest[-2]
    assert "--hours 40" in settling.describe(looks, [], None)
