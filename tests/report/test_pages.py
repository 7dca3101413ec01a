"""The pages: complete, escaped, self-contained, and made of the tables."""

import base64
import json
import math
import re
import shutil

import pandas as pd
import pytest

from helpers.pages import parse, plain, words
from pgbench.analysis import study_tables
from pgbench.analysis.study_tables import load
from pgbench.base.refusals import Refusal
from pgbench.methods.runs import Evaluation
from pgbench.report import headlines, score_rows, specification_rows
from pgbench.report.claim_rows import claim_rows, claim_section
from pgbench.report.index_page import write_index
from pgbench.report.study_page import Neighbours, write_study
from pgbench.report.study_view import study_view
from pgbench.studies.plans import StudyPlan
from pgbench.studies.references import SPREADS, read_papers


@pytest.mark.parametrize("page", ["invented", "index", "laboratory"])
def test_html_is_well_formed_and_self_contained(reports, page):
    parser = parse(reports / f"{page}.html")
    content = (reports / f"{page}.html").read_text(encoding="utf-8")
    assert bool(parser.images) == (page != "index")  # it draws a study of the lineage only
    loaded = re.sub(r'<a href="https://(doi\.org|arxiv\.org/abs)/[\w./()-]+">', "", content)
    assert not re.search(r"https?:|@import|<script[^>]|url\(|fetch\(", loaded)
    assert all(
        image["src"].startswith("data:image/svg+xml;base64,") and image["alt"] for image in parser.images
    )
    for link in (link for link in parser.links if not link.startswith("https://")):
        file, _, anchor = link.partition("#")
        if "=" in anchor:
            continue  # a filter of the claims
        assert not file or (reports / file).exists()
        assert not anchor or anchor in parse(reports / (file or f"{page}.html")).ids


@pytest.mark.parametrize("page", ["invented", "laboratory"])
def test_markdown_finds_its_figures(reports, page):
    content = (reports / f"{page}.md").read_text(encoding="utf-8")
    figures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", content)
    assert figures
    assert all((reports / figure).read_bytes().startswith(b"<?xml") for figure in figures)


def test_every_variant_and_environment_is_present(reports, plan):
    text = "".join(parse(reports / "invented.html").text)
    for label in [
        *plan.algorithms,
        *plan.study.environments,
        plan.study.question,
        "snakemake --cores 2 invented",
    ]:
        assert label in text


def test_labels_are_escaped(reports):
    page = (reports / "invented.html").read_text(encoding="utf-8")
    markdown = (reports / "invented.md").read_text(encoding="utf-8")
    assert "<b>this" not in page + markdown
    assert "togo &lt;&amp; *co*|" in page
    assert r"togo &lt;&amp; \*co\*\|" in markdown


def test_markdown_tables_are_rectangular(reports, plan):
    blocks = (reports / "invented.md").read_text(encoding="utf-8").split("\n\n")
    tables = [block.splitlines() for block in blocks if block.startswith("|")]
    assert len(tables) == 2 + 2 + 4 + 1
    blocks = (reports / "index.md").read_text(encoding="utf-8").split("\n\n")
    board = [block.splitlines() for block in blocks if block.startswith("|")]
    assert [len(table) for table in board] == [2 + 1, 2 + len(plan.study.claims), 2 + 1]
    for table in tables + board:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_a_reduced_preset_is_said_in_plain_sight(reports):
    for path in [*reports.glob("in*.html"), *reports.glob("in*.md")]:
        text = path.read_text(encoding="utf-8")
        assert text.count("Preset quick: at most 20,000 steps and 5 seeds") == 1
        assert "not a replication" in text
        assert re.search(r"own budgets?,? (which is|are) up to 50,000 steps and 6 seeds", text)


def test_the_full_budget_needs_no_such_notice(gathered, tmp_path):
    plan = StudyPlan.model_validate_json((gathered / "plan.json").read_bytes())
    full = plan.study.model_copy(
        update={"seeds": 5, "environments": dict.fromkeys(plan.study.environments, 20_000)}
    )
    shutil.copytree(gathered, tmp_path / "full")
    (tmp_path / "full" / "plan.json").write_text(plan.model_copy(update={"study": full}).model_dump_json())
    write_index([tmp_path / "full"], tmp_path / "index.html", tmp_path / "index.md")
    assert "not a replication" not in (tmp_path / "index.md").read_text()


def test_missing_scores_are_shown(reports):
    for text in ("".join(parse(reports / "invented.html").text), (reports / "invented.md").read_text()):
        assert "of 5 replicas: 5 no episode finished" in text
        assert "of 5 replicas: 1 diverged" in text
        assert "diverged after 12,000 steps" in text


def test_a_published_score_stands_with_its_spread_and_what_that_is(reports):
    for page in ("invented.html", "invented.md"):
        text = words(reports / page)
        assert "± 6.1 (population_deviation), 3 seeds" in text.replace("\\_", "_")
        assert SPREADS["population_deviation"][1:] in text
        assert "baseline − published score" in text


CHANGES = {
    "summary": ("mean", 123.456, "123"),
    "effects": ("difference", 321.654, "322"),
    "verdicts": ("detectable", 43.21, "4,321"),
    "published": ("own", 765.432, "765"),
    "claims": ("low", -987.654, "988"),
}
"""Table → column, what every number in it becomes, and how that begins on the page."""


@pytest.fixture(scope="module")
def changed(gathered, tmp_path_factory):
    """The study with other numbers in every table, and its pages."""
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(gathered, folder / "study")
    for name, (column, value, _) in CHANGES.items():
        path = folder / "study" / f"{name}.parquet"
        table = pd.read_parquet(path)
        table.assign(**{column: table[column].where(table[column].isna(), value)}).to_parquet(
            path, index=False
        )
    write_study(folder / "study", folder / "invented.html", folder / "invented.md")
    write_index([folder / "study"], folder / "index.html", folder / "index.md")
    return folder


@pytest.mark.parametrize("table", CHANGES)
def test_a_changed_table_changes_the_page(reports, changed, table):
    _, value, text = CHANGES[table]
    pages = (
        ["tables/invented/claims-by-environment.tex"]
        if table == "claims"
        else ["invented.html", "invented.md"]
    )
    pages += ["index.html", "index.md"] if table == "published" else []
    for page in pages:
        assert re.search(rf"(?<!\d){text}(?!\d)", words(changed / page))
        assert not re.search(rf"(?<!\d){text}(?!\d)", words(reports / page))
    spreadsheets = (path.read_text(encoding="utf-8") for path in changed.glob("tables/invented/*.csv"))
    assert any(str(value) in spreadsheet for spreadsheet in spreadsheets)


def test_a_changed_table_changes_the_figures(reports, changed):
    for name in ("claims", "final-scores", "effects"):
        path = f"figures/invented/{name}.svg"
        assert (changed / path).read_bytes() != (reports / path).read_bytes()


def test_a_changed_number_changes_the_identifier_wherever_it_stands(gathered, reports, changed):
    before, after = (study_tables.identifier(folder) for folder in (gathered, changed / "study"))
    assert before != after
    for page in ("invented.html", "invented.md", "tables/invented/citation.bib"):
        for folder, identity, other in ((reports, before, after), (changed, after, before)):
            text = (folder / page).read_text(encoding="utf-8")
            assert text.count(identity) >= 2
            assert other not in text
    entries = [(folder / "tables/index/citation.bib").read_text() for folder in (reports, changed)]
    assert entries[0] != entries[1]


def test_every_figure_is_there_as_svg(reports, plan):
    names = ["claims", "final-scores", "effects", *(f"learning-curves-{e}" for e in plan.study.environments)]
    folder = reports / "figures" / "invented"
    assert {path.name for path in folder.iterdir()} == {f"{name}.svg" for name in names}
    embedded = [image["src"].partition(",")[2] for image in parse(reports / "invented.html").images]
    files = [base64.b64encode((folder / f"{name}.svg").read_bytes()).decode() for name in names]
    assert sorted(embedded) == sorted(files)


def test_every_table_is_there_as_csv_and_latex(reports, gathered):
    folder = reports / "tables" / "invented"
    stems = {path.stem for path in folder.glob("*.csv")}
    assert stems == {path.stem for path in folder.glob("*.tex")}
    assert {"claims", "published-scores", "final-scores", "effects", "replicas", "specifications"} < stems
    verdicts = pd.read_parquet(gathered / "verdicts.parquet")
    written = pd.read_csv(folder / "claims.csv", keep_default_na=False, na_values=[""])
    assert list(written["claim"]) == list(verdicts["claim"])
    assert written["effect"].to_numpy() == pytest.approx(
        verdicts["effect"].to_numpy(), rel=1e-12, nan_ok=True
    )


def test_a_claim_below_the_budget_says_so(reports):
    for page in ("index.html", "index.md", "invented.html", "invented.md"):
        text = words(reports / page).replace(r"\_", "_")
        assert ", provisional" in text
        assert ("at 40 % of the steps and 5 of 6 seeds" in text) == page.startswith("invented")


def test_the_paragraph_and_the_notes_of_a_study_stand_on_its_page(reports, plan):
    for page in ("invented.html", "invented.md"):
        text = words(reports / page)
        assert plan.study.about in text
        assert all(note in text for note in plan.study.notes)


def test_a_page_leads_to_the_studies_before_and_after(gathered, tmp_path):
    pages = tmp_path / "invented.html", tmp_path / "invented.md"
    write_study(gathered, *pages, Neighbours("first", "last"))
    assert [link for link in parse(pages[0]).links if link in ("first.html", "last.html")] == [
        "first.html",
        "last.html",
    ] * 2
    assert re.search(
        r"\[← first\]\(first\.md\).*\[last →\]\(last\.md\)", pages[1].read_text(encoding="utf-8")
    )


def test_the_answer_stands_before_the_claims(reports, gathered):
    said = study_view(load(gathered)).answer
    assert said.startswith("At less than the study’s own budget,")
    for form in ("html", "md"):
        page = plain((reports / f"invented.{form}").read_text(encoding="utf-8"))
        assert page.index(plain(said)) < page.index(plain(study_view(load(gathered)).paragraphs["verdicts"]))


def test_a_claim_about_effects_on_some_environments_says_so(reports):
    page = "".join(parse(reports / "invented.html").text)
    assert re.search(r"\((PPO − baseline|baseline − PPO)\) − \(", page)
    assert "CartPole-v1, HalfCheetah-v5, at least 2 of them" in page


def test_an_interval_without_ends_is_printed_as_one(gathered):
    judgement = load(gathered).judgement
    endless = judgement._replace(verdicts=judgement.verdicts.assign(low=-math.inf, high=math.inf))
    rows = claim_rows(endless, read_papers(), {})
    assert {row.interval.partition(" at ")[0] for row in rows if row.judged} == {"[−∞, ∞]"}


def test_words_about_a_published_number_stand_beside_it(reports):
    """On the study's page, on the scoreboard, and in the table for a paper."""
    for name in ("invented.html", "index.html"):
        assert "read off a <graph>" in "".join(parse(reports / name).text)
    for name in ("invented.md", "index.md"):
        assert "read off a &lt;graph&gt;" in (reports / name).read_text(encoding="utf-8")
    (table,) = reports.rglob("published-scores.tex")
    assert "read off a" in table.read_text(encoding="utf-8")


def test_an_unknown_statistic_is_said_once(gathered):
    """The claim's words say it; without words, the difference itself does."""
    judgement = load(gathered).judgement
    row = judgement.published.iloc[[0]].assign(
        statistic="unknown", mismatches="statistic: unknown, not last_100; steps: 1,000, not 500"
    )

    def cell(words):
        section = claim_section(judgement._replace(published=row.assign(words=words)), read_papers(), 5, {})
        return section.published[0].not_the_same, section.published[0].respects

    assert cell("the statistic is not known") == (
        "the statistic is not known; steps: 1,000, not 500",
        "steps",
    )
    assert cell("") == (row["mismatches"].iloc[0], "statistic and steps")
    row = row.assign(statistic="curve_end", mismatches="statistic: curve_end, not last_100")
    assert cell("the best") == ("the best; statistic: curve_end, not last_100", "statistic")
    row = row.assign(mismatches="")
    assert cell("") == ("nothing found", "")


def test_the_papers_that_are_tested_are_cited(reports):
    for path in (reports / "invented.html", reports / "tables/invented/citation.bib"):
        text = words(path)
        assert "@article{schulman2017ppo," in text
        assert "@article{huang2022cleanrl," in text


def test_a_paper_that_is_tested_has_a_link(reports):
    address = "https://arxiv.org/abs/1707.06347"
    assert f'<a href="{address}">Schulman et al. 2017</a>' in (reports / "invented.html").read_text(
        encoding="utf-8"
    )
    assert f"[Schulman et al. 2017]({address})" in (reports / "invented.md").read_text(encoding="utf-8")


def test_a_variant_of_which_all_replicas_diverged_has_their_scores_on_the_page():
    row = {"scored": 0, "replicas": 2, "diverged": 2, "no_episode": 0, "last_share": 0.5}
    row |= dict.fromkeys(("mean", "interquartile_mean", "minimum", "maximum"), -3.0)
    row |= {f"{name}_{end}": -3.0 for name in ("mean", "interquartile_mean") for end in ("low", "high")}
    summary = pd.DataFrame([row | {"variant": "a", "environment": "CartPole-v1"}])
    ((cell,),) = (row.cells for row in score_rows.score_rows(summary, ["a"], ["CartPole-v1"]))
    assert (cell.scored, cell.mean, cell.note) == (True, "−3.00", "of 2 replicas: 2 diverged")


def test_the_same_tables_give_the_same_bytes(gathered, reports, tmp_path):
    write_study(gathered, tmp_path / "invented.html", tmp_path / "invented.md")
    for path in tmp_path.rglob("*.*"):
        assert path.read_bytes() == (reports / path.relative_to(tmp_path)).read_bytes()


def test_ideas_of_all_steps_between_two_variants():
    assert [step.name for step in specification_rows.steps_between("fixed_horizon", "joint_fit")] == [
        "lambda_target",
        "joint_fit",
    ]
    assert [step.name for step in specification_rows.steps_between(None, "reinforce")] == ["reinforce"]
    assert [step.name for step in specification_rows.steps_between("ppo", "gae")] == ["gae"]
    assert specification_rows.steps_between("gae", "gae") == ()


def test_a_study_that_was_not_gathered_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"is not a gathered study .*gather it again"):
        write_study(tmp_path, tmp_path / "a.html", tmp_path / "a.md")


def test_a_study_of_another_version_is_refused_in_one_sentence(smallest, tmp_path):
    study = tmp_path / "study"
    shutil.copytree(smallest, study)
    plan = json.loads((study / "plan.json").read_text())
    (study / "plan.json").write_text(json.dumps(plan | {"forgotten": 1}))
    with pytest.raises(
        Refusal, match=r"another version of pgbench gathered this study; gather it again"
    ) as refusal:
        write_study(study, tmp_path / "a.html", tmp_path / "a.md")
    assert "\n" not in str(refusal.value)


def test_one_variant_with_one_seed_has_a_page_without_intervals_or_comparisons(smallest, tmp_path):
    write_study(smallest, tmp_path / "small.html", tmp_path / "small.md")
    write_index([smallest], tmp_path / "index.html", tmp_path / "index.md")
    text = "".join(parse(tmp_path / "small.html").text)
    assert "What each variant changed" not in text
    assert "comparison" not in text
    assert "imulation" not in text
    assert "nan" not in text.lower().split()


def test_a_page_says_how_replicas_were_evaluated():
    assert headlines.evaluations(None) == ""
    once = headlines.evaluations(Evaluation(episodes=10, actions="sampled"))
    assert once == " Each replica was evaluated at its end in 10 episodes with sampled actions."


def test_the_methods_of_a_study_name_its_evaluations(gathered):
    methods = headlines.headline(load(gathered)).methods
    assert methods.endswith(
        " Each replica was evaluated 4 times, evenly over its budget, in 3 episodes with the mean action."
    )
