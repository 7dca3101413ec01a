"""HTML and Markdown say the same, and all places say it alike."""

import json
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest

from helpers.pages import VOID, plain
from pgbench.analysis import comparable
from pgbench.analysis.study_tables import load
from pgbench.base.places import TEMPLATES
from pgbench.base.yaml_files import read_yaml
from pgbench.report.illustrations import study_illustrations
from pgbench.report.study_page import write_study
from pgbench.report.study_view import study_view
from pgbench.report.texts import table_captions


class Sentences(HTMLParser):
    """Collects the texts of paragraphs, captions and definitions, but not of links to files."""

    def __init__(self):
        super().__init__()
        self.texts, self.inside = [], []

    def handle_starttag(self, tag, attrs):
        if tag in {"p", "figcaption", "dt", "dd", "summary"}:
            self.texts.append("")
        if tag not in VOID:
            self.inside.append((tag, dict(attrs).get("class")))

    def handle_endtag(self, tag):
        self.inside.pop()

    def handle_data(self, data):
        tags = [tag for tag, _ in self.inside]
        linked = "a" in tags or any(name in {"files", "kicker"} for _, name in self.inside)
        if {"p", "figcaption", "dt", "dd", "summary"} & set(tags) and not linked:
            self.texts[-1] += data


@pytest.mark.parametrize("page", ["invented", "index", "laboratory"])
def test_html_and_markdown_say_the_same(reports, page):
    sentences = Sentences()
    sentences.feed((reports / f"{page}.html").read_text(encoding="utf-8"))
    markdown = plain((reports / f"{page}.md").read_text(encoding="utf-8")).replace("`", "")
    said = [part for text in sentences.texts for part in re.split(r"(?<=[.?!:;]) |, ", plain(text)) if part]
    assert len(said) > 10
    assert [part for part in said if part.removeprefix("After ").rstrip(".:;") not in markdown] == []


def test_every_definition_caption_and_paragraph_is_in_both_forms(reports, gathered):
    tables = load(gathered)
    view = study_view(tables)
    assert {definition.term for definition in view.definitions} >= {
        term for terms in read_yaml(TEMPLATES / "definitions.yaml").values() for term in terms
    }
    agreement = [text for name, text in view.paragraphs.items() if name != "disagreement"]
    texts = [
        *(text for definition in view.definitions for text in definition),
        *(text for figure in study_illustrations(tables) for text in (figure.caption, figure.alternative)),
        *table_captions().values(),
        *agreement,
    ]
    for form in ("html", "md"):
        page = plain((reports / f"invented.{form}").read_text(encoding="utf-8"))
        assert [text for text in texts if plain(text) not in page] == []


def test_replicas_that_do_not_agree_are_said_to_in_both_forms(gathered, tmp_path):
    shutil.copytree(gathered, tmp_path / "study")
    record = json.loads((gathered / "provenance.json").read_text())
    machines = [record["machines"][0], record["machines"][0] | {"processor": "Another"}]
    (tmp_path / "study" / "provenance.json").write_text(json.dumps(record | {"machines": machines}))
    write_study(tmp_path / "study", tmp_path / "invented.html", tmp_path / "invented.md")
    for form in ("html", "md"):
        page = plain((tmp_path / f"invented.{form}").read_text(encoding="utf-8"))
        assert study_view(load(gathered)).paragraphs["disagreement"] in page


def test_all_places_say_that_a_diverged_replica_counts_as_the_untrained_policy(reports, gathered):
    scores = comparable.with_diverged(pd.read_parquet(gathered / "scores.parquet"))
    diverged = scores[scores["status"] == "diverged"]
    untrained = scores.groupby("environment")["untrained"].mean()
    assert (diverged["last_100"] <= diverged["environment"].map(untrained)).all()
    assert len(diverged) == 1
    for form in ("html", "md"):
        page = plain((reports / f"invented.{form}").read_text(encoding="utf-8"))
        about = [part for part in re.split(r"(?<=[.?!]) |<", page) if re.search(r"diverged replica", part)]
        assert len(about) >= 3
        assert all("counts" in part and "as the untrained policy" in part for part in about)
        assert "surviv" not in page
