"""Bias and variance of returns and baselines, against the size of the batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis.statistics import Estimate
from pgbench.figures.axes import finish, legend, level, lines, panels
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.estimators import EstimatorSetting, enumerated, method, sampled
from pgbench.laboratory.policies import Actor
from pgbench.laboratory.sources import (
    GREENSMITH,
    GREENSMITH_STATE,
    KOOL,
    NOTA,
    NOTE,
    OURS,
    PETERS,
    PETERS_TO_GO,
    SUTTON,
    WEAVER,
    WILLIAMS,
)
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.laboratory.trajectories import Trajectories
from pgbench.methods.algorithm import Algorithm
from pgbench.studies.catalogue import Size

DISCOUNT = 0.9
EPISODES = (1, 2, 4, 8, 16)
RATIO = "ratio of variances, 16 episodes"
NOTHING = 1e-12
"""A relative variance below this is rounding."""
SMALL = 1e-9
"""A relative bias below this, computed by enumeration, is rounding in double precision."""


@dataclass(frozen=True)
class Estimator:
    """A member of the lineage with some changes, and the critic that it uses.

    Attributes:
        member: name of the member.
        changes: values that replace those of the member.
        critic: `noisy` is the exact V plus noise as large as the spread of V.
        compares: whether it compares episodes with each other, and so needs two.
    """

    member: str
    changes: dict[str, Any] = field(default_factory=dict)
    critic: Literal["none", "exact", "noisy"] = "none"
    compares: bool = False

    @property
    def episodes(self) -> tuple[int, ...]:
        """The numbers of episodes in a batch that it is measured with."""
        return EPISODES[1:] if self.compares else EPISODES

    def algorithm(self, gamma: float, episodes: int = 1) -> Algorithm:
        """The method, with this many episodes in a batch."""
        return method(self.member, gamma, **self.changes, data__episodes=episodes)

    def given_critic(self, policy: EstimatorSetting, gamma: float) -> EstimatorSetting:
        """A policy together with the critic `[H + 1, X]` that the estimator uses."""
        if self.critic == "none":
            return policy
        values = exact.true_values(policy.actor.world, policy.behaviour, gamma)
        if self.critic == "noisy":
            generator = torch.Generator().manual_seed(0)
            noise = torch.randn(values.shape, generator=generator, dtype=torch.float64)
            # At a time limit a wrong value would be a bias, not a baseline.
            noise[-1] = 0.0
            values = values + values.std() * noise
        return replace(policy, critic=values)


ESTIMATORS = {
    "total return": Estimator("reinforce"),
    "reward-to-go": Estimator("reward_to_go"),
    "total return, average": Estimator("reinforce", {"baseline": "average_return"}, compares=True),
    "reward-to-go, average": Estimator("average_baseline", compares=True),
    "reward-to-go, average of the others": Estimator("leave_one_out", compares=True),
    "reward-to-go, average of the time step": Estimator("timestep_baseline", compares=True),
    "total return, optimal constant": Estimator("optimal_baseline", compares=True),
    "total return, a constant a parameter": Estimator("optimal_components", compares=True),
    "reward-to-go, exact V": Estimator("learned_value", critic="exact"),
    "reward-to-go, noisy V": Estimator("learned_value", critic="noisy"),
}
DISCOUNTED = {
    "total return": Estimator("reinforce"),
    "reward-to-go, γ^(t'−t)": Estimator("reward_to_go"),
    "reward-to-go, γ^(t'−1)": Estimator("reward_to_go", {"discount": "from_the_start"}),
}

Estimates = dict[str, dict[int, Tensor]]
"""Gradient estimates `[S, P]` by estimator and by the number of episodes in a batch."""


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Sample two worlds for the variance, and enumerate the trajectories of a third for the bias."""
    rows: list[dict[str, Any]] = []
    statements = [*_unbiased(), *_of_the_state()]
    for name, world in {"cliff": worlds.cliff(), "corridor": worlds.corridor()}.items():
        actor = Actor(world)
        policy = EstimatorSetting(actor, actor.start(seed=0, scale=0.5))
        trajectories = policy.sample(4 * size.batches, rng)
        for gamma, estimators in ((1.0, ESTIMATORS), (DISCOUNT, DISCOUNTED)):
            estimates = _estimates(policy, trajectories, gamma, estimators)
            rows += _rows({"world": name, "gamma": gamma}, estimates, policy.exact_gradient(gamma))
            if gamma == 1.0:
                statements += _variances(name, estimates)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, [*statements, _falls_with_the_batch(table)])


def draw(table: pd.DataFrame) -> Figure:
    """Draw one row for each world: variance and excess against the size of the batch."""
    figure, axes = panels(2, rows=2, height=2.9)
    for left, right, world in zip(axes[::2], axes[1::2], table["world"].unique(), strict=True):
        undiscounted = intervals.pick(table, world=world, gamma=1.0)
        variance = intervals.pick(undiscounted, quantity="relative variance")
        # In a batch of one episode, a return minus the batch's average return is 0.
        lines(left, variance[variance["estimate"] > NOTHING], "episodes", "estimator", list(ESTIMATORS))
        excess = intervals.pick(undiscounted, quantity="excess")
        lines(right, excess, "episodes", "estimator", list(ESTIMATORS))
        level(right, 0.0)
        finish(left, f"Variance, {world}", "episodes in a batch", "variance / ‖∇J‖²", "log", "log")
        finish(right, f"Bias along ∇J, {world}", "episodes in a batch", "⟨E ĝ, ∇J⟩ / ‖∇J‖² − 1", "log")
        for axis in (left, right):
            axis.set_xticks(EPISODES, [str(episodes) for episodes in EPISODES])
            axis.minorticks_off()
    legend(figure, axes, columns=3)
    return figure


def _estimates(
    policy: EstimatorSetting, trajectories: Trajectories, gamma: float, estimators: dict[str, Estimator]
) -> Estimates:
    """Estimates from the same trajectories, for each estimator and each number of episodes."""
    estimates: Estimates = {}
    for label, estimator in estimators.items():
        setting = estimator.given_critic(policy, gamma)
        estimates[label] = {
            episodes: sampled(estimator.algorithm(gamma, episodes), setting, trajectories)
            for episodes in estimator.episodes
        }
    return estimates


def _rows(settings: dict[str, Any], estimates: Estimates, target: Tensor) -> list[dict[str, Any]]:
    """Rows of the table that compare estimates with the exact gradient `[P]`."""
    rows: list[dict[str, Any]] = []
    for label, by_episodes in estimates.items():
        for episodes, gradients in by_episodes.items():
            quantities = {
                "relative variance": intervals.variance(gradients / target.norm()),
                "excess": intervals.excess(gradients, target),
                "squared relative bias": intervals.relative_bias(gradients, target),
            }
            rows += intervals.tidy(settings | {"estimator": label, "episodes": episodes}, quantities)
    return rows


# ----------------------------------------------------------------------------------------------------------
# Statements


def _unbiased() -> list[Statement]:
    """Biases by enumeration, on a chain of two states."""
    actor = Actor(worlds.chain(horizon=4), hidden=(6,), timed=True)
    policy = EstimatorSetting(actor, actor.start(seed=0))
    unbiased = (
        ("total return", DISCOUNT, DISCOUNTED, WILLIAMS),
        ("reward-to-go", 1.0, ESTIMATORS, SUTTON),
        ("reward-to-go, γ^(t'−1)", DISCOUNT, DISCOUNTED, SUTTON),
        ("reward-to-go, exact V", 1.0, ESTIMATORS, SUTTON),
        ("reward-to-go, noisy V", 1.0, ESTIMATORS, SUTTON),
    )
    practical = _bias(policy, DISCOUNT, DISCOUNTED["reward-to-go, γ^(t'−t)"])
    return [
        *(
            statement(
                f"The estimator ‘{label}’ is unbiased",
                source,
                f"relative bias, γ = {gamma:g}, by enumeration",
                intervals.exactly(_bias(policy, gamma, estimators[label])),
                "below",
                SMALL,
            )
            for label, gamma, estimators, source in unbiased
        ),
        statement(
            "The discount γ^(t'−t), which is used in practice, is biased: it leaves out γ^t",
            NOTA,
            f"relative bias, γ = {DISCOUNT:g}, by enumeration",
            intervals.exactly(practical),
            "above",
            0.01,
        ),
        *_of_the_average(),
    ]


def _bias(policy: EstimatorSetting, gamma: float, estimator: Estimator) -> float:
    """‖E ĝ − ∇J‖ / ‖∇J‖ by enumeration."""
    mean = enumerated(estimator.algorithm(gamma), estimator.given_critic(policy, gamma)).mean
    target = policy.exact_gradient(gamma)
    return float((mean - target).norm() / target.norm())


def _of_the_average() -> list[Statement]:
    """The average return of a batch contains the return of each of its trajectories, unless that is left out."""
    actor = Actor(worlds.chain(horizon=3), timed=True)
    policy = EstimatorSetting(actor, actor.start(seed=0))
    target = policy.exact_gradient(1.0)

    def excess(baseline: str) -> Estimate:
        estimator = Estimator("reinforce", {"baseline": baseline}, compares=True)
        mean = enumerated(estimator.algorithm(1.0, episodes=2), policy).mean
        return intervals.exactly(mean @ target / target.square().sum() - 1.0)

    quantity = "excess along ∇J with E = 2, by enumeration"
    return [
        statement(
            "The average return of a batch contains each trajectory’s and shrinks the gradient by 1/E",
            OURS,
            quantity,
            excess("average_return"),
            "equals",
            -0.5,
            tolerance=SMALL,
        ),
        statement(
            "The average return of the other trajectories shrinks nothing",
            KOOL,
            quantity,
            excess("leave_one_out"),
            "equals",
            0.0,
            tolerance=SMALL,
        ),
    ]


def _of_the_state() -> list[Statement]:
    """V against the baseline of least variance, for one transition with the exact Q: every mean is a finite sum."""
    world = worlds.garnet()
    actor = Actor(world)
    row = actor.start(seed=0)
    policy, scores = actor.table(row), _scores(actor, row)
    values = exact.action_values(world, policy, 1.0)
    visits = exact.occupancy(world, policy) / world.steps
    lengths = (policy * scores.square().sum(-1)).sum(-1)  # E[‖∇log π‖² | s]
    optimum = (policy * scores.square().sum(-1) * values).sum(-1) / lengths
    expected = torch.einsum("tx,txa,xap,txa->p", visits, policy, scores, values)

    def variance(baseline: Tensor) -> Tensor:
        squares = scores.square().sum(-1) * (values - baseline.unsqueeze(-1)).square()
        return torch.einsum("tx,txa,txa", visits, policy, squares) - expected.square().sum()

    value = (policy * values).sum(-1)
    distance = (visits * lengths * (value - optimum).square()).sum()
    excess = variance(value) - variance(optimum)
    return [
        statement(
            "V is not the baseline of the state with the least variance: E[‖∇log π‖² Q] / E[‖∇log π‖²] has less",
            GREENSMITH_STATE,
            "variance with it over that with V, one transition of a garnet, exact",
            intervals.exactly(variance(optimum) / variance(value)),
            "below",
            1.0,
        ),
        statement(
            "What V has more is its mean squared distance from that baseline, weighted by ‖∇log π‖²",
            GREENSMITH_STATE,
            "relative difference of the two, exact",
            intervals.exactly((excess - distance).abs() / distance),
            "below",
            SMALL,
        ),
    ]


def _scores(actor: Actor, row: Tensor) -> Tensor:
    """∇ log π(a|s) `[X, A, P]` at parameters `[P]`."""
    point = row.clone().requires_grad_()
    logs = actor.log_probabilities(point)
    parts = [torch.autograd.grad(entry, point, retain_graph=True)[0] for entry in logs.flatten()]
    return torch.stack(parts).reshape(*logs.shape, -1)


def _variances(world: str, estimates: Estimates) -> list[Statement]:
    """Which estimator has less variance than another, on the same batches of sixteen episodes."""
    pairs = (
        ("total return, average", "total return", WEAVER),
        ("total return, optimal constant", "total return", GREENSMITH),
        ("total return, a constant a parameter", "total return, optimal constant", PETERS),
        ("reward-to-go, average", "reward-to-go", NOTE),
        ("reward-to-go, exact V", "reward-to-go", OURS),
        ("reward-to-go, exact V", "reward-to-go, average", OURS),
        ("reward-to-go, exact V", "reward-to-go, noisy V", OURS),
    )
    return [
        _reward_to_go(world, estimates),
        *(
            statement(
                f"‘{better}’ has less variance than ‘{worse}’ ({world})",
                source,
                RATIO,
                intervals.variance_ratio(estimates[better][16], estimates[worse][16]),
                "below",
                1.0,
            )
            for better, worse, source in pairs
        ),
    ]


def _reward_to_go(world: str, estimates: Estimates) -> Statement:
    """What the reward-to-go saves. In the corridor the only reward comes last, so it is the total return."""
    ratio = intervals.variance_ratio(estimates["reward-to-go"][16], estimates["total return"][16])
    if world == "corridor":
        text = "If the only reward comes last, the reward-to-go saves no variance, by algebra (corridor)"
        return statement(text, OURS, RATIO, ratio, "equals", 1.0, 1e-9)
    text = f"‘reward-to-go’ has less variance than ‘total return’ ({world})"
    return statement(text, PETERS_TO_GO, RATIO, ratio, "below", 1.0)


def _falls_with_the_batch(table: pd.DataFrame) -> Statement:
    """An estimate is a mean over the episodes of its batch."""
    points = intervals.pick(
        table, quantity="relative variance", estimator="reward-to-go", gamma=1.0, world="corridor"
    )
    order = intervals.order(points, "episodes")
    text = "Without a baseline the variance falls as 1 / E, where E is the number of episodes in a batch"
    return statement(text, OURS, "slope on logarithms (corridor)", order, "equals", -1.0, 0.05)
