"""Scores: what a replica is judged by, each published statistic under its own name.

A score is a return, where more is better, or a statistic of a metric over the updates, such as `mean(kl)`. Returns
come from the training episodes that ended within the budget or, if a study
asks for evaluations, from evaluation episodes.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, assert_never

from pydantic import AfterValidator, Field

from pgbench.base.refusals import nearest
from pgbench.methods.runs import Evaluation, Reference

EVALUATIONS: dict[str, str] = {
    "deterministic_evaluation": "mean return of the last evaluation, with the mean action",
    "maximum_of_mean_curve": "the best over time of the mean over seeds of an evaluation's mean return",
}
"""Scores of evaluation episodes, with their meanings; `unrecorded` says which runs have them."""

RETURNS: dict[str, str] = {
    "last_100": "mean return of the last 100 training episodes, with the policy's own exploration",
    "area_under_curve": "mean over steps of the curve of training returns, from its first point",
    "maximum": "highest point of the curve of training returns",
    "iteration_20": "mean return of the training episodes that ended in the 20th iteration",
    **EVALUATIONS,
}
"""Scores in units of the environment's return, with their meanings."""

FinalScore = Literal["last_100", "area_under_curve"]
"""What claims about the end of training are judged by."""

NORMALISED_SEEDS = 3
"""Seeds of each setting in PPO's Table 1."""
NORMALISED: dict[str, str] = {
    "normalised_by_best_run": (
        "last_100 of every three seeds, scaled so that the untrained policy has 0 and the best of their replicas 1"
    ),
    "normalised_by_best_setting": (
        "last_100 of every three seeds, scaled so that the untrained policy has 0 and the best variant's mean 1"
    ),
}
"""Scores without an environment's scale, with their meanings.

PPO's Table 1 (Schulman et al. 2017, section 6.1) does not say whether "the best result" is a run or the mean of a
setting, so both readings are computed. Both depend on the study's variants. The best of several means, and of
several runs, grows with noise: the more seeds, the higher the former reading and the lower the latter. Both are
therefore the mean over all choices of as many seeds as the table has, `NORMALISED_SEEDS`.
"""

REFERENCE_METRICS: dict[str, str] = {
    "reference_cosine": "cosine between the gradient of an update and that of a large batch",
    "reference_signal_to_noise": "signal-to-noise ratio of the gradient of one batch, by a large batch",
    "reference_value_error": "relative error of the critic against Monte Carlo returns of a large batch",
}
"""Metrics of updates that are compared with a large batch; `unrecorded` says which runs have them."""

METRICS: dict[str, str] = {
    "kl": "mean KL(old ‖ new) of an update, in nats",
    "approximate_kl": "the estimate of it that implementations print",
    "ratio_maximum": "largest probability ratio after an update",
    "ratio_minimum": "smallest probability ratio after an update",
    "clip_fraction": "share of ratios that an update moved beyond the clip",
    "entropy": "entropy of the policy, in nats",
    "explained_variance": "share of the critic's targets' variance that it explains",
    "value_loss": "the critic's loss",
    "surrogate_gain": "the surrogate's gain by an update",
    "predicted_gain": "the gain that the gradient predicts for an update",
    "credit": "mean advantage of the actions that an update from a replay buffer credits",
    "gradient_norm": "norm of the gradient, before it is clipped",
    "gradient_signal_to_noise": "signal-to-noise ratio of the policy's gradient",
    "learning_rate": "size of the optimiser's step",
    "line_search_steps": "trials that a line search rejected",
    "line_search_accepted": "share of updates whose line search found a step",
    "beta": "weight of the KL penalty",
    **REFERENCE_METRICS,
}
"""Metrics of updates that a score may be made of; a method records only some of them."""

OverUpdates = Literal["mean", "minimum", "maximum", "first", "last"]
OVER_UPDATES: dict[OverUpdates, str] = {
    "mean": "mean over updates",
    "minimum": "minimum over updates",
    "maximum": "maximum over updates",
    "first": "first update",
    "last": "last update",
}
"""Statistics of a metric over the updates in which it was measured and is a finite number, with their meanings."""

SCORES = (*RETURNS, *NORMALISED)


class MetricScore(NamedTuple):
    """A score that is made of a metric, such as mean(kl)."""

    statistic: OverUpdates
    metric: str


def metric_score(score: str) -> MetricScore | None:
    """The parts of a score such as mean(kl); None for any other."""
    for statistic in OVER_UPDATES:
        metric = score.removeprefix(f"{statistic}(").removesuffix(")")
        if metric in METRICS and score == f"{statistic}({metric})":
            return MetricScore(statistic, metric)
    return None


def meaning(score: str) -> str:
    """A score in words."""
    made_of = metric_score(score)
    if made_of is not None:
        return f"{METRICS[made_of.metric]}: {OVER_UPDATES[made_of.statistic]}"
    return (RETURNS | NORMALISED)[score]


def unrecorded(evaluation: Evaluation | None, reference: Reference | None = None) -> dict[str, str]:
    """Scores that runs with this evaluation and reference, or none, do not have: score → what a study must say."""
    return _not_evaluated(evaluation) | _not_compared(reference)


def _not_evaluated(evaluation: Evaluation | None) -> dict[str, str]:
    if evaluation is None:
        return dict.fromkeys(EVALUATIONS, "say 'evaluation: {episodes: 10}' in the study")
    match evaluation.actions:
        case "mean":
            return {}
        case "sampled":
            return {"deterministic_evaluation": "say 'mean' for 'evaluation.actions' in the study"}
        case _:
            assert_never(evaluation.actions)


def _not_compared(reference: Reference | None) -> dict[str, str]:
    if reference is not None:
        return {}
    scores = (f"{statistic}({metric})" for statistic in OVER_UPDATES for metric in REFERENCE_METRICS)
    return dict.fromkeys(scores, "say 'reference: {every: 10}' in the study")


def _known(score: str) -> str:
    if score not in SCORES and metric_score(score) is None:
        metrics = [f"{statistic}({metric})" for statistic in OVER_UPDATES for metric in METRICS]
        raise ValueError(f"there is no such score; {nearest(score, [*SCORES, *metrics])}")
    return score


_PATTERN = rf"^({'|'.join(SCORES)}|({'|'.join(OVER_UPDATES)})\(({'|'.join(METRICS)})\))$"

Score = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"pattern": _PATTERN})]
