"""Pages: one a study and an index, each as self-contained HTML and as Markdown with figures beside it."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pgbench.analysis.claims import Judgement
from pgbench.analysis.gathering import StudyProvenance
from pgbench.analysis.views import StudyTables, View, headline_view, study_view
from pgbench.refusals import Refusal
from pgbench.specs import path_safe
from pgbench.storage import replacing, write_text
from pgbench.studies import StudyPlan

if TYPE_CHECKING:
    from pgbench.analysis.figures import Drawing

TEMPLATES = Path(__file__).parents[2] / "workflows" / "report"


def write_study(directory: Path, html: Path, markdown: Path) -> None:
    """Write the page of one study, and its figures as `figures/<study>/*.png` beside the Markdown.

    Args:
        directory: holds `plan.json` and the tables that `gathering.gather` wrote.
        html: the self-contained page.
        markdown: the same page for code hosts.

    Raises:
        Refusal: if the plan or a table is missing or unreadable.
    """
    from pgbench.analysis import figures  # noqa: PLC0415 - plotting libraries take a second to import

    tables = _load(directory)
    curves, scores = tables.curves, tables.scores
    folder = Path("figures") / tables.plan.name
    replicas = "every replica a thin line, the mean and its interval, and the mean of the variant before"
    panels = [
        publish(
            figures.learning_curves(
                curves[curves["environment"] == name], scores[scores["environment"] == name]
            ),
            markdown.parent,
            folder / f"{path_safe(name)}.png",
            f"Learning curves on {name}: the means of all variants, then a panel a variant with {replicas}.",
        )
        | {"environment": name}
        for name in tables.environments
    ]
    context = study_view(tables) | {
        "panels": panels,
        "overview": _draw_scores(tables, markdown.parent, folder / "final-scores.png"),
    }
    render("study", context, html, markdown)


def write_index(directories: Sequence[Path], html: Path, markdown: Path, laboratory: bool = False) -> None:
    """Write the index of all studies; their pages are taken to stand beside it as `<study>.html` and `.md`.

    Args:
        directories: one a study, as `write_study` takes it.
        html: the self-contained page.
        markdown: the same page for code hosts; its figures go to `figures/index/<study>.png` beside it.
        laboratory: whether the laboratory's page stands beside it too.

    Raises:
        Refusal: if a plan or a table is missing or unreadable.
    """
    studies = []
    for tables in map(_load, directories):
        figure = Path("figures") / "index" / f"{tables.plan.name}.png"
        studies.append(headline_view(tables) | {"overview": _draw_scores(tables, markdown.parent, figure)})
    render("index", {"studies": studies, "laboratory": laboratory}, html, markdown)


def _load(directory: Path) -> StudyTables:
    try:
        return StudyTables(
            plan=StudyPlan.model_validate_json((directory / "plan.json").read_bytes()),
            curves=pd.read_parquet(directory / "curves.parquet"),
            scores=pd.read_parquet(directory / "scores.parquet"),
            summary=pd.read_parquet(directory / "summary.parquet"),
            effects=pd.read_parquet(directory / "effects.parquet"),
            judgement=Judgement(
                *(pd.read_parquet(directory / f"{name}.parquet") for name in Judgement._fields)
            ),
            provenance=StudyProvenance.model_validate_json((directory / "provenance.json").read_bytes()),
        )
    except (OSError, ValueError) as error:
        raise Refusal(f"{directory}: is not a gathered study ({error}); gather it again") from None


def _draw_scores(tables: StudyTables, folder: Path, path: Path) -> View:
    from pgbench.analysis import figures  # noqa: PLC0415 - plotting libraries take a second to import

    return publish(
        figures.final_scores(tables.scores, tables.summary),
        folder,
        path,
        "Final scores on every environment: a row a variant, a dot a replica, a line for the interval.",
    )


def publish(drawing: Drawing, folder: Path, path: Path, description: str) -> View:
    """Write a figure's PNG below a folder; return what a template needs to show it."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(folder / path) as temporary:
        temporary.write_bytes(drawing.png)
    encoded = base64.b64encode(drawing.svg).decode()
    return {"uri": f"data:image/svg+xml;base64,{encoded}", "path": path.as_posix(), "alt": description}


def render(page: str, context: View, html: Path, markdown: Path) -> None:
    """Write a page from its two templates, `<page>.html` and `<page>.md`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = _markdown
    for path in (html, markdown):
        path.parent.mkdir(parents=True, exist_ok=True)
        suffix = "html" if path is html else "md"
        write_text(path, environment.get_template(f"{page}.{suffix}").render(context))


def _markdown(text: object) -> Markup:
    """Text in which neither HTML nor Markdown sees markup, fit for a table's cell."""
    return Markup(re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(str(escape(text)).splitlines())))
