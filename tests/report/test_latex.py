"""LaTeX that every engine reads."""

import re

import pandas as pd

from pgbench.report import latex


def test_what_latex_would_obey_is_escaped():
    assert latex.escape("50 % of λ_1 & #2") == r"50 \% of \ensuremath{\lambda}\_1 \& \#2"
    assert latex.escape("[−1.0, 2.5]") == r"{[}\ensuremath{-}1.0, 2.5{]}"
    assert latex.escape(r"a\b") == r"a\textbackslash{}b"


def test_every_mark_of_the_reports_becomes_ascii():
    marks = "αβγδεθλμπρστφΔΣ−×≥≤±∞→∼·½′√²–—‘’“”…⁻³∇\N{NO-BREAK SPACE}"
    for mark in marks:
        assert latex.escape(mark).isascii()
        assert latex.escape(mark) != ""


def test_a_sign_without_a_command_stays():
    assert latex.escape("中 ▲") == "中 ▲"


def test_a_table_has_rules_and_as_many_cells_in_every_row():
    table = pd.DataFrame({"A & B": ["x & y", "[z"], "number": ["−1.5 [−2, 3]", "–"], "text": ["1 a", "b"]})
    lines = latex.booktabs(table).splitlines()
    assert lines[0] == r"\begin{tabular}{lrl}"
    assert [line for line in lines if line.endswith("rule")] == [r"\toprule", r"\midrule", r"\bottomrule"]
    rows = [line for line in lines if line.endswith(r"\\")]
    assert len(rows) == 3
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {2}
    assert not any(row.startswith("[") for row in rows)


def test_a_table_longer_than_a_page_may_break():
    table = pd.DataFrame({"seed": [str(seed) for seed in range(latex.LONGEST + 1)]})
    assert latex.booktabs(table).startswith(r"\begin{longtable}")
    assert latex.booktabs(table[:-1]).startswith(r"\begin{tabular}")
