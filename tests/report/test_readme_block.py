"""The headline of README.md against the published results."""

from pathlib import Path

import pytest

from helpers.places import CHECKOUT
from pgbench.base.refusals import Refusal
from pgbench.report import readme_block
from pgbench.studies.plans import configured_plans


@pytest.fixture(scope="module")
def plans():
    return configured_plans(CHECKOUT / "workflows" / "config.yaml", "paper")[1]


def test_the_readme_says_what_the_published_results_say(plans, monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    written = readme_block.block(plans, Path("results/published"), Path("reports/published"))
    assert written in (CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_each_finding_is_contradicted_and_the_farthest_is_first(plans):
    found = readme_block.surprises(plans, CHECKOUT / "results" / "published")
    assert found
    assert [one.distance for one in found] == sorted((one.distance for one in found), reverse=True)
    assert len({one.paper for one in found}) == len(found) <= readme_block.MOST_FINDINGS
    assert all(one.distance > 0 for one in found)


def test_only_the_text_between_the_marks_is_renewed(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{readme_block.BEGIN}\nold\n{readme_block.END}\nafter\n")
    new = f"{readme_block.BEGIN}\nnew\n{readme_block.END}"
    readme_block.renew(readme, new)
    assert readme.read_text() == f"before\n{new}\nafter\n"


def test_a_readme_without_a_place_for_the_headline_is_refused(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("no marks\n")
    with pytest.raises(Refusal, match="has no place for the headline; put these two lines into it"):
        readme_block.renew(readme, "new")
    assert readme.read_text() == "no marks\n"
