"""Nodes against the settings tree: the value of every leaf that a document gives, and everything wrong with it.

Nothing here stops at the first problem. A section may stand as a map, or, where the seed does so, as a list of
one-key maps (S-5). Duplicate keys, unknown keys and wrong types are problems with the key's path and line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any, final, get_args, get_origin

import msgspec
import yaml

from ledger.config.document import NOTHING, TEXT, TRUTH, WHOLE, Unreadable, compose, line_of, shown
from ledger.config.errors import Notice, Origin, Problem
from ledger.config.note import FORMS, Note
from ledger.config.schema import Branch, Leaf, choices, described, find, leaves, optional, tree


@final
class Given(msgspec.Struct, frozen=True):
    """A value that somebody wrote, and where."""

    value: object
    origin: Origin


INVALID = object()
"""Stands for a value that a problem was reported for."""

Pair = tuple[yaml.Node, yaml.Node]


@final
class Reading:
    """Collects what one layer gives: values by path, problems, notices."""

    def __init__(self, layer: int, source: str, first_line: int = 0) -> None:
        self.given: dict[str, Given] = {}
        self.problems: list[Problem] = []
        self.notices: list[Notice] = []
        self._layer = layer
        self._source = source
        self._first_line = first_line

    def document(self, text: str) -> None:
        """Read a whole document."""
        root = self._compose(text, "")
        if root is not None and root.tag != NOTHING:
            self._branch(root, tree())

    def assignment(self, text: str) -> None:
        """Read `a.b=v`; v is typed by the rules of YAML."""
        path, equals, value = text.partition("=")
        node = find(path)
        if not equals or not path:
            self._problem(0, "", f'expected a.b=value, found "{text}"')
        elif node is None:
            self._problem(0, path, f"there is no such setting; {nearest_path(path)}")
        else:
            written = self._compose(value, path)
            if written is None:
                written = yaml.ScalarNode(NOTHING, "")
            self._read(written, node)

    def _compose(self, text: str, path: str) -> yaml.Node | None:
        try:
            return compose(text)
        except Unreadable as error:
            hint = "; `ledger config adopt` reads documents with yaml blocks" if "\n```yaml" in text else ""
            self._problem(error.line, path, f"not one YAML document: {error}{hint}")
            return None

    def _origin(self, line: int) -> Origin:
        return Origin(self._layer, self._source, line + self._first_line if line and self._layer < 3 else 0)

    def _problem(self, at: yaml.Node | int, path: str, text: str, seed: str = "") -> object:
        line = at if isinstance(at, int) else line_of(at) if at.start_mark else 0
        self.problems.append(Problem(self._origin(line), path, text, seed))
        return INVALID

    def _read(self, node: yaml.Node, target: Leaf | Branch) -> None:
        if type(target) is Branch:
            self._branch(node, target)
        elif type(target) is Leaf:
            value = self._value(node, target.type, target.note, target.path)
            if value is not INVALID:
                line = line_of(node) if node.start_mark else 0
                self.given[target.path] = Given(value, self._origin(line))

    def _branch(self, node: yaml.Node, branch: Branch) -> None:
        seen: dict[str, int] = {}
        for key, value in self._pairs(node, branch):
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else shown(key)
            path = f"{branch.path}.{name}" if branch.path else name
            if name in seen:
                self._problem(key, path, f"given twice, first in line {seen[name]}; keep one")
                continue
            seen[name] = line_of(key) + self._first_line
            child = branch.children.get(name)
            if child is None:
                self._problem(key, path, unknown_key(name, branch))
            else:
                self._read(value, child)

    def _pairs(self, node: yaml.Node, branch: Branch) -> Iterator[Pair]:
        if isinstance(node, yaml.MappingNode):
            yield from node.value
        elif branch.one_key_maps and isinstance(node, yaml.SequenceNode):
            self.notices.append(
                Notice(
                    self._origin(line_of(node)),
                    branch.path,
                    "a list of one-key maps, read as one section",
                    "S-5",
                )
            )
            for item in node.value:
                if isinstance(item, yaml.MappingNode) and len(item.value) == 1:
                    yield item.value[0]
                else:
                    self._problem(
                        item, branch.path, f"expected a list of one-key maps, found {shown(item)} in it"
                    )
        elif node.tag != NOTHING:
            path = branch.path or "the document"
            names = ", ".join(list(branch.children)[:6])
            self._problem(node, path, f"expected a section with keys such as {names}, found {shown(node)}")

    def _value(self, node: yaml.Node, kind: Any, note: Note, path: str) -> object:
        kind, nullable = optional(kind)
        if nullable and node.tag == NOTHING:
            return None
        if allowed := choices(kind):
            return self._choice(node, allowed, note, path)
        if get_origin(kind) is tuple:
            return self._list(node, get_args(kind)[0], note, path)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._item(node, kind, note, path)
        return self._scalar(node, kind, note, path)

    def _scalar(self, node: yaml.Node, kind: Any, note: Note, path: str) -> object:
        if kind is bool and node.tag == TRUTH:
            return str(node.value).lower() == "true"
        if kind is int and node.tag == WHOLE:
            return self._whole(node, note, path)
        if kind is str and node.tag == TEXT and isinstance(node, yaml.ScalarNode):
            text = str(node.value)
            if not note.form or re.fullmatch(FORMS[note.form][0], text):
                return text
        quote = (
            "; put it in quotes"
            if kind is str and isinstance(node, yaml.ScalarNode) and node.tag != TEXT
            else ""
        )
        return self._problem(node, path, f"expected {described(kind, note)}, found {shown(node)}{quote}")

    def _whole(self, node: yaml.Node, note: Note, path: str) -> object:
        digits = str(node.value).replace("_", "")
        if len(digits) > 20:
            return self._problem(node, path, f"expected {described(int, note)}, found {len(digits)} digits")
        number = int(digits)
        low = note.least is not None and number < note.least
        high = note.most is not None and number > note.most
        # 64 bits: whatever reads it, on disk or at a server, must be able to hold it.
        if low or high or abs(number) >= 1 << 63:
            return self._problem(node, path, f"expected {described(int, note)}, found {number}")
        return number

    def _choice(self, node: yaml.Node, allowed: tuple[str, ...], note: Note, path: str) -> object:
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        if node.tag == TEXT and text in allowed:
            return text
        if text in note.refused:
            refused = note.refused[text]
            return self._problem(node, path, f"{text} is not supported: {refused.cure}", refused.seed)
        near = difflib.get_close_matches(text, allowed, n=1)
        hint = f"; did you mean {near[0]}" if near else ""
        return self._problem(node, path, f"expected one of {', '.join(allowed)}, found {shown(node)}{hint}")

    def _list(self, node: yaml.Node, kind: Any, note: Note, path: str) -> object:
        if note.one_or_many and isinstance(node, yaml.ScalarNode):
            only = self._value(node, kind, note, path)
            return INVALID if only is INVALID else (only,)
        if not isinstance(node, yaml.SequenceNode):
            return self._problem(
                node, path, f"expected {described(tuple[kind, ...], note)}, found {shown(node)}"
            )
        items = [self._value(item, kind, note, f"{path}[{index}]") for index, item in enumerate(node.value)]
        return INVALID if any(item is INVALID for item in items) else tuple(items)

    def _item(self, node: yaml.Node, kind: type[msgspec.Struct], note: Note, path: str) -> object:
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        if not isinstance(node, yaml.MappingNode):
            return self._problem(node, path, f"expected {described(kind, note)}, found {shown(node)}")
        bare = Note(note.effect, note.text)
        values: dict[str, object] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in fields or name in values:
                what = "given twice" if name in values else f"unknown key; {_near_or_all(name, list(fields))}"
                values[name] = self._problem(key, f"{path}.{name}", what)
            else:
                values[name] = self._value(value, fields[name].type, bare, f"{path}.{name}")
        for name, field in fields.items():
            if field.required and name not in values:
                values[name] = self._problem(node, path, f"expected a key {name}, found none")
        return INVALID if any(value is INVALID for value in values.values()) else kind(**values)


def unknown_key(name: str, branch: Branch) -> str:
    """Says that the section has no such key, and names the nearest one that exists."""
    siblings = list(branch.children)
    if not difflib.get_close_matches(name, siblings, n=1):
        elsewhere = [path for path in leaves() if path.rpartition(".")[2] == name]
        if elsewhere:
            return f"unknown key; there is {elsewhere[0]}"
    return f"unknown key; {_near_or_all(name, siblings)}"


def nearest_path(path: str) -> str:
    """Names the setting whose path is nearest."""
    return f"the nearest is {difflib.get_close_matches(path, list(leaves()), n=1, cutoff=0.0)[0]}"


def _near_or_all(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}" if near else f"expected one of {', '.join(names)}"
