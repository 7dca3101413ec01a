"""Writes pages, each as self-contained HTML and as Markdown, with their figures and tables.

The figures of a page lie beside it in `figures/<study>` (SVG), its tables in `tables/<study>` (CSV and
LaTeX, with `citation.bib`). The tables of the index lie in `tables/index`.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable
from dataclasses import Field, dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pgbench.base.places import TEMPLATES
from pgbench.report import latex
from pgbench.report.illustrations import Illustration
from pgbench.report.tables import PageTable
from pgbench.storage.files import replacing, write_text


class PageContent(Protocol):
    """A dataclass: its attributes are the variables of a page's templates."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


@dataclass(frozen=True)
class ShownFigure:
    """A figure as templates show it.

    Attributes:
        svg: its file.
        uri: the same as a data URI, so that an HTML page needs no other file.
        caption: the text below it.
        alt: the text for a reader who cannot see it.
    """

    svg: Path
    uri: str
    caption: str
    alt: str


@dataclass(frozen=True)
class TableFiles:
    """Where the files of a table are."""

    csv: Path
    tex: Path


def publish(figure: Illustration, folder: Path) -> ShownFigure:
    """Write a figure; return what a template needs to show it."""
    folder.mkdir(parents=True, exist_ok=True)
    drawing = figure.draw()
    svg = folder / f"{figure.name}.svg"
    with replacing(svg) as temporary:
        temporary.write_bytes(drawing)
    return ShownFigure(
        svg=svg,
        uri=f"data:image/svg+xml;base64,{base64.b64encode(drawing).decode()}",
        caption=figure.caption,
        alt=figure.alternative,
    )


def write_tables(tables: Iterable[PageTable], folder: Path) -> dict[str, TableFiles]:
    """Write tables as CSV and LaTeX; return name → where they are."""
    return {
        table.name: TableFiles(
            csv=write(folder / f"{table.name}.csv", table.numbers.to_csv(index=False)),
            tex=write(folder / f"{table.name}.tex", latex.booktabs(table.printed)),
        )
        for table in tables
    }


def write(path: Path, text: str) -> Path:
    """Write a text and return its path; a missing folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return path


def render(name: str, page: PageContent, html: Path, markdown: Path) -> None:
    """Write a page from its two templates, `<name>.html` and `<name>.md`.

    Args:
        name: of the templates.
        page: its attributes are the variables of the templates.
        html: where the HTML goes.
        markdown: where the Markdown goes.
    """
    environment = _templates()
    variables = {field.name: getattr(page, field.name) for field in fields(page)}
    for path, suffix in ((html, "html"), (markdown, "md")):
        template = environment.get_template(f"{name}.{suffix}")
        write(path, template.render(variables, link=partial(_linked_from, path.parent)))


@cache
def _templates() -> Environment:
    """The templates; each is compiled at its first use."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = _markdown
    environment.globals["zip"] = zip
    return environment


def _linked_from(folder: Path, target: Path) -> str:
    """The link to a file from a page in this folder."""
    return Path(os.path.relpath(target, folder)).as_posix()


def _markdown(text: object) -> Markup:
    """The text without markup for HTML and Markdown, on one line, so that it fits a cell of a table."""
    return Markup(re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(str(escape(text)).splitlines())))
