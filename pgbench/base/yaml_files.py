"""The YAML that people may write: plain values, each key once, nothing that runs code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from pgbench.base.refusals import Refusal

MAXIMAL_DEPTH = 30
"""Levels of nesting."""
MAXIMAL_SIZE = 100_000
"""Values in a file, with aliases written out."""

_WHOLE, _DIGITS = "(?:0|[1-9][0-9]*(?:_[0-9]+)*)", "[0-9]+(?:_[0-9]+)*"
_PLAIN = {
    "bool": "(?i:yes|no|on|off|true|false)",
    "null": "(?i:null)|~|",
    "merge": "<<",
    "int": f"[-+]?{_WHOLE}",
    "float": rf"[-+]?(?:{_WHOLE}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?[0-9]+)?|(?i:[-+]?\.inf|\.nan)",
}
"""Tag → how what is no text is written: as in YAML 1.1, but numbers as in YAML 1.2, with `_` between digits."""
_OTHER_BASES = {
    "octal": r"[-+]?0o?[0-9_]+(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?",
    "binary": "[-+]?0b[01_]+",
    "hexadecimal": "[-+]?0x[0-9a-fA-F_]+",
    "sexagesimal": r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?",
}
"""Name → what some readers of YAML take for a number of another base than ten, and others for text."""


class _PlainLoader(yaml.SafeLoader):
    """The YAML that people write: safe, of bounded size and depth, and without silent surprises.

    Tags are errors, because they ask for other types. Repeated keys are errors, because all values but the last
    would be lost. Aliases, and `<<`, which merges another mapping, are allowed. They could make a short text stand
    for more values than fit into memory, so the size is counted with all of them written out. Dates stay texts.
    Numbers are decimal, and `1e6` is one. What looks like a number of another base is an error.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.size = 0
        self.sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node; refuse an alias inside what it repeats, and a file that grows too large."""
        event, before = self.peek_event(), self.size  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            alias = super().compose_node(parent, index)
            if id(alias) not in self.sizes:
                raise _fault(f"'*{event.anchor}' stands inside the value that it repeats", event)
            self.grow(self.sizes[id(alias)], event)
            return alias
        if getattr(event, "tag", None) is not None:
            raise _fault("tags such as '!!name' are not allowed: leave it out", event)
        if self.depth == MAXIMAL_DEPTH:
            raise _fault("this value is nested too deeply", event)
        self.depth += 1
        self.grow(1, event)
        node = super().compose_node(parent, index)
        self.sizes[id(node)] = self.size - before
        self.depth -= 1
        return node

    def grow(self, values: int, event: yaml.Event) -> None:
        """Count the values of the file as if every alias were written out."""
        self.size += values
        if self.size > MAXIMAL_SIZE:
            raise _fault(
                f"with its aliases written out this file has more than {MAXIMAL_SIZE:,} values", event
            )

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping, and refuse a key that stands there twice."""
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
        """Construct a whole number, and refuse one that JSON could not hold exactly."""
        value: int = super().construct_yaml_int(node)
        if abs(value) > 2**53:
            raise _fault("this whole number is larger than 2⁵³", node)
        return value

    def refuse_number(self, node: yaml.ScalarNode) -> None:
        """Refuse what looks like a number of another base than ten."""
        base = node.tag.rpartition(":")[2]
        raise _fault(
            f"'{node.value}' looks like {'an' if base[0] in 'aeiou' else 'a'} {base} number: write it in decimal "
            f"digits without leading zeros, or in quotes if it is text",
            node,
        )


_PlainLoader.yaml_constructors = yaml.SafeLoader.yaml_constructors | {
    "tag:yaml.org,2002:int": _PlainLoader.construct_yaml_int,
    **{f"tag:pgbench:{base}": _PlainLoader.refuse_number for base in _OTHER_BASES},
}
_PlainLoader.yaml_implicit_resolvers = {
    None: [
        *((f"tag:yaml.org,2002:{name}", re.compile(f"(?:{form})$")) for name, form in _PLAIN.items()),
        *((f"tag:pgbench:{base}", re.compile(f"(?:{form})$")) for base, form in _OTHER_BASES.items()),
    ]
}


def _fault(message: str, where: Any) -> yaml.MarkedYAMLError:
    """An error at an event or a node."""
    return yaml.MarkedYAMLError(problem=message, problem_mark=where.start_mark)


def parse_yaml(text: str, where: str) -> Any:
    """The value that a YAML text stands for.

    Raises:
        Refusal: if it is not YAML, or has tags, repeated keys, or too large numbers, nesting or size.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise Refusal(f"{where}: is not valid YAML: {error.problem or error.context}{place}") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise Refusal(f"{where}: is not valid YAML: {' '.join(str(error).split())}") from None


def whole_number(text: str) -> int:
    """The whole number that a YAML text stands for, such as 1000000 for `1e6`.

    Raises:
        ValueError: if it stands for anything else.
    """
    value = parse_yaml(text, "a whole number")
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
        raise ValueError(f"'{text}' is no whole number")
    return int(value)


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
