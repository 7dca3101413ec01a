r"""Tables and texts as LaTeX.

A table is a `tabular` with the rules of the package booktabs, for `\input` inside the reader's `table`. A table
that is longer than a page is a `longtable`.
"""

from __future__ import annotations

from functools import cache

import pandas as pd
from pylatexenc.latexencode import (  # type: ignore[import-untyped]
    RULE_DICT,
    UnicodeToLatexConversionRule,
    UnicodeToLatexEncoder,
)

LONGEST = 40
"""Rows that still fit a page."""

# In a table, a bracket at the start of a row would be an argument of the end of the row before. A bar is another
# sign in LaTeX's oldest font encoding.
IN_TABLES = {"[": "{[}", "]": "{]}", "|": r"\textbar{}"}


def escape(text: str) -> str:
    """A text as LaTeX in plain ASCII; a sign that LaTeX has no command for stays, for engines that read Unicode."""
    return str(_encoder().unicode_to_latex(text))


@cache
def _encoder() -> UnicodeToLatexEncoder:
    signs = {ord(sign): command for sign, command in IN_TABLES.items()}
    return UnicodeToLatexEncoder(
        conversion_rules=[UnicodeToLatexConversionRule(RULE_DICT, signs), "defaults"],
        replacement_latex_protection="braces-after-macro",
        unknown_char_policy="keep",
        unknown_char_warning=False,
    )


def booktabs(table: pd.DataFrame) -> str:
    """A table of texts as LaTeX.

    Args:
        table: cells as a reader is to see them. The first column is aligned left. Another column is aligned right
            if each of its cells begins like a number.
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
