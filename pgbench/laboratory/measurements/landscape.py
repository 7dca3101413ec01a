"""Clipped and penalised surrogates: their values along an update, and where each of them stops."""

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
from pgbench.laboratory.sources import ENGSTROM, ILYAS, NOTE, OURS, PPO
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
"""Gradient steps between two points of the path of an optimisation."""
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
    """Maximise every surrogate on one batch of every world; then evaluate all of them along the clip's update."""
    ensemble = random_worlds(max(size.worlds, 2), rng, GAMMA, HIDDEN)
    # With advantages in units of their standard deviation, β means the same in every world.
    scale = ensemble.advantages.flatten(1).std(1).reshape(-1, 1, 1)
    noise = torch.from_numpy(rng.normal(size=ensemble.advantages.shape))
    advantages = {
        "exact": ensemble.advantages / scale,
        "estimated": ensemble.advantages / scale + NOISE * noise,
    }
    paths = {
        kind: {label: _path(label, ensemble, credited, size.points) for label in SURROGATES}
        for kind, credited in advantages.items()
    }
    rows = [row for kind in advantages for row in _rows_of_paths(kind, ensemble, paths[kind])]
    rows += _rows_of_line(ensemble, advantages["exact"], paths["exact"][CLIP][-1], size)
    table = pd.DataFrame(rows)
    return MeasurementResult(table, [_same_gradient(ensemble, advantages["exact"]), *_statements(table)])


def draw(table: pd.DataFrame) -> Figure:
    """Draw the surrogates along a line; then divergence and J as each is maximised on estimated advantages."""
    figure, axes = panels(3, height=4.2)
    along_line = intervals.pick(table, quantity="gain along the way")
    lines(axes[0], along_line, "at", "surrogate", [*SURROGATES, TRUTH])
    for index, label in enumerate(SURROGATES):
        points = intervals.pick(along_line, surrogate=label)
        maximum = points.iloc[int(points["estimate"].argmax())]
        style = look(index) | {"linestyle": "none", "markersize": 8}
        axes[0].plot(maximum["at"], maximum["estimate"], **style)
    for axis, quantity in ((axes[1], "divergence"), (axes[2], "gain of J")):
        points = intervals.pick(table, quantity=quantity, advantages="estimated")
        lines(axis, points[points["at"] > 0], "at", "surrogate", list(SURROGATES))
    level(axes[2], 0.0)
    finish(axes[0], "Along the update of the clip", "share of the update", "gain, standard deviations of A")
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


def _path(label: str, ensemble: Ensemble, advantages: Tensor, points: int) -> list[Tensor]:
    """The parameters `[S, P]` while a surrogate is maximised on one batch. The first are the old ones."""
    algorithm = _algorithm(label)
    learner, batch = ensemble.learner(algorithm, advantages)
    count = len(ensemble.actors)
    running, remaining = torch.ones(count, dtype=torch.bool), torch.ones(count, dtype=torch.float64)
    path = [ensemble.rows]
    for iteration in range(points):
        updates.update(algorithm, learner, batch, Moment(iteration, range(count), running, remaining))
        path.append(learner.actor.values.detach().clone())
    return path


def _rows_of_paths(kind: str, ensemble: Ensemble, paths: dict[str, list[Tensor]]) -> list[dict[str, Any]]:
    """Rows of the table for the points of each path: the distance from the old policy, and the gain."""
    best, old = ensemble.best_gains(), ensemble.policies
    tables = {label: [ensemble.tables(row) for row in path] for label, path in paths.items()}
    gains_along = {label: [ensemble.gains(policy) / best for policy in of] for label, of in tables.items()}
    rows: list[dict[str, Any]] = []
    for iteration in range(len(next(iter(paths.values())))):
        gains = {label: along[iteration] for label, along in gains_along.items()}
        for label, along in gains_along.items():
            policy, lowest = tables[label][iteration], torch.stack(along[: iteration + 1]).amin(0)
            ratios = (policy / old - 1.0).abs().amax((1, 2))
            quantities = {
                "divergence": inference.mean(divergence(ensemble.states, old, policy).numpy()),
                "gain of J": inference.mean(gains[label].numpy()),
                "gain of J over the ratio’s": inference.mean((gains[label] - gains[RATIO]).numpy()),
                "gain of J since the first point": inference.mean((gains[label] - along[1]).numpy()),
                "share of worlds never worse": intervals.share((lowest >= 0.0).numpy()),
                "largest distance of a ratio from 1": inference.mean(ratios.numpy()),
            }
            settings = {"advantages": kind, "surrogate": label, "at": float(iteration * STEPS)}
            rows += intervals.tidy(settings, quantities)
    return rows


def _rows_of_line(ensemble: Ensemble, advantages: Tensor, end: Tensor, size: Size) -> list[dict[str, Any]]:
    """Rows of the table for every objective on the line from the old parameters to `end` and as far beyond it."""
    rows: list[dict[str, Any]] = []
    scale = ensemble.advantages.flatten(1).std(1)
    for share in np.linspace(0.0, 2.0, 2 * size.points + 1).tolist():
        parameters = ensemble.rows + share * (end - ensemble.rows)
        gains = {label: _gain(label, ensemble, advantages, parameters) for label in SURROGATES}
        gains[TRUTH] = (1.0 - GAMMA) * ensemble.gains(ensemble.tables(parameters)) / scale
        for label, gain in gains.items():
            settings = {"advantages": "exact", "surrogate": label, "at": share}
            quantities = {
                "gain along the way": inference.mean(gain.numpy()),
                "largest gain over the ratio’s": intervals.exactly((gain - gains[RATIO]).max()),
            }
            rows += intervals.tidy(settings, quantities)
    return rows


def _objective(label: str, learner: Learner, batch: Batch, parameters: Tensor) -> Tensor:
    """A surrogate of training `[S]` at parameters `[S, P]`, on a batch of the learner's policy."""
    transitions = batch.transitions
    new = learner.distribution(transitions.recorded.observations, parameters)
    terms = surrogates.surrogate_objective(SURROGATES[label], learner, new, transitions)
    return (transitions.credit.weights * terms).sum(1)


def _gain(label: str, ensemble: Ensemble, advantages: Tensor, parameters: Tensor) -> Tensor:
    """The gain `[S]` of a surrogate at parameters `[S, P]` over the old ones."""
    learner, batch = ensemble.learner(_algorithm(label), advantages)
    with torch.no_grad():
        after, before = (_objective(label, learner, batch, rows) for rows in (parameters, ensemble.rows))
    return after - before


# ----------------------------------------------------------------------------------------------------------
# Statements


def _same_gradient(ensemble: Ensemble, advantages: Tensor) -> Statement:
    gradients = []
    for label in SURROGATES:
        learner, batch = ensemble.learner(_algorithm(label), advantages)
        point = ensemble.rows.clone().requires_grad_()
        gradients.append(torch.autograd.grad(_objective(label, learner, batch, point).sum(), point)[0])
    first = gradients[0]
    difference = max(float((gradient - first).norm() / first.norm()) for gradient in gradients)
    return statement(
        "At the old policy every surrogate has the same gradient",
        PPO,
        "largest relative difference",
        intervals.exactly(difference),
        "below",
        SMALL,
    )


def _statements(table: pd.DataFrame) -> list[Statement]:
    last = intervals.pick(table, quantity="divergence")["at"].max()
    steps = f"after {last:.0f} steps"
    return [*_of_the_clip(table, steps), _of_the_penalty(table, steps), *_of_the_policies(table, steps)]


def _at_the_end(table: pd.DataFrame, label: str, quantity: str, advantages: str) -> Estimate:
    """A quantity at the last point of the path of a surrogate."""
    points = intervals.pick(table, surrogate=label, quantity=quantity, advantages=advantages)
    return intervals.from_row(points.sort_values("at").iloc[-1])


def _of_the_clip(table: pd.DataFrame, steps: str) -> list[Statement]:
    """What the clip does to the objective, and how near to the old policy it keeps the new one."""
    excess = intervals.pick(table, surrogate=CLIP, quantity="largest gain over the ratio’s")["estimate"].max()
    ratio, clip = (_at_the_end(table, label, "divergence", "estimated") for label in (RATIO, CLIP))
    return [
        statement(
            "The clipped surrogate is a lower bound of the unclipped one, term by term and by algebra",
            PPO,
            "largest excess over the unclipped one along the update",
            intervals.exactly(excess),
            "below",
            SMALL,
        ),
        statement(
            "The policy stays nearer to the old one with the clip than without it",
            PPO,
            f"mean KL with the clip {steps}; the bound is the mean KL of the ratio",
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
    ]


def _of_the_penalty(table: pd.DataFrame, steps: str) -> Statement:
    weak, strong = (_at_the_end(table, label, "divergence", "estimated") for label in (PENALTY, STRONG))
    return statement(
        "The policy stays nearer to the old one with a larger β",
        NOTE,
        f"mean KL with β = 3 {steps}; the bound is the mean KL with β = 1",
        strong,
        "below",
        float(weak.low),
    )


def _of_the_policies(table: pd.DataFrame, steps: str) -> list[Statement]:
    """How good the policies are at the end of each path."""
    return [
        *(
            statement(
                f"With poorly estimated advantages ‘{label}’ ends with a better policy than the ratio",
                OURS,
                f"mean difference of the gains of J, over the gain of the best policy, {steps}",
                _at_the_end(table, label, "gain of J over the ratio’s", "estimated"),
                "above",
                0.0,
            )
            for label in (CLIP, PENALTY, STRONG)
        ),
        statement(
            "With exact advantages the unclipped ratio improves J in most worlds, however long it is maximised",
            OURS,
            f"share of worlds in which J never falls below that of the old policy {steps}, exact advantages",
            _at_the_end(table, RATIO, "share of worlds never worse", "exact"),
            "above",
            0.5,
        ),
        statement(
            "A better surrogate may be a worse return: maximised further on poor advantages, the ratio loses J",
            ILYAS,
            f"change of J from the first {STEPS} steps to the last, over the gain of the best policy {steps}",
            _at_the_end(table, RATIO, "gain of J since the first point", "estimated"),
            "below",
            0.0,
        ),
    ]
