"""Every field is alive: changing any leaf of a specification changes what training does."""

from typing import Any

import pytest

from pgbench.methods import components as c
from pgbench.methods import lineage, paths, runs
from pgbench.methods.algorithm import Algorithm
from pgbench.training import loop

SHORT = {
    "data.steps": 128,
    "networks.hidden": (8,),
    "update.epochs": 2,
    "update.optimiser.learning_rate": 3e-3,
}
PPO = paths.with_values(lineage.LINEAGE["ppo"].algorithm, SHORT)
TRPO = paths.with_values(
    lineage.LINEAGE["trpo_practised"].algorithm, {"data.steps": 128, "networks.hidden": (8,)}
)
EPISODES = paths.with_values(lineage.LINEAGE["learned_value"].algorithm, {"networks.hidden": (8,)})
RING = {
    "data": c.ReplayBuffer(capacity=384, steps=64, batch_size=128, warm_up=256),
    "networks.hidden": (8,),
    "baseline.fit.steps": 2,
}
REPLAY = paths.with_values(lineage.LINEAGE["replay"].algorithm, RING)
NAIVE = paths.with_values(lineage.LINEAGE["replay_naive"].algorithm, RING)

CHANGES: list[tuple[str, Algorithm, dict[str, Any]]] = [
    ("ppo", PPO, change)
    for change in (
        {"data.steps": 64},
        {"data.environments": 2},
        {"data.restarts": True},
        {"gamma": 0.9},
        {"advantage.lam": 0.5},
        {"advantage": c.NStep(n=3)},
        {"advantage": c.RewardToGo()},
        {"discount": "from_the_start"},
        {"advantage": c.RewardToGo(), "discount": "from_the_start"},
        {"baseline.target.lam": 0.5},
        {"baseline.target": c.MonteCarloTarget()},
        {"baseline.target": c.NStepTarget(n=2)},
        {"baseline.fit.coefficient": 2.0},
        {"baseline.fit.learning_rate": 1e-2},
        {"surrogate.epsilon": 0.02},
        {"surrogate.pessimistic": False, "surrogate.epsilon": 0.02},
        {"surrogate": c.FixedPenalty(beta=3.0)},
        {"surrogate": c.AdaptivePenalty(target=1e-4)},
        {"update.epochs": 3},
        {"update.minibatch_size": 32},
        {"update.max_kl": 1e-6},
        {"update.recompute_advantages": True},
        {"update.optimiser.learning_rate": 1e-3},
        {"update.optimiser.epsilon": 1e-3},
        {"update.optimiser.decay": None},
        {"update.optimiser.decay": c.KLAdaptive(target=1e-4)},
        {"update.optimiser": c.GradientAscent()},
        {"update.optimiser": c.RMSProp()},
        {"networks.hidden": (9,)},
        {"networks.activation": "relu"},
        {"networks.shared": True},
        {"networks.critic": c.CriticNetwork(hidden=(9,))},
        {"networks.critic": c.CriticNetwork(hidden=(8,), activation="relu")},
        {"networks.deviation.initial_log_std": -1.0},
        {"networks.deviation": c.StateDeviation()},
        {"networks.squash": True},
        {"networks.initialisation": c.UnitColumns()},
        {"networks.initialisation.hidden_gain": 1.0},
        {"networks.initialisation.policy_gain": 1.0},
        {"networks.initialisation.value_gain": 0.5},
        {"networks.initialisation": c.Xavier()},
        {"details.observation_normalisation": None},
        {"details.observation_normalisation.clip": 1.0},
        {"details.observation_normalisation.updates": "each_batch"},
        {"details.observation_normalisation.minimum_variance": 2.0},
        {"details.time_limit": 50},
        {"details.reward_scaling": None},
        {"details.reward_scaling.clip": 0.1},
        {"details.advantage_normalisation": None},
        {"details.advantage_normalisation": "batch"},
        {"details.reward_offset": 1.0},
        {"details.time_limits": "terminal"},
        {"details.time_limits": "drop"},
        {"details.value_clip": 1e-3},
        {"details.value_normalisation": c.ValueNormalisation()},
        {"details.entropy_bonus": 0.1},
        {"details.max_gradient_norm": 0.01},
    )
]
CHANGES += [
    ("trpo", TRPO, change)
    for change in (
        {"update.delta": 0.001},
        {"networks.deviation": c.StateDeviation()},
        {"networks.squash": True},
        {"update.solver.steps": 2},
        {"update.solver.damping": 1.0},
        {"update.solver.fisher_every": 4},
        {"update.final_delta": 0.001},
        {"update.line_search.least_gain": 0.99},
        {"update": c.NaturalGradient(delta=0.01, solver=c.ConjugateGradient(steps=3))},
        {"update": c.NaturalAscent()},
        {"baseline.fit.steps": 3},
        {"baseline.fit.minibatch_size": 32},
        {"baseline.fit.order": "before"},
        {"baseline.fit.targets": "fresh"},
        {"baseline.fit.optimiser.learning_rate": 1e-2},
        {"baseline.fit.optimiser.epsilon": 1e-3},
        {"baseline.fit.optimiser.decay": "linear"},
        {"networks.critic": c.CriticNetwork(hidden=(9,))},
        {"details.value_normalisation": c.ValueNormalisation()},
        {"baseline.fit.optimiser": c.RMSProp(learning_rate=1e-3)},
        {"baseline.fit.optimiser": c.GradientAscent(learning_rate=1e-3)},
        {"details.max_gradient_norm": 0.01},
    )
]
CHANGES += [
    ("episodes", EPISODES, change)
    for change in (
        {"data.episodes": 3},
        {"advantage": c.TotalReturn()},
        {"update.steps": 2},
        {"baseline": c.NoBaseline()},
        {"baseline": c.AverageReturn()},
        {"baseline": c.TimestepAverage()},
        {"baseline": c.OptimalConstant(), "advantage": c.TotalReturn()},
        {"baseline": c.OptimalComponents(), "advantage": c.TotalReturn()},
        {"baseline": c.NoBaseline(), "advantage": c.UniformWeight(), "gamma": 1.0},
        {"update.steps": 2, "surrogate": c.TrajectoryRatio()},
        {"update.steps": 2, "surrogate": c.CausalRatio()},
        {"update.steps": 2, "surrogate": c.PerDecisionRatio(), "baseline": c.NoBaseline()},
        {"update.steps": 2, "surrogate": c.ImportanceRatio()},
    )
]
CHANGES += [
    ("replay", REPLAY, change)
    for change in (
        {"data.capacity": 512},
        {"data.steps": 32},
        {"data.environments": 2, "data.capacity": 1000},
        {"data.batch_size": 32},
        {"data.warm_up": 0},
        {"gamma": 0.9},
        {"advantage.action": "buffer"},
        {"advantage": c.NStep(n=1)},
        {"baseline.next_action": "buffer"},
        {"baseline.fit.steps": 3},
        {"baseline.fit.optimiser.learning_rate": 1e-2},
        {"baseline.fit.optimiser.epsilon": 1e-3},
        {"baseline.fit.optimiser.decay": "linear"},
        {"baseline": c.LearnedValue(target=c.NStepTarget(n=1)), "advantage": c.NStep(n=1)},
        {"update.steps": 2},
        {"update.optimiser.learning_rate": 1e-2},
        {"update.optimiser.epsilon": 1e-3},
        {"update.optimiser.decay": "linear"},
        {"networks.activation": "relu"},
        {"networks.initialisation": c.Orthogonal()},
        {"networks.initialisation": c.Orthogonal(value_gain=2.0)},
        {"details.advantage_normalisation": "batch"},
        {"details.reward_offset": 1.0},
        {"details.time_limits": "terminal"},
        {"details.time_limits": "drop"},
        {"details.entropy_bonus": 0.1},
        {"details.max_gradient_norm": 0.01},
    )
]
CHANGES += [
    ("naive", NAIVE, change)
    for change in (
        {"baseline.fit.steps": 3},
        {"details.time_limits": "terminal"},
        {"details.time_limits": "drop"},
        {"details.advantage_normalisation": "batch"},
    )
]


def trace(algorithm: Algorithm, environment: str = "Pendulum-v1") -> list[str]:
    """All numbers of the first updates on an environment whose episodes are cut by a time limit."""
    run = runs.Run(algorithm=algorithm, environment=environment, steps=700)
    history = list(loop.train(run, [0]))
    return [value.item().hex() for record in history for value in record.statistics.values()]


@pytest.fixture(scope="module")
def unchanged() -> dict[str, list[str]]:
    return {
        name: trace(algorithm)
        for name, algorithm in (
            ("ppo", PPO),
            ("trpo", TRPO),
            ("episodes", EPISODES),
            ("replay", REPLAY),
            ("naive", NAIVE),
        )
    }


@pytest.mark.parametrize(("name", "algorithm", "change"), CHANGES, ids=lambda value: str(value)[:60])
def test_a_changed_leaf_changes_training(name, algorithm, change, unchanged):
    assert trace(paths.with_values(algorithm, change)) != unchanged[name]


def test_backtracking_is_alive_where_the_full_step_is_too_long():
    """With hardly any damping and few iterations, the quadratic model's step leaves the trust region."""
    wild = paths.with_values(
        TRPO, {"update.solver.damping": 0.0, "update.solver.steps": 3, "update.delta": 0.5}
    )
    searches = [
        {"update.line_search.ratio": 0.5},
        {"update.line_search.backtracks": 1},
        {"update.line_search.largest_kl": None},
        {"update.line_search.largest_kl": 1.5},
        {"update.line_search.least_gain": 0.5},
    ]
    for search in searches:
        assert trace(paths.with_values(wild, search)) != trace(wild)


def test_raw_actions_are_alive_where_the_reward_sees_them():
    """Pendulum and MuJoCo bound the force by themselves; this reward charges the action as it is given."""
    for algorithm in (PPO, TRPO, EPISODES, REPLAY):
        raw = paths.with_values(algorithm, {"details.actions": "raw"})
        assert trace(raw, "MountainCarContinuous-v0") != trace(algorithm, "MountainCarContinuous-v0")


def test_the_parameters_of_a_normalised_critic_are_alive():
    """Its clip is in another unit, and what moves with the unit is the values or the last layer."""
    normalised = paths.with_values(PPO, {"details.value_normalisation": c.ValueNormalisation()})
    plain = trace(normalised)
    for change in ({"details.value_normalisation.rescale": True}, {"details.value_clip": 1e-3}):
        assert trace(paths.with_values(normalised, change)) != plain


def test_minibatches_of_a_critic_differ_by_their_size():
    first, second = (
        trace(paths.with_values(TRPO, {"baseline.fit.minibatch_size": size})) for size in (32, 64)
    )
    assert first != second


def test_the_gain_is_alive_where_the_kl_is_not_asked_for():
    """One more trial is taken where the gain alone decides and the whole step loses."""
    wild = paths.with_values(TRPO, {"update.solver.damping": 0.0, "update.delta": 1.0})
    by_kl, by_gain, by_both = (
        trace(paths.with_values(wild, {f"update.line_search.{name}": None for name in left_out}))
        for left_out in (["least_gain"], ["largest_kl"], [])
    )
    assert len({str(each) for each in (by_kl, by_gain, by_both)}) == 3


def test_a_multiplier_and_its_solver_are_alive():
    ascent = paths.with_values(TRPO, {"update": c.NaturalAscent()})
    for change in ({"update.multiplier": 0.2}, {"update.solver.steps": 2}, {"update.solver.fisher_every": 3}):
        assert trace(paths.with_values(ascent, change)) != trace(ascent)


@pytest.mark.parametrize(
    ("optimiser", "changes"),
    [
        (c.GradientAscent(), [{"learning_rate": 1e-3}, {"momentum": 0.5}, {"decay": "linear"}]),
        (c.GradientAscent(momentum=0.9), [{"learning_rate": 1e-3}, {"momentum": 0.5}]),
        (
            c.RMSProp(),
            [
                {"learning_rate": 1e-3},
                {"smoothing": 0.9},
                {"epsilon": 1e-3},
                {"epsilon_under_root": False},
                {"decay": "linear"},
            ],
        ),
        (
            c.Adam(decay=c.KLAdaptive(target=1e-6)),
            [
                {"decay.target": 1e-2},
                {"decay.band": 1e5},
                {"decay.factor": 1.1},
                {"decay.smallest": 2.9e-4},
                {"learning_rate": 2e-4},
            ],
        ),
        (c.Adam(decay=c.KLAdaptive(target=1.0, factor=4.0)), [{"decay.largest": 4e-4}]),
    ],
    ids=str,
)
def test_every_choice_of_an_optimiser_is_alive(optimiser, changes):
    parent = paths.with_values(PPO, {"update.optimiser": optimiser})
    for change in changes:
        changed = {f"update.optimiser.{path}": value for path, value in change.items()}
        assert trace(paths.with_values(parent, changed)) != trace(parent)


def test_the_parameters_of_other_policies_and_weights_are_alive():
    for one, other in (
        (c.StateDeviation(), c.StateDeviation(initial_log_std=-1.0)),
        (c.UnitColumns(), c.UnitColumns(hidden_gain=2.0)),
        (c.UnitColumns(), c.UnitColumns(policy_gain=1.0)),
        (c.UnitColumns(), c.UnitColumns(value_gain=2.0)),
    ):
        slot = "deviation" if isinstance(one, c.StateDeviation) else "initialisation"
        first, second = (trace(paths.with_values(PPO, {f"networks.{slot}": each})) for each in (one, other))
        assert first != second


def test_penalties_and_weights_of_one_kind_differ_by_their_parameters():
    for one, other in (
        (c.FixedPenalty(beta=1.0), c.FixedPenalty(beta=2.0)),
        (c.AdaptivePenalty(initial_beta=1.0), c.AdaptivePenalty(initial_beta=2.0)),
        (c.AdaptivePenalty(target=1e-6), c.AdaptivePenalty(target=1.0)),
    ):
        first, second = (
            trace(paths.with_values(PPO, {"surrogate": surrogate})) for surrogate in (one, other)
        )
        assert first != second


@pytest.mark.parametrize(
    ("member", "change", "message"),
    [
        ("reinforce", {"advantage": c.GAE()}, "needs a critic"),
        ("reinforce", {"data": c.FixedHorizon()}, "only a critic can estimate"),
        ("reinforce", {"details.time_limits": "drop"}, "no effect without a critic"),
        ("reinforce", {"details.value_clip": 0.2}, "no effect without a critic"),
        ("reinforce", {"networks.shared": True}, "no effect without a critic"),
        ("gae", {"networks.shared": True}, "set baseline.fit to 'joint'"),
        ("ppo", {"networks.squash": True, "details.actions": "raw"}, "leave details.actions out"),
        ("replay", {"networks.squash": True}, "leave networks.squash out"),
        ("joint_fit", {"update": c.NaturalGradient()}, "set baseline.fit to 'separate'"),
        ("joint_fit", {"details.value_clip": 0.2}, "no effect on a single joint step"),
        ("fresh_targets", {"baseline.fit.steps": 1}, "no effect on a single step"),
        (
            "learned_value",
            {"baseline.fit.targets": "fresh", "details.time_limits": "terminal"},
            "whole returns, in which the critic has no part",
        ),
        ("trpo", {"baseline.fit.minibatch_size": 2048}, "set it below 2048"),
        ("replay", {"baseline.fit.minibatch_size": 64}, "leave baseline.fit.minibatch_size out"),
        ("replay_naive", {"baseline.fit.order": "before"}, "leave baseline.fit.order out"),
        ("replay", {"baseline.fit.targets": "fresh"}, "leave baseline.fit.targets out"),
        (
            "replay",
            {"details.value_normalisation": c.ValueNormalisation()},
            "leave details.value_normalisation out",
        ),
        ("reinforce", {"details.value_normalisation": c.ValueNormalisation()}, "no effect without a critic"),
        ("reinforce", {"networks.critic": c.CriticNetwork(hidden=(8,))}, "no effect without a critic"),
        ("ppo", {"networks.critic": c.CriticNetwork()}, "the layers that the critic has anyway"),
        (
            "ppo",
            {"networks.critic": c.CriticNetwork(hidden=(), activation="relu")},
            "no effect without hidden layers",
        ),
        ("ppo_wide_critic", {"networks.shared": True}, "leave networks.critic out"),
        ("ppo_critic_rate", {"networks.shared": True}, "leave baseline.fit.learning_rate out"),
        ("ppo", {"baseline.fit.learning_rate": 3e-4}, "the step size that the critic has anyway"),
        ("ppo", {"surrogate": c.TrajectoryRatio()}, "whole trajectories"),
        ("reward_to_go", {"baseline": c.OptimalConstant()}, "set advantage to 'total_return'"),
        ("reward_to_go", {"baseline": c.OptimalComponents()}, "set advantage to 'total_return'"),
        ("optimal_components", {"surrogate": c.ImportanceRatio()}, "set surrogate to 'log_likelihood'"),
        ("optimal_components", {"update.steps": 2}, "set update.steps to 1"),
        (
            "optimal_components",
            {"details.advantage_normalisation": "batch"},
            "leave details.advantage_normalisation out",
        ),
        ("per_decision_ratio", {"advantage": c.TotalReturn()}, "set advantage to 'reward_to_go'"),
        ("per_decision_ratio", {"baseline": c.AverageReturn()}, "set baseline to 'no_baseline'"),
        (
            "per_decision_ratio",
            {"details.advantage_normalisation": "batch"},
            "leave details.advantage_normalisation out",
        ),
        ("gae", {"details.advantage_normalisation": "minibatch"}, "needs update 'minibatch_epochs'"),
        ("gae", {"update": c.MinibatchEpochs()}, "batches of one size"),
        ("ppo", {"update.minibatch_size": 100}, "does not divide"),
        ("ppo", {"update.epochs": 1, "update.recompute_advantages": True}, "no effect with update.epochs 1"),
        ("reinforce", {"surrogate": c.ClippedRatio()}, "no effect on a single step"),
        ("trpo", {"surrogate": c.ClippedRatio()}, "bound the step twice"),
        (
            "ratio_step",
            {"update": c.NaturalAscent(), "surrogate": c.FixedPenalty()},
            "no effect on a single step",
        ),
        ("joint_fit", {"update": c.NaturalAscent()}, "set baseline.fit to 'separate'"),
        ("replay", {"update.optimiser.decay": "kl_adaptive"}, "stores no old policy"),
        (
            "gae",
            {"baseline.fit.optimiser.decay": "kl_adaptive"},
            "follows the policy, which this optimiser does not move",
        ),
        (
            "ppo",
            {"update.optimiser.decay": c.KLAdaptive(smallest=1e-3, largest=1e-4)},
            "set smallest below largest",
        ),
        (
            "ppo",
            {"update.optimiser.decay": c.KLAdaptive(largest=1e-4)},
            "outside the bounds of its schedule",
        ),
        ("trpo", {"update.final_delta": 0.01}, "leave update.final_delta out"),
        ("natural_gradient", {"update.final_delta": 0.01}, "leave update.final_delta out"),
        ("trpo", {"update.line_search": {"least_gain": None, "largest_kl": None}}, "accepts every step"),
        ("trpo", {"update.solver.fisher_every": 2048}, "set it below 2048"),
        ("trpo", {"surrogate": c.LogLikelihood()}, "set surrogate to 'importance_ratio'"),
        ("reward_to_go", {"advantage": c.UniformWeight()}, "set gamma to 1"),
        ("average_baseline", {"advantage": c.UniformWeight(), "gamma": 1.0}, "set baseline to 'no_baseline'"),
        (
            "reinforce",
            {"advantage": c.UniformWeight(), "gamma": 1.0, "details.reward_offset": 1.0},
            "leave details.reward_offset out",
        ),
        ("gae", {"advantage": c.ActionValue()}, "set baseline to 'learned_action_value'"),
        ("replay_naive", {"advantage": c.ActionValue()}, "set baseline to 'learned_action_value'"),
        ("replay", {"data": c.FixedHorizon()}, "set data to 'replay_buffer'"),
        ("replay", {"networks.shared": True}, "set networks.shared to false"),
        ("replay", {"baseline": c.NoBaseline()}, "set baseline to 'learned_action_value'"),
        ("reward_to_go", {"data": c.ReplayBuffer()}, "set baseline to 'learned_value' or"),
        ("replay_naive", {"advantage": c.NStep(n=2)}, "set advantage to 'n_step' with n = 1"),
        ("replay", {"advantage": c.GAE()}, "set advantage to 'n_step' with n = 1"),
        (
            "replay_naive",
            {"baseline.target": c.NStepTarget(n=2)},
            "set baseline.target to 'n_step' with n = 1",
        ),
        ("replay_naive", {"baseline.target": c.MonteCarloTarget()}, "set baseline.target to 'n_step'"),
        ("replay_naive", {"baseline.fit": c.JointFit()}, "set baseline.fit to 'separate'"),
        ("replay", {"update": c.TrustRegion()}, "set update to 'gradient_step'"),
        ("replay", {"update": c.MinibatchEpochs()}, "set update to 'gradient_step'"),
        ("replay", {"surrogate": c.ImportanceRatio()}, "set surrogate to 'log_likelihood'"),
        (
            "replay",
            {"details.observation_normalisation": c.ObservationNormalisation()},
            "leave details.observation_normalisation out",
        ),
        ("replay", {"details.reward_scaling": c.RewardScaling()}, "leave details.reward_scaling out"),
        ("replay", {"details.value_clip": 0.2}, "leave details.value_clip out"),
        ("replay", {"data.environments": 3}, "set it to a multiple"),
        ("replay", {"data.capacity": 1000}, "set it to that or more"),
    ],
)
def test_a_dead_or_contradictory_choice_is_refused(member, change, message):
    with pytest.raises(ValueError, match=message):
        paths.with_values(lineage.LINEAGE[member].algorithm, change)
