"""Compares two sets of results: what is the same to the bit, and whether the rest differs beyond chance."""

from __future__ import annotations

import csv
import io
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pgbench.analysis import inference
from pgbench.analysis.replicas import replicas_of, scores_of
from pgbench.analysis.statistics import Array
from pgbench.base import wording
from pgbench.base.refusals import Refusal, nearest
from pgbench.storage.blocks import REMEDY, BlockRecord, read_block
from pgbench.storage.files import read_record
from pgbench.storage.layout import PUBLISHED, RECORD, Layout
from pgbench.studies.plans import PlannedRun, read_plan

SCORES = ("last_100", "area_under_curve")
SAME, ALIKE, DIFFERENT = 0, 3, 4
"""Exit codes: the same to the bit; no more different than chance makes them; more different, or another verdict."""


@dataclass(frozen=True)
class Side:
    """One of two sets of results: a results folder, and the preset that is meant, or None for all."""

    layout: Layout
    preset: str | None

    def runs(self) -> dict[str, str]:
        """Label → run: by name if all presets are meant, and by study, variant and environment."""
        labels = {}
        if self.preset is None:
            labels = {directory.parent.name: directory.parent.name for directory in self.layout.blocks()}
        for path in self.layout.plans(self.preset or "*"):
            plan = read_plan(path)
            for planned in plan.runs:
                labels[f"{plan.name}: {planned.variant}, {planned.environment}"] = planned.name
        return labels

    def records(self, run: str) -> dict[str, BlockRecord]:
        """Block → record, of the finished blocks of a run."""
        directories = [path.parent for path in sorted(self.layout.run(run).glob(f"*/{RECORD}"))]
        return {path.name: read_record(path / RECORD, BlockRecord, REMEDY) for path in directories}

    def scores(self, run: str) -> dict[str, Array]:
        """Score → its value for each replica of a run that has one."""
        rows = []
        for name, record in self.records(run).items():
            planned = PlannedRun(
                variant=run, environment=record.run.environment, name=run, run=record.run, blocks=(name,)
            )
            block = read_block(self.layout.block(f"{run}/{name}"), run)
            rows += [scores_of(replica) for replica in replicas_of(planned, block)]
        values = {score: np.array([row.get(score, np.nan) for row in rows], dtype=float) for score in SCORES}
        return {score: column[np.isfinite(column)] for score, column in values.items()}

    def verdicts(self) -> dict[tuple[str, str], str]:
        """Study and claim → verdict, with its effect and interval."""
        found = {}
        for path in (plan.with_name("verdicts.csv") for plan in self.layout.plans(self.preset or "*")):
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            for row in csv.DictReader(text.splitlines()):
                with suppress(ValueError):
                    effect, low, high = (float(row[name]) for name in ("effect", "low", "high"))
                    said = f"{row['verdict']} {wording.number(effect, 2)} {wording.interval(low, high, 2)}"
                    found[path.parent.name, row["claim"]] = said
        return found


@contextmanager
def side(name: str, results: Path) -> Iterator[Side]:
    """The results that a name means: a results folder, a preset in `results`, or what a commit has published.

    Raises:
        Refusal: if it is none of them.
    """
    presets = Layout(results).presets()
    if Layout(Path(name)).holds_runs():
        yield Side(Layout(Path(name)), None)
    elif name in presets:
        yield Side(Layout(results), name)
    else:
        with TemporaryDirectory() as folder:
            command = ["git", "archive", f"{name}^{{commit}}", "--", str(PUBLISHED)]
            archive = subprocess.run(command, capture_output=True, check=False)
            if archive.returncode:
                raise Refusal(
                    f"compare: '{name}' is no results folder with 'runs' in it, no preset in {results}, and no "
                    f"commit with {PUBLISHED}; {nearest(name, presets)}"
                )
            with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
                files.extractall(folder, filter="data")
            yield Side(Layout(Path(folder) / PUBLISHED), None)


@dataclass(frozen=True)
class Difference:
    """How a score of a run differs, second minus first: means, the difference and its interval, and its p-value."""

    label: str
    score: str
    means: tuple[float, float]
    value: float
    interval: tuple[float, float]
    p: float


def compare(one: Side, other: Side) -> tuple[str, int]:
    """What two sets of results have in common and what differs, as text, and the exit code.

    Raises:
        Refusal: if no run is in both.
    """
    first, second = one.runs(), other.runs()
    pairs = {(first[label], second[label]): label for label in reversed(list(first)) if label in second}
    if not pairs:
        raise Refusal("compare: no run is in both, neither by name nor by study, variant and environment")
    same = 0
    blocks: list[tuple[str, str, str]] = []
    differences: list[Difference] = []
    for (run, counterpart), label in sorted(pairs.items(), key=lambda pair: pair[1]):
        equal, rows = _blocks(label, one.records(run), other.records(counterpart))
        same, blocks = same + equal, blocks + rows
        if rows:
            differences += _differences(label, one.scores(run), other.scores(counterpart))
    p_values = np.array([each.p for each in differences])
    beyond = inference.holm(p_values).rejected.tolist() if differences else []
    changed = _changed(one.verdicts(), other.verdicts())
    parts = [wording.text_table(("run", "block", "differs in"), blocks)] if blocks else []
    parts += [_table(differences, beyond)] if differences else []
    parts += [wording.text_table(("study", "claim", "first", "second"), changed)] if changed else []
    only = len(set(first.values()) - {a for a, _ in pairs}), len(set(second.values()) - {b for _, b in pairs})
    parts.append(
        f"{wording.count(len(pairs), 'run')} in both, {only[0]} only in the first, {only[1]} only in the second; "
        f"{wording.count(same, 'block')} the same to the bit, {len(blocks)} not; "
        f"{sum(beyond)} of {wording.count(len(beyond), 'score')} differ more than chance would, by Holm’s "
        f"procedure at {wording.percent(inference.ALPHA)}; {wording.count(len(changed), 'verdict')} changed"
    )
    code = DIFFERENT if any(beyond) or changed else ALIKE if blocks else SAME
    return "\n\n".join(parts), code


def _blocks(
    label: str, one: dict[str, BlockRecord], other: dict[str, BlockRecord]
) -> tuple[int, list[tuple[str, str, str]]]:
    """How many blocks are the same to the bit, and a row for each that is not."""
    rows = []
    for name in sorted(one.keys() | other.keys()):
        if name not in one or name not in other:
            rows.append((label, name, f"is only in the {'first' if name in one else 'second'}"))
            continue
        pair = zip(one[name].tables, other[name].tables, strict=True)
        if files := [str(file) for (file, before), (_, after) in pair if before != after]:
            rows.append((label, name, ", ".join(files)))
    return len(one.keys() | other.keys()) - len(rows), rows


def _differences(label: str, one: dict[str, Array], other: dict[str, Array]) -> Iterator[Difference]:
    """The scores that both have for two replicas or more."""
    for score in SCORES:
        before, after = one[score], other[score]
        if min(len(before), len(after)) < 2:
            continue
        effect = inference.contrast([after, before], [1.0, -1.0])
        low, high = inference.interval(effect)
        above = float(inference.tail(effect, 0.0))
        yield Difference(
            label,
            score,
            (float(before.mean()), float(after.mean())),
            float(effect.value),
            (float(low), float(high)),
            min(1.0, 2 * min(above, 1 - above)),
        )


def _table(differences: Sequence[Difference], beyond: Sequence[bool]) -> str:
    rows = [
        (
            each.label,
            each.score,
            *(wording.number(mean, 2) for mean in each.means),
            f"{wording.number(each.value, 2)} {wording.interval(*each.interval, 2)}",
            "yes" if marked else "no",
        )
        for each, marked in zip(differences, beyond, strict=True)
    ]
    head = ("run", "score", "first", "second", "difference and 95 % interval", "more than chance")
    return wording.text_table(head, rows)


def _changed(
    one: dict[tuple[str, str], str], other: dict[tuple[str, str], str]
) -> list[tuple[str, str, str, str]]:
    """The claims that both judge, with another verdict."""
    return [
        (*key, one[key], other[key])
        for key in sorted(one.keys() & other.keys())
        if one[key].split()[0] != other[key].split()[0]
    ]
