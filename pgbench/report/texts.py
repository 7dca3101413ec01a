"""The texts of the pages. They exist once, as YAML files beside the templates: for HTML, Markdown and Snakemake."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

from pgbench.base.places import TEMPLATES
from pgbench.base.specification import Specification
from pgbench.base.yaml_files import read_yaml


class Definition(NamedTuple):
    """A word of a page, and what it means."""

    term: str
    text: str


class FigureTexts(Specification):
    """What `captions.yaml` says of a figure.

    Attributes:
        text: what its marks are; holds for every study.
        overview: a sentence on the panel of all means; for learning curves.
        before: a sentence on the variant before; for learning curves.
        numbers: replicas, steps and levels; from the tables.
    """

    text: str
    overview: str = ""
    before: str = ""
    numbers: str


def definitions(sections: Collection[str], numbers: Mapping[str, str]) -> tuple[Definition, ...]:
    """The definitions of some sections of `definitions.yaml`, with their numbers.

    Args:
        sections: the keys of its first level that a study needs.
        numbers: what the names in braces stand for.
    """
    return tuple(
        Definition(term, text.format_map(numbers))
        for section, terms in _read("definitions").items()
        if section in sections
        for term, text in terms.items()
    )


def paragraphs(page: str, numbers: Mapping[str, str]) -> dict[str, str]:
    """Name → paragraph of a page.

    Args:
        page: a key of the first level of `paragraphs.yaml`.
        numbers: what the names in braces stand for.
    """
    return {name: text.format_map(numbers) for name, text in _read("paragraphs")[page].items()}


def figure_texts(name: str) -> FigureTexts:
    """What `captions.yaml` says of a figure."""
    return FigureTexts.model_validate(_read("captions")["figures"][name])


def table_captions() -> dict[str, str]:
    """Name of a table → its caption."""
    return dict(_read("captions")["tables"])


@cache
def _read(name: str) -> dict[str, Any]:
    return read_yaml(TEMPLATES / f"{name}.yaml")
