"""Errors for people: what is wrong, where, and the nearest thing that would have been right."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

MAXIMAL_DEPTH = 30
MAXIMAL_SIZE = 100_000
LONGEST_QUOTE = 80


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class Refusal(ValueError):  # noqa: N818 - an input is refused; nothing has gone wrong yet
    """An input that cannot be used; the message names the place, the fault and the remedy.

    Args:
        lines: of the message; what cannot be printed in them is escaped.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(map(_printable, lines)))


class Breakdown(RuntimeError):  # noqa: N818 - what broke down is the machine, not the input
    """Work that could not be finished here; the message says why, what is left of it and what to do."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A clause that names the nearest known spelling, or all known words when none is near."""
    words = sorted(set(known))
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(words)}"


class _PlainLoader(yaml.SafeLoader):
    """The YAML that people write: safe, of bounded size and depth, and without silent surprises.

    Tags ask for other types, and of a repeated key all values but the last would be lost: they are errors. Aliases,
    and `<<`, which merges another mapping, are read, but could make a short text stand for more than any memory
    holds: what counts is the size with all of them written out. Dates stay texts.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.size = 0
        self.sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event, before = self.peek_event(), self.size  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            alias = super().compose_node(parent, index)
            if id(alias) not in self.sizes:
                raise _fault(f"'*{event.anchor}' stands within what it stands for", event)
            self.grow(self.sizes[id(alias)], event)
            return alias
        if getattr(event, "tag", None) is not None:
            raise _fault("tags such as '!!name' are not read: leave it out", event)
        if self.depth == MAXIMAL_DEPTH:
            raise _fault("this is nested too deeply", event)
        self.depth += 1
        self.grow(1, event)
        node = super().compose_node(parent, index)
        self.sizes[id(node)] = self.size - before
        self.depth -= 1
        return node

    def grow(self, values: int, event: yaml.Event) -> None:
        self.size += values
        if self.size > MAXIMAL_SIZE:
            raise _fault(f"with its aliases written out this has more than {MAXIMAL_SIZE:,} values", event)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise _fault(f"the key '{key}' appears twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        value: int = super().construct_yaml_int(node)
        if abs(value) > 2**53:
            raise _fault("this whole number is beyond 2⁵³", node)
        return value


_PlainLoader.yaml_constructors = yaml.SafeLoader.yaml_constructors | {
    "tag:yaml.org,2002:int": _PlainLoader.construct_yaml_int,
    "tag:yaml.org,2002:timestamp": _PlainLoader.construct_yaml_str,
}


def _fault(message: str, where: Any) -> yaml.MarkedYAMLError:
    """An error at an event or a node."""
    return yaml.MarkedYAMLError(problem=message, problem_mark=where.start_mark)


def parse_yaml(text: str, where: str) -> Any:
    """The value that a YAML text stands for.

    Raises:
        Refusal: if it is not YAML, or has tags, repeated keys, or numbers, nesting or size beyond reason.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise Refusal(f"{where}: is not valid YAML: {' '.join(str(error).split())}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, read safely; see `parse_yaml`.

    Raises:
        Refusal: if the file is missing, is not YAML or does not hold a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Refusal(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise Refusal(f"{path}: is not a text file ({error})") from None
    content = parse_yaml(text, str(path))
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise Refusal(f"{path}: must hold keys and values, such as 'question: …'")
    return content


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The model classes that an annotation mentions, through unions, containers and `Annotated`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _known_keys(models: list[type[BaseModel]], location: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a location inside any of the models (union tags and list indices pass through)."""
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


def _quote(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1]}…"


def explain(error: ValidationError, where: str, model: type[BaseModel]) -> Refusal:
    """Turn a validation error into a refusal: a line a fault, with place, key and nearest spelling."""
    lines = []
    for fault in error.errors(include_url=False):
        location = fault["loc"]
        key = ".".join(str(part) for part in location)
        if fault["type"] == "extra_forbidden":
            hint = nearest(str(location[-1]), _known_keys([model], location[:-1]))
            lines.append(f"{where}: unknown key '{key}'; {hint}")
        elif fault["type"] == "union_tag_invalid":
            tags = [tag.strip(" '") for tag in fault["ctx"]["expected_tags"].split(",")]
            lines.append(
                f"{where}: '{key}' cannot be '{fault['ctx']['tag']}'; {nearest(fault['ctx']['tag'], tags)}"
            )
        elif fault["type"] == "too_short" and fault["ctx"]["actual_length"] == 0:
            lines.append(f"{where}: '{key}' is empty; it must hold at least one entry")
        elif fault["type"] == "missing":
            lines.append(f"{where}: the key '{key}' is missing")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            at = f"'{key}' is {_quote(fault['input'])}: " if key else ""
            lines.append(f"{where}: {at}{message}")
    return Refusal(*lines)
