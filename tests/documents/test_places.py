"""What README.md and docs/ name is there, and their tables leave nothing out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from packaging.requirements import Requirement

from helpers.documents import DOCUMENTS, blocks, links, prose, quoted, table
from helpers.places import CHECKOUT, STUDIES
from pgbench.base.yaml_files import read_yaml
from pgbench.methods.runs import seeds_of
from pgbench.studies.configuration import parse_configuration, study_files
from pgbench.studies.plans import plan_studies

README, DOCS, PACKAGE = DOCUMENTS[0], CHECKOUT / "docs", CHECKOUT / "pgbench"
ROOMS = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
ENDINGS = ("py", "md", "yaml", "yml", "csv", "toml", "txt", "cff", "bib", "html", "json", "smk", "parquet")
MADE = {
    "results",
    "reports",
    "mine.yaml",
    "run.json",
    "replicas.parquet",
    "episodes.parquet",
    "metrics.parquet",
    "evaluations.parquet",
    "policy.safetensors",
    "contents.csv",
    "verdicts.csv",
}
"""What the workflow makes, or the reader: it need not be there."""
CHARTS = {"charts", "losses"}
"""Names of curves in Weights & Biases look like paths."""


def anchors(document: Path) -> set[str]:
    """What a link may name after '#' in a document."""
    headings = re.findall(r"^#+ (.*)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def paths(document: Path) -> list[str]:
    """What looks like the path of a file or a folder, between backticks."""
    names = [text for text in quoted(document) if re.fullmatch(r"[\w./-]+", text)]
    return [
        name
        for name in names
        if name.endswith(tuple(f".{ending}" for ending in ENDINGS))
        or ("/" in name and not name.startswith("/"))
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(document: Path) -> None:
    """By its path from the checkout or from a room, or by its name alone."""
    here = {path.name for folder in ("pgbench", "workflows") for path in (CHECKOUT / folder).rglob("*.*")}
    missing = [
        name
        for name in paths(document)
        if name.split("/")[0] not in MADE | CHARTS
        and not any((folder / name).exists() for folder in (CHECKOUT, PACKAGE, *PACKAGE.iterdir()))
        and name not in here
    ]
    assert not missing


def test_the_readme_is_a_front_door() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 175
    documents = {link.removeprefix("docs/") for link in links(README) if link.startswith("docs/")}
    assert documents == {path.name for path in DOCS.iterdir()}


def layers() -> list[str]:
    """The lines of the contract of the rooms, from the top."""
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]
    (lines,) = (entry["layers"] for entry in contracts["contracts"] if entry["type"] == "layers")
    return list(lines)


def test_the_map_has_every_room_from_the_top_down() -> None:
    rows = table(README, "room")
    rooms = [f"`{room}/`" for line in layers() for room in line.split(" | ")]
    assert [row[0] for row in rows] == ["`__main__.py`", *rooms]
    assert {room.strip("`") for room in rooms} == ROOMS
    for room, _, first in rows:
        assert first.strip("`").startswith(f"pgbench/{room.strip('`')}")


def test_the_layers_are_those_of_the_contract() -> None:
    shown = [block.text.splitlines() for block in blocks("text") if block.text.startswith("__main__")]
    assert shown == [["__main__", *layers()]]


def test_the_architecture_has_every_file() -> None:
    named = {
        room.strip("`"): files.strip("`").split("` `")
        for room, _, files in table(DOCS / "architecture.md", "room")
    }
    there = {
        room: [path.relative_to(PACKAGE / room).as_posix() for path in (PACKAGE / room).rglob("*.py")]
        for room in ROOMS
    }
    files = {room: sorted(name for name in names if "__init__" not in name) for room, names in there.items()}
    assert {room: sorted(names) for room, names in named.items()} == files


def test_the_newcomers_table_has_fifteen_changes() -> None:
    rows = table(DOCS / "architecture.md", "I want to …")
    assert len(rows) == 15
    for change, places in rows:
        assert places.startswith("`"), change


def test_every_dependency_says_why_it_is_there() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {Requirement(text).name for text in project["dependencies"]}
    assert sorted(row[0] for row in table(DOCS / "architecture.md", "dependency")) == sorted(names)


def test_the_growth_table_is_the_one_that_was_measured() -> None:
    rows = table(DOCS / "benchmarks.md", "replicas")
    measured = pd.read_csv(CHECKOUT / "workflows" / "growth.csv", comment="#").drop(columns="rounds")
    assert [[int(cell.replace(",", "")) for cell in row] for row in rows] == measured.to_numpy().tolist()


SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}


def test_the_presets_spend_what_the_table_says() -> None:
    values = read_yaml(CHECKOUT / "workflows" / "config.yaml")
    rows = table(DOCS / "running.md", "preset")
    assert [row[0].strip("`") for row in rows] == list(values["presets"])
    for preset, _, said in rows:
        number, scale = said.split()
        digits = len(number.partition(".")[2])
        assert round(steps_of(values | {"preset": preset.strip("`")}) / SCALES[scale], digits) == float(
            number
        )


def steps_of(values: dict[str, Any]) -> int:
    """Environment steps of all replicas that a configuration trains."""
    configuration = parse_configuration(values, "test")
    files = study_files(configuration, STUDIES)
    blocks = {
        f"{planned.name}/{block}": planned.run.steps * len(seeds_of(block))
        for plan in plan_studies(configuration, files).values()
        for planned in plan.runs
        for block in planned.blocks
    }
    return sum(blocks.values())
