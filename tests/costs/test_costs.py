"""What training is thought to cost: the model against its definition, and what it falls back on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.places import CHECKOUT
from pgbench.base.refusals import Refusal
from pgbench.costs.model import (
    TELLING,
    CostModel,
    FinishedBlock,
    finished_blocks,
    makespan,
    read_costs,
    step_time,
)
from pgbench.environments.classic import SYSTEMS
from pgbench.environments.mujoco_tasks import TASKS
from pgbench.methods import lineage, paths, runs
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.runs import Run

PPO = lineage.LINEAGE["ppo"].algorithm
MEASURED = """\
# measured somewhere
part,name,replicas,environments,microseconds,rounds
job,"start",1,1,5000000.0,3
environment,"CartPole-v1",1,1,20.0,3
environment,"CartPole-v1",10,1,4.0,3
environment,"HalfCheetah-v5",10,1,60.0,3
environment,"Hopper-v5",10,1,40.0,3
algorithm,"ppo",10,1,80.0,3
algorithm,"ppo gamma=0.5",10,1,100.0,3
algorithm,"reinforce",1,4,50.0,3
algorithm,"reinforce",10,4,10.0,3
"""


def read(directory: Path, finished: Iterable[FinishedBlock] = (), text: str = MEASURED) -> CostModel:
    path = directory / "costs.csv"
    path.write_text(text, encoding="utf-8")
    return read_costs(path, finished)


def run_of(algorithm: Algorithm = PPO, environment: str = "HalfCheetah-v5", steps: int = 1000) -> Run:
    return Run(algorithm=algorithm, environment=environment, steps=steps)


def finished(run: Run, seconds: float) -> FinishedBlock:
    return FinishedBlock(run=run, seeds=tuple(range(10)), seconds=seconds, steps=10 * run.steps)


# One block


@given(shared=st.floats(1.0, 100.0), each=st.floats(1.0, 100.0), rows=st.sets(st.integers(1, 40), min_size=2))
def test_between_measurements_rows_share_an_overhead(shared: float, each: float, rows: set[int]) -> None:
    """If rows together take `shared + each · rows`, any two measurements tell the cost at all between them."""
    points = {count: (shared + each * count) / count for count in (min(rows), max(rows))}
    for count in rows:
        assert step_time(points, count) == pytest.approx((shared + each * count) / count)


def test_beyond_the_measurements_a_row_costs_what_it_does_at_the_nearest() -> None:
    assert [step_time({2: 8.0, 10: 3.0}, rows) for rows in (1, 2, 10, 500)] == [8.0, 8.0, 3.0, 3.0]


def test_a_block_costs_its_start_its_stepping_and_its_learning(tmp_path: Path) -> None:
    estimate = read(tmp_path).estimate(run_of(), 10)
    assert estimate.seconds == pytest.approx(5.0 + 10_000 * (60.0 + 80.0) / 1e6)
    assert estimate.basis == "measured"


def test_stepping_counts_the_environments_of_every_replica(tmp_path: Path) -> None:
    """REINFORCE with four environments each: two replicas step eight rows."""
    seconds, _ = read(tmp_path).training(run_of(lineage.LINEAGE["reinforce"].algorithm, "CartPole-v1"), 2, 1)
    stepping = (20.0 + (40.0 - 20.0) * 7 / 9) / 8  # 20 µs for 1 row, 40 for 10
    learning = (50.0 + (100.0 - 50.0) * 1 / 9) / 2
    assert seconds * 1e6 == pytest.approx(stepping + learning)


def test_evaluations_cost_their_episodes_stepping(tmp_path: Path) -> None:
    model, run = read(tmp_path), run_of(environment="CartPole-v1")
    evaluated = run.model_copy(update={"evaluation": runs.Evaluation(episodes=3, times=7)})
    more = model.estimate(evaluated, 2).seconds - model.estimate(run, 2).seconds
    each = step_time({1: 20.0, 10: 4.0}, 6)
    assert more == pytest.approx(7 * 6 * 500 * each / 1e6)


def test_comparisons_of_gradients_cost_at_most_their_batches(tmp_path: Path) -> None:
    model, run = read(tmp_path), run_of(environment="CartPole-v1")
    compared = run.model_copy(update={"reference": runs.Reference(every=10, batches=20)})
    (plain, _), (more, _) = (model.training(each, 2, 1000) for each in (run, compared))
    assert more == pytest.approx(3.0 * plain)


def test_a_variant_has_its_own_measurement(tmp_path: Path) -> None:
    seconds, basis = read(tmp_path).training(run_of(paths.with_values(PPO, {"gamma": 0.5})), 10, 1)
    assert (seconds * 1e6, basis) == (pytest.approx(160.0), "measured")


def test_what_was_not_measured_takes_the_nearest_and_says_so(tmp_path: Path) -> None:
    model = read(tmp_path)
    seconds, basis = model.training(run_of(paths.with_values(PPO, {"gamma": 0.4})), 10, 1)
    assert (seconds * 1e6, basis) == (pytest.approx(140.0), "nearest: ppo")
    # the median of CartPole's 4, HalfCheetah's 60 and Hopper's 40
    seconds, basis = model.training(run_of(environment="Ant-v5"), 10, 1)
    assert (seconds * 1e6, basis) == (pytest.approx(120.0), "nearest: the median environment")
    # the baseline's nearest measured ancestor is REINFORCE
    seconds, basis = model.training(run_of(lineage.LINEAGE["average_baseline"].algorithm), 10, 1)
    assert (seconds * 1e6, basis) == (pytest.approx(70.0), "nearest: reinforce")


def test_nothing_measured_is_refused(tmp_path: Path) -> None:
    text = "\n".join(line for line in MEASURED.splitlines() if not line.startswith("algorithm"))
    with pytest.raises(Refusal, match="no relative of ppo was measured; `python -m pgbench measure`"):
        read(tmp_path, text=text).estimate(run_of(), 10)


# Finished blocks


def test_finished_blocks_of_the_same_kind_correct_the_estimate(tmp_path: Path) -> None:
    long = run_of(steps=100_000)  # 140 s by the model
    others = [
        finished(run_of(environment="Hopper-v5", steps=100_000), 9999.0),
        finished(run_of(lineage.LINEAGE["reinforce"].algorithm, steps=100_000), 9999.0),
        finished(run_of(steps=100), TELLING - 1),
    ]
    blocks = [finished(long, 140.0), finished(long, 280.0), finished(long, 420.0), *others]
    estimate = read(tmp_path, blocks).estimate(run_of(), 10)
    assert estimate.seconds == pytest.approx(5.0 + 2 * 1.4)
    assert estimate.basis == "3 finished blocks"


def test_blocks_that_cannot_be_read_do_not_help(tmp_path: Path) -> None:
    block = finished(run_of(), 60.0)
    texts = {"a": block.model_dump_json()[:-1] + ', "name": "x"}', "b": '{"run": {"algorithm": 1}}', "c": ""}
    for name, text in texts.items():
        (tmp_path / "runs" / name / "0-9").mkdir(parents=True)
        (tmp_path / "runs" / name / "0-9/run.json").write_text(text, encoding="utf-8")
    assert list(finished_blocks(tmp_path)) == [block]


# The file


@pytest.mark.parametrize(
    ("correct", "mistake", "message"),
    [
        (",80.0,", ",-80.0,", "costs.csv: ppo: 'microseconds' is '-80.0'"),
        ('job,"start"', 'jbo,"start"', "costs.csv: start: 'part' is 'jbo'"),
        ("microseconds", "seconds", "costs.csv: start: the key 'microseconds' is missing"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, correct: str, mistake: str, message: str) -> None:
    assert correct in MEASURED
    with pytest.raises(Refusal) as refusal:
        read(tmp_path, text=MEASURED.replace(correct, mistake))
    assert message in str(refusal.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="`python -m pgbench measure` writes it"):
        read_costs(tmp_path / "costs.csv", [])


def test_the_committed_measurements_know_methods_and_environments() -> None:
    model = read_costs(CHECKOUT / "workflows/costs.csv", [])
    assert {*SYSTEMS, *TASKS} <= set(model.environments)
    assert {"reinforce", "trpo", "ppo"} <= set(model.algorithms)
    assert model.start > 0.0
    for member in lineage.LINEAGE.values():
        assert model.estimate(run_of(member.algorithm), 10).seconds > model.start


# Jobs on cores


@given(st.lists(st.floats(0.1, 100.0), min_size=1, max_size=30), st.integers(1, 8))
def test_a_schedule_keeps_grahams_bounds(seconds: list[float], cores: int) -> None:
    least = max(*seconds, sum(seconds) / cores, 0.0)
    found = makespan(seconds, cores)
    assert least <= found * (1 + 1e-12)
    assert found <= (sum(seconds) / cores + (1 - 1 / cores) * max(seconds)) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("seconds", "cores", "expected"),
    [
        ([1.0, 2.0, 3.0], 1, 6.0),
        ([3.0, 1.0, 1.0, 2.0], 2, 4.0),
        ([1.0, 1.0, 5.0], 2, 6.0),
        ([7.0, 1.0], 9, 7.0),
    ],
)
def test_jobs_begin_in_turn_on_the_first_free_core(seconds: list[float], cores: int, expected: float) -> None:
    assert makespan(seconds, cores) == expected


def test_no_jobs_take_no_time() -> None:
    assert makespan([], 2) == 0.0
