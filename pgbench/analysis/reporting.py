"""Pages: one a study and an index, each as self-contained HTML and as Markdown.

Beside a page lie its figures, `figures/<study>/*.svg` and `.png`, and its tables, `tables/<study>/*.csv` and
`.tex`, with `citation.bib`; the tables of the index in `tables/index`.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Sequence
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pgbench.analysis import growth as growing
from pgbench.analysis import illustrations, latex, scoreboard
from pgbench.analysis.illustrations import Illustration
from pgbench.analysis.study_tables import load
from pgbench.analysis.tables import PageTable, study_page_tables
from pgbench.analysis.views import View, study_view
from pgbench.growth import read_growth
from pgbench.refusals import Refusal
from pgbench.storage import replacing, write_text

TEMPLATES = Path(__file__).parents[2] / "workflows" / "report"


def write_study(directory: Path, html: Path, markdown: Path) -> None:
    """Write the page of one study, and its figures and tables beside the HTML.

    Args:
        directory: holds `plan.json` and the tables that `gathering.gather` wrote.
        html: the self-contained page.
        markdown: the same page for code hosts.

    Raises:
        Refusal: if the plan or a table is missing or unreadable.
    """
    tables = load(directory)
    view = study_view(tables)
    drawn = {
        each.name: publish(each, html.parent / "figures" / tables.plan.name)
        for each in illustrations.study_illustrations(tables)
    }
    folder = html.parent / "tables" / tables.plan.name
    context = view | {
        "figures": drawn,
        "panels": {name: drawn[illustrations.curves_name(name)] for name in tables.environments},
        "files": _write_tables(study_page_tables(tables, view), folder),
        "bibliography": _write(folder / "citation.bib", "\n\n".join([view["entry"], *view["papers"]]) + "\n"),
    }
    render("study", context, html, markdown)


def write_index(
    directories: Sequence[Path],
    html: Path,
    markdown: Path,
    laboratory: Sequence[Path] = (),
    growth: Path | None = None,
) -> None:
    """Write the scoreboard of claims and the list of studies, whose pages and figures must stand beside it.

    Args:
        directories: one a study, as `write_study` takes it; one at least.
        html: the self-contained page.
        markdown: the same page for code hosts.
        laboratory: directories of measurements, whose page stands beside it too, if there are any.
        growth: how training grows, as `pgbench measure-growth` writes it; none: the page does not say.

    Raises:
        Refusal: if a plan, a record, a table or a study's figure is missing or unreadable.
    """
    studies = [load(directory) for directory in directories]
    view = scoreboard.index_view(studies, laboratory)
    for headline, tables in zip(view["studies"], studies, strict=True):
        overview = illustrations.final_scores(tables)
        headline["overview"] = _published(overview, html.parent / "figures" / tables.plan.name)
    folder = html.parent / "tables" / "index"
    context = view | {
        "files": _write_tables(scoreboard.index_tables(studies, view, laboratory), folder),
        "bibliography": _write(folder / "citation.bib", view["entry"] + "\n"),
        "growth": None if growth is None else _growth_view(growth, html.parent / "figures" / "index"),
    }
    render("index", context, html, markdown)


def _growth_view(table: Path, folder: Path) -> View:
    """How training grows: a figure, which is written to a folder, and a sentence on the block size."""
    grown = read_growth(table)
    return {
        "figure": publish(growing.illustration(grown), folder),
        "sentence": growing.block_size_sentence(grown, growing.configured_block_size()),
    }


def publish(figure: Illustration, folder: Path) -> View:
    """Write a figure as SVG and PNG; return what a template needs to show it."""
    folder.mkdir(parents=True, exist_ok=True)
    drawing = figure.draw()
    for suffix, content in (("svg", drawing.svg), ("png", drawing.png)):
        with replacing(folder / f"{figure.name}.{suffix}") as temporary:
            temporary.write_bytes(content)
    return _published(figure, folder)


def _published(figure: Illustration, folder: Path) -> View:
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


def _write_tables(tables: Iterable[PageTable], folder: Path) -> dict[str, View]:
    """Write tables as CSV and LaTeX; return name → where they are."""
    return {
        table.name: {
            "csv": _write(folder / f"{table.name}.csv", table.numbers.to_csv(index=False)),
            "tex": _write(folder / f"{table.name}.tex", latex.booktabs(table.printed)),
        }
        for table in tables
    }


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return path


def render(page: str, context: View, html: Path, markdown: Path) -> None:
    """Write a page from its two templates, `<page>.html` and `<page>.md`."""
    environment = _templates()
    for path, suffix in ((html, "html"), (markdown, "md")):
        template = environment.get_template(f"{page}.{suffix}")
        _write(path, template.render(context, link=partial(_linked_from, path.parent)))


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
