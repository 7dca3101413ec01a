"""Errors for people: what is wrong, where, and the nearest thing that would have been right."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

LONGEST_QUOTE = 80
"""Characters of a value that a message shows."""
LONGEST_LIST = 40
"""Names that a message lists when none is near."""


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class Refusal(ValueError):  # noqa: N818 - an input is refused; nothing has gone wrong yet
    """An input that cannot be used; the message names the place, the fault and the remedy.

    Args:
        lines: of the message; signs that cannot be printed are escaped.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(map(_printable, lines)))


class Breakdown(RuntimeError):  # noqa: N818 - what broke down is the machine, not the input
    """Work that this machine could not finish; the message says why, what remains of the work and what to do."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A clause that names the nearest known spelling or, if none is near, the known words."""
    words = sorted(set(known))
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    further = len(words) - LONGEST_LIST
    return f"there are: {', '.join(words[:LONGEST_LIST])}" + (f" and {further} more" if further > 0 else "")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The model classes that an annotation mentions, through unions, containers and `Annotated`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _known_keys(models: list[type[BaseModel]], location: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a location in any of the models; union tags and list indices are passed over."""
    for part in location:
        fields = [model.model_fields[part] for model in models if part in model.model_fields]
        if fields:
            models = [model for field in fields for model in _models_in(field.annotation)]
        else:
            tagged = [
                m for m in models if "kind" in m.model_fields and m.model_fields["kind"].default == part
            ]
            models = tagged or models
    return [name for model in models for name in model.model_fields if name != "kind"]


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1]}…"


def explain(error: ValidationError, where: str, model: type[BaseModel]) -> Refusal:
    """A validation error as a refusal: one line a fault, with place, key and nearest spelling."""
    lines = []
    for fault in error.errors(include_url=False):
        location = fault["loc"]
        key = ".".join(_shortened(str(part)) for part in location)
        if fault["type"] == "extra_forbidden":
            hint = nearest(str(location[-1]), _known_keys([model], location[:-1]))
            lines.append(f"{where}: unknown key '{key}'; {hint}")
        elif fault["type"] == "union_tag_invalid":
            tags = [tag.strip(" '") for tag in fault["ctx"]["expected_tags"].split(",")]
            tag = fault["ctx"]["tag"]
            lines.append(f"{where}: '{key}' cannot be '{_shortened(tag)}'; {nearest(tag, tags)}")
        elif fault["type"] == "too_short" and fault["ctx"]["actual_length"] == 0:
            lines.append(f"{where}: '{key}' is empty; it must hold at least one entry")
        elif fault["type"] == "missing":
            lines.append(f"{where}: the key '{key}' is missing")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            if fault["type"] == "string_type" and isinstance(fault["input"], bool | int | float | None):
                message += "; write it in quotes if it is text"
            at = f"'{key}' is {_shortened(repr(fault['input']))}: " if key else ""
            lines.append(f"{where}: {at}{message}")
    return Refusal(*lines)
