"""What surrogates go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices

PENALTIES = (c.FixedPenalty, c.AdaptivePenalty)
BOUNDED_STEPS = (c.NaturalGradient, c.TrustRegion)
TRAJECTORY_WEIGHTS = (c.TrajectoryRatio, c.CausalRatio, c.PerDecisionRatio)


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _weights(choices)
    yield from _bounded_step(choices)
    yield from _per_decision(choices)


def _weights(choices: Choices) -> Iterator[str]:
    surrogate = choices.surrogate
    if isinstance(surrogate, TRAJECTORY_WEIGHTS) and not isinstance(choices.data, c.WholeEpisodes):
        yield f"surrogate '{surrogate.kind}' needs whole trajectories: set data to 'whole_episodes'"


def _bounded_step(choices: Choices) -> Iterator[str]:
    surrogate, update = choices.surrogate, choices.update
    is_bounded = isinstance(surrogate, (c.ClippedRatio, *PENALTIES))
    is_single = isinstance(update, c.NaturalAscent) or (
        isinstance(update, c.GradientStep) and update.steps == 1
    )
    if is_bounded and is_single:
        yield (
            f"surrogate '{surrogate.kind}' has no effect on a single step, because no ratio has moved yet: "
            "set update to 'minibatch_epochs', or update.steps above 1"
        )
    if is_bounded and isinstance(update, BOUNDED_STEPS):
        yield (
            f"surrogate '{surrogate.kind}' and update '{update.kind}' bound the step twice: "
            "set surrogate to 'importance_ratio'"
        )
    if isinstance(update, c.TrustRegion) and isinstance(surrogate, c.LogLikelihood):
        yield (
            "update 'trust_region' compares trial steps by the probability ratio: "
            "set surrogate to 'importance_ratio'"
        )


def _per_decision(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.surrogate, c.PerDecisionRatio):
        return
    name = "surrogate 'per_decision_ratio'"
    if choices.advantage != c.RewardToGo():
        yield f"{name} weights each following reward separately: set advantage to 'reward_to_go'"
    if not isinstance(choices.baseline, c.NoBaseline):
        yield f"{name} computes its own returns and subtracts nothing: set baseline to 'no_baseline'"
    if choices.details.advantage_normalisation is not None:
        yield f"{name} computes its own returns: leave details.advantage_normalisation out"
