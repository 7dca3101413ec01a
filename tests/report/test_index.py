"""The index: what is known first, each number a view of the claims, and the laboratory in one line."""

import re
import shutil
from types import SimpleNamespace
from urllib.parse import parse_qs

import pandas as pd
import pytest

from pgbench.analysis.published_verdicts import FullVerdict, what_is_tested
from pgbench.analysis.study_tables import load
from pgbench.base.places import TEMPLATES
from pgbench.laboratory import measuring
from pgbench.report.index_page import index_view, write_index
from pgbench.report.laboratory_page import write_page
from pgbench.report.tallies import rank, tally
from pgbench.storage.layout import PLAN
from pgbench.studies.plans import StudyPlan


def finding(verdict, provisional=False, full=None):
    return SimpleNamespace(verdict=verdict, provisional=provisional, full=full and FullVerdict(full, 10))


def settled(verdict):
    return finding(verdict, full=verdict)


FINDINGS = [
    finding("not judged"),
    finding("replicated", provisional=True),
    settled("inconclusive"),
    finding("contradicted", provisional=True),
    settled("replicated"),
    finding("inconclusive", provisional=True, full="contradicted"),
]


def test_what_contradicts_a_paper_comes_first_then_what_is_settled_then_what_is_provisional():
    order = sorted(range(len(FINDINGS)), key=lambda index: rank(FINDINGS[index]))
    assert order == [5, 4, 2, 3, 1, 0]


def test_a_claim_counts_once_at_the_full_budget_and_once_at_less():
    counted = tally(FINDINGS)
    assert counted.full == (("contradicted", 1), ("replicated", 1), ("inconclusive", 1))
    assert counted.provisional == (("contradicted", 1), ("replicated", 1), ("inconclusive", 1))
    assert (counted.claims, counted.not_judged) == (6, 1)
    assert counted.full_of("replicated") == counted.provisional_of("replicated") == 1
    assert tally([settled("replicated")]).full_of("contradicted") == 0


@pytest.fixture(scope="module")
def known(gathered, tmp_path_factory):
    """A folder of published results that knows the verdict of one provisional claim and of one not judged."""
    folder, plan = tmp_path_factory.mktemp("known"), load(gathered).plan
    columns = "study,claim,tested,verdict,seeds,effect,low,high,level,unit"
    rows = [
        f"{plan.name},{claim},{digest},{verdict},21,1,0,2,0.95,score"
        for claim, digest, verdict in (
            ("ppo-is-best", what_is_tested(plan, "ppo-is-best"), "contradicted"),
            ("as-published", what_is_tested(plan, "as-published"), "replicated"),
            ("no-difference", "00000000", "contradicted"),  # it tested something else
        )
    ]
    (folder / "verdicts.csv").write_text("\n".join([columns, *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def index(gathered, known, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    write_index([gathered], folder / "index.html", folder / "index.md", results=known)
    return folder


def rows_of(page):
    """The attributes of each row of the table of claims."""
    body = page.read_text(encoding="utf-8").partition('id="board"')[2]
    return [dict(re.findall(r'([\w-]+)="([^"]*)"', row)) for row in re.findall(r"<tr (data-[^>]*)>", body)]


def test_the_scoreboard_has_every_claim_and_what_it_is_filtered_by(index, gathered):
    verdicts = pd.read_parquet(gathered / "verdicts.parquet")
    rows = rows_of(index / "index.html")
    assert len(rows) == len(verdicts)
    assert {row["data-study"] for row in rows} == {"invented"}
    assert {row["data-paper"] for row in rows} == {"Schulman et al. 2017"}
    provisional = verdicts["verdict"].where(verdicts["provisional"], "")
    assert sorted(row["data-provisional"] for row in rows) == sorted(provisional)
    assert [row["data-verdict"] for row in rows if row["data-verdict"]] == ["contradicted", "replicated"]
    assert [row["data-verdict"] for row in rows[:2]] == ["contradicted", "replicated"]


def test_every_number_of_the_matrix_is_the_number_of_rows_that_its_link_shows(index):
    page, rows = (index / "index.html").read_text(encoding="utf-8"), rows_of(index / "index.html")
    links = re.findall(r'href="#([^"]*=[^"]*)"[^>]*>([^<]*)<', page.replace("&amp;", "&"))
    assert len(links) > 3
    for query, text in links:
        filters = {f"data-{name}": value for name, (value,) in parse_qs(query).items()}
        shown = [row for row in rows if all(row[name] == value for name, value in filters.items())]
        assert shown
        assert text in (str(len(shown)), "Schulman et al. 2017")


def test_the_published_verdict_stands_beside_a_provisional_one_that_tests_the_same(index):
    for page in ("index.html", "index.md"):
        text = re.sub(r"<[^>]*>|\*", "", (index / page).read_text(encoding="utf-8"))
        assert re.findall(r"at the study’s budget (\w+), 21 seeds", text) == ["contradicted", "replicated"]


def test_published_verdicts_are_not_shown_where_the_page_has_its_own(gathered, known, tmp_path):
    plan = StudyPlan.model_validate_json((gathered / PLAN).read_bytes())
    shutil.copytree(gathered, tmp_path / "study")
    verdicts = pd.read_parquet(gathered / "verdicts.parquet").assign(provisional=False, reservation="")
    verdicts.to_parquet(tmp_path / "study" / "verdicts.parquet", index=False)
    rows = index_view([load(tmp_path / "study")], results=known).rows
    judged = {row.finding.id: row.finding for row in rows if row.finding.judged}
    assert len(judged) == (verdicts["verdict"] != "not judged").sum() < len(plan.study.claims)
    assert all(claim.full.verdict == claim.verdict and not claim.known_elsewhere for claim in judged.values())


def test_the_laboratory_has_one_line_in_the_words_of_claims(gathered, tmp_path):
    measured = tmp_path / "divergence"
    measuring.write("divergence", "smoke", 0, measured, code="00000000")
    write_index([gathered], tmp_path / "index.html", tmp_path / "index.md", [measured])
    write_page([measured], tmp_path / "laboratory.html", tmp_path / "laboratory.md")
    statements = pd.read_parquet(measured / "statements.parquet")
    line = f"{len(statements)} replicated"
    assert f'<a href="laboratory.html">{line}</a>' in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert f"[{line}](laboratory.md)" in (tmp_path / "index.md").read_text(encoding="utf-8")
    for page in ("laboratory.html", "laboratory.md"):
        text = (tmp_path / page).read_text(encoding="utf-8")
        assert line in text
        assert "python -m pgbench laboratory divergence --preset smoke" in text
        assert not re.search(r"\bholds?\b.*\bopen\b", text)
    listed = pd.read_csv(tmp_path / "tables/laboratory/statements.csv")
    assert listed["estimate"].to_numpy() == pytest.approx(statements["estimate"].to_numpy())
    assert index_view([load(gathered)]).identity != index_view([load(gathered)], [measured]).identity


def test_the_first_study_that_compares_the_methods_is_drawn(gathered, tmp_path):
    for name in ("methods", "ladder", "other"):
        shutil.copytree(gathered, tmp_path / name)
        plan = StudyPlan.model_validate_json((gathered / PLAN).read_bytes())
        (tmp_path / name / PLAN).write_text(plan.model_copy(update={"name": name}).model_dump_json())
    for studies, drawn in (
        (["other"], None),
        (["other", "methods"], "methods"),
        (["methods", "ladder"], "ladder"),
    ):
        write_index([tmp_path / name for name in studies], tmp_path / "index.html", tmp_path / "index.md")
        found = re.findall(
            r"in the study <a[^>]*>(\w+)", (tmp_path / "index.html").read_text(encoding="utf-8")
        )
        assert found == ([drawn] if drawn else [])
        assert (tmp_path / "figures" / "index" / "lineage.svg").exists() or not drawn


def test_the_filter_is_kept_in_the_address():
    script = (TEMPLATES / "scoreboard.js").read_text(encoding="utf-8")
    assert "location.hash" in script
    assert "history.replaceState" in script
