"""Errors for people: what is wrong, where, and the nearest thing that would have been right."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError


class Refusal(ValueError):  # noqa: N818 - an input is refused; nothing has gone wrong yet
    """An input that cannot be used; the message names the place, the fault and the remedy."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A clause that names the nearest known spelling, or all known words when none is near."""
    words = sorted(set(known))
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(words)}"


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML in which a repeated key is an error instead of a silent loss; `<<` merges another mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' appears twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, read safely.

    Raises:
        Refusal: if the file is missing, is not YAML, repeats a key or does not hold a mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except OSError as error:
        raise Refusal(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise Refusal(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from None
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
            at = f"'{key}' is {fault['input']!r}: " if key else ""
            lines.append(f"{where}: {at}{message}")
    return Refusal("\n".join(lines))
