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
from pgbench.analysis.published_verdicts import what_is_tested
from pgbench.analysis.replicas import GRID_POINTS, Replica, replicas_of, scores_of
from pgbench.analysis.statistics import Array
from pgbench.base import wording
from pgbench.base.refusals import Refusal, nearest
from pgbench.storage.blocks import REMEDY, BlockRecord, read_block
from pgbench.storage.files import read_record
from pgbench.storage.layout import PUBLISHED, PUBLISHED_VERDICTS, RECORD, Layout
from pgbench.studies.plans import PlannedRun, read_plan

CURVE = {f"curve at {percent} %": percent for percent in (25, 50, 75)}
"""Points of the learning curve that are compared: name → share of the budget in per cent."""
SCORES = ("last_100", "area_under_curve", *CURVE)
OWN_BUDGET = "published"
"""Stands for the preset of published verdicts, which are those at the studies' own budgets."""
SAME, ALIKE, DIFFERENT = 0, 3, 4
"""Exit codes: the same to the bit; no more different than chance makes them; more different, or another verdict."""


@dataclass(frozen=True)
class Side:
    """One of two sets of results: a results folder, and the preset that is meant, or None for all."""

    layout: Layout
    preset: str | None

    def runs(self) -> dict[str, str]:
        """Label → run: by name, and by study, variant and environment, for each preset."""
        labels = {}
        if self.preset is None:
            labels = {directory.parent.name: directory.parent.name for directory in self.layout.blocks()}
        for path in self.layout.plans(self.preset or "*"):
            plan = read_plan(path)
            for planned in plan.runs:
                place = f"{plan.name}: {planned.variant}, {planned.environment}"
                # A folder may hold a study under several presets: each is compared with itself.
                names = [f"{plan.preset}/{place}", planned.name]
                labels |= dict.fromkeys([*([place] if self.preset else []), *names], planned.name)
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
            rows += [scores_of(replica) | _curve_points(replica) for replica in replicas_of(planned, block)]
        values = {score: np.array([row.get(score, np.nan) for row in rows], dtype=float) for score in SCORES}
        return {score: column[np.isfinite(column)] for score, column in values.items()}

    def verdicts(self) -> dict[tuple[str, str, str], dict[str, str]]:
        """Study, claim, and a digest of what it tests → preset → verdict with its effect and interval.

        The verdicts of studies that are here, and those that were published with the blocks. Claims that were not
        judged are left out.

        Raises:
            Refusal: if a plan cannot be read.
        """
        found: dict[tuple[str, str, str], dict[str, str]] = {}
        for path in self.layout.plans(self.preset or "*"):
            plan = read_plan(path)
            for row in _rows(path.with_name("verdicts.csv")):
                if row["claim"] in plan.study.claims and (said := _said(row)):
                    key = (plan.name, row["claim"], what_is_tested(plan, row["claim"]))
                    found.setdefault(key, {})[plan.preset] = said
        for row in _rows(self.layout.root / PUBLISHED_VERDICTS.name):
            if said := _said(row):
                found.setdefault((row["study"], row["claim"], row["tested"]), {})[OWN_BUDGET] = said
        return found


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a table; none if there is no such file."""
    if path.exists():
        yield from csv.DictReader(path.read_text(encoding="utf-8").splitlines())


def _said(row: dict[str, str]) -> str | None:
    """A verdict with its effect and interval; None if the claim was not judged."""
    with suppress(ValueError):
        effect, low, high = (float(row[name]) for name in ("effect", "low", "high"))
        if np.isfinite([effect, low, high]).any():
            return f"{row['verdict']} {wording.number(effect, 2)} {wording.interval(low, high, 2)}"
    return None


def _curve_points(replica: Replica) -> dict[str, float]:
    """A replica's learning curve at shares of its budget; NaN where no episode had ended, or it has no score."""
    points = replica.curve[1] if replica.status == "scored" else np.full(GRID_POINTS, np.nan)
    return {name: float(points[len(points) * percent // 100 - 1]) for name, percent in CURVE.items()}


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
    judged = _judged_by_both(one, other)
    if not pairs and not judged:
        raise Refusal(
            "compare: no run is in both, neither by name nor by study, variant and environment, and no claim has a "
            "verdict in both"
        )
    same = 0
    blocks: list[tuple[str, str, str]] = []
    differences: list[Difference] = []
    for (run, counterpart), label in sorted(pairs.items(), key=lambda pair: pair[1]):
        equal, rows = _blocks(label, run, counterpart, one.records(run), other.records(counterpart))
        same, blocks = same + equal, blocks + rows
        if rows:
            differences += _differences(label, one.scores(run), other.scores(counterpart))
    p_values = np.array([each.p for each in differences])
    beyond = inference.holm(p_values).rejected.tolist() if differences else []
    changed = [row for row in judged if _verdict(row[2]) != _verdict(row[3])]
    parts = [wording.text_table(("run", "block", "differs in"), blocks)] if blocks else []
    parts += [_table(differences, beyond)] if differences else []
    parts += [wording.text_table(("study", "claim", "first", "second"), changed)] if changed else []
    only = len(set(first.values()) - {a for a, _ in pairs}), len(set(second.values()) - {b for _, b in pairs})
    parts.append(
        f"{wording.count(len(pairs), 'run')} in both, {only[0]} only in the first, {only[1]} only in the second; "
        f"{wording.count(same, 'block')} the same to the bit, {len(blocks)} not; "
        f"{sum(beyond)} of {wording.count(len(beyond), 'score')} differ more than chance would, by Holm’s "
        f"procedure at {wording.percent(inference.ALPHA)}; {len(changed)} of "
        f"{wording.count(len(judged), 'verdict')} changed"
    )
    code = DIFFERENT if any(beyond) or changed else ALIKE if blocks else SAME
    return "\n\n".join(parts), code


def _blocks(
    label: str,
    run: str,
    counterpart: str,
    one: dict[str, BlockRecord],
    other: dict[str, BlockRecord],
) -> tuple[int, list[tuple[str, str, str]]]:
    """How many blocks are the same to the bit, and a row for each that is not; one for runs of two names."""
    if run != counterpart:
        return 0, [(label, "all", f"is another run: {run}, {counterpart}")] if one and other else []
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


def _judged_by_both(one: Side, other: Side) -> list[tuple[str, str, str, str]]:
    """The claims that both judge, by the same test: study, claim, and what each says under which preset.

    Two folders are compared preset by preset. A preset, or what was published, is compared with all that the other
    side knows of the claim.
    """
    before, after = one.verdicts(), other.verdicts()
    return [
        (key[0], key[1], f"{first}: {before[key][first]}", f"{second}: {after[key][second]}")
        for key in sorted(before.keys() & after.keys())
        for first in before[key]
        for second in after[key]
        if first == second or one.preset or other.preset or OWN_BUDGET in (first, second)
    ]


def _verdict(said: str) -> str:
    """The verdict alone, without its preset, effect and interval."""
    return said.partition(": ")[2].split()[0]
