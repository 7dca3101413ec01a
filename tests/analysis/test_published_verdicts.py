"""Published verdicts: written from whole studies, read by studies that test the same."""

import shutil

import pandas as pd
import pytest

from pgbench.analysis import published_verdicts
from pgbench.base.refusals import Refusal
from pgbench.storage.layout import Layout
from pgbench.studies.configuration import Configuration, Preset
from pgbench.studies.plans import plan_study


def at(study, **spending):
    """The plan of the invented study under a preset."""
    configuration = Configuration(
        preset="any", studies=["invented"], block_size=4, presets={"any": Preset(**spending)}
    )
    return plan_study("invented", study, configuration)


@pytest.fixture
def full(plan):
    """The invented study, whose budget is what was spent on it."""
    study = plan.study.model_copy(
        update={"seeds": 5, "environments": dict.fromkeys(plan.study.environments, plan.runs[0].run.steps)}
    )
    return at(study)


def test_verdicts_at_the_full_budget_are_written_and_read(results, full, tmp_path):
    shutil.copytree(results / "runs", tmp_path / "runs")
    published_verdicts.write(tmp_path, [full])
    known = published_verdicts.read(full, tmp_path)
    assert {"ppo-is-best", "no-difference"} <= known.keys() < full.study.claims.keys()
    table = pd.read_csv(tmp_path / "verdicts.csv").set_index("claim")
    assert {name: (one.verdict, one.seeds) for name, one in known.items()} == {
        name: (row["verdict"], row["seeds"]) for name, row in table.iterrows()
    }
    assert "not judged" not in set(table["verdict"])


def test_provisional_verdicts_are_left_out(results, plan, tmp_path):
    shutil.copytree(results / "runs", tmp_path / "runs")
    published_verdicts.write(tmp_path, [plan])
    assert published_verdicts.read(plan, tmp_path) == {}


def test_a_study_that_lacks_a_block_is_left_out(results, full, tmp_path):
    shutil.copytree(results / "runs", tmp_path / "runs")
    shutil.rmtree(Layout(tmp_path).blocks()[0])
    published_verdicts.write(tmp_path, [full])
    assert published_verdicts.read(full, tmp_path) == {}


def test_nothing_is_known_without_the_file(plan, tmp_path):
    assert published_verdicts.read(plan, tmp_path) == {}


def test_a_preset_tests_what_the_full_budget_tests(plan):
    less = at(plan.study, seeds=2, steps=100, studies={"invented": ("CartPole-v1",)})
    for claim in plan.study.claims:
        assert published_verdicts.what_is_tested(less, claim) == published_verdicts.what_is_tested(
            plan, claim
        )


def test_other_words_test_the_same_and_other_bounds_do_not(plan):
    def with_claim(**changes):
        claim = plan.study.claims["ppo-is-best"].model_copy(update=changes)
        study = plan.study.model_copy(update={"claims": plan.study.claims | {"ppo-is-best": claim}})
        return published_verdicts.what_is_tested(plan.model_copy(update={"study": study}), "ppo-is-best")

    assert with_claim(statement="Other words.", caveat=None) == with_claim()
    assert with_claim(lower="REINFORCE") != with_claim()
    margins = plan.study.model_copy(update={"margins": {"last_100": {"range": 0.2}}})
    assert (
        published_verdicts.what_is_tested(plan.model_copy(update={"study": margins}), "ppo-is-best")
        != with_claim()
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("claim,verdict\na,replicated\n", "cannot be used"),
        (
            "study,claim,tested,verdict,seeds,effect,low,high,level,unit\n"
            "invented,ppo-is-best,DIGEST,proven,5,0.1,0.0,0.2,0.95,range\n",
            "'proven' is no verdict",
        ),
    ],
)
def test_a_file_that_is_not_one_of_verdicts_is_refused(plan, tmp_path, content, said):
    digest = published_verdicts.what_is_tested(plan, "ppo-is-best")
    (tmp_path / "verdicts.csv").write_text(content.replace("DIGEST", digest))
    with pytest.raises(Refusal, match=said):
        published_verdicts.read(plan, tmp_path)
