r"""Tables and texts as LaTeX that every engine reads.

A table is a `tabular` with the rules of the package booktabs, for `\input` inside the reader's own `table`; one
that is longer than a page is a `longtable`.
"""

from __future__ import annotations

import pandas as pd

LONGEST = 40
"""Rows that still fit a page."""

GREEK = {
    **{"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "θ": "theta", "λ": "lambda"},
    **{"μ": "mu", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "varphi", "Δ": "Delta", "Σ": "Sigma"},
}
SIGNS = {
    **{"−": "-", "×": r"\times", "≥": r"\geq", "≤": r"\leq", "±": r"\pm", "∞": r"\infty", "→": r"\to"},
    **{"∼": r"\sim", "·": r"\cdot", "½": r"\frac12", "′": r"\prime", "√": r"\surd", "²": "^2"},
}
MARKS = {
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\dots{}",
    "\N{NO-BREAK SPACE}": "~",
}
SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"},
    # A bracket at the beginning of a row would be an argument of the end of the row before.
    **{"[": "{[}", "]": "{]}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"},
}
_TRANSLATION = str.maketrans(
    SPECIAL
    | MARKS
    | {letter: f"$\\{name}$" for letter, name in GREEK.items()}
    | {sign: f"${command}$" for sign, command in SIGNS.items()}
)


def escape(text: str) -> str:
    """A text as LaTeX: special characters, Greek letters and typographic marks in plain ASCII."""
    return text.translate(_TRANSLATION)


def booktabs(table: pd.DataFrame) -> str:
    """A table of texts as LaTeX.

    Args:
        table: cells as a reader is to see them. The first column is aligned left; of the others, those of which
            every cell begins like a number are aligned right.
    """
    numeric = table.apply(lambda column: column.str.match(r"^[-−–\d<]").all())
    alignment = "".join(
        "r" if right else "l" for right in numeric.where(table.columns != table.columns[0], False)
    )
    return (
        table.map(escape)
        .rename(columns=escape)
        .style.hide(axis="index")
        .to_latex(
            hrules=True,
            column_format=alignment,
            environment="longtable" if len(table) > LONGEST else None,
        )
    )
