"""`ledger journal`: list, print, export, copy and cut what is on disk, beside a running ledger or without one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from ledger.cli.event_filters import EVERY_EVENT, EventFilters
from ledger.cli.journal_events import event_rows
from ledger.cli.journal_files import copy_and_verify, drop_before, segment_rows
from ledger.cli.options import ConfigFile, Data, Json, Sets, data_directory
from ledger.cli.output import coloured, print_csv, print_json, table, utc
from ledger.cli.replay import progress
from ledger.errors import Rejected
from ledger.wire import parse_place

app = App(name="ledger journal", help="The journal on disk: list, print, copy and cut it.", version_flags=[])

SEGMENT_COLUMNS: Final = (
    "segment",
    "first",
    "last",
    "frames",
    "bytes",
    "sealed",
    "recorded_at_ns",
    "software",
    "chain",
)
EVENT_COLUMNS: Final = ("place", "recorded_at_ns", "epoch", "type", "symbol", "event")
Csv = Annotated[bool, Parameter(name="--csv", help="Print CSV.", negative=())]


@app.command
def ls(*, config: ConfigFile = None, data: Data = None, sets: Sets = None, as_json: Json = False) -> int:
    """List the segments of all partitions, oldest first, with what their manifests say; bases and the wal, too."""
    rows = segment_rows(data_directory(data, config, sets))
    if as_json:
        print_json(rows)
        return 0
    for line in table(rows, SEGMENT_COLUMNS, coloured()):
        print(line)
    return 0


@app.command
def cat(
    *,
    which: EventFilters = EVERY_EVENT,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
) -> int:
    """Print events as lines for people: place, time, type, fields as decimal text. Verified while they are read."""
    chosen = which.chosen()
    for row in event_rows(data_directory(data, config, sets), chosen):
        fields = " ".join(f"{name}={_flat(value)}" for name, value in row["event"].items())
        fields = " ".join((*row.get("flags", ()), fields))
        print(f"{row['place']}  {utc(row['recorded_at_ns'])}  {row['type']}  {fields}")
    return 0


@app.command
def export(
    *,
    which: EventFilters = EVERY_EVENT,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> int:
    """Print events for programs: one JSON object a line, or CSV with the fields as JSON in the last column."""
    if as_json and as_csv:
        raise Rejected("--json and --csv are both given", "name one")
    chosen = which.chosen()
    rows = event_rows(data_directory(data, config, sets), chosen)
    if as_csv:
        print_csv(rows, EVENT_COLUMNS)
        return 0
    for row in rows:
        print_json(row)
    return 0


@app.command
def copy(
    target: Path,
    /,
    *,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Copy the journal into a new directory, beside a running ledger, too, and verify the copy. Exit 1 if that fails.

    The copy is for reading: `serve` on it is refused without --new-lineage.
    """
    source = data_directory(data, config, sets)
    row = copy_and_verify(source, target, progress("copying bytes"), progress("verifying bytes"))
    if as_json:
        print_json(row)
    else:
        for part in row["heads"]:
            print(f"{part}")
        print(f"{row['bytes']:,} bytes in {target}: {'verified' if row['ok'] else 'DAMAGED'}")
        for problem in row["problems"]:
            print(problem, file=sys.stderr)
    return 0 if row["ok"] else 1


@app.command
def drop(
    *,
    before: Annotated[str, Parameter(name="--before", help="A place: whole segments before it are dropped.")],
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Drop old segments of one partition behind a base: the whole state at the cut, kept like a segment.

    Of a ledger that does not run. Refused above the offset of any projection, consumer or index.
    """
    try:
        journal, partition, seq = parse_place(before)
    except ValueError as error:
        raise Rejected(f"--before {error}") from None
    row = drop_before(data_directory(data, config, sets), journal, partition, seq)
    if as_json:
        print_json(row)
        return 0
    print(
        f"dropped {row['segments']} segment(s), {row['bytes']:,} bytes; {journal}/{partition} begins with the base"
        f" at {row['base']}, digest {row['digest']}"
    )
    return 0


def _flat(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_flat, _parts(value))) + "]"
    return "-" if value in (None, "") else str(value)


def _parts(value: Any) -> Iterator[Any]:
    yield from value
