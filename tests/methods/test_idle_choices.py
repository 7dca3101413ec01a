"""Choices that would learn nothing, or that would change nothing, are refused; their neighbours are not."""

import pytest

from pgbench.methods import components as c
from pgbench.methods import paths
from pgbench.methods.lineage import LINEAGE

ONE = {"data.episodes": 1}
RATIOS = (c.TrajectoryRatio(), c.CausalRatio(), c.PerDecisionRatio())
BOUNDS = (c.ClippedRatio(), c.ClippedRatio(pessimistic=False), c.FixedPenalty(), c.AdaptivePenalty())
TOTAL = {"advantage": c.TotalReturn()}
TRUST = {"surrogate": c.ImportanceRatio(), "update": c.TrustRegion()}
WHOLE = {"update.epochs": 1, "update.minibatch_size": 2048}

REFUSED = [
    # An average over one episode is that episode.
    ("average_baseline", ONE | {"advantage": c.TotalReturn()}, "'average_return' of a single episode"),
    ("timestep_baseline", ONE, "'timestep_average' of a single episode"),
    ("timestep_baseline", ONE | {"advantage": c.TotalReturn()}, "'timestep_average' of a single episode"),
    ("derived_discount", ONE | {"baseline": c.TimestepAverage()}, "'timestep_average' of a single episode"),
    ("optimal_baseline", ONE, "'optimal_constant' of a single episode"),
    ("optimal_components", ONE, "'optimal_components' of a single episode"),
    # One number less its mean is 0.
    ("ppo", {"update.minibatch_size": 1}, "over a single transition"),
    ("online_actor_critic", {"details.advantage_normalisation": "batch"}, "over a single transition"),
    (
        "replay",
        {"data.batch_size": 1, "details.advantage_normalisation": "batch"},
        "over a single transition",
    ),
    ("reinforce", ONE | {"details.advantage_normalisation": "batch"}, "over the total return of one episode"),
    # No ratio and no value has moved at the first step.
    *(("several_steps", {"update.steps": 1, "surrogate": ratio}, "on a single step") for ratio in RATIOS),
    *(("reward_to_go", {"surrogate": bound}, "on a single step") for bound in BOUNDS),
    *(("ppo_clip", WHOLE | {"surrogate": bound}, "on a single step") for bound in BOUNDS),
    *(
        ("several_steps", {"update": update, "surrogate": ratio}, "weights later steps on a batch")
        for ratio in RATIOS
        for update in (c.NaturalGradient(), c.TrustRegion())
    ),
    ("no_clip", WHOLE | {"details.value_clip": 0.2}, "on a single joint step"),
    ("one_critic_step", {"details.value_clip": 0.2}, "on a single step of the critic"),
    # Nothing comes after the last epoch.
    ("ppo", {"update.epochs": 1, "update.max_kl": 0.02}, "update.max_kl stops an update after an epoch"),
    ("ppo", {"update.epochs": 1, "update.recompute_advantages": True}, "no effect with update.epochs 1"),
    (
        "ppo",
        {"baseline.fit": c.SeparateFit(), "update.recompute_advantages": True},
        "the critic does not move during the epochs",
    ),
    # Nothing reads these.
    (
        "reinforce",
        {"networks.hidden": (), "networks.activation": "relu"},
        "networks.activation has no effect",
    ),
    ("joint_fit", {"networks.hidden": (), "networks.shared": True}, "networks.shared has no layers to share"),
    (
        "reinforce",
        {"networks.hidden": (), "networks.initialisation": c.Orthogonal(hidden_gain=1.0)},
        "hidden_gain has no effect",
    ),
    ("reinforce", {"networks.initialisation": c.Orthogonal(value_gain=2.0)}, "value_gain has no effect"),
    ("reinforce", {"networks.initialisation": c.UnitColumns(value_gain=2.0)}, "value_gain has no effect"),
    (
        "reinforce",
        {"networks.hidden": (), "networks.initialisation": c.UnitColumns(hidden_gain=2.0)},
        "hidden_gain has no effect",
    ),
    ("replay_expected_value", {"details.actions": "raw"}, "subtracts 'expected_value' sums over discrete"),
    ("replay_all_actions", {"details.actions": "raw"}, "advantage.action 'all' sums over discrete"),
    (
        "reward_to_go",
        {"update": c.NaturalGradient(), "details.max_gradient_norm": 0.5},
        "which decides the length of its step",
    ),
    ("reward_to_go", {"details.reward_offset": 0.0}, "changes no reward"),
    (
        "trpo",
        {"update.line_search": c.LineSearch(ratio=0.5, backtracks=1)},
        "update.line_search.ratio has no effect",
    ),
    # A second name of the same thing.
    ("online_actor_critic", {"advantage": c.GAE()}, "data.steps 1 leaves none"),
    ("online_actor_critic", {"advantage": c.NStep(n=5)}, "reaches past the"),
    ("online_actor_critic", {"advantage": c.RewardToGo()}, "data.steps 1 leaves none"),
    ("online_actor_critic", {"baseline.target": c.MonteCarloTarget()}, "data.steps 1 leaves none"),
    ("online_actor_critic", {"baseline.target": c.LambdaTarget()}, "data.steps 1 leaves none"),
    ("online_actor_critic", {"baseline.target": c.NStepTarget(n=2)}, "reaches past the"),
    ("fixed_horizon", {"data.steps": 5, "advantage": c.NStep(n=6)}, "reaches past the"),
    (
        "fixed_horizon",
        {"data.steps": 5, "baseline.target": c.NStepTarget(n=6)},
        "reaches past the",
    ),
    ("n_step", {"details.time_limit": 4}, "advantage.n 5 reaches past the 4 steps"),
    ("ppo", {"details.time_limit": 1}, "leaves episodes of one step"),
    ("average_baseline", {"details.advantage_normalisation": "batch"}, "one number for all advantages"),
    ("optimal_baseline", {"details.advantage_normalisation": "batch"}, "one number for all advantages"),
    ("leave_one_out", TOTAL | {"details.advantage_normalisation": "batch"}, "one number for all advantages"),
    ("leave_one_out", TOTAL | {"update": c.NaturalGradient()}, "does not depend on the unit of advantages"),
    ("leave_one_out", TOTAL | TRUST, "does not depend on the unit of advantages"),
    # An episode that began in an earlier rollout has no whole return here.
    ("fixed_horizon", {"advantage": c.TotalReturn()}, "'total_return' needs whole episodes"),
]
NEIGHBOURS = [
    ("average_baseline", ONE),
    ("reinforce", ONE),
    ("optimal_baseline", {"data.episodes": 2}),
    ("optimal_components", {"data.episodes": 2}),
    ("timestep_baseline", {"data.episodes": 2}),
    ("ppo", {"update.minibatch_size": 2}),
    ("online_actor_critic", {"data.steps": 2, "details.advantage_normalisation": "batch"}),
    ("online_actor_critic", {"data.environments": 2, "details.advantage_normalisation": "batch"}),
    ("replay", {"data.batch_size": 2, "details.advantage_normalisation": "batch"}),
    ("reinforce", {"data.episodes": 2, "details.advantage_normalisation": "batch"}),
    ("reward_to_go", ONE | {"details.advantage_normalisation": "batch"}),
    ("learned_value", ONE | {"advantage": c.TotalReturn(), "details.advantage_normalisation": "batch"}),
    *(("several_steps", {"update.steps": 2, "surrogate": ratio}) for ratio in RATIOS),
    *(("ppo_clip", WHOLE | {"update.epochs": 2, "surrogate": bound}) for bound in BOUNDS),
    *(("ppo_clip", WHOLE | {"update.minibatch_size": 1024, "surrogate": bound}) for bound in BOUNDS),
    ("no_clip", WHOLE | {"update.epochs": 2, "details.value_clip": 0.2}),
    ("one_critic_step", {"baseline.fit.steps": 2, "details.value_clip": 0.2}),
    ("ppo", {"update.epochs": 2, "update.max_kl": 0.02}),
    ("reinforce", {"networks.hidden": (), "networks.initialisation": c.Orthogonal()}),
    ("learned_value", {"networks.initialisation": c.Orthogonal(value_gain=2.0)}),
    ("trpo", {"details.max_gradient_norm": 0.5}),
    ("trpo", {"update.line_search": c.LineSearch(ratio=0.5, backtracks=2)}),
    ("trpo", {"update.line_search": c.LineSearch(backtracks=1)}),
    ("fixed_horizon", {"data.steps": 5, "advantage": c.NStep(n=5), "baseline.target": c.NStepTarget(n=5)}),
    ("derived_discount", {"baseline": c.AverageReturn(), "details.advantage_normalisation": "batch"}),
    ("timestep_baseline", {"details.advantage_normalisation": "batch"}),
    ("leave_one_out", {"advantage": c.RewardToGo(), "details.advantage_normalisation": "batch"}),
    ("leave_one_out", {"advantage": c.RewardToGo()} | TRUST),
    ("leave_one_out", TOTAL | {"update": c.NaturalAscent()}),
    ("leave_one_out", TOTAL | TRUST | {"details.entropy_bonus": 0.01}),
    ("learned_value", {"networks.initialisation": c.UnitColumns(value_gain=2.0)}),
    ("replay_second_action", {"details.actions": "raw"}),
]


@pytest.mark.parametrize(("member", "change", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_choice_that_learns_nothing_or_changes_nothing_is_refused(member, change, message):
    with pytest.raises(ValueError, match=message):
        paths.with_values(LINEAGE[member].algorithm, change)


@pytest.mark.parametrize(("member", "change"), NEIGHBOURS, ids=lambda value: str(value)[:60])
def test_the_nearest_choice_that_does_something_is_allowed(member, change):
    paths.with_values(LINEAGE[member].algorithm, change)
