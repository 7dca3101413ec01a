"""The pages: complete, escaped, self-contained, and made of the tables."""

import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest

from pgbench.analysis import views
from pgbench.analysis.reporting import write_index, write_study
from pgbench.refusals import Refusal
from pgbench.studies import StudyPlan

VOID = {"meta", "link", "img", "br"}


class Balance(HTMLParser):
    """Fails on a tag that is closed out of order, and collects text, links, images and identifiers."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.links, self.images, self.ids = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids.append(attributes.get("id"))
        if tag == "a":
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parse(path):
    parser = Balance()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert not parser.open
    return parser


@pytest.fixture(scope="session")
def reports(gathered, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    write_study(gathered, folder / "invented.html", folder / "invented.md")
    write_index([gathered], folder / "index.html", folder / "index.md")
    return folder


@pytest.mark.parametrize("page", ["invented", "index"])
def test_html_is_well_formed_and_self_contained(reports, page):
    parser = parse(reports / f"{page}.html")
    content = (reports / f"{page}.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|@import|<script|url\(", content)
    assert parser.images
    assert all(
        image["src"].startswith("data:image/svg+xml;base64,") and image["alt"] for image in parser.images
    )
    for link in parser.links:
        anchor = link.removeprefix("#")
        assert anchor in parser.ids if link.startswith("#") else (reports / link).exists()


@pytest.mark.parametrize("page", ["invented", "index"])
def test_markdown_finds_its_figures(reports, page):
    content = (reports / f"{page}.md").read_text(encoding="utf-8")
    figures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", content)
    assert figures
    assert all((reports / figure).read_bytes().startswith(b"\x89PNG") for figure in figures)


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
    html = (reports / "invented.html").read_text(encoding="utf-8")
    markdown = (reports / "invented.md").read_text(encoding="utf-8")
    assert "<b>this" not in html + markdown
    assert "togo &lt;&amp; *co*|" in html
    assert r"togo &lt;&amp; \*co\*\|" in markdown


def test_markdown_tables_are_rectangular(reports):
    blocks = (reports / "invented.md").read_text(encoding="utf-8").split("\n\n")
    tables = [block.splitlines() for block in blocks if block.startswith("|")]
    assert len(tables) == 2 + 2 + 4 + 1
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_a_reduced_preset_is_said_in_plain_sight(reports):
    for path in reports.glob("*.*"):
        assert (
            "at most 20,000 steps and 5 seeds — not a replication at the paper’s budget" in path.read_text()
        )


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


def test_a_changed_table_changes_the_page(gathered, reports, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(gathered, changed)
    summary = pd.read_parquet(changed / "summary.parquet")
    summary.loc[summary["environment"] == "CartPole-v1", "mean"] = 123.456
    summary.to_parquet(changed / "summary.parquet", index=False)
    verdicts = pd.read_parquet(changed / "verdicts.parquet")
    verdicts.loc[0, ["verdict", "effect"]] = ["replicated", 0.987]
    verdicts.to_parquet(changed / "verdicts.parquet", index=False)
    published = pd.read_parquet(changed / "published.parquet")
    published.loc[0, "published"] = 4321.0
    published.to_parquet(changed / "published.parquet", index=False)
    write_study(changed, tmp_path / "invented.html", tmp_path / "invented.md")
    for suffix in ("html", "md"):
        now = (tmp_path / f"invented.{suffix}").read_text(encoding="utf-8")
        before = re.sub('base64[^"]*', "", (reports / f"invented.{suffix}").read_text(encoding="utf-8"))
        for number in ("123.5", "99\N{NO-BREAK SPACE}% [", "4,321", "2 replicated"):
            plain = now.replace("\\[", "[").replace("<small>", " ")
            assert number in plain
            assert number not in before


def test_the_same_tables_give_the_same_bytes(gathered, reports, tmp_path):
    write_study(gathered, tmp_path / "invented.html", tmp_path / "invented.md")
    for path in tmp_path.rglob("*.*"):
        assert path.read_bytes() == (reports / path.relative_to(tmp_path)).read_bytes()


def test_ideas_of_all_steps_between_two_variants():
    assert [step.name for step in views._steps_between("fixed_horizon", "joint_fit")] == [
        "lambda_target",
        "joint_fit",
    ]
    assert [step.name for step in views._steps_between(None, "reinforce")] == ["reinforce"]
    assert [step.name for step in views._steps_between("ppo", "gae")] == ["gae"]
    assert views._steps_between("gae", "gae") == []


def test_a_study_that_was_not_gathered_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"is not a gathered study .*gather it again"):
        write_study(tmp_path, tmp_path / "a.html", tmp_path / "a.md")


def test_one_variant_with_one_seed_has_a_page_without_intervals_or_comparisons(smallest, tmp_path):
    write_study(smallest, tmp_path / "small.html", tmp_path / "small.md")
    write_index([smallest], tmp_path / "index.html", tmp_path / "index.md")
    text = "".join(parse(tmp_path / "small.html").text)
    assert "What each variant changed" not in text
    assert "comparison" not in text
    assert "In a simulation" not in text
    assert "nan" not in text.lower().split()
