"""Definition files: calendars, instruments and strategies, read as text so that no number is bent on the way.

YAML has lists `calendars`, `instruments` and `strategies`; a CSV file holds one kind, told by its header. Keys are the fields of
DefineInstrument and DefineStrategy. Where tick or lot is absent, it is one unit of the last digit.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast, final

import yaml
from msgspec import Struct

from ledger.cli.calendar_entries import read_calendar
from ledger.domain.commands import DefineInstrument, DefineStrategy
from ledger.domain.operator_commands import DefineCalendar
from ledger.errors import Rejected
from ledger.wire import fields_of

SECTIONS: Final = {
    "calendars": DefineCalendar,
    "instruments": DefineInstrument,
    "strategies": DefineStrategy,
}
NAMES: Final = {"calendars": "calendar", "instruments": "symbol", "strategies": "strategy_id"}
"""The field that names what each section defines."""
PLANNED: Final = ("limits", "opening_balances")
_OWN: Final = ("command_id", "on_behalf_of")
_WHOLE: Final = ("price_scale", "qty_scale")
_SWITCHES: Final = ("allow_negative_px", "spot_base_fee")


@final
class Definition(Struct, frozen=True):
    """One thing to define: the section it stands in, and its JSON fields."""

    section: str
    fields: dict[str, Any]

    @property
    def kind(self) -> str:
        return SECTIONS[self.section].__name__

    @property
    def name(self) -> str:
        return self.fields[NAMES[self.section]]


def read_definitions(path: Path) -> list[Definition]:
    """Everything that the file defines, in its order; raises Rejected that names the entry and the cure."""
    text = path.read_text(encoding="utf-8")
    return _from_csv(path, text) if path.suffix == ".csv" else _from_yaml(path, text)


class _Text(yaml.BaseLoader):
    """YAML whose scalars all stay text, and whose mappings say no key twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys: list[Any] = [self.construct_object(key, deep=True) for key, _ in node.value]  # type: ignore[no-untyped-call]
        for key in keys:
            if keys.count(key) > 1:
                line = node.start_mark.line + 1
                raise Rejected(
                    f"{node.start_mark.name}:{line}: {key} stands twice in one mapping", "drop one"
                )
        return super().construct_mapping(node, deep=deep)


def _from_yaml(path: Path, text: str) -> list[Definition]:
    loader = _Text(text)
    loader.name = str(path)
    try:
        document: Any = loader.get_single_data()  # type: ignore[no-untyped-call]
    except yaml.YAMLError as error:
        raise Rejected(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()  # type: ignore[no-untyped-call]
    if not isinstance(document, dict):
        raise Rejected(f"{path} holds no mapping", "it has lists `instruments:` and `strategies:`")
    found: list[Definition] = []
    for section, entries in cast("dict[str, Any]", document).items():
        _check_section(path, section)
        for number, entry in enumerate(_entries(path, section, entries), 1):
            where = f"{path}: {section}[{number}]"
            fields = read_calendar(where, entry) if section == "calendars" else _read(where, section, entry)
            found.append(Definition(section, fields))
    return found


def _check_section(path: Path, section: str) -> None:
    if section in PLANNED:
        raise Rejected(f"{path}: {section} cannot be defined: not built yet", "leave the section out for now")
    if section not in SECTIONS:
        raise Rejected(f"{path}: {section!r} cannot be defined", f"known: {', '.join(SECTIONS)}")


def _entries(path: Path, section: str, entries: Any) -> Iterable[dict[str, Any]]:
    if entries in ("", "null", "~"):
        return []
    if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):  # type: ignore[reportUnknownVariableType]
        return entries  # type: ignore[reportUnknownVariableType]
    raise Rejected(f"{path}: {section} is not a list of mappings", "each entry begins with `- `")


def _from_csv(path: Path, text: str) -> list[Definition]:
    rows = csv.DictReader(text.splitlines(), strict=True)
    header = rows.fieldnames or ()
    section = "instruments" if "symbol" in header else "strategies"
    if "symbol" not in header and "strategy_id" not in header:
        raise Rejected(f"{path}: the header names neither symbol nor strategy_id", "line 1 names the columns")
    found: list[Definition] = []
    for row in rows:
        if None in row:
            raise Rejected(f"{path} line {rows.line_num}: more values than columns")
        fields = {name: value for name, value in row.items() if value}
        found.append(Definition(section, _read(f"{path} line {rows.line_num}", section, fields)))
    return found


def _read(where: str, section: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The JSON fields of an entry: known ones only, all that are required, whole numbers and switches typed."""
    described = {field.name: field for field in fields_of(SECTIONS[section]) if field.name not in _OWN}
    out: dict[str, Any] = {}
    for key, text in entry.items():
        if key not in described:
            near = get_close_matches(key, described, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(described)}"
            raise Rejected(f"{where}: unknown key {key}", hint)
        if not isinstance(text, str):
            raise Rejected(f"{where}: {key} is not a plain value")
        out[key] = _typed(f"{where}: {key}", key, text)
    missing = [name for name, field in described.items() if field.required and name not in out]
    if missing:
        raise Rejected(f"{where}: {missing[0]} is missing")
    if section == "instruments":
        for key, scale, usual in (("tick", "price_scale", 4), ("lot", "qty_scale", 0)):
            out.setdefault(scale, usual)
            out.setdefault(key, unit(out[scale]))
    return out


def unit(scale: int) -> str:
    """One unit of the last of `scale` digits, as text."""
    return f"0.{'1'.rjust(scale, '0')}" if scale > 0 else "1"


def _typed(where: str, key: str, text: str) -> Any:
    if key in _WHOLE:
        if not text.isdecimal() or int(text) > 12:
            raise Rejected(f"{where} {text!r} is not a whole number from 0 to 12")
        return int(text)
    if key in _SWITCHES:
        if text not in ("true", "false"):
            raise Rejected(f"{where} {text!r} is neither true nor false")
        return text == "true"
    return text
