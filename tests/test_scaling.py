"""The simulation of a replication on many cores."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgbench import __main__ as command_line
from pgbench import provenance, results, scaling, storage, studies

CHECKOUT = Path(__file__).parents[1]
TABLE = storage.TableRecord(rows=0, sha256="0" * 64)
DURATIONS = st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=40)


def record(method, environment, seconds, steps=1000, seeds=(0, 1)):
    run = studies.describe_run(method, environment, steps, {}, "test")
    return results.Record(
        **provenance.provenance(),
        name=studies.run_name(run),
        run=run,
        seeds=seeds,
        code_digest="0",
        started=datetime.now(UTC),
        finished=datetime.now(UTC),
        seconds=seconds,
        steps=steps * len(seeds),
        tables=results.TableRecords(episodes=TABLE, metrics=TABLE),
    )


def plan(method, environment):
    study = studies.Study(
        question="How long?", parent=method, seeds=3, environments={environment: 5000}, variants={"one": {}}
    )
    configuration = studies.Configuration(
        preset="p", studies=["s"], block_size=2, presets={"p": studies.Preset()}
    )
    return studies.plan_study("s", study, configuration)


@pytest.mark.parametrize(
    ("method", "environment", "cost"),
    [
        ("ppo", "CartPole-v1", 3.0),  # the median of 1, 3 and 5 s a step of a replica
        ("reinforce", "CartPole-v1", 4.0),  # of the environment: 1, 3, 5, 7
        ("ppo", "Acrobot-v1", 5.0),  # of all: 1, 3, 5, 7, 9
    ],
)
def test_a_job_takes_what_the_most_like_it_took(method, environment, cost):
    times = [("ppo", "CartPole-v1", 1), ("ppo", "CartPole-v1", 3), ("ppo", "CartPole-v1", 5)]
    times += [("gae", "CartPole-v1", 7), ("gae", "Pendulum-v1", 9)]
    records = [record(name, where, 2000.0 * each) for name, where, each in times]
    assert list(scaling.job_seconds([plan(method, environment)], records).values()) == [
        cost * 5000 * 2,
        cost * 5000,
    ]


@given(DURATIONS, st.integers(1, 64), st.floats(0.0, 10.0))
def test_no_schedule_is_better_than_possible_nor_worse_than_greed(durations, cores, overhead):
    """Graham 1966: at most the mean load, and the longest job once more."""
    found = scaling.schedule(durations, cores, overhead)
    load, longest = sum(durations) + overhead * len(durations), max(durations) + overhead
    assert found.seconds >= max(load / cores, longest) * (1 - 1e-12)
    assert found.seconds <= (load / cores + longest) * (1 + 1e-12)
    assert 0.0 < found.busy <= 1.0 + 1e-12


def test_one_core_does_one_after_the_other():
    assert scaling.schedule([1.0, 2.0, 3.0], 1, 1.0) == scaling.Scaling(1, 9.0, 6.0 / 9.0)
    assert scaling.schedule([1.0, 2.0, 3.0], 2, 0.0) == scaling.Scaling(2, 4.0, 6.0 / 8.0)


def test_the_verb_says_what_bounds_it(monkeypatch, capsys, tmp_path):
    directory = tmp_path / "runs" / "ppo.CartPole-v1.00000000" / "0-1"
    directory.mkdir(parents=True)
    (directory / results.RECORD).write_text(storage.sealed(record("ppo", "CartPole-v1", 10.0)))
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.setattr(sys, "argv", ["pgbench", "scaling", "--results", str(tmp_path), "--preset", "quick"])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    output = capsys.readouterr().out
    assert stop.value.code == 0
    assert [int(line.split()[0]) for line in output.splitlines()[2:11]] == [
        2**power for power in range(1, 10)
    ]
    assert "no number of cores is faster than the longest job: 0.14 hours" in output  # 5 · 20,000 · 0.005 s


def test_without_measured_jobs_there_is_nothing_to_say(tmp_path):
    with pytest.raises(storage.Refusal, match="holds no finished block"):
        scaling.measured(tmp_path)
