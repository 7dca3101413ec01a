"""What V-trace goes with. Its ratios are those of the present policy to the one that collected."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    if isinstance(choices.advantage, c.VTrace):
        yield from _moving_ratios(choices, "advantage", "'gae' with lam 1")
    baseline = choices.baseline
    if not isinstance(baseline, c.LearnedValue) or not isinstance(baseline.target, c.VTraceTarget):
        return
    fit = baseline.fit
    if isinstance(fit, c.JointFit):
        yield from _moving_ratios(choices, "baseline.target", "'monte_carlo'")
    elif fit.targets == "once" or fit.order == "before":
        yield (
            "baseline.target 'v_trace' weighs by ratios, and all of them are 1 where targets are made once or "
            "before the policy moves: set baseline.fit.targets to 'fresh' and its order to 'after', or "
            "baseline.fit to 'joint'"
        )


def _moving_ratios(choices: Choices, key: str, equal: str) -> Iterator[str]:
    """Where nothing is recomputed, the ratios are 1."""
    update = choices.update
    if not isinstance(update, c.MinibatchEpochs) or not update.recompute_advantages:
        yield (
            f"{key} 'v_trace' weighs by ratios, and all of them are 1 where nothing is recomputed: set update to "
            f"'minibatch_epochs' with recompute_advantages true, or {key} to {equal}, which is the same then"
        )
