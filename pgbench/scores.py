"""Scores: what a replica is judged by, each published statistic under its own name.

All of them are returns, so that higher is better, and all count the training episodes that ended within the budget.
"""

from __future__ import annotations

from typing import Literal, get_args

Score = Literal[
    "last_100",
    "area_under_curve",
    "maximum",
    "iteration_20",
    "normalised_by_best_run",
    "normalised_by_best_setting",
    "deterministic_evaluation",
]

SCORES: tuple[Score, ...] = get_args(Score)

MEANINGS: dict[Score, str] = {
    "last_100": "mean return of the last 100 training episodes, with the policy's own exploration",
    "area_under_curve": "mean over steps of the curve of training returns, from its first point",
    "maximum": "highest point of the curve of training returns",
    "iteration_20": "mean return of the training episodes that ended in the 20th iteration",
    "normalised_by_best_run": "last_100, scaled so that the untrained policy has 0 and the best replica 1",
    "normalised_by_best_setting": (
        "last_100, scaled so that the untrained policy has 0 and the mean of the best variant 1"
    ),
    "deterministic_evaluation": "mean return of evaluation episodes with the mean action, after training",
}

NORMALISED: frozenset[Score] = frozenset({"normalised_by_best_run", "normalised_by_best_setting"})
"""Free of an environment's scale. PPO's Table 1 (Schulman et al. 2017, section 6.1) does not say whether "the best
result" is a run or the mean of a setting; both readings are computed. Both depend on which variants a study has."""

UNRECORDED: dict[Score, str] = {
    "deterministic_evaluation": "runs record no evaluation episodes with the mean action",
}
"""Scores that are published, but that no run can be given yet, with the reason."""
