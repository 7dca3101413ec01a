"""Each choice of the later surrogates, baselines and discounts is alive, or is refused where it would be dead."""

from typing import Any

import pytest
import torch

from helpers.batches import progress, setting
from pgbench.base.refusals import Refusal
from pgbench.functional import objectives
from pgbench.functional.moments import average
from pgbench.methods import components as c
from pgbench.methods import lineage, paths, runs
from pgbench.methods.algorithm import Algorithm
from pgbench.networks.distributions import kl
from pgbench.studies.loading import describe_run
from pgbench.training import loop
from pgbench.training.diagnostics import after_update
from pgbench.training.meaning import updates
from pgbench.training.meaning.surrogates import adapt_penalty

SHORT = {
    "data.steps": 128,
    "networks.hidden": (8,),
    "update.epochs": 2,
    "update.optimiser.learning_rate": 3e-3,
}
EPISODES = {"networks.hidden": (8,)}
RING = {
    "data": c.ReplayBuffer(capacity=384, steps=64, batch_size=64, warm_up=128),
    "networks.hidden": (8,),
    "baseline.fit.steps": 2,
}

ALIVE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *(
        ("ppo", SHORT | start, change)
        for start, change in (
            ({}, {"discount": "from_the_start"}),
            ({"advantage": c.NStep(n=3)}, {"discount": "from_the_start"}),
            ({"surrogate.epsilon": 0.01}, {"surrogate.epsilon_high": 0.02}),
            ({"surrogate.epsilon": 0.01, "surrogate.pessimistic": False}, {"surrogate.epsilon_high": 0.02}),
            ({}, {"surrogate": c.ClippedLogRatio(epsilon=0.01)}),
            ({"surrogate": c.ClippedLogRatio(epsilon=0.01)}, {"surrogate.epsilon": 0.02}),
            ({"surrogate.epsilon": 0.01}, {"surrogate": c.RollbackRatio(epsilon=0.01)}),
            ({"surrogate": c.RollbackRatio(epsilon=0.01)}, {"surrogate.epsilon": 0.02}),
            ({"surrogate": c.RollbackRatio(epsilon=0.01)}, {"surrogate.alpha": 0.5}),
            ({}, {"surrogate": c.QuadraticPenalty()}),
            ({"surrogate": c.QuadraticPenalty()}, {"surrogate.epsilon": 0.1}),
            ({"surrogate": c.FixedPenalty()}, {"surrogate.direction": "new_old"}),
            ({"surrogate": c.AdaptivePenalty()}, {"surrogate.direction": "new_old"}),
            ({}, {"surrogate": c.ExponentialAdvantage()}),
            ({"surrogate": c.ExponentialAdvantage()}, {"surrogate.temperature": 0.5}),
            ({"surrogate": c.ExponentialAdvantage(maximum=2.0)}, {"surrogate.maximum": 1.5}),
            ({"surrogate": c.ExponentialAdvantage(maximum=2.0)}, {"surrogate.maximum": None}),
            ({"surrogate": c.ImportanceRatio()}, {"surrogate": c.TruncatedRatio()}),
            ({"surrogate": c.TruncatedRatio()}, {"surrogate.maximum": 1.01}),
        )
    ),
    *(
        ("v_trace", SHORT | {"update.optimiser.learning_rate": 0.02}, change)
        for change in (
            {"advantage": c.GAE()},
            {"advantage.rho_max": 1.01},
            {"advantage.c_max": 1.01},
            {"baseline.target": c.LambdaTarget()},
            {"baseline.target.rho_max": 1.01},
            {"baseline.target.c_max": 1.01},
            {"surrogate": c.LogLikelihood()},
            {"discount": "from_the_start"},
        )
    ),
    (
        "fixed_horizon",
        {"data.steps": 128, "networks.hidden": (8,), "update.optimiser.learning_rate": 0.02}
        | {"baseline.fit": c.SeparateFit(steps=2, targets="fresh")},
        {"baseline.target": c.VTraceTarget()},
    ),
    ("average_baseline", EPISODES, {"baseline": c.LeaveOneOut()}),
    ("optimal_baseline", EPISODES, {"baseline": c.LeaveOneOut()}),
    ("learned_value", EPISODES, {"discount": "from_the_start"}),
    ("learned_value", EPISODES | {"update.steps": 3}, {"surrogate": c.ExponentialAdvantage()}),
    *(
        ("replay", RING, change)
        for change in (
            {"baseline.subtracts": "expected_value"},
            {"baseline.subtracts": "second_action"},
            {"advantage.action": "all"},
            {"surrogate": c.ExponentialAdvantage()},
        )
    ),
    ("replay_q", RING, {"baseline.subtracts": "expected_value"}),
    ("replay_all_actions", RING, {"details.advantage_normalisation": "batch"}),
    ("replay_all_actions", RING, {"details.entropy_bonus": 0.1}),
    ("replay_naive", RING, {"surrogate": c.ExponentialAdvantage()}),
]


def trace(algorithm: Algorithm) -> list[str]:
    """All numbers of the first updates; discrete actions."""
    run = runs.Run(algorithm=algorithm, environment="CartPole-v1", steps=500)
    history = list(loop.train(run, [0]))
    return [value.item().hex() for record in history for value in record.statistics.values()]


@pytest.mark.parametrize(("member", "start", "change"), ALIVE, ids=lambda value: str(value)[-60:])
def test_a_changed_choice_changes_training(member, start, change):
    algorithm = paths.with_values(lineage.LINEAGE[member].algorithm, start)
    assert trace(paths.with_values(algorithm, change)) != trace(algorithm)


@pytest.mark.parametrize(
    ("member", "change", "message"),
    [
        *(
            ("gae", {"surrogate": surrogate}, "no effect on a single step")
            for surrogate in (
                c.ClippedLogRatio(),
                c.RollbackRatio(),
                c.QuadraticPenalty(),
                c.TruncatedRatio(),
                c.FixedPenalty(direction="new_old"),
            )
        ),
        *(
            (name, {"surrogate": surrogate}, "bound the step twice")
            for name in ("trpo", "natural_gradient")
            for surrogate in (
                c.ClippedLogRatio(),
                c.RollbackRatio(),
                c.QuadraticPenalty(),
                c.TruncatedRatio(),
            )
        ),
        ("trpo", {"surrogate": c.ExponentialAdvantage()}, "set surrogate to 'importance_ratio'"),
        ("ppo", {"surrogate.epsilon_high": 0.2}, "set surrogate.epsilon_high to null"),
        (
            "reinforce",
            {"surrogate": c.ExponentialAdvantage(), "advantage": c.UniformWeight(), "gamma": 1.0},
            "set surrogate to 'log_likelihood'",
        ),
        ("reinforce", {"baseline": c.LeaveOneOut(), "data.episodes": 1}, "set data.episodes to 2 or more"),
        ("fixed_horizon", {"baseline": c.LeaveOneOut(), "advantage": c.RewardToGo()}, "only a critic can"),
        ("reward_to_go", {"discount": "from_the_start", "gamma": 1.0}, "no effect with gamma 1"),
        ("reinforce", {"discount": "from_the_start"}, "counts from the start anyway"),
        ("per_decision_ratio", {"discount": "from_the_start"}, "computes its own returns"),
        ("replay", {"discount": "from_the_start"}, "needs the time of each step"),
        ("reinforce", {"advantage": c.VTrace()}, "needs a critic"),
        ("gae", {"advantage": c.VTrace()}, "or advantage to 'gae' with lam 1"),
        ("ppo", {"advantage": c.VTrace()}, "recompute_advantages true"),
        ("ppo", {"baseline.target": c.VTraceTarget()}, "or baseline.target to 'monte_carlo'"),
        ("v_trace", {"baseline.fit": c.SeparateFit()}, "or baseline.fit to 'joint'"),
        (
            "gae",
            {
                "baseline.target": c.VTraceTarget(),
                "baseline.fit": c.SeparateFit(targets="fresh", order="before"),
            },
            "set baseline.fit.targets to 'fresh' and its order to 'after'",
        ),
        ("v_trace", {"update.recompute_advantages": False}, "recompute_advantages true"),
        (
            "replay_expected_value",
            {"advantage.action": "all"},
            "set baseline.subtracts to 'nothing'",
        ),
        ("replay", {"surrogate": c.QuadraticPenalty()}, "or 'exponential_advantage'"),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_a_dead_or_contradictory_choice_is_refused(member, change, message):
    with pytest.raises(ValueError, match=message):
        paths.with_values(lineage.LINEAGE[member].algorithm, change)


@pytest.mark.parametrize(
    ("member", "remedy"),
    [
        ("replay_expected_value", "set baseline.subtracts to 'second_action'"),
        ("replay_all_actions", "set advantage.action to 'policy'"),
    ],
)
def test_a_sum_over_real_valued_actions_is_refused(member, remedy):
    with pytest.raises(Refusal, match=remedy):
        describe_run(member, RING, {"environment": "Pendulum-v1", "steps": 500}, "here")


def test_what_a_refusal_says_is_equal_is_equal():
    """V-trace in the first epoch, and a clip of equal widths."""
    algorithm, _, _, batch = setting("v_trace")
    plain = {
        "advantage": c.GAE(lam=1.0),
        "baseline.target": c.MonteCarloTarget(),
        "surrogate": c.ImportanceRatio(),
    }
    _, _, _, other = setting("v_trace", **plain)
    for name in ("advantages", "targets"):
        one, two = (getattr(each.transitions.credit, name) for each in (batch, other))
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)
    assert algorithm.advantage == c.VTrace()


# ----------------------------------------------------------------------------------------------------------
# What an update says of itself

INTERVALS = {
    "ppo_clip": (0.8, 1.2),
    "ppo_clip_higher": (0.8, 1.28),
    "ppo_log_clip": (torch.tensor(-0.2).exp().item(), torch.tensor(0.2).exp().item()),
    "ppo_rollback": (0.8, 1.2),
    "spo": (0.8, 1.2),
    "v_trace": (0.0, 1.0),
}


@pytest.mark.parametrize("name", INTERVALS)
def test_the_clip_fraction_is_the_share_of_ratios_beyond_the_interval(name):
    algorithm, learner, _, batch = setting(name)
    with torch.no_grad():
        noise = torch.randn(learner.actor.values.shape, generator=torch.Generator().manual_seed(0))
        learner.actor.values.add_(0.2 * noise)
    data, (low, high) = batch.transitions, INTERVALS[name]
    new = learner.evaluate_in_chunks(data.recorded.observations).distribution
    ratios = (new.log_prob(data.recorded.actions) - data.recorded.log_probs).exp()
    expected = ((ratios < low) | (ratios > high)).float().mean(1)
    found = after_update(algorithm, learner, batch)["clip_fraction"]
    assert (expected > 0.01).all()
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("direction", ["old_new", "new_old"])
def test_a_penalty_holds_the_divergence_that_it_weighs(direction):
    penalty = c.AdaptivePenalty(direction=direction)
    changes = {"surrogate": penalty, "update.optimiser.learning_rate": 0.02}
    algorithm, learner, _, batch = setting("ppo_adaptive_kl", **changes)
    updates.update(algorithm, learner, batch, progress())
    data = batch.transitions
    old = learner.policy.restore(data.recorded.parameters)
    new = learner.evaluate_in_chunks(data.recorded.observations).distribution
    forward, backward = average(kl(old, new), data.credit.shares), average(kl(new, old), data.credit.shares)
    weighed = forward if direction == "old_new" else backward
    # β is halved below two thirds of the target, which lie between the two directions.
    between = float((forward[0] * backward[0]).sqrt()) * 1.5
    learner.beta.fill_(1.0)
    adapt_penalty(c.AdaptivePenalty(direction=direction, target=between), learner, batch, progress())
    assert torch.equal(learner.beta, objectives.adapt_beta(torch.ones(3), weighed, between))
    assert forward[0] != backward[0]


@pytest.mark.parametrize("name", ["replay", "replay_expected_value", "replay_all_actions"])
def test_the_actions_of_a_critic_are_credited_on_average_with_what_the_choice_leaves(name):
    algorithm = paths.with_values(lineage.LINEAGE[name].algorithm, RING)
    run = runs.Run(algorithm=algorithm, environment="CartPole-v1", steps=3000)
    credits = [record.statistics["credit"].item() for record in loop.train(run, [0]) if record.statistics]
    average_credit = sum(credits[len(credits) // 2 :]) / len(credits[len(credits) // 2 :])
    assert abs(average_credit) < 0.05 if name == "replay_expected_value" else average_credit > 0.2
