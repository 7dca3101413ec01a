"""BibTeX entries of results, each with the identifier of the tables that it cites."""

from __future__ import annotations

from collections.abc import Sequence

from pgbench.analysis.study_tables import StudyProvenance
from pgbench.base import wording
from pgbench.report import latex
from pgbench.studies.plans import StudyPlan

AUTHOR = "The pgbench authors"
TITLE = "pgbench: a laboratory that replicates the policy-gradient literature"


def study_entry(plan: StudyPlan, provenance: StudyProvenance, identity: str) -> str:
    """The BibTeX entry of a study's results.

    Args:
        plan: the study.
        provenance: where its numbers come from.
        identity: the identifier of its tables.
    """
    seeds = max(len(run.seeds) for run in provenance.runs)
    budgets = sorted({planned.run.steps for planned in plan.runs})
    steps = wording.enumeration([wording.number(budget) for budget in budgets])
    note = (
        f"Study {plan.name} of {TITLE}. {wording.count(seeds, 'seed')} of {steps} environment steps. "
        f"{_commits(provenance)}. Results {identity}"
    )
    return _entry(f"pgbench-{plan.name}-{identity}", plan.study.question, provenance.finished.year, note)


def index_entry(identity: str, studies: Sequence[tuple[StudyPlan, StudyProvenance]]) -> str:
    """The BibTeX entry of the results of several studies together.

    Args:
        identity: their joint identifier.
        studies: each study with its provenance; at least one.
    """
    names = wording.enumeration([plan.name for plan, _ in studies])
    commits = dict.fromkeys(_commits(provenance) for _, provenance in studies)
    note = f"Studies {names}. {'; '.join(commits)}. Results {identity}"
    year = max(provenance.finished.year for _, provenance in studies)
    return _entry(f"pgbench-{identity}", TITLE, year, note)


def _commits(provenance: StudyProvenance) -> str:
    """A clause on the code that trained."""
    known = [commit[:12] if commit else "unknown" for commit in provenance.commits]
    return f"Code at commit {wording.enumeration(known)}" + (" with changes" if any(provenance.dirty) else "")


def _entry(key: str, title: str, year: int, note: str) -> str:
    fields = {"title": f"{{{latex.escape(title)}}}", "author": f"{{{AUTHOR}}}", "year": str(year)}
    fields |= {"note": latex.escape(note)}
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@misc{{{key},", *lines, "}"])
