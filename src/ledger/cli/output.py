"""What commands print: JSON, CSV, or a table whose columns stand under each other, coloured on a terminal only."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TextIO, cast

import msgspec

Row = Mapping[str, Any]
_RED: Final = "\x1b[31m"
_DIM: Final = "\x1b[2m"
_BOLD: Final = "\x1b[1m"
_PLAIN: Final = "\x1b[0m"
_ALARMING: Final = frozenset(("REJECTED", "STALE", "CRITICAL", "EXPIRED"))


def print_json(value: Any, out: TextIO | None = None) -> None:
    """One JSON value on a line of its own."""
    print(msgspec.json.encode(value).decode(), file=out or sys.stdout, flush=True)


def print_csv(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """A header and the rows; values as JSON has them, nested ones as JSON."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(row.get(column)) for column in columns] for row in rows)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int)) else msgspec.json.encode(value).decode()


def coloured(stream: TextIO | None = None) -> bool:
    """Whether to colour: on a terminal, unless NO_COLOR is set (no-color.org) or it cannot."""
    out: TextIO = sys.stdout if stream is None else stream
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table(rows: Sequence[Row], columns: Sequence[str], colour: bool = False) -> list[str]:
    """The lines of a table; columns of numbers stand right-aligned."""
    cells = [[shown(column, row.get(column)) for column in columns] for row in rows]
    widths = [max((len(name), *(len(line[at]) for line in cells))) for at, name in enumerate(columns)]
    right = [bool(cells) and all(_is_number(line[at]) for line in cells) for at in range(len(columns))]
    header = "  ".join(_aligned(name, widths[at], right[at]) for at, name in enumerate(columns)).rstrip()
    lines = [f"{_BOLD}{header}{_PLAIN}" if colour else header]
    for cell in cells:
        parts = [_aligned(text, widths[at], right[at]) for at, text in enumerate(cell)]
        if colour:
            parts = [_tinted(part) for part in parts]
        lines.append("  ".join(parts).rstrip())
    return lines


def _aligned(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _tinted(part: str) -> str:
    text = part.strip()
    if text in _ALARMING:
        return f"{_RED}{part}{_PLAIN}"
    return f"{_DIM}{part}{_PLAIN}" if text == "-" else part


def _is_number(text: str) -> bool:
    return text == "-" or text.removeprefix("-").replace(".", "", 1).isdecimal()


def shown(name: str, value: Any) -> str:
    """A value as a person reads it: times as UTC, yes and no, nested values flat, `-` for nothing."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_at_ns"):
        return utc(value) if value else "-"
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value)
        return " ".join(f"{key}={shown(key, each)}" for key, each in pairs.items())
    if isinstance(value, (list, tuple)):
        parts = cast("Sequence[Any]", value)
        return " ".join(shown("", each) for each in parts)
    return str(value)


def utc(ns: int) -> str:
    """Nanoseconds since the epoch as UTC text, to the microsecond."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 1000:06d}"


def lines_of(row: Row) -> list[str]:
    """One row as `name  value` lines, for a single thing."""
    width = max(map(len, row), default=0)
    return [f"{name:<{width}}  {shown(name, value)}" for name, value in row.items()]
