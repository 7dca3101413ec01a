"""Bias against variance of n-step returns and GAE, with three critics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis.statistics import Estimate
from pgbench.figures.axes import finish, legend, look, panels
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.estimators import EstimatorSetting, enumerated, method, sampled
from pgbench.laboratory.policies import Actor, OneHotPerceptron
from pgbench.laboratory.sources import GAE_PAPER, NOTE
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.laboratory.trajectories import Trajectories, batches, rollout
from pgbench.laboratory.worlds import Process
from pgbench.methods.components import GAE, NStep
from pgbench.studies.catalogue import Size
from pgbench.training import credit
from pgbench.training.iteration import Moment
from pgbench.training.learner import Learner, StateCritic
from pgbench.training.meaning import updates
from pgbench.training.parameters import Parameters

WORLD = worlds.garnet(states=10, actions=3, branching=3, seed=3, horizon=20)
GAMMAS = (1.0, 0.95, 0.8)
LAMBDAS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
LAMBDA, STEPS = "GAE(λ)", "n-step"
CRITICS = ("exact", "wrong", "trained")
BATCH = 16
"""Episodes of a batch, where the mean squared errors of estimators are compared."""
FIT_STEPS = 20
HIDDEN = 64
SMALL = 1e-9


class Point(NamedTuple):
    """An estimator on the frontier.

    Attributes:
        family: GAE or n-step returns.
        look_ahead: λ or n.
        gamma: discount in (0, 1].
        advantage: the component with these values.
    """

    family: str
    look_ahead: float
    gamma: float
    advantage: GAE | NStep


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Compute the exact bias and sample the variance of every estimator, on the same episodes."""
    actor = Actor(WORLD)
    policy = EstimatorSetting(actor, actor.start(seed=0))
    trajectories = policy.sample(size.batches, rng)
    target = policy.exact_gradient(1.0)
    rows: list[dict[str, Any]] = []
    for gamma in GAMMAS:
        for name in CRITICS:
            critic = _critic(name, policy, gamma, size, rng)
            setting = replace(policy, critic=critic)
            for point in _points(gamma, size):
                settings = {"critic": name} | point._asdict()
                del settings["advantage"]
                rows += intervals.tidy(settings, _measured(point, setting, target, trajectories))
    table = pd.DataFrame(rows)
    return MeasurementResult(table, _of_the_bias(table) + _of_the_variance(table) + _identities())


def draw(table: pd.DataFrame) -> Figure:
    """Draw one panel for each critic: standard deviation against bias."""
    figure, axes = panels(len(CRITICS), height=4.3, sharey=True)
    families = table[["family", "gamma"]].drop_duplicates().itertuples(index=False)
    for index, (family, gamma) in enumerate(families):
        for axis, critic in zip(axes, CRITICS, strict=True):
            points = intervals.pick(table, critic=critic, family=family, gamma=gamma)
            bias, deviation = (
                intervals.pick(points, quantity=quantity).sort_values("look_ahead")["estimate"].to_numpy()
                for quantity in ("relative bias", "relative deviation")
            )
            axis.plot(bias, deviation, label=f"{family}, γ = {gamma:g}", **look(index))
            axis.plot(bias[:1], deviation[:1], **look(index) | {"markersize": 8, "linestyle": "none"})
    for axis, critic in zip(axes, CRITICS, strict=True):
        finish(axis, f"{critic.capitalize()} critic", "length of the bias / ‖∇J‖", "")
        axis.set_xlim(left=-0.02)
    axes[0].set_ylabel("standard deviation / ‖∇J‖, one episode")
    legend(figure, axes)
    return figure


def _points(gamma: float, size: Size) -> Iterator[Point]:
    """GAE at every λ. Without a discount also n-step returns; the size decides at how many n."""
    for lam in LAMBDAS:
        yield Point(LAMBDA, lam, gamma, GAE(lam=lam))
    if gamma == 1.0:
        count = min(2 * size.points, WORLD.steps)
        for n in np.unique(np.geomspace(1, WORLD.steps, count).round().astype(int)).tolist():
            yield Point(STEPS, float(n), gamma, NStep(n=n))


def _expectation(point: Point, setting: EstimatorSetting) -> Tensor:
    """E ĝ `[P]`, from its closed form."""
    world, table = setting.actor.world, setting.actor.table
    policy, critic = table(setting.row), setting.critic
    assert critic is not None
    gamma, look_ahead = point.gamma, point.look_ahead
    if point.family == LAMBDA:
        values = exact.lambda_values(world, policy, gamma, look_ahead, critic)
    else:
        values = exact.n_step_values(world, policy, gamma, int(look_ahead), critic)
    return exact.credited(world, setting.row, table, values)


def _measured(
    point: Point, setting: EstimatorSetting, target: Tensor, trajectories: Trajectories
) -> dict[str, Estimate]:
    """Bias and deviation of an estimator, relative to the exact gradient `[P]`."""
    estimates = sampled(method("gae", point.gamma, advantage=point.advantage), setting, trajectories)
    bias = (_expectation(point, setting) - target).norm() / target.norm()
    variance = intervals.variance(estimates / target.norm())
    deviation = Estimate(*(np.sqrt(number) for number in variance))
    # The mean of a batch has the bias of one episode, and the variance of one episode divided by BATCH.
    error = Estimate(*(float(bias) ** 2 + number / BATCH for number in variance))
    return {
        "relative bias": intervals.exactly(bias),
        "relative deviation": deviation,
        f"squared error of {BATCH} episodes": error,
    }


# ----------------------------------------------------------------------------------------------------------
# Critics


def _critic(
    name: str, policy: EstimatorSetting, gamma: float, size: Size, rng: np.random.Generator
) -> Tensor:
    """A critic `[H + 1, X]`: exact V, V plus an error of half the spread of V, or a critic that was trained."""
    values = exact.true_values(policy.actor.world, policy.behaviour, gamma)
    if name == "exact":
        return values
    if name == "wrong":
        error = torch.randn(values.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        error[-1] = 0.0  # the value at the horizon stays exact
        return values + 0.5 * values.std() * error
    return _trained(policy, gamma, 2 * size.points, rng)


def _trained(policy: EstimatorSetting, gamma: float, count: int, rng: np.random.Generator) -> Tensor:
    """A critic after `count` updates of training with a policy that does not change. It does not see the time."""
    fit = {"baseline__fit__steps": FIT_STEPS, "details__time_limits": "terminal"}
    algorithm = method("gae", gamma, data__episodes=BATCH, **fit)
    world, row = policy.actor.world, policy.row.unsqueeze(0)
    network = OneHotPerceptron((world.states, HIDDEN, 1), "tanh")
    start = Actor(world, (HIDDEN,)).start(seed=2, scale=0.3)[: network.width]
    critic = StateCritic(network, Parameters.start(start.unsqueeze(0)))
    learner = replace(policy.actor.learner(algorithm, row), critic=critic)
    running, remaining = torch.ones(1, dtype=torch.bool), torch.ones(1, dtype=torch.float64)
    for iteration in range(count):
        experience = rollout(world, policy.sample(BATCH, rng), batches(BATCH, BATCH))
        batch = credit.prepare(algorithm, learner, experience)
        updates.update(algorithm, learner, batch, Moment(iteration, [0], running, remaining, watched=False))
        learner = learner.at(row)
    return _values(world, learner)


def _values(world: Process, learner: Learner) -> Tensor:
    """The values `[H + 1, X]` of a learner's critic, and 0 at the horizon."""
    places = torch.arange(world.indices, dtype=torch.float64).reshape(1, -1, 1)
    with torch.no_grad():
        values = learner.values(places).reshape(world.steps + 1, -1)
    values[-1] = 0.0
    return values


# ----------------------------------------------------------------------------------------------------------
# Statements


def _bias(table: pd.DataFrame, **settings: Any) -> np.ndarray:
    """Relative biases, from the shortest look-ahead to the longest."""
    points = intervals.pick(table, quantity="relative bias", **settings).sort_values("look_ahead")
    return points["estimate"].to_numpy(float)


def _of_the_bias(table: pd.DataFrame) -> list[Statement]:
    falling_gammas = sorted(GAMMAS)[::-1]
    discounted = [_bias(table, critic="exact", family=LAMBDA, gamma=gamma)[-1] for gamma in falling_gammas]
    return [
        statement(
            "With the exact critic and γ = 1, no n and no λ biases the gradient",
            GAE_PAPER,
            "largest relative bias over n and λ",
            intervals.exactly(_bias(table, critic="exact", gamma=1.0).max()),
            "below",
            SMALL,
        ),
        *_of_a_wrong_critic(table),
        statement(
            "A discount biases the undiscounted gradient, with any critic; a lower γ biases it more",
            GAE_PAPER,
            "smallest change of the relative bias from one γ to the next lower one, λ = 1",
            intervals.exactly(np.diff(discounted).min()),
            "above",
            0.0,
        ),
    ]


def _of_a_wrong_critic(table: pd.DataFrame) -> list[Statement]:
    exactly = intervals.exactly
    wrong = _bias(table, critic="wrong", family=LAMBDA, gamma=1.0)
    steps = _bias(table, critic="wrong", family=STEPS, gamma=1.0)
    return [
        statement(
            "With a wrong critic the bias falls as λ grows",
            GAE_PAPER,
            "largest change of the relative bias from one λ to the next",
            exactly(np.diff(wrong).max()),
            "below",
            0.0,
        ),
        statement(
            "At λ = 1 a wrong critic does not bias the gradient",
            GAE_PAPER,
            "relative bias",
            exactly(wrong[-1]),
            "below",
            SMALL,
        ),
        statement(
            "At n = H a wrong critic does not bias the gradient",
            NOTE,
            "relative bias",
            exactly(steps[-1]),
            "below",
            SMALL,
        ),
    ]


def _of_the_variance(table: pd.DataFrame) -> list[Statement]:
    statements = []
    for critic in CRITICS:
        points = intervals.pick(table, quantity="relative deviation", critic=critic, family=LAMBDA, gamma=1.0)
        ratio = _ratio(points, 1.0, 0.0)
        text = f"λ = 1 has more variance than λ = 0 ({critic} critic)"
        statements.append(statement(text, GAE_PAPER, "ratio of standard deviations", ratio, "above", 1.0))
    return [*statements, *_of_the_best_lambda(table)]


def _ratio(points: pd.DataFrame, look_ahead: float, other: float) -> Estimate:
    """An estimate at one λ over that at another, as wide as both intervals allow."""
    above, below = (
        intervals.from_row(points[points["look_ahead"] == lam].iloc[0]) for lam in (look_ahead, other)
    )
    return Estimate(above.value / below.value, above.low / below.high, above.high / below.low)


def _of_the_best_lambda(table: pd.DataFrame) -> list[Statement]:
    """The λ with the smallest squared error, with a trained critic, is neither 0 nor 1."""
    errors = intervals.pick(
        table, quantity=f"squared error of {BATCH} episodes", critic="trained", family=LAMBDA, gamma=1.0
    )
    best = float(errors["look_ahead"].iloc[int(errors["estimate"].argmin())])
    return [
        statement(
            f"With a trained critic some λ is better than λ = {end:g}",
            GAE_PAPER,
            f"squared error at λ = {end:g} over that at λ = {best:g}, {BATCH} episodes, γ = 1",
            _ratio(errors, end, best),
            "above",
            1.0,
        )
        for end in (0.0, 1.0)
    ]


def _identities() -> list[Statement]:
    """Compare the estimators with the closed forms, on a chain whose trajectories can be listed."""
    actor = Actor(worlds.chain(cut=True), timed=True)
    noise = torch.randn(5, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    setting = EstimatorSetting(actor, actor.start(seed=0), noise)
    points = [Point(LAMBDA, lam, 0.9, GAE(lam=lam)) for lam in LAMBDAS]
    points += [Point(STEPS, n, 0.9, NStep(n=n)) for n in (1, 2, 3, 4)]
    estimators = [enumerated(method("gae", 0.9, advantage=point.advantage), setting) for point in points]
    largest_distance = max(
        float((estimator.mean - _expectation(point, setting)).norm() / estimator.mean.norm())
        for estimator, point in zip(estimators, points, strict=True)
    )
    equal_pairs = (0, len(LAMBDAS)), (len(LAMBDAS) - 1, len(points) - 1)
    largest_difference = max(
        float((estimators[one].values - estimators[other].values).abs().max()) for one, other in equal_pairs
    )
    return [
        statement(
            "GAE and n-step estimates have the mean of their closed form, with any critic",
            GAE_PAPER,
            "largest relative distance from the closed form, by enumeration",
            intervals.exactly(largest_distance),
            "below",
            SMALL,
        ),
        statement(
            "GAE(0) is the one-step estimate, and GAE(1) is the estimate of all steps",
            GAE_PAPER,
            "largest difference over the gradients of all trajectories",
            intervals.exactly(largest_difference),
            "below",
            SMALL,
        ),
    ]
