"""The document of sources names every paper, and nobody quotes what nobody read."""

import re

import pytest

from helpers.places import CHECKOUT, STUDIES
from pgbench.studies.loading import load_study
from pgbench.studies.references import read_papers

ROW = re.compile(r"^\| `([^`]+)` \| (\w+) \|", re.MULTILINE)
KNOWN = dict(ROW.findall((CHECKOUT / "docs" / "sources.md").read_text(encoding="utf-8")))
OF_NOBODY_ELSE = {"note", "pgbench"}
CLAIMS = [
    pytest.param(claim, id=f"{path.stem}-{name}")
    for path in sorted(STUDIES.glob("*.yaml"))
    for name, claim in load_study(path).claims.items()
]


def test_every_paper_is_said_to_be_read_or_not() -> None:
    assert KNOWN.keys() == read_papers().keys() - OF_NOBODY_ELSE
    assert set(KNOWN.values()) == {"read", "abstract", "transcribed", "memory"}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_quotes_only_what_somebody_read(claim) -> None:
    if KNOWN.get(claim.source.paper, "memory") == "memory":
        assert '"' not in f"{claim.statement} {claim.caveat}"


def test_few_claims_rest_on_the_note_alone() -> None:
    papers = [parameter.values[0].source.paper for parameter in CLAIMS]
    assert len(papers) >= 160
    assert len({*papers} - OF_NOBODY_ELSE) >= 30
    assert papers.count("note") <= 0.15 * len(papers)
