"""`ledger config adopt`: the seed's YAML, as it stands, made into a configuration that passes `check` (S-54).

Reads plain YAML files and documents with ```yaml blocks. What a rule can cure is changed and told with its
number; what no rule can cure (an unknown key, a wrong type) stops the adoption, since guessing would hide it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast, final

import msgspec

from ledger.config.errors import ConfigError, Notice, Origin, Problem
from ledger.config.load import FILE, assemble, configure, origin_of
from ledger.config.mapping import moved
from ledger.config.reading import Given, Reading
from ledger.config.rules import OWN_RULES, Drop, Finding, Keep, found_by, value_text
from ledger.config.rules_keys import keys_of_the_doors
from ledger.config.rules_seed import SEED_RULES
from ledger.config.schema import Branch, Leaf, tree

ROUNDS_MAX = 5
"""A cure may uncover one more contradiction; more rounds than this means that two rules disagree."""


@final
class Change(msgspec.Struct, frozen=True):
    """One value that was changed, and why."""

    path: str
    old: str
    new: str
    seed: str
    why: str

    def __str__(self) -> str:
        return f"{self.seed or '-'}: {self.path}: {self.old} -> {self.new}: {self.why}"


@final
class Adopted(msgspec.Struct, frozen=True):
    """A valid configuration made from a seed."""

    text: str
    """YAML."""
    changes: tuple[Change, ...]
    notices: tuple[Notice, ...]
    """What `check` will still say about it."""


def adopt(sources: Sequence[Path], name: str = "adopted") -> Adopted:
    """Make a valid configuration from the seed's YAML; raises ConfigError with what cannot be mended.

    `name` stands in the notices for the file that will hold the result.
    """
    readings = [reading for source in sources for reading in _readings(source)]
    problems = [problem for reading in readings for problem in reading.problems]
    given: dict[str, Given] = {}
    for reading in readings:
        problems += [
            _twice(path, value, given[path]) for path, value in reading.given.items() if path in given
        ]
        given.update(reading.given)
    if not given and not problems:
        problems.append(Problem(Origin(FILE, str(sources[0])), "", "holds no YAML and no ```yaml block"))
    if problems:
        raise ConfigError(problems)
    changes = [
        Change(notice.path, "a list", "a section", notice.seed, notice.text)
        for reading in readings
        for notice in reading.notices
    ]
    changes += _mend(given)
    text = written(given, changes, [source.name for source in sources])
    check = Reading(FILE, name)
    check.document(text)
    return Adopted(text, tuple(changes), assemble([check]).notices)


def _readings(source: Path) -> Iterator[Reading]:
    reading = Reading(FILE, str(source))
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        reading.problems.append(Problem(Origin(FILE, str(source)), "", f"cannot read the file: {what}"))
        yield reading
        return
    blocks = yaml_blocks(text)
    if not blocks:
        reading.document(text)
        yield reading
    for first_line, block in blocks:
        reading = Reading(FILE, str(source), first_line)
        reading.document(block)
        yield reading


def yaml_blocks(text: str) -> list[tuple[int, str]]:
    """The ```yaml blocks of a document, each with the number of the line before its first."""
    found: list[tuple[int, str]] = []
    for match in re.finditer(r"^```ya?ml[ \t]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        found.append((text.count("\n", 0, match.start(1)), match.group(1)))
    return found


def _twice(path: str, value: Given, first: Given) -> Problem:
    return Problem(value.origin, path, f"given twice, first at {first.origin}; keep one")


def _mend(given: dict[str, Given]) -> list[Change]:
    """Apply the cures of all findings, until no rule has one; changes `given` in place.

    What is still refused then has no cure, and raises ConfigError with the place in the seed.
    """
    changes: list[Change] = []
    for _ in range(ROUNDS_MAX):
        whole, problems = moved(given)
        findings = found_by((*OWN_RULES, keys_of_the_doors, *SEED_RULES), configure(whole))
        curable = [finding for finding in findings if type(finding.cure) is not Keep]
        if not curable:
            problems += [
                Problem(origin_of(finding, given), finding.path, finding.text, finding.seed)
                for finding in findings
                if finding.refuse
            ]
            if problems:
                raise ConfigError(problems)
            return changes
        for finding in curable:
            changes.append(_cure(finding, given))
    raise AssertionError("the cures of two rules contradict each other")


def _cure(finding: Finding, given: dict[str, Given]) -> Change:
    old = given.get(finding.path)
    if type(finding.cure) is Drop:
        del given[finding.path]
        new = "left out"
    else:
        origin = old.origin if old is not None else Origin(FILE, "adopted")
        given[finding.path] = Given(finding.cure, origin)
        new = value_text(finding.cure)
    before = value_text(old.value) if old is not None else "not given"
    short = before if len(before) <= 60 else before[:57] + "..."
    return Change(finding.path, short, new, finding.seed, finding.text)


def written(given: Mapping[str, Given], changes: Sequence[Change], names: Sequence[str]) -> str:
    """The given values as YAML in the order of the tree, each changed line with its number and old value."""
    head = [
        f"# Made by `ledger config adopt` from {', '.join(names)}.",
        "# Databases are projections of the journal and start only when `projections` switches them on.",
    ]
    dropped = [change for change in changes if change.new == "left out"]
    head += [f"# Left out ({change.seed}): {change.path}" for change in dropped]
    remarks = {change.path: f"# {change.seed}: was {change.old}" for change in changes}
    return "\n".join([*head, *_lines(tree(), given, remarks, 0)]) + "\n"


def _lines(
    branch: Branch, given: Mapping[str, Given], remarks: Mapping[str, str], depth: int
) -> Iterator[str]:
    margin = "  " * depth
    for name, child in branch.children.items():
        if type(child) is Leaf:
            if child.path in given:
                remark = remarks.get(child.path)
                if remark:
                    yield f"{margin}{remark}"
                yield f"{margin}{name}:{_value(given[child.path].value, margin)}"
        elif type(child) is Branch and any(path.startswith(child.path + ".") for path in given):
            remark = remarks.get(child.path)
            if depth == 0:
                yield ""
            yield f"{margin}{name}:" + (f"  {remark}" if remark else "")
            yield from _lines(child, given, remarks, depth + 1)


def _scalar(value: object) -> str:
    """A value on one line; JSON's texts, numbers and truths are YAML's."""
    if isinstance(value, msgspec.Struct):
        defaults = {field.name: field.default for field in msgspec.structs.fields(value)}
        fields = {
            name: item for name, item in msgspec.structs.asdict(value).items() if item != defaults[name]
        }
        return "{" + ", ".join(f"{name}: {value_text(item)}" for name, item in fields.items()) + "}"
    return value_text(value)


def _value(value: object, margin: str) -> str:
    """What follows the key: a scalar, or one item a line."""
    if not isinstance(value, tuple):
        return f" {_scalar(value)}"
    items = cast("tuple[object, ...]", value)
    if not items:
        return " []"
    return "".join(f"\n{margin}  - {_scalar(item)}" for item in items)
