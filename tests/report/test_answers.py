"""Sentences that are made from numbers: the answer of a study, and what its figures show."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pgbench.analysis.published_verdicts import FullVerdict
from pgbench.report import alternatives
from pgbench.report.answers import answer


def claim(verdict, statement="It helps.", provisional=False, full=None):
    known = FullVerdict(full, 10) if full else None
    return SimpleNamespace(verdict=verdict, statement=statement, provisional=provisional, full=known)


def test_the_answer_quotes_few_claims_and_counts_many():
    rows = [claim("replicated", full="replicated")] * 3 + [
        claim("contradicted", "It harms.", full="contradicted")
    ]
    assert answer(rows) == (
        "At the study’s own budget, 1 of 4 claims is contradicted (“It harms”) and 3 are replicated."
    )


def test_the_answer_tells_what_is_known_from_what_is_provisional():
    rows = [claim("inconclusive", provisional=True, full="replicated"), claim("not judged")]
    assert answer(rows) == (
        "At the study’s own budget, 1 of 1 claim is replicated (“It helps”). "
        "At less than the study’s own budget, 1 of 1 claim is inconclusive (“It helps”)."
    )


@pytest.mark.parametrize("rows", [[], [claim("not judged")]])
def test_there_is_no_answer_where_nothing_was_judged(rows):
    assert answer(rows) == ""


def test_means_are_told_by_the_highest_and_the_lowest():
    means = pd.DataFrame(
        {
            "variant": ["a", "b", "c", "a"],
            "environment": ["X", "X", "X", "Y"],
            "mean": [1.0, 3.0, 2.0, np.nan],
            "mean_low": [0.5, 2.5, 1.5, np.nan],
            "mean_high": [1.5, 3.5, 2.5, np.nan],
        }
    )
    assert alternatives.of_means("score", means) == (
        "X: the highest mean score is 3.00 [2.50, 3.50] of b; the lowest is 1.00 [0.50, 1.50] of a. Y: no score."
    )
    one = alternatives.of_means("score", means.iloc[:1])
    assert one == "X: mean score 1.00 [0.50, 1.50] of a."


def test_effects_are_told_by_their_directions():
    effects = pd.DataFrame(
        {
            "variant": ["b", "c", "d", "b"],
            "environment": ["X", "X", "X", "all environments"],
            "difference_low": [1.0, -2.0, -1.0, np.nan],
            "difference_high": [2.0, -1.0, 1.0, np.nan],
        }
    )
    assert alternatives.of_effects(effects) == (
        "X: against the variant before, the final score is higher with b, lower with c and open for 1 variant."
    )


def test_curves_are_told_by_where_their_means_end():
    curves = pd.DataFrame(
        {
            "variant": ["a", "a", "b", "b", "b"],
            "seed": [0, 1, 0, 1, 1],
            "step": [100.0, 100.0, 100.0, 100.0, 50.0],
            "episodic_return": [1.0, 3.0, 9.0, 500.0, 700.0],
        }
    )
    scores = pd.DataFrame(
        {"variant": ["a", "a", "b", "b"], "seed": [0, 1, 0, 1], "status": ["scored"] * 3 + ["diverged"]}
    )
    assert alternatives.of_curves("X", curves, scores) == (
        "X: after 100 steps, the mean curve of b is at 9.00, that of a at 2.00. 1 of 4 replicas have no score."
    )
    nothing = alternatives.of_curves("X", curves, scores.assign(status="no episode"))
    assert nothing == "X: no mean curve. 4 of 4 replicas have no score."


def test_a_list_of_many_names_ends_with_a_count():
    rows = [
        SimpleNamespace(
            id=f"c{i}", effect="1", interval="[0, 2]", claimed="above 0", verdict="replicated", judged=True
        )
        for i in range(10)
    ]
    text = alternatives.of_claims(rows)
    assert text.startswith("Effects of 10 claims. c0: 1 [0, 2], claimed above 0, replicated; c1")
    assert text.endswith("; 2 more.")
