"""Pages: one a study and an index, each as self-contained HTML and as Markdown.

Beside a page lie its figures, `figures/<study>/*.svg` and `.png`, and its tables, `tables/<study>/*.csv` and
`.tex`, with `citation.bib`; the tables of the index in `tables/index`.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pgbench.base.places import TEMPLATES
from pgbench.base.refusals import Refusal
from pgbench.report import latex
from pgbench.report.illustrations import Illustration
from pgbench.report.tables import PageTable, View
from pgbench.storage.files import replacing, write_text


def publish(figure: Illustration, folder: Path) -> View:
    """Write a figure as SVG and PNG; return what a template needs to show it."""
    folder.mkdir(parents=True, exist_ok=True)
    drawing = figure.draw()
    for suffix, content in (("svg", drawing.svg), ("png", drawing.png)):
        with replacing(folder / f"{figure.name}.{suffix}") as temporary:
            temporary.write_bytes(content)
    return published(figure, folder)


def published(figure: Illustration, folder: Path) -> View:
    """What a template needs to show a figure that has been written to a folder."""
    paths = {suffix: folder / f"{figure.name}.{suffix}" for suffix in ("svg", "png")}
    try:
        encoded = base64.b64encode(paths["svg"].read_bytes()).decode()
    except OSError as error:
        raise Refusal(
            f"{paths['svg']}: cannot be read ({error.strerror}); `python -m pgbench report` writes it"
        ) from None
    uri = f"data:image/svg+xml;base64,{encoded}"
    return {**paths, "uri": uri, "caption": figure.caption, "alt": figure.alternative}


def write_tables(tables: Iterable[PageTable], folder: Path) -> dict[str, View]:
    """Write tables as CSV and LaTeX; return name → where they are."""
    return {
        table.name: {
            "csv": write(folder / f"{table.name}.csv", table.numbers.to_csv(index=False)),
            "tex": write(folder / f"{table.name}.tex", latex.booktabs(table.printed)),
        }
        for table in tables
    }


def write(path: Path, text: str) -> Path:
    """Write a text, making its folder if that is missing; return where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return path


def render(page: str, context: View, html: Path, markdown: Path) -> None:
    """Write a page from its two templates, `<page>.html` and `<page>.md`."""
    environment = _templates()
    for path, suffix in ((html, "html"), (markdown, "md")):
        template = environment.get_template(f"{page}.{suffix}")
        write(path, template.render(context, link=partial(_linked_from, path.parent)))


@cache
def _templates() -> Environment:
    """The templates, each compiled at its first use."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = _markdown
    return environment


def _linked_from(folder: Path, target: Path) -> str:
    """A file as a page in some folder refers to it."""
    return Path(os.path.relpath(target, folder)).as_posix()


def _markdown(text: object) -> Markup:
    """Text in which neither HTML nor Markdown sees markup, fit for a table's cell."""
    return Markup(re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(str(escape(text)).splitlines())))
