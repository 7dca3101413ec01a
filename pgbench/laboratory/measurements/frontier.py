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
from pgbench.laboratory.statements import MeasurementResult, Relation, Statement, statement
from pgbench.laboratory.trajectories import Trajectories, batches, rollout
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
"""Episodes of the batch on which the mean squared errors of estimators are compared."""
FIT_STEPS = 20
HIDDEN = 64
SMALL = 1e-9


class Point(NamedTuple):
    """An estimator on the frontier."""

    family: str
    look_ahead: float
    gamma: float
    advantage: GAE | NStep


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Exact bias and sampled variance of every estimator, on the same episodes."""
    actor = Actor(WORLD)
    row = actor.start(seed=0)
    pool = EstimatorSetting(actor, row).sample(size.batches, rng)
    target = EstimatorSetting(actor, row).exact_gradient(1.0)
    rows: list[dict[str, Any]] = []
    for gamma in GAMMAS:
        for name in CRITICS:
            critic = _critic(name, actor, row, gamma, size, rng)
            setting = EstimatorSetting(actor, row, critic)
            for point in _points(gamma, size):
                settings = {"critic": name} | point._asdict()
                del settings["advantage"]
                rows += intervals.tidy(settings, _measured(point, setting, target, pool))
    table = pd.DataFrame(rows)
    return MeasurementResult(table, _of_the_bias(table) + _of_the_variance(table) + _identities())


def draw(table: pd.DataFrame) -> Figure:
    """The plane of bias and deviation, a panel a critic."""
    figure, axes = panels(len(CRITICS), height=4.3, sharey=True)
    families = table[["family", "gamma"]].drop_duplicates().itertuples(index=False)
    for index, (family, gamma) in enumerate(families):
        for axis, critic in zip(axes, CRITICS, strict=True):
            own = intervals.pick(table, critic=critic, family=family, gamma=gamma).sort_values("look_ahead")
            bias, deviation = (
                intervals.pick(own, quantity=quantity)["estimate"].to_numpy()
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
    """GAE at every λ; n steps at every n, or, where less is asked for, at some."""
    for lam in LAMBDAS:
        yield Point(LAMBDA, lam, gamma, GAE(lam=lam))
    if gamma == 1.0:
        some = np.unique(np.geomspace(1, WORLD.steps, min(2 * size.points, WORLD.steps)).round().astype(int))
        for n in some.tolist():
            yield Point(STEPS, float(n), gamma, NStep(n=n))


def _expectation(point: Point, setting: EstimatorSetting) -> Tensor:
    """E ĝ `[P]` by its closed form."""
    world, table = setting.actor.world, setting.actor.table
    policy, critic = table(setting.row), setting.critic
    assert critic is not None
    gamma, look_ahead = point.gamma, point.look_ahead
    if point.family == LAMBDA:
        values = exact.lambda_values(world, policy, gamma, look_ahead, critic)
    else:
        values = exact.n_step_values(world, policy, gamma, int(look_ahead), critic)
    return exact.credited(world, setting.row, table, values)


def _measured(point: Point, setting: EstimatorSetting, target: Tensor, pool: Trajectories) -> dict[str, Any]:
    estimates = sampled(method("gae", point.gamma, advantage=point.advantage), setting, pool)
    bias = (_expectation(point, setting) - target).norm() / target.norm()
    variance = intervals.variance(estimates / target.norm())
    deviation = Estimate(*(np.sqrt(each) for each in variance))
    # What a batch's mean misses by: its bias stays, its variance falls with the episodes.
    error = Estimate(*(float(bias) ** 2 + each / BATCH for each in variance))
    return {
        "relative bias": intervals.exactly(bias),
        "relative deviation": deviation,
        f"squared error of {BATCH} episodes": error,
    }


# ----------------------------------------------------------------------------------------------------------
# Critics


def _critic(
    name: str, actor: Actor, row: Tensor, gamma: float, size: Size, rng: np.random.Generator
) -> Tensor:
    """A critic `[H + 1, X]`: the truth; the truth and an error of half its spread; or what training makes."""
    truth = exact.true_values(actor.world, actor.table(row), gamma)
    if name == "exact":
        return truth
    if name == "wrong":
        error = torch.randn(truth.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        error[-1] = 0.0  # the last state's value is not the question here
        return truth + 0.5 * truth.std() * error
    return _trained(actor, row, gamma, 2 * size.points, rng)


def _trained(actor: Actor, row: Tensor, gamma: float, count: int, rng: np.random.Generator) -> Tensor:
    """A critic fitted as in training, in `count` updates, to a policy that is held; it does not see the time."""
    fit = {"baseline__fit__steps": FIT_STEPS, "details__time_limits": "terminal"}
    algorithm = method("gae", gamma, data__episodes=BATCH, **fit)
    network = OneHotPerceptron((actor.world.states, HIDDEN, 1), "tanh")
    start = Actor(actor.world, (HIDDEN,)).start(seed=2, scale=0.3)[: network.width]
    critic = StateCritic(network, Parameters.start(start.unsqueeze(0)))
    learner = replace(actor.learner(algorithm, row.unsqueeze(0)), critic=critic)
    setting = EstimatorSetting(actor, row)
    every, left = torch.ones(1, dtype=torch.bool), torch.ones(1, dtype=torch.float64)
    for iteration in range(count):
        experience = rollout(actor.world, setting.sample(BATCH, rng), batches(BATCH, BATCH))
        batch = credit.prepare(algorithm, learner, experience)
        updates.update(algorithm, learner, batch, Moment(iteration, [0], every, left, watched=False))
        learner = learner.at(row.unsqueeze(0))
    return _table(actor, learner)


def _table(actor: Actor, learner: Learner) -> Tensor:
    """What a learner's critic says at every time and state, and nothing at the horizon."""
    places = torch.arange(actor.world.indices, dtype=torch.float64).reshape(1, -1, 1)
    with torch.no_grad():
        table = learner.values(places).reshape(actor.world.steps + 1, -1)
    table[-1] = 0.0
    return table


# ----------------------------------------------------------------------------------------------------------
# Statements


def _bias(table: pd.DataFrame, **settings: Any) -> np.ndarray:
    own = intervals.pick(table, quantity="relative bias", **settings).sort_values("look_ahead")
    return own["estimate"].to_numpy(float)


def _of_the_bias(table: pd.DataFrame) -> list[Statement]:
    discounts = [
        _bias(table, critic="exact", family=LAMBDA, gamma=gamma)[-1] for gamma in sorted(GAMMAS)[::-1]
    ]
    return [
        statement(
            "With the exact critic and γ = 1 neither n nor λ biases the gradient",
            GAE_PAPER,
            "largest relative bias over n and λ",
            intervals.exactly(_bias(table, critic="exact", gamma=1.0).max()),
            "below",
            SMALL,
        ),
        *_of_a_wrong_critic(table),
        statement(
            "A discount biases the undiscounted gradient whatever the critic, and the more the lower γ is",
            GAE_PAPER,
            "least change of the relative bias from one γ to the next lower one, λ = 1",
            intervals.exactly(np.diff(discounts).min()),
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
            NOTE,
            "largest change of the relative bias from one λ to the next",
            exactly(np.diff(wrong).max()),
            "below",
            0.0,
        ),
        statement(
            "At λ = 1 a wrong critic biases nothing",
            GAE_PAPER,
            "relative bias",
            exactly(wrong[-1]),
            "below",
            SMALL,
        ),
        statement(
            "At n = H a wrong critic biases nothing",
            NOTE,
            "relative bias",
            exactly(steps[-1]),
            "below",
            SMALL,
        ),
    ]


def _of_the_variance(table: pd.DataFrame) -> list[Statement]:
    result = []
    for critic in CRITICS:
        own = intervals.pick(table, quantity="relative deviation", critic=critic, family=LAMBDA, gamma=1.0)
        first, last = (own[own["look_ahead"] == lam].iloc[0] for lam in (0.0, 1.0))
        ratio = Estimate(
            last["estimate"] / first["estimate"], last["low"] / first["high"], last["high"] / first["low"]
        )
        text = f"λ = 1 has more variance than λ = 0 ({critic} critic)"
        result.append(statement(text, NOTE, "ratio of standard deviations", ratio, "above", 1.0))
    errors = intervals.pick(
        table, quantity=f"squared error of {BATCH} episodes", critic="trained", family=LAMBDA, gamma=1.0
    )
    best = float(errors["look_ahead"].iloc[int(errors["estimate"].argmin())])
    sides: tuple[tuple[Relation, float], ...] = (("above", 0.0), ("below", 1.0))
    for relation, bound in sides:
        text = f"With a trained critic the best λ lies {relation} {bound:g}"
        quantity = f"λ of least squared error, {BATCH} episodes, γ = 1"
        result.append(statement(text, GAE_PAPER, quantity, intervals.exactly(best), relation, bound))
    return result


def _identities() -> list[Statement]:
    """On a chain whose trajectories can be listed, the closed forms and the estimators meet."""
    actor = Actor(worlds.chain(cut=True), timed=True)
    row = actor.start(seed=0)
    noise = torch.randn(5, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    setting = EstimatorSetting(actor, row, noise)
    points = [Point(LAMBDA, lam, 0.9, GAE(lam=lam)) for lam in LAMBDAS]
    points += [Point(STEPS, n, 0.9, NStep(n=n)) for n in (1, 2, 3, 4)]
    found = [enumerated(method("gae", 0.9, advantage=point.advantage), setting) for point in points]
    apart = max(
        float((each.mean - _expectation(point, setting)).norm() / each.mean.norm())
        for each, point in zip(found, points, strict=True)
    )
    ends = max(
        float((found[index].values - found[other].values).abs().max())
        for index, other in ((0, len(LAMBDAS)), (len(LAMBDAS) - 1, len(points) - 1))
    )
    return [
        statement(
            "GAE and n-step estimates have the expectation that the critic gives them",
            GAE_PAPER,
            "largest relative distance from the closed form, by enumeration",
            intervals.exactly(apart),
            "below",
            SMALL,
        ),
        statement(
            "GAE(0) is the one-step estimate, and GAE(1) the one of all steps",
            GAE_PAPER,
            "largest difference of any trajectory’s gradient",
            intervals.exactly(ends),
            "below",
            SMALL,
        ),
    ]
