"""The identifier of results, and BibTeX."""

import re
import shutil

import pandas as pd
import pytest
import yaml

from pgbench.analysis import study_tables
from pgbench.analysis.study_tables import StudyProvenance
from pgbench.report import citing
from pgbench.storage.provenance import CHECKOUT


@pytest.mark.parametrize(
    "name", ["episodes", "curves", "scores", "summary", "effects", "verdicts", "published"]
)
def test_one_number_of_any_table_changes_the_identifier(gathered, tmp_path, name):
    shutil.copytree(gathered, tmp_path / "study")
    assert study_tables.identifier(tmp_path / "study") == study_tables.identifier(gathered)
    path = tmp_path / "study" / f"{name}.parquet"
    table = pd.read_parquet(path)
    column = table.select_dtypes("float64").dropna(axis="columns", how="all").columns[-1]
    table.loc[table[column].first_valid_index(), column] += 1e-9
    table.to_parquet(path, index=False)
    assert study_tables.identifier(tmp_path / "study") != study_tables.identifier(gathered)


def test_time_and_machine_are_no_results(gathered, tmp_path):
    shutil.copytree(gathered, tmp_path / "study")
    (tmp_path / "study" / "provenance.json").unlink()
    assert study_tables.identifier(tmp_path / "study") == study_tables.identifier(gathered)


def test_the_joint_identifier_depends_on_every_study():
    assert study_tables.joint_identifier(["a", "b"]) != study_tables.joint_identifier(["a", "c"])
    assert re.fullmatch("[0-9a-f]{12}", study_tables.joint_identifier(["a"]))


def test_an_entry_names_the_study_its_cost_and_its_code(gathered, plan):
    record = StudyProvenance.model_validate_json((gathered / "provenance.json").read_bytes())
    record = record.model_copy(update={"commits": ("0123456789abcdef",), "dirty": (False,)})
    entry = citing.study_entry(plan, record, "feedface0123")
    assert entry.startswith("@misc{pgbench-invented-feedface0123,\n")
    assert r"title = {{Does each rung help, and is \ensuremath{<}b\ensuremath{>}this" in entry
    assert "5 seeds of 20,000 environment steps. Code at commit 0123456789ab. Results feedface0123" in entry
    assert "year = {2030}" in entry
    assert entry.count("{") == entry.count("}")


def test_author_and_title_are_those_of_the_citation_file():
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["title"] == citing.TITLE
    assert [author["name"] for author in citation["authors"]] == [citing.AUTHOR]
