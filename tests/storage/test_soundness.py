"""Where the bits of a training change, its digest changes: changes planted into functions that compute training.

A run is missed by a change if its numbers differ and its digest does not. No run may be missed by any change.
"""

import random
from collections import Counter

import pytest

from helpers.planting import (
    SOURCES,
    bits,
    changes,
    executed,
    functions,
    making_registries,
    plain_loops,
    planted,
    short,
)
from pgbench.methods.components import CriticNetwork, Orthogonal
from pgbench.methods.runs import Evaluation
from pgbench.storage import digests
from pgbench.storage.code.package import Package
from pgbench.storage.code.parts import Found
from pgbench.storage.code.reach import Reach

MEAN, SAMPLED = Evaluation(episodes=1), Evaluation(episodes=1, actions="sampled")
RUNS = [
    short("replay", "CartPole-v1"),
    short("replay_naive", "Pendulum-v1"),
    short("ppo_adaptive_kl", "CartPole-v1", MEAN),
    short("ppo", "HalfCheetah-v5"),
    short("trpo_practised", "Hopper-v5"),
    short("optimal_baseline", "CartPole-v1"),
]
"""The quickest first: it shows whether a change did anything."""
MORE = [
    *(
        short(name, "CartPole-v1")
        for name in (
            *("reinforce", "derived_discount", "average_baseline", "timestep_baseline", "optimal_components"),
            *("gae", "n_step", "trajectory_ratio", "causal_ratio", "per_decision_ratio", "lambda_target"),
        )
    ),
    *(
        short(name, "CartPole-v1")
        for name in (
            *("leave_one_out", "replay_expected_value", "replay_second_action", "replay_all_actions"),
            *("ppo_clip_higher", "ppo_log_clip", "ppo_rollback", "spo", "ppo_reverse_kl", "v_trace"),
            *("exponential_advantage", "ppo_from_the_start"),
        )
    ),
    short("natural_gradient", "Pendulum-v1"),
    short("natural_ascent_normalised", "Pendulum-v1"),
    short("line_search_on_kl", "CartPole-v1", **{"update.final_delta": 0.001}),
    short("heavy_ball", "CartPole-v1"),
    short("n_step_rmsprop", "CartPole-v1"),
    short("adaptive_step_size", "CartPole-v1"),
    short("online_actor_critic", "Pendulum-v1"),
    short("ppo_no_minimum", "MountainCarContinuous-v0", SAMPLED),
    short("ppo_fixed_kl", "MountainCar-v0", **{"details.value_clip": 0.1}),
    short("ppo_clip", "Acrobot-v1", **{"networks.activation": "relu", "details.time_limits": "drop"}),
    short("ppo", "Pendulum-v1", MEAN),
    short("replay_unrepaired", "Counting-v0"),
    short("noted_actor_critic", "CartPole-v1", **{"baseline.fit.minibatch_size": 8}),
    short("ppo_popart", "Pendulum-v1", **{"networks.critic": CriticNetwork(hidden=(5,))}),
    *(
        short("ppo_clip", f"{name}-v5", **{"networks.initialisation": Orthogonal()})
        for name in ("Ant", "Humanoid", "InvertedDoublePendulum", "InvertedPendulum", "Pusher", "Reacher")
    ),
    short("trpo", "Swimmer-v5"),
    short("trpo", "Walker2d-v5"),
]
SAMPLE = 15


@pytest.fixture(scope="module", autouse=True)
def _plain():
    with plain_loops():
        yield


class Baseline:
    """Runs as the code has them: digests, bits, and the functions that they execute."""

    def __init__(self, runs, package=Package):
        self.package, self.runs = package, runs
        self.digests = self.digests_of(SOURCES)
        self.bits = [bits(run) for run in runs]
        self.executed, self.making = [executed(run) for run in runs], making_registries()

    def digests_of(self, sources):
        package = self.package(sources)
        jobs = map(digests.job_of, self.runs)
        return [Reach(package, digests.TRAINING, job).digest() for job in jobs]

    def may_change(self, function, place):
        """Whether a run can notice a change of a function: it executes it, or a registry was made with it."""
        return function in self.executed[place] or function in self.making

    def may_be_noticed(self, function):
        """Whether any run can notice a change of a function."""
        return any(self.may_change(function, place) for place in range(len(self.runs)))

    def outcome(self, change):
        """What a change did: runs that it misses, and whether any that it should not miss has other bits."""
        noticing = [place for place in range(len(self.runs)) if self.may_change(change.function, place)]
        if not noticing:
            return [], False
        found = self.digests_of(change.sources)
        same = [place for place in noticing if found[place] == self.digests[place]]
        other = [place for place in noticing if found[place] != self.digests[place]][:1]
        with planted(change):
            moved = {place: bits(self.runs[place]) != self.bits[place] for place in same + other}
        return [self.runs[place] for place in same if moved[place]], any(moved[place] for place in other)


@pytest.fixture(scope="module")
def baseline():
    return Baseline(RUNS)


@pytest.fixture(scope="module")
def sample(baseline):
    """Changes of functions that the runs execute, spread over them by a fixed seed."""
    everything = set().union(*baseline.executed)
    chance, found = random.Random(0), []
    for function in chance.sample(sorted(everything, key=str), len(everything)):
        found += chance.sample(made, 1) if (made := list(changes(function))) else []
        if len(found) == SAMPLE:
            return found
    raise ValueError("too few functions can be changed")


def test_everything_that_a_training_executes_is_reached(baseline):
    package = Package(SOURCES)
    for run, found in zip(RUNS, baseline.executed, strict=True):
        names = set(Reach(package, digests.TRAINING, digests.job_of(run)).names)
        assert {f"{each.module}.{each.name.partition('.')[0]}" for each in found} <= names


def test_trainings_repeat_to_the_bit(baseline):
    assert [bits(run) for run in RUNS] == baseline.bits
    assert len(set(baseline.bits)) == len(RUNS)


def test_no_run_is_missed_by_a_sample_of_changes(baseline, sample):
    outcomes = [baseline.outcome(change) for change in sample]
    assert [missed for missed, _ in outcomes] == [[]] * SAMPLE
    assert sum(moved for _, moved in outcomes) > SAMPLE / 3


class Blind(Package):
    """A package with one edge too few: nobody sees what calls the λ-return."""

    def find(self, module, name, attributes):
        found = super().find(module, name, attributes)
        return [Found(None, "gae") if each.place and each.place.name == "gae" else each for each in found]


def test_a_missing_edge_is_found():
    baseline = Baseline(
        [short("ppo", "CartPole-v1")], Blind
    )  # its episodes end, where the changes of gae show
    function = next(each for each in functions() if each.name == "gae")
    assert any(baseline.outcome(change)[0] for change in changes(function))


@pytest.mark.faults
def test_no_run_is_missed_by_any_change(capsys):
    """A constant, an operator and a comparison of each function; takes some minutes."""
    baseline = Baseline(RUNS + MORE)
    everything = [change for function in functions() for change in changes(function)]
    missed, counts = [], Counter()
    for change in everything:
        runs, moved = baseline.outcome(change)
        counts["changes"] += 1
        counts["in functions that a run executes"] += baseline.may_be_noticed(change.function)
        counts["moved the bits of a run"] += moved or bool(runs)
        missed += [(change, run) for run in runs]
    counts["functions"] = len({change.function for change in everything})
    with capsys.disabled():
        print(f"\n{dict(counts)}; missed: {len(missed)}")
    assert not missed
    assert counts["moved the bits of a run"] > counts["in functions that a run executes"] / 2
