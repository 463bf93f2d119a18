"""YAML text into nodes that know their lines; nothing is turned into a number or a truth on the way.

The loader is PyYAML's SafeLoader with the scalars of YAML 1.2: only `true` and `false` are truths, only decimal
digits are whole numbers; `on`, `0x10`, `1:30` and dates stay text, so that no value changes in silence.
"""

from __future__ import annotations

import re
from typing import final

import yaml

TRUTH = "tag:yaml.org,2002:bool"
WHOLE = "tag:yaml.org,2002:int"
FRACTION = "tag:yaml.org,2002:float"
NOTHING = "tag:yaml.org,2002:null"
TEXT = "tag:yaml.org,2002:str"


class StrictLoader(yaml.SafeLoader):
    """SafeLoader that resolves only what YAML 1.2 calls a bool, an int, a float or null."""


_RESOLVED = (
    (TRUTH, r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    (WHOLE, r"^[-+]?(?:0|[1-9][0-9_]*)$", "-+0123456789"),
    (FRACTION, r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    (NOTHING, r"^(?:~|null|Null|NULL)$", "~nN"),
)
"""Tag, pattern, and the characters that a scalar of it may begin with: PyYAML looks resolvers up by those."""


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {"": [(NOTHING, re.compile(r"^$"))]}
    for tag, pattern, firsts in _RESOLVED:
        for first in firsts:
            table.setdefault(first, []).append((tag, re.compile(pattern)))
    return table


StrictLoader.yaml_implicit_resolvers = _resolvers()


@final
class Unreadable(Exception):
    """The text is not one YAML document; `line` counts from 1, 0 where it is unknown."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def compose(text: str) -> yaml.Node | None:
    """The root node of the text, None for an empty one; raises Unreadable."""
    try:
        loader = StrictLoader(text)
        try:
            return loader.get_single_node()  # pyright: ignore[reportUnknownMemberType]
        finally:
            loader.dispose()  # pyright: ignore[reportUnknownMemberType]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise Unreadable(mark.line + 1 if mark else 0, error.problem or "not YAML") from None
    except yaml.YAMLError as error:
        raise Unreadable(0, " ".join(str(error).split())) from None
    except RecursionError:
        raise Unreadable(0, "nested too deeply") from None


def line_of(node: yaml.Node) -> int:
    """The line where the node begins, counted from 1."""
    return node.start_mark.line + 1


def shown(node: yaml.Node) -> str:
    """What stands there, short, for an error."""
    if isinstance(node, yaml.MappingNode):
        return "a section"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if node.tag == NOTHING:
        return "nothing"
    value = str(node.value)
    short = value if len(value) <= 60 else value[:57] + "..."
    return f'text "{short}"' if node.tag == TEXT else short
