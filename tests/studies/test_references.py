"""Published scores: every row is valid, and a comparison names what differs."""

import re

import numpy as np
import pytest
from scipy import stats

from pgbench.base.places import REFERENCES
from pgbench.base.refusals import Refusal
from pgbench.studies.references import (
    SPREADS,
    STATISTICS,
    PublishedScore,
    address,
    citation,
    read_papers,
    read_references,
    world,
)

ROW = {
    "id": "a",
    "paper": "p",
    "where": "Table 1",
    "algorithm": "PPO",
    "environments": "Hopper-v2",
    "statistic": "last_100",
    "value": "10",
    "spread_kind": "standard_deviation",
    "spread": "2",
    "steps": "1000",
    "seeds": "4",
}
BIB = "@misc{p,\n  title = {A {Title}},\n  author = {Doe, Jane and Roe, Richard},\n  year = {1999},\n}\n"


@pytest.fixture(scope="module")
def references():
    return read_references()


@pytest.fixture
def directory(tmp_path):
    def write(*rows, bib=BIB):
        (tmp_path / "papers.bib").write_text(bib, encoding="utf-8")
        lines = [",".join(row.get(key, "") for key in ROW) for row in rows]
        (tmp_path / "scores.csv").write_text("\n".join([",".join(ROW), *lines]), encoding="utf-8")
        return tmp_path

    return write


def test_the_suites_own_references_are_valid(references):
    assert len(references) > 400
    assert {reference.statistic for reference in references.values()} <= set(STATISTICS)
    assert {reference.spread_kind for reference in references.values()} <= set(SPREADS)


def test_published_numbers_are_carried_over(references):
    walker = references["engstrom-table2-ppo-walker2d-v2-1m"]
    assert (walker.value, walker.interval, walker.seeds) == (3292, (3157, 3426), 80)
    table_1 = references["ppo-table1-no-clipping-or-penalty"]
    assert (table_1.value, table_1.interval, len(table_1.environments)) == (-0.39, None, 7)


def test_the_interval_of_a_spread_is_students(directory):
    kinds = {"a": "standard_deviation", "b": "standard_error", "c": "population_deviation"}
    reference = read_references(directory(*(ROW | {"id": id_, "spread_kind": kinds[id_]} for id_ in kinds)))
    for id_, error in {"a": 1.0, "b": 2.0, "c": 2 / 3**0.5}.items():
        assert reference[id_].error == pytest.approx(error)
        assert reference[id_].interval == pytest.approx(stats.t.interval(0.95, 3, 10, error))


def test_the_error_of_a_published_interval_is_that_of_the_normal_distribution():
    interval = {"spread_kind": "ci_95", "spread": None, "low": "9.02", "high": "10.98", "seeds": None}
    reference = PublishedScore.model_validate(ROW | interval)
    assert reference.error == pytest.approx(0.5, rel=1e-4)
    assert reference.interval == (9.02, 10.98)


@pytest.mark.parametrize("samples", [3, 10])
def test_both_deviations_give_the_error_of_the_mean(directory, samples):
    scores = np.random.default_rng(0).normal(size=samples)
    spreads = {"population_deviation": np.std(scores), "standard_deviation": np.std(scores, ddof=1)}
    for kind, spread in spreads.items():
        row = ROW | {"spread_kind": kind, "spread": str(spread), "seeds": str(samples)}
        assert read_references(directory(row))["a"].error == pytest.approx(stats.sem(scores))


@pytest.mark.parametrize(
    "changes",
    [
        {"spread_kind": "over_episodes"},
        {"spread_kind": "unknown"},
        {"seeds": "1"},
        {"spread_kind": "population_deviation", "seeds": ""},
    ],
)
def test_a_spread_that_says_nothing_of_seeds_gives_no_error(directory, changes):
    reference = read_references(directory(ROW | changes))["a"]
    assert (reference.error, reference.interval) == (None, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"statistic": "last_10"}, "scores.csv: line 2: 'statistic' is 'last_10'"),
        ({"spread": ""}, "is missing"),
        ({"spread_kind": "none"}, "is extra"),
        ({"spread_kind": "ci_95", "spread": ""}, "low and high are given for the kind ci_95"),
        ({"steps": "0"}, "'steps' is '0'"),
        ({"paper": "q"}, "papers.bib has no entry 'q'"),
        ({"value": "nan"}, "'value' is 'nan'"),
    ],
)
def test_a_row_that_is_not_valid_is_refused(directory, changes, message):
    with pytest.raises(Refusal, match=re.escape(message)):
        read_references(directory(ROW | changes))


def test_repeated_ids_are_refused(directory):
    with pytest.raises(Refusal, match="line 3: the id 'a' appears twice"):
        read_references(directory(ROW, ROW))
    with pytest.raises(Refusal, match="the key 'p' appears twice"):
        read_references(directory(ROW, bib=BIB * 2))


@pytest.mark.parametrize(
    ("bib", "message"),
    [
        (BIB.replace("{Title}", "{Title"), "papers.bib: line 1: is not valid BibTeX"),
        ("% a comment\n\n" + BIB.replace("@misc{p,", "@misc{p"), "papers.bib: line 3: is not valid BibTeX"),
        (
            BIB.replace("  year", "  title = {B},\n  year"),
            "line 1: is not valid BibTeX: Duplicate field keys",
        ),
        ("@string{acm = {ACM}}\n" + BIB, "papers.bib: '@string' of 'acm' is not allowed"),
        (BIB.replace("{1999}", "acm"), "entry 'p': the value of 'year' must stand in braces"),
        (BIB.replace("}},", "}}"), "entry 'p': the value of 'title' must stand in braces, before a comma"),
    ],
)
def test_bibtex_that_would_be_misread_is_refused(directory, bib, message):
    with pytest.raises(Refusal, match=re.escape(message)):
        read_references(directory(ROW, bib=bib))


def test_an_entry_is_kept_as_written(directory):
    papers = read_papers(directory(ROW, bib=f"% a comment\n\n{BIB}") / "papers.bib")
    assert papers == {"p": BIB.strip()}
    assert citation(papers["p"]) == "Doe and Roe 1999"


def test_every_mismatch_is_named():
    reference = PublishedScore.model_validate(ROW)
    assert reference.mismatches(["Hopper-v2"], "last_100", {1000}) == []
    assert reference.mismatches(["Hopper-v5"], "maximum", {500, 2000}) == [
        "statistic: last_100, not maximum",
        "environment: Hopper-v2, not Hopper-v5",
        "steps: 1,000, not 500 or 2,000",
    ]


def test_only_the_same_statistic_is_comparable(references):
    kinds = {reference.statistic: reference.scores for reference in references.values()}
    assert kinds["last_100"] == {"last_100"}
    assert kinds["normalised"] == {"normalised_by_best_run", "normalised_by_best_setting"}
    assert kinds["deterministic_evaluation"] == {"deterministic_evaluation"}
    assert kinds["maximum_of_mean_curve"] == {"maximum_of_mean_curve"}
    assert kinds["curve_end"] == kinds["unknown"] == set()


def test_a_world_is_an_environment_without_its_version():
    assert world("HalfCheetah-v5") == "HalfCheetah"
    assert world("dm_control/acrobot-swingup-v0") == "dm_control/acrobot-swingup"


def test_citations():
    papers = read_papers()
    assert citation(papers["schulman2017ppo"]) == "Schulman et al. 2017"
    assert citation(papers["konda2000actor"]) == "Konda and Tsitsiklis 2000"
    assert citation(papers["williams1992reinforce"]) == "Williams 1992"
    assert citation(papers["note"]) == "Notes on policy gradients"


def test_addresses():
    papers = read_papers()
    assert address(papers["schulman2017ppo"]) == "https://arxiv.org/abs/1707.06347"
    assert address("@article{a, doi = {10.1007/BF00992696}, note = {arXiv:1707.06347}}") == (
        "https://doi.org/10.1007/BF00992696"
    )
    assert address(papers["note"]) is None
    known = [entry for entry in papers.values() if "arXiv:" in entry]
    assert known
    assert all(address(entry) for entry in known)


def test_every_entry_of_the_bibliography_is_read():
    text = (REFERENCES / "papers.bib").read_text(encoding="utf-8")
    assert len(read_papers()) == text.count("\n@")
