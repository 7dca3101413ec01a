"""A study with invented results: plausible curves, a replica that diverged, a variant without an episode."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from pgbench.analysis.gathering import gather
from pgbench.methods.runs import Evaluation, seeds_of
from pgbench.running.condensing import condensed
from pgbench.running.recording import Rows
from pgbench.storage.blocks import write_block
from pgbench.storage.provenance import provenance
from pgbench.studies.configuration import Configuration, Preset
from pgbench.studies.plans import plan_study
from pgbench.studies.study import Study
from pgbench.training.iteration import Outcome

BUDGET = 20_000
DIVERGED_AT = 12_000


PAPER = {"paper": "schulman2017ppo", "where": "Table 1 & <more>"}
MARGINS = {
    "last_100": {"range": 0.05, "comparator": 0.1},
    "area_under_curve": {"comparator": 0.05},
    "deterministic_evaluation": {"range": 0.05},
}
CLAIMS = {
    "ppo-is-best": {
        "statement": "PPO is <best>.",
        "source": PAPER,
        "kind": "directional",
        "higher": "PPO",
        "lower": "baseline",
        "score": "last_100",
        "unit": "range",
        "published": {"PPO": {"ppo-figure3-ppo-clip-0.2-halfcheetah-v1-1m": "read off a <graph>"}},
        "caveat": "Invented | numbers.",
    },
    "no-difference": {
        "statement": "The reward-to-go makes no difference.",
        "source": PAPER,
        "kind": "equivalence",
        "variant": "togo <& *co*|",
        "comparator": "REINFORCE",
        "score": "area_under_curve",
        "environments": ["CartPole-v1"],
    },
    "ppo-matters-more": {
        "statement": "PPO matters more than the baseline.",
        "source": PAPER,
        "kind": "effects",
        "larger": ["PPO", "baseline"],
        "smaller": ["baseline", "togo <& *co*|"],
        "score": "last_100",
        "unit": "range",
        "across": {"at_least": 2},
    },
    "silent": {
        "statement": "It also learns where no episode ends.",
        "source": PAPER,
        "kind": "level",
        "variant": "REINFORCE",
        "side": "above",
        "level": 0.0,
        "score": "last_100",
        "environments": ["HalfCheetah-v5"],
    },
    "small-loss": {
        "statement": "The loss of PPO stays low.",
        "source": PAPER,
        "kind": "level",
        "variant": "PPO",
        "side": "below",
        "level": 2.0,
        "score": "mean(value_loss)",
        "across": "each",
    },
    "as-published": {
        "statement": "The baseline scores as published.",
        "source": PAPER,
        "kind": "reference",
        "variant": "baseline",
        "relation": "within",
        "reference": "cleanrl-ppo-cartpole-v1-500k",
        "score": "last_100",
        "environments": ["CartPole-v1"],
    },
    "evaluated": {
        "statement": "PPO's mean action scores more than the baseline's.",
        "source": PAPER,
        "kind": "directional",
        "higher": "PPO",
        "lower": "baseline",
        "score": "deterministic_evaluation",
        "environments": ["CartPole-v1"],
        "published": {"PPO": ["zoo-ppo-cartpole-v1-100k", "cleanrl-ppo-cartpole-v1-500k"]},
    },
}


@pytest.fixture(scope="session")
def plan():
    study = Study(
        question="Does each rung help, and is <b>this</b> escaped?",
        parent="reinforce",
        seeds=6,
        environments={"CartPole-v1": 50_000, "HalfCheetah-v5": 50_000},
        variants={
            "REINFORCE": {},
            "togo <& *co*|": {"parent": "reward_to_go"},
            "baseline": {"parent": "average_baseline"},
            "PPO": {"parent": "ppo", "gamma": 0.98},
        },
        about="Somebody said so. Here it is invented.",
        notes=("It differs, because it is invented.", "Nothing else was found."),
        margins=MARGINS,
        claims=CLAIMS,
        evaluation=Evaluation(episodes=3, times=4),
    )
    configuration = Configuration(
        preset="quick",
        studies=["invented"],
        block_size=4,
        presets={"quick": Preset(seeds=5, steps=BUDGET)},
    )
    return plan_study("invented", study, configuration)


def invent_block(planned, block, skill, rng):
    """The tables of one block, its returns rising towards the skill and falling at the end."""
    seeds, budget = seeds_of(block), planned.run.steps
    diverging = planned.variant == "PPO" and planned.environment == "HalfCheetah-v5"
    episodes, metrics, evaluations, outcomes = [], [], [], []
    for seed in seeds:
        end = DIVERGED_AT if diverging and seed == 1 else budget + 300
        silent = planned.variant == "REINFORCE" and planned.environment == "HalfCheetah-v5"
        lengths = rng.integers(20, 200, size=0 if silent else 400)
        steps = np.cumsum(lengths)
        steps, lengths = steps[steps <= end], lengths[steps <= end]
        returns = skill * (1 - np.exp(-3 * steps / budget)) * rng.normal(1.0, 0.2)
        returns += 0.2 * skill * rng.standard_normal(len(steps))
        frame = {"seed": seed, "step": steps, "episodic_return": returns, "episodic_length": lengths}
        episodes.append(pd.DataFrame(frame | {"terminated": lengths < 150, "cut": False}))
        outcomes.append(Outcome(seed, end, end == DIVERGED_AT))
        ends = np.arange(1, 5) * (end // 4)
        metrics.append(
            pd.DataFrame({"seed": seed, "iteration": np.arange(4), "step": ends, "value_loss": ends / end})
        )
        evaluated = ends[ends <= end] if planned.run.evaluation else ends[:0]
        levels = np.repeat(skill * np.array([0.5, 1.0, 1.5, 1.2])[: len(evaluated)], 3)
        frame = {"seed": seed, "step": np.repeat(evaluated, 3), "episodic_return": rng.normal(levels, 1.0)}
        evaluations.append(pd.DataFrame(frame | {"episodic_length": 100, "terminated": True, "cut": False}))
    rows = Rows(*(pd.concat(parts, ignore_index=True) for parts in (episodes, metrics, evaluations)))
    return condensed(rows, outcomes, budget)


def record_of(planned, block, steps):
    seeds = seeds_of(block)
    return {
        **provenance(),
        "name": planned.name,
        "run": planned.run,
        "seeds": seeds,
        "code_digest": "0123abcd",
        "started": datetime(2030, 1, 1, tzinfo=UTC),
        "finished": datetime(2030, 1, 1, 0, 1, tzinfo=UTC),
        "seconds": 60.0,
        "steps": steps,
    }


def invent(plan, folder):
    """Write every block of a plan into a results folder."""
    rng = np.random.default_rng(3)
    for number, planned in enumerate(plan.runs):
        scale = 1000.0 if planned.environment == "HalfCheetah-v5" else 40.0
        for block in planned.blocks:
            tables = invent_block(planned, block, scale * (number + 1), rng)
            record = record_of(planned, block, int(tables.replicas["step"].sum()))
            write_block(folder / "runs" / planned.name / block, tables, record)


def collect(plan, results, directory):
    """Leave a study's tables and plan as the workflow does."""
    gather(plan, results, directory)
    (directory / "plan.json").write_text(plan.model_dump_json(), encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def results(plan, tmp_path_factory):
    """A results folder with every block of the plan."""
    folder = tmp_path_factory.mktemp("results")
    invent(plan, folder)
    return folder


@pytest.fixture(scope="session")
def gathered(plan, results, tmp_path_factory):
    """The study, gathered."""
    return collect(plan, results, tmp_path_factory.mktemp("studies") / plan.name)


@pytest.fixture
def smallest(tmp_path):
    """A gathered study of one variant on one environment with one seed."""
    study = Study(
        question="Does it run?",
        parent="ppo",
        seeds=1,
        environments={"CartPole-v1": 5000},
        variants={"PPO": {}},
    )
    presets = {"paper": Preset(seeds=None, steps=None)}
    configuration = Configuration(preset="paper", studies=["small"], block_size=1, presets=presets)
    plan = plan_study("small", study, configuration)
    invent(plan, tmp_path / "results")
    return collect(plan, tmp_path / "results", tmp_path / "small")
