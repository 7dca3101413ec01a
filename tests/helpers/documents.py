"""Reads README.md and docs/: what stands in fences, between backticks, in tables, and behind links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from helpers.places import CHECKOUT

DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = ("python", ".venv/bin/python", "snakemake", "make")


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        document: where it stands.
        language: what its fence names.
        text: what it holds.
        before: the document up to its fence.
    """

    document: Path
    language: str
    text: str
    before: str

    def __str__(self) -> str:
        return f"{self.document.name}:{len(self.before.splitlines()) + 1}"


def blocks(language: str) -> list[Block]:
    """The fenced blocks of a language, in all documents."""
    return [
        Block(document, found[1], found[2], document.read_text(encoding="utf-8")[: found.start()])
        for document in DOCUMENTS
        for found in FENCE.finditer(document.read_text(encoding="utf-8"))
        if found[1] == language
    ]


def own_module() -> Block:
    """The module `my_worlds`, in the example of an environment of one's own."""
    (block,) = (block for block in blocks("python") if "gymnasium.register(" in block.text)
    return block


def prose(document: Path) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def quoted(document: Path) -> list[str]:
    """What stands between backticks, outside of fences."""
    return [" ".join(text.split()) for text in re.findall(r"`([^`]+)`", prose(document))]


def links(document: Path) -> list[str]:
    """The targets of the links of a document that lead into this project."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(document))
    return [target for target in targets if not target.startswith("https://")]


def commands() -> Iterator[list[str]]:
    """Every command line of the project, from fences and from backticks, each once: program and arguments."""
    lines = [line for block in blocks("sh") for line in block.text.splitlines()]
    lines += [text for document in DOCUMENTS for text in quoted(document)]
    words = (tuple(shlex.split(line, comments=True)) for line in dict.fromkeys(lines) if _is_command(line))
    return map(list, dict.fromkeys(words))


def _is_command(line: str) -> bool:
    return line.startswith(tuple(f"{program} " for program in PROGRAMS))


def tables(document: Path) -> list[list[list[str]]]:
    """The tables of a document: their rows, with the head and without the line below it."""
    found = re.findall(r"(?:^\|.*\|\n)+", prose(document), re.MULTILINE)
    return [
        [_cells(row) for row in table.splitlines() if not re.fullmatch(r"[|\s-]+", row)] for table in found
    ]


def table(document: Path, head: str) -> list[list[str]]:
    """The rows of the one table whose head begins with a cell."""
    (rows,) = (rows for rows in tables(document) if rows[0][0] == head)
    return rows[1:]


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]
