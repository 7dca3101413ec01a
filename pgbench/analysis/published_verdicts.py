"""The verdicts of published studies: what is known at the studies' own budgets.

    results/published/verdicts.csv    one row a claim of a study whose blocks are all published

A page of a smaller preset shows them beside its own verdicts, which are provisional.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pandas as pd

from pgbench.analysis.gathering import gather
from pgbench.analysis.judging import NOT_JUDGED, VERDICT_NAMES
from pgbench.base.refusals import Refusal
from pgbench.base.specification import Specification
from pgbench.storage.files import write_text
from pgbench.storage.layout import PUBLISHED, PUBLISHED_VERDICTS, Layout
from pgbench.storage.looks_on_disk import is_whole
from pgbench.studies.plans import StudyPlan
from pgbench.studies.study import Study

COLUMNS = ("study", "claim", "tested", "verdict", "seeds", "effect", "low", "high", "level", "unit")


class FullVerdict(NamedTuple):
    """A verdict at a study's own budget, and how many seeds it rests on."""

    verdict: str
    seeds: int


class _Test(Specification):
    """What a claim's verdict depends on, besides the budget: its words do not count."""

    claim: dict[str, Any]
    margins: dict[str, Any]
    parent: str
    variants: dict[str, Any]
    environments: tuple[str, ...]


def write(published: Path, plans: Iterable[StudyPlan]) -> None:
    """Judge every study whose blocks are all published, and write the verdicts beside these.

    Provisional verdicts and claims that were not judged are left out.

    Args:
        published: the folder of the published blocks.
        plans: the studies, at their own budgets, each with the looks that it has had.

    Raises:
        Refusal: if a published block does not match its record.
    """
    layout = Layout(published)
    rows = [row for plan in plans if is_whole(plan, layout) for row in _rows(plan, published)]
    text = pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(index=False)
    write_text(published / PUBLISHED_VERDICTS.name, text)


def read(plan: StudyPlan, published: Path = PUBLISHED) -> dict[str, FullVerdict]:
    """Claim → its published verdict; see `read_rows`."""
    rows = read_rows(plan, published)
    return {claim: FullVerdict(row["verdict"], int(row["seeds"])) for claim, row in rows.items()}


def read_rows(plan: StudyPlan, published: Path = PUBLISHED) -> dict[str, dict[str, Any]]:
    """Claim → its row of `COLUMNS`, for the claims of a study that have published verdicts and still test the same.

    Args:
        plan: the study under any preset.
        published: the folder of the published blocks; it may be missing.

    Raises:
        Refusal: if the file of verdicts cannot be used.
    """
    path = published / PUBLISHED_VERDICTS.name
    if not path.exists():
        return {}
    try:
        table = pd.read_csv(path, dtype={"tested": "str"}).astype({"seeds": "int64"})
        found = {
            row["claim"]: {name: row[name] for name in COLUMNS}
            for row in table[table["study"] == plan.name].to_dict("records")
            if row["claim"] in plan.study.claims and row["tested"] == what_is_tested(plan, row["claim"])
        }
    except (KeyError, ValueError) as error:
        raise Refusal(f"{path}: cannot be used ({error}); `python -m pgbench publish` writes it") from None
    if unknown := {row["verdict"] for row in found.values()} - set(VERDICT_NAMES):
        raise Refusal(f"{path}: '{min(unknown)}' is no verdict; `python -m pgbench publish` writes the file")
    return found


def what_is_tested(plan: StudyPlan, claim: str) -> str:
    """A digest of what a claim tests, whatever its words are; alike under presets with the same `final_score`.

    Args:
        plan: the study under any preset.
        claim: the claim's key in the study.
    """
    study: Study = plan.study
    return _Test(
        claim=study.claims[claim].model_dump(
            mode="json", exclude={"statement", "source", "caveat", "published"}
        ),
        margins=dict(study.margins),
        parent=study.parent,
        variants=dict(study.variants),
        environments=tuple(sorted({*study.environments, *plan.left_out})),
    ).digest


def _rows(plan: StudyPlan, published: Path) -> Iterator[dict[str, Any]]:
    """A row for each claim of a study that has a verdict at the study's own budget."""
    if not plan.study.claims:
        return
    with TemporaryDirectory() as folder:
        gather(plan, published, Path(folder))
        verdicts = pd.read_parquet(Path(folder) / "verdicts.parquet")
    judged = verdicts[(verdicts["verdict"] != NOT_JUDGED) & ~verdicts["provisional"]]
    for row in judged.to_dict("records"):
        names = {"study": plan.name, "tested": what_is_tested(plan, row["claim"])}
        yield names | {str(name): value for name, value in row.items() if name in COLUMNS}
