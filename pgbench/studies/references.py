"""Published scores and the papers that they come from: `workflows/references/*.csv` and `papers.bib`.

A published score has a statistic, environments, steps and seeds. `PublishedScore.mismatches` names every respect in
which a run's score differs.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, assert_never

import scipy  # type: ignore[import-untyped]
from pydantic import (
    BeforeValidator,
    Field,
    FiniteFloat,
    NonNegativeFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from pgbench.base.places import REFERENCES, visible
from pgbench.base.refusals import Refusal, explain
from pgbench.base.specification import Specification
from pgbench.studies.scores import NORMALISED, RETURNS, Score

if TYPE_CHECKING:
    from bibtexparser.model import Entry

StatisticName = Literal[
    "last_100",
    "normalised",
    "deterministic_evaluation",
    "maximum_of_mean_curve",
    "evaluation_at_step",
    "last_tenth",
    "curve_end",
    "smoothed_curve",
    "unknown",
]

STATISTICS: dict[StatisticName, str] = {
    "last_100": "mean return of the last 100 training episodes",
    "normalised": "last_100, scaled over environments: random policy 0, best 1; it is not said which best",
    "deterministic_evaluation": "evaluation episodes with the mean action, after training",
    "maximum_of_mean_curve": "evaluations during training: the best over time of the mean over seeds",
    "evaluation_at_step": "evaluation episodes at that step of a longer training",
    "last_tenth": "mean of the training returns that were logged in the last tenth of the steps",
    "curve_end": "the end of a learning curve, read off a graph",
    "smoothed_curve": "a point of a learning curve that was smoothed before it was drawn",
    "unknown": "the source does not say, or it was not found there",
}

SpreadKind = Literal[
    "none",
    "ci_95",
    "standard_deviation",
    "population_deviation",
    "standard_error",
    "over_episodes",
    "unknown",
]
SPREADS: dict[SpreadKind, str] = {
    "none": "no spread is published",
    "ci_95": "a 95 % interval of the mean",
    "standard_deviation": "standard deviation over n seeds, with n − 1 in its denominator",
    "population_deviation": "standard deviation over n seeds, with n in its denominator, as NumPy computes it",
    "standard_error": "standard error of the mean over seeds",
    "over_episodes": "standard deviation over the episodes of one run, which says nothing of seeds",
    "unknown": "the source does not say what its ± means",
}


def _words(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


class PublishedScore(Specification):
    """A published score: one row of a table of references."""

    id: str = Field(pattern="^[a-z0-9][a-z0-9_.-]*$")
    paper: str = Field(description="Key of the entry in papers.bib.")
    where: str = Field(min_length=1, description="Table, figure or page.")
    algorithm: str = Field(min_length=1, description="As the source calls it.")
    environments: Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)] = Field(
        description="One id with its version; several where the score is an average over them."
    )
    statistic: StatisticName
    value: FiniteFloat
    spread_kind: SpreadKind = Field(description="What the spread is, as `SPREADS` explains it.")
    spread: NonNegativeFloat | None = None
    low: FiniteFloat | None = Field(None, description="Lower end of a published 95 % interval.")
    high: FiniteFloat | None = Field(None, description="Upper end of a published 95 % interval.")
    steps: PositiveInt = Field(description="Environment steps.")
    seeds: PositiveInt | None = None
    note: str | None = Field(None, min_length=1, description="What a reader of the number must know.")

    @model_validator(mode="after")
    def _spread_is_what_its_kind_says(self) -> Self:
        bounded = self.low is not None and self.high is not None
        if bounded != (self.spread_kind == "ci_95") or (self.low is None) != (self.high is None):
            raise ValueError("low and high are given for the kind ci_95, and for no other")
        if (self.spread is None) != (self.spread_kind in ("none", "ci_95")):
            raise ValueError(
                f"a spread of the kind {self.spread_kind} is {'missing' if self.spread is None else 'extra'}"
            )
        if bounded and not self.low <= self.value <= self.high:  # type: ignore[operator]
            raise ValueError(f"the interval [{self.low}, {self.high}] does not hold the value {self.value}")
        return self

    @property
    def error(self) -> float | None:
        """The standard error of the mean over seeds; None if nothing is published from which it follows."""
        match self.spread_kind:
            case "ci_95":
                return (self.high - self.low) / (2 * float(scipy.special.ndtri(0.975)))  # type: ignore[operator]
            case "standard_error":
                return self.spread
            case "standard_deviation" | "population_deviation":
                if self.spread is None or self.seeds is None or self.seeds < 2:
                    return None
                counted = self.seeds if self.spread_kind == "standard_deviation" else self.seeds - 1
                return float(self.spread / counted**0.5)
            case "none" | "over_episodes" | "unknown":
                return None
            case _:
                assert_never(self.spread_kind)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean over seeds: as published, else Student's from the spread, if any."""
        if self.low is not None and self.high is not None:
            return self.low, self.high
        error = self.error
        if error is None or self.seeds is None or self.seeds < 2:
            return None
        # SciPy loads `special` at its first use; nothing else needs it before training begins.
        width = float(scipy.special.stdtrit(self.seeds - 1, 0.975)) * error
        return self.value - width, self.value + width

    @property
    def scores(self) -> frozenset[Score]:
        """The scores of a run that are this statistic; empty if none is."""
        if self.statistic == "normalised":
            return frozenset(NORMALISED)
        return frozenset({self.statistic} & {*RETURNS})

    def mismatches(self, environments: Iterable[str], score: Score, steps: Collection[int]) -> list[str]:
        """Every respect in which the scores of runs are another measurement than this one, as clauses.

        Args:
            environments: of the runs.
            score: of the runs.
            steps: the budgets of the runs.
        """
        mismatches = []
        if score not in self.scores:
            mismatches.append(f"statistic: {self.statistic}, not {score}")
        theirs, ours = " ".join(sorted(self.environments)), " ".join(sorted(environments))
        if theirs != ours:
            mismatches.append(f"environment: {theirs}, not {ours or 'in this study'}")
        if ours and set(steps) != {self.steps}:
            budgets = " or ".join(f"{budget:,}" for budget in sorted(steps))
            mismatches.append(f"steps: {self.steps:,}, not {budgets}")
        return mismatches


def world(environment: str) -> str:
    """An environment's id without its version: HalfCheetah-v5 → HalfCheetah."""
    return re.sub(r"-v\d+$", "", environment)


def read_references(directory: Path = REFERENCES) -> dict[str, PublishedScore]:
    """Every published score, by its id.

    Raises:
        Refusal: if a row is not valid, or two have the same id; it names the file and the row.
    """
    papers = read_papers(directory / "papers.bib")
    references: dict[str, PublishedScore] = {}
    for path in visible(directory, "*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                reference = _parse(row, f"{path}: line {number}")
                if reference.id in references:
                    raise Refusal(f"{path}: line {number}: the id '{reference.id}' appears twice")
                if reference.paper not in papers:
                    raise Refusal(f"{path}: line {number}: papers.bib has no entry '{reference.paper}'")
                references[reference.id] = reference
    return references


def _parse(row: Mapping[str, str], where: str) -> PublishedScore:
    try:
        return PublishedScore.model_validate({key: text for key, text in row.items() if text})
    except ValidationError as error:
        raise explain(error, where, PublishedScore) from None


def citation(entry: str) -> str:
    """How a BibTeX entry is cited in a text: "Schulman et al. 2017"; its title, if it lacks an author or a year."""
    (parsed,) = _parse_bibtex(entry, "an entry of papers.bib")
    fields = {field.key.lower(): str(field.value) for field in parsed.fields}
    if "author" not in fields or "year" not in fields:
        return re.sub(r"[{}]", "", fields.get("title", ""))
    surnames = [author.split(",")[0].strip() for author in fields["author"].split(" and ")]
    named = surnames[0] if len(surnames) == 1 else f"{surnames[0]} et al."
    return f"{' and '.join(surnames) if len(surnames) == 2 else named} {fields['year']}"


def address(entry: str) -> str | None:
    """Where the publication of a BibTeX entry is, by its `doi` or else its arXiv number; none if it has neither."""
    (parsed,) = _parse_bibtex(entry, "an entry of papers.bib")
    doi = next((str(field.value) for field in parsed.fields if field.key.lower() == "doi"), None)
    if doi is not None:
        return f"https://doi.org/{doi}"
    number = re.search(r"arXiv:(\d{4}\.\d{4,5})", entry)
    return f"https://arxiv.org/abs/{number[1]}" if number else None


def read_papers(path: Path = REFERENCES / "papers.bib") -> dict[str, str]:
    """The entries of a BibTeX file, as written, by their keys.

    Raises:
        Refusal: if the file cannot be read, or an entry in it is not valid; it names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Refusal(f"{path}: cannot be read ({error.strerror})") from None
    return {entry.key: entry.raw or "" for entry in _parse_bibtex(text, str(path))}


@cache
def _parse_bibtex(text: str, where: str) -> tuple[Entry, ...]:
    """The entries of a BibTeX text.

    Raises:
        Refusal: if a part is not valid, uses an abbreviation, or repeats a key. Entries are printed as written, far
            from the abbreviations that they would need.
    """
    # Here because they are slow to import, and training reads no papers.
    from bibtexparser.entrypoint import parse_string  # noqa: PLC0415
    from bibtexparser.model import DuplicateBlockKeyBlock  # noqa: PLC0415

    logging.getLogger("bibtexparser").addHandler(logging.NullHandler())  # faults are said once, below
    library = parse_string(text)
    for block in library.failed_blocks:
        line = f"{where}: line {(block.start_line or 0) + 1}"
        if isinstance(block, DuplicateBlockKeyBlock):
            raise Refusal(f"{line}: the key '{block.key}' appears twice")
        raise Refusal(f"{line}: is not valid BibTeX: {getattr(block.error, 'abort_reason', block.error)}")
    for string in library.strings:
        raise Refusal(f"{where}: '@string' of '{string.key}' is not allowed: write the text into each entry")
    for entry in library.entries:
        for field, enclosing in entry.parser_metadata["removed_enclosing"].items():
            if enclosing == "no-enclosing":
                raise Refusal(
                    f"{where}: entry '{entry.key}': the value of '{field}' must stand in braces, before a comma"
                )
    return tuple(library.entries)
