"""The headline of README.md: what the published results say, between two marks that a command writes between.

Everything comes from `results/published` and the studies. The findings are those contradicted claims whose interval
is farthest from where the claim puts the effect, in units of the margin: a reader of the paper expects these least.
A paper has one of them at most, so that no paper fills the list. A finding needs a page to link to, so studies
without a page in the repository wait until `make report` has written it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgbench.analysis import published_verdicts
from pgbench.analysis.judging import CONTRADICTED
from pgbench.base.refusals import Refusal
from pgbench.report import coverage, effect_words, texts
from pgbench.report.tallies import JUDGED, SETTLED, wrong_to_expect
from pgbench.storage.files import write_text
from pgbench.studies.claims import hypothesis, margin
from pgbench.studies.plans import StudyPlan
from pgbench.studies.references import citation, read_papers, read_references

BEGIN = "<!-- headline: `python -m pgbench headline` writes it -->"
END = "<!-- end of the headline -->"
MOST_FINDINGS = 3


@dataclass(frozen=True)
class Surprise:
    """A contradicted claim.

    Attributes:
        study: the study's name.
        paper: the citation.
        where: the place in the paper.
        statement: what the paper says.
        effect: the measured effect, in words.
        interval: its interval.
        claimed: where the paper puts the effect.
        seeds: replicas of each variant.
        distance: how many margins lie between the interval and where the paper puts the effect, at least.
    """

    study: str
    paper: str
    where: str
    statement: str
    effect: str
    interval: str
    claimed: str
    seeds: int
    distance: float


def block(plans: Sequence[StudyPlan], published: Path, pages: Path) -> str:
    """The headline as Markdown, with its marks.

    Args:
        plans: the studies at their own budgets.
        published: the folder of the published results.
        pages: the folder of their pages, as the README links it.

    Raises:
        Refusal: if the published verdicts cannot be used.
    """
    rows = [row for plan in plans for row in published_verdicts.read_rows(plan, published).values()]
    counted = Counter(row["verdict"] for row in rows)
    covered = coverage.coverage(plans, published)
    words = texts.paragraphs(
        "readme",
        {
            **wrong_to_expect([row["study"] for row in rows if row["verdict"] in SETTLED]),
            "counts": ", ".join(f"**{counted[name]}** {name}" for name in JUDGED),
            "index": (pages / "index.md").as_posix(),
        },
    )
    found = surprises([plan for plan in plans if (pages / f"{plan.name}.md").exists()], published)
    parts = [BEGIN, f"{words['counts']} {words['errors']} {coverage.summary(covered)}".strip()]
    if found:
        parts += [_figure(found[0], pages, words["figure"]), words["findings"]]
        parts += ["\n".join(_item(one, pages) for one in found)]
    return "\n\n".join([*parts, END])


def surprises(plans: Sequence[StudyPlan], published: Path) -> tuple[Surprise, ...]:
    """The contradicted claims that lie farthest from what their papers say, one a paper, the farthest first.

    Claims without a margin have no unit for the distance, so they are left out.
    """
    found = [one for plan in plans for one in _contradicted(plan, published)]
    first_of_paper: dict[str, Surprise] = {}
    for one in sorted(found, key=lambda one: (-one.distance, one.study, one.statement)):
        first_of_paper.setdefault(one.paper, one)
    return tuple(first_of_paper.values())[:MOST_FINDINGS]


def renew(readme: Path, written: str) -> None:
    """Put a headline in place of the one in the README.

    Raises:
        Refusal: if the file does not have both marks once.
    """
    content = readme.read_text(encoding="utf-8")
    if content.count(BEGIN) != 1 or content.count(END) != 1:
        raise Refusal(f"{readme}: has no place for the headline; put these two lines into it: {BEGIN} {END}")
    before, after = content.partition(BEGIN)[0], content.partition(END)[2]
    write_text(readme, f"{before}{written}{after}")


def _contradicted(plan: StudyPlan, published: Path) -> list[Surprise]:
    papers, references = read_papers(), read_references()
    surprising = []
    for name, row in published_verdicts.read_rows(plan, published).items():
        claim = plan.study.claims[name]
        size = margin(claim, plan.study.margins)
        if row["verdict"] != CONTRADICTED or size is None:
            continue
        tested = hypothesis(claim, plan.study.margins, references)
        # A margin that is a fraction of a published score is one in units of the score here.
        scale = abs(tested.published.value) if tested.published and size.of == "comparator" else 1.0
        numbers = {**row, "bound_low": tested.low, "bound_high": tested.high}
        surprising.append(
            Surprise(
                study=plan.name,
                paper=citation(papers[claim.source.paper]),
                where=claim.source.where,
                statement=claim.statement,
                effect=effect_words.amount(row["effect"], numbers) + effect_words.UNITS[row["unit"]],
                interval=effect_words.interval(numbers),
                claimed=effect_words.bounds(numbers),
                seeds=row["seeds"],
                distance=_distance(numbers) / (size.size * scale),
            )
        )
    return surprising


def _distance(row: dict[str, Any]) -> float:
    """From the interval to the bound that it lies beyond, in the unit of the effect; 0 where they overlap."""
    return float(max(row["bound_low"] - row["high"], row["low"] - row["bound_high"], 0.0))


def _figure(first: Surprise, pages: Path, words: str) -> str:
    """The claims of the study with the farthest finding, as that study's page draws them."""
    path = (pages / "figures" / first.study / "claims.svg").as_posix()
    return f"![{words.format(study=first.study)}]({path})"


def _item(one: Surprise, pages: Path) -> str:
    """A finding as an item of a list, with a link to the claims on its page."""
    link = (pages / f"{one.study}.md").as_posix()
    statement = re.sub(r"([\\`*_\[\]|~<>])", r"\\\1", one.statement.rstrip("."))
    return (
        f"* {one.paper}, {one.where}: “{statement}.” Measured: {one.effect}, {one.interval}, on {one.seeds} seeds; "
        f"claimed: {one.claimed}. [{CONTRADICTED.capitalize()}, in the study {one.study}]({link}#claims)"
    )
