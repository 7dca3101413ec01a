"""What share of the studies' claims is settled, if effects have a usual size, and for how many seeds.

    python tests/benchmarks/settled_share.py --effects 0.2

Each variant of a study gets a true mean at random: differences of two variants are normal, with this deviation
in ranges of the environment. Replicas scatter around it as those of published scores do. Every claim whose margin
is a fraction is judged, at the number of seeds of its study and at further looks.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pgbench.analysis import inference, looks
from pgbench.analysis.inference import PValues
from pgbench.analysis.statistics import Array
from pgbench.base.places import STUDIES, WORKFLOWS
from pgbench.base.wording import percent, text_table
from pgbench.base.yaml_files import read_yaml
from pgbench.studies.claims import AgainstReference, AtLeast, Claim, Comparison, Hypothesis, Level, hypothesis
from pgbench.studies.configuration import parse_configuration, study_files
from pgbench.studies.plans import MOST_LOOKS, StudyPlan, plan_studies

SPREADS = {
    **{"HalfCheetah": 0.30, "Hopper": 0.20, "Walker2d": 0.23, "Swimmer": 0.38, "Ant": 0.21},
    **{"InvertedPendulum": 0.10, "InvertedDoublePendulum": 0.10, "Pendulum": 0.10},
    **{"CartPole": 0.12, "Acrobot": 0.12, "Reacher": 0.05},
}
"""Deviations of published scores over seeds, as shares of the range (medians of PPO's; `workflows/references`)."""
OTHER_SPREAD, OF_AREAS = 0.20, 0.7


class Drawn(NamedTuple):
    """The true mean of a variant, `[simulated]`, and the deviations of its replicas, `[seeds, simulated]`."""

    mean: Array
    deviations: Array

    def scores(self, seeds: int, spread: float) -> Array:
        return self.mean + spread * self.deviations[:seeds]


class Simulated:
    """Invented results of a study, in ranges."""

    def __init__(self, plan: StudyPlan, effects: float, count: int, rng: np.random.Generator) -> None:
        most = plan.seeds * 2 ** (MOST_LOOKS - 1)
        means = {label: effects / math.sqrt(2) * rng.standard_normal(count) for label in plan.algorithms}
        self.drawn = {
            (environment, label): Drawn(mean, rng.standard_normal((most, count)))
            for environment in plan.study.environments
            for label, mean in means.items()
        }

    def sample(self, compared: Comparison, environment: str, seeds: int, area: bool) -> Array:
        """What each seed contributes to an effect."""
        spread = SPREADS.get(environment.split("-", maxsplit=1)[0], OTHER_SPREAD) * (
            OF_AREAS if area else 1.0
        )
        parts = (
            w * self.drawn[environment, label].scores(seeds, spread) for label, w in compared.weights.items()
        )
        return np.asarray(sum(parts))

    def p(self, claim: Claim, tested: Hypothesis, environments: Sequence[str], seeds: int) -> Array:
        """The p-value of the stronger finding on a claim, `[simulated]`."""
        area = claim.score == "area_under_curve"

        def within(world: Sequence[str]) -> PValues:
            weights = [1 / len(world)] * len(world)
            return inference.combine(
                [
                    [
                        inference.between(
                            inference.contrast(
                                [self.sample(one, name, seeds, area) for name in world], weights
                            ),
                            *(tested.low, tested.high),
                        )
                        for one in group
                    ]
                    for group in tested.groups
                ]
            )

        worlds = [environments] if claim.across == "mean" else [(name,) for name in environments]
        needed = claim.across.at_least if isinstance(claim.across, AtLeast) else len(worlds)
        return np.asarray(np.minimum(*inference.at_least(needed, [within(world) for world in worlds])))


def p_values(plan: StudyPlan, effects: float, count: int, rng: np.random.Generator) -> Array:
    """The p-values of a study's claims with fractions as margins, `[looks, simulated, claims]`."""
    results, found = Simulated(plan, effects, count, rng), []
    for claim in plan.study.claims.values():
        if isinstance(claim, Level | AgainstReference):
            continue
        tested = hypothesis(claim, plan.study.margins, {})
        environments = claim.environments or tuple(plan.study.environments)
        if tested.unit != "score":
            sizes = (plan.seeds * 2**look for look in range(MOST_LOOKS))
            found.append([results.p(claim, tested, environments, seeds) for seeds in sizes])
    return np.array(found).reshape(len(found), MOST_LOOKS, count).transpose(1, 2, 0)


def main() -> None:
    """Print the share that is settled for each number of seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--effects", type=float, default=0.2, help="standard deviation, in ranges")
    parser.add_argument("--simulated", type=int, default=200, help="results of each study")
    chosen = parser.parse_args()
    configuration = parse_configuration(read_yaml(WORKFLOWS / "config.yaml") | {"preset": "paper"}, "paper")
    rng = np.random.default_rng(0)
    of_studies = [
        p_values(plan, chosen.effects, chosen.simulated, rng)
        for plan in plan_studies(configuration, study_files(configuration, STUDIES)).values()
    ]
    of_studies = [p for p in of_studies if p.shape[-1]]
    claims = sum(p.shape[-1] for p in of_studies)
    rows, spent = [], 1.0
    for look in range(MOST_LOOKS):
        fixed = (
            sum(looks.decide(p[look : look + 1]).rejected.sum(axis=-1).mean() for p in of_studies) / claims
        )
        until = [looks.decide(p[: look + 1]).rejected for p in of_studies]
        settled = sum(each.sum(axis=-1).mean() for each in until) / claims
        rows.append((f"{2**look}", percent(fixed), percent(settled), f"{spent:.1f}"))
        spent += 2**look * float(np.mean([~each.all(axis=-1) for each in until]))
    print(f"{claims} claims in {len(of_studies)} studies; effects of two variants: N(0, {chosen.effects})\n")
    print(
        text_table(("times the seeds", "settled at once", "settled by looks", "times the seeds spent"), rows)
    )


if __name__ == "__main__":
    main()
