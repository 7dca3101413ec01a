"""The numbers of the published scores, recomputed from one another where the sources allow it."""

import re
from collections import Counter
from itertools import permutations

import pytest

from helpers.places import STUDIES
from pgbench.studies.claims import AgainstReference
from pgbench.studies.loading import load_study
from pgbench.studies.references import read_references

REFERENCES = read_references()


def value(id_):
    return REFERENCES[id_].value


@pytest.mark.parametrize(
    ("environment", "algorithm", "code"),
    [("walker2d", 242, 557), ("hopper", 99, 421), ("humanoid", 224, 444)],
)
def test_engstroms_effects_are_the_differences_of_its_table(environment, algorithm, code):
    """Table 2 prints the larger effect of the algorithm and of the code-level options."""
    ppo, ppo_m, trpo, trpo_plus = (
        value(f"engstrom-table2-{name}-{environment}-v2-1m") for name in ("ppo", "ppo-m", "trpo", "trpo-plus")
    )
    assert max(abs(ppo - trpo_plus), abs(ppo_m - trpo)) == algorithm
    # On Hopper the table prints 421, and its own means differ by 423.
    assert max(ppo - ppo_m, trpo_plus - trpo) == pytest.approx(code, abs=2)


def test_engstroms_baseline_row_is_that_of_openai_baselines():
    for environment in ("walker2d", "hopper"):
        baselines = value(f"baselines-ppo2-{environment}-v2-1m")
        assert value(f"engstrom-table3-ppo-{environment}-v2-1m") == pytest.approx(baselines, abs=1)


def test_hendersons_default_is_one_run_in_both_tables():
    """The policy of 64 × 64 and tanh in Table 1 is also the critic of 64 × 64 and tanh in Table 2."""
    defaults = {
        (re.sub(" (policy|critic) .*", "", row.algorithm), row.environments, row.value, row.spread)
        for row in REFERENCES.values()
        if row.where in ("Table 1", "Table 2")
        and row.paper == "henderson2018matters"
        and row.algorithm.endswith(("64x64", "tanh"))
    }
    cells = [cell[:2] for cell in defaults]
    assert len(cells) == len(set(cells)) == 8


def test_a_longer_training_has_no_lower_maximum():
    maxima = [row for row in REFERENCES.values() if row.statistic == "maximum_of_mean_curve"]
    longer = [
        (one, other)
        for one in maxima
        for other in maxima
        if (one.algorithm, one.environments) == (other.algorithm, other.environments)
        and one.steps < other.steps
    ]
    assert len(longer) == 27
    assert all(one.value <= other.value for one, other in longer)


def test_table_1_is_one_scale():
    """PPO's Table 1 is scaled by its best result: no row is above 1, and three seeds keep the best below it."""
    rows = [row for row in REFERENCES.values() if row.statistic == "normalised"]
    assert len(rows) == 11
    assert max(row.value for row in rows) == value("ppo-table1-clip-eps-0.2") < 1


def test_no_run_is_listed_twice():
    listed = Counter(
        (row.paper, row.where, row.algorithm, row.environments, row.steps) for row in REFERENCES.values()
    )
    assert not [key for key, count in listed.items() if count > 1]


@pytest.mark.parametrize(
    "source", ["cleanrl", "openrlbenchmark", "klip-ppo", "tianshou-ppo", "tianshou-at-step", "spinningup"]
)
def test_numpys_deviations_are_population_deviations(source):
    rows = [row for row in REFERENCES.values() if row.id.startswith(f"{source}-")]
    assert rows
    assert {row.spread_kind for row in rows} == {"population_deviation"}


def _quoted(claim):
    """The number that a claim's statement quotes as published, if it quotes one."""
    found = re.search(r"(?:reaches|stays at|scores|in the paper by) (−?[\d,]+(?:\.\d+)?)", claim.statement)
    return found and found[1].replace(",", "").replace("−", "-")


QUOTING = [
    pytest.param(claim, id=f"{path.stem}-{name}")
    for path in sorted(STUDIES.glob("*.yaml"))
    for name, claim in load_study(path).claims.items()
    if claim.quotes and _quoted(claim)
]


@pytest.mark.parametrize("claim", QUOTING)
def test_a_statement_quotes_a_published_number_or_a_difference_of_two(claim):
    values = [value(quote.reference) for quote in claim.quotes]
    if not isinstance(claim, AgainstReference):
        values = [one - other for one, other in permutations(values, 2)]
    half_a_digit = 0.5 * 10.0 ** -len(_quoted(claim).partition(".")[2])
    assert min(abs(each - float(_quoted(claim))) for each in values) <= half_a_digit
