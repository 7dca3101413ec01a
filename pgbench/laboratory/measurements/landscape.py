"""Clipped and penalised surrogates: their landscape along an update, and where each stops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pgbench.analysis import inference
from pgbench.analysis.statistics import Estimate
from pgbench.figures.axes import finish, legend, level, lines, look, panels
from pgbench.laboratory import intervals
from pgbench.laboratory.ensembles import Ensemble, divergence, random_worlds
from pgbench.laboratory.estimators import method
from pgbench.laboratory.sources import ENGSTROM, KAKADE_LANGFORD, NOTE, PPO
from pgbench.laboratory.statements import MeasurementResult, Statement, statement
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.components import ClippedRatio, FixedPenalty, ImportanceRatio, Surrogate
from pgbench.studies.catalogue import Size
from pgbench.training.batches import Batch
from pgbench.training.iteration import Moment
from pgbench.training.learner import Learner
from pgbench.training.meaning import surrogates, updates

GAMMA = 0.9
HIDDEN = (16,)
EPSILON = 0.2
STEPS = 20
"""Steps of the optimiser between two points of a climb."""
LEARNING_RATE = 0.01
NOISE = 3.0
"""Standard deviation of the error of estimated advantages, in standard deviations of the exact ones."""
SMALL = 1e-9
RATIO, CLIP, ONE_SIDED, PENALTY, STRONG = (
    "ratio",
    "clipped ratio",
    "clipped, without min",
    "KL penalty, β = 1",
    "KL penalty, β = 3",
)
SURROGATES: dict[str, Surrogate] = {
    RATIO: ImportanceRatio(),
    CLIP: ClippedRatio(epsilon=EPSILON),
    ONE_SIDED: ClippedRatio(epsilon=EPSILON, pessimistic=False),
    PENALTY: FixedPenalty(beta=1.0),
    STRONG: FixedPenalty(beta=3.0),
}
TRUTH = "true objective"


def measure(size: Size, rng: np.random.Generator) -> MeasurementResult:
    """Climb every surrogate on one batch of every world, then walk along the clipped one's way."""
    ground = random_worlds(max(size.worlds, 2), rng, GAMMA, HIDDEN)
    # In units of their standard deviation, so that β means the same in every world.
    scale = ground.advantages.flatten(1).std(1).reshape(-1, 1, 1)
    noise = torch.from_numpy(rng.normal(size=ground.advantages.shape))
    credited = {
        "exact": ground.advantages / scale,
        "estimated": ground.advantages / scale + NOISE * noise,
    }
    rows: list[dict[str, Any]] = []
    for kind, advantages in credited.items():
        paths = {label: _climb(label, ground, advantages, size.points) for label in SURROGATES}
        rows += _along(kind, ground, paths)
        if kind == "exact":
            direction = paths[CLIP][-1]
    rows += _walk(ground, credited["exact"], direction, size)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, [_same_gradient(ground, credited["exact"]), *_statements(table)])


def draw(table: pd.DataFrame) -> Figure:
    """The landscape; then divergence and J as each surrogate is climbed on estimated advantages."""
    figure, axes = panels(3, height=4.2)
    walked = intervals.pick(table, quantity="gain along the way")
    lines(axes[0], walked, "at", "surrogate", [*SURROGATES, TRUTH])
    for index, label in enumerate(SURROGATES):
        own = intervals.pick(walked, surrogate=label)
        top = own.iloc[int(own["estimate"].argmax())]
        style = look(index) | {"linestyle": "none", "markersize": 8}
        axes[0].plot(top["at"], top["estimate"], **style)
    for axis, quantity in ((axes[1], "divergence"), (axes[2], "gain of J")):
        climbed = intervals.pick(table, quantity=quantity, advantages="estimated")
        climbed = climbed[climbed["at"] > 0]
        lines(axis, climbed, "at", "surrogate", list(SURROGATES))
    level(axes[2], 0.0)
    finish(axes[0], "Along the way of the clip", "share of the way", "gain, standard deviations of A")
    finish(axes[1], "Divergence", "gradient steps", "mean KL(old ‖ new), nats", yscale="log")
    finish(axes[2], "J, advantages estimated", "gradient steps", "gain over the best policy’s")
    legend(figure, axes, columns=3)
    return figure


def _algorithm(label: str) -> Algorithm:
    return method(
        "reward_to_go",
        GAMMA,
        surrogate=SURROGATES[label],
        update__steps=STEPS,
        update__optimiser__learning_rate=LEARNING_RATE,
    )


def _climb(label: str, ground: Ensemble, advantages: Tensor, points: int) -> list[Tensor]:
    """The parameters `[S, P]` on the way up a surrogate on one batch, the old ones first."""
    algorithm = _algorithm(label)
    learner, batch = ground.learner(algorithm, advantages)
    count = len(ground.actors)
    every, left = torch.ones(count, dtype=torch.bool), torch.ones(count, dtype=torch.float64)
    path = [ground.rows]
    for iteration in range(points):
        updates.update(algorithm, learner, batch, Moment(iteration, range(count), every, left))
        path.append(learner.actor.values.detach().clone())
    return path


def _along(kind: str, ground: Ensemble, paths: dict[str, list[Tensor]]) -> list[dict[str, Any]]:
    """How far each way has led after every so many steps, and what it gained."""
    best, old = ground.best_gains(), ground.policies
    rows: list[dict[str, Any]] = []
    for iteration, points in enumerate(zip(*paths.values(), strict=True)):
        policies = {label: ground.tables(row) for label, row in zip(paths, points, strict=True)}
        gains = {label: ground.gains(policy) / best for label, policy in policies.items()}
        for label, policy in policies.items():
            ratios = (policy / old - 1.0).abs().amax((1, 2))
            quantities = {
                "divergence": inference.mean(divergence(ground.states, old, policy).numpy()),
                "gain of J": inference.mean(gains[label].numpy()),
                "gain of J over the ratio’s": inference.mean((gains[label] - gains[RATIO]).numpy()),
                "largest distance of a ratio from 1": inference.mean(ratios.numpy()),
            }
            settings = {"advantages": kind, "surrogate": label, "at": float(iteration * STEPS)}
            rows += intervals.tidy(settings, quantities)
    return rows


def _walk(ground: Ensemble, advantages: Tensor, end: Tensor, size: Size) -> list[dict[str, Any]]:
    """Every objective between the old parameters and `end`, and as far beyond."""
    rows: list[dict[str, Any]] = []
    scale = ground.advantages.flatten(1).std(1)
    for share in np.linspace(0.0, 2.0, 2 * size.points + 1).tolist():
        there = ground.rows + share * (end - ground.rows)
        gains = {label: _gain(label, ground, advantages, there) for label in SURROGATES}
        gains[TRUTH] = (1.0 - GAMMA) * ground.gains(ground.tables(there)) / scale
        for label, gain in gains.items():
            settings = {"advantages": "exact", "surrogate": label, "at": share}
            quantities = {
                "gain along the way": inference.mean(gain.numpy()),
                "largest gain over the ratio’s": intervals.exactly((gain - gains[RATIO]).max()),
            }
            rows += intervals.tidy(settings, quantities)
    return rows


def _objective(label: str, learner: Learner, batch: Batch, parameters: Tensor) -> Tensor:
    """A surrogate `[S]` of training at parameters `[S, P]`, on a batch of the learner's policy."""
    data = batch.transitions
    new = learner.distribution(data.recorded.observations, parameters)
    terms = surrogates.surrogate_objective(SURROGATES[label], learner, new, data)
    return (data.credit.weights * terms).sum(1)


def _gain(label: str, ground: Ensemble, advantages: Tensor, there: Tensor) -> Tensor:
    learner, batch = ground.learner(_algorithm(label), advantages)
    with torch.no_grad():
        return _objective(label, learner, batch, there) - _objective(label, learner, batch, ground.rows)


# ----------------------------------------------------------------------------------------------------------
# Statements


def _same_gradient(ground: Ensemble, advantages: Tensor) -> Statement:
    gradients = []
    for label in SURROGATES:
        learner, batch = ground.learner(_algorithm(label), advantages)
        point = ground.rows.clone().requires_grad_()
        gradients.append(torch.autograd.grad(_objective(label, learner, batch, point).sum(), point)[0])
    apart = max(float((each - gradients[0]).norm() / gradients[0].norm()) for each in gradients)
    return statement(
        "At the old policy every surrogate has the same gradient",
        PPO,
        "largest relative difference",
        intervals.exactly(apart),
        "below",
        SMALL,
    )


def _statements(table: pd.DataFrame) -> list[Statement]:
    last = intervals.pick(table, quantity="divergence")["at"].max()
    steps = f"after {last:.0f} steps"
    return [*_of_the_surrogates(table, steps), *_of_what_they_reach(table, steps)]


def _at_the_end(table: pd.DataFrame, label: str, quantity: str, advantages: str) -> Estimate:
    own = intervals.pick(table, surrogate=label, quantity=quantity, advantages=advantages)
    last = own.sort_values("at").iloc[-1]
    return Estimate(last["estimate"], last["low"], last["high"])


def _of_the_surrogates(table: pd.DataFrame, steps: str) -> list[Statement]:
    """What clip and penalty do to the objective, and how near they hold the policy."""
    over = intervals.pick(table, surrogate=CLIP, quantity="largest gain over the ratio’s")["estimate"].max()
    ratio, clip = (_at_the_end(table, label, "divergence", "estimated") for label in (RATIO, CLIP))
    weak, strong = (_at_the_end(table, label, "divergence", "estimated") for label in (PENALTY, STRONG))
    return [
        statement(
            "The clipped surrogate is a lower bound of the unclipped one",
            PPO,
            "largest excess over it along the way",
            intervals.exactly(over),
            "below",
            SMALL,
        ),
        statement(
            "The clip keeps the policy nearer than no clip does",
            PPO,
            f"mean KL with the clip {steps}, against that of the ratio",
            clip,
            "below",
            float(ratio.low),
        ),
        statement(
            "The clip does not keep ratios within 1 ± ε",
            ENGSTROM,
            f"mean over worlds of the largest |ratio − 1| {steps}, exact advantages",
            _at_the_end(table, CLIP, "largest distance of a ratio from 1", "exact"),
            "above",
            EPSILON,
        ),
        statement(
            "A larger β holds the policy nearer",
            NOTE,
            f"mean KL with β = 3 {steps}, against that with β = 1",
            strong,
            "below",
            float(weak.low),
        ),
    ]


def _of_what_they_reach(table: pd.DataFrame, steps: str) -> list[Statement]:
    """How good the policies are that they lead to."""
    return [
        *(
            statement(
                f"With poorly estimated advantages ‘{label}’ ends with a better policy than the ratio",
                PPO,
                f"mean difference of J’s gains over the best policy’s {steps}",
                _at_the_end(table, label, "gain of J over the ratio’s", "estimated"),
                "above",
                0.0,
            )
            for label in (CLIP, PENALTY, STRONG)
        ),
        statement(
            "With exact advantages the unclipped ratio improves J as far as it is climbed: policy iteration",
            KAKADE_LANGFORD,
            f"gain of J over the best policy’s {steps}, exact advantages",
            _at_the_end(table, RATIO, "gain of J", "exact"),
            "above",
            0.0,
        ),
    ]
