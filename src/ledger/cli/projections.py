"""`ledger projections`: how far each one is; audit against the journal, rebuild beside the live copy, switch, roll back."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from ledger.cli.exits import DIFFERENCE, GOOD
from ledger.cli.filling import SHOWN, audited, fill_and_audit, fill_sink, partitions_of, sink_of
from ledger.cli.options import ConfigFile, Data, Json, Sets, data_directory
from ledger.cli.output import coloured, print_json, table
from ledger.config import Settings, load
from ledger.errors import Rejected
from ledger.projections import Projection, Rebuildable, registry
from ledger.projections.auditing import Auditing, go_on
from ledger.projections.parking import read_parked
from ledger.projections.status import parked_path, read_audit, status_rows

app = App(name="projections", help="How far each projection is; audit, rebuild, switch, roll back.")
COLUMNS: Final = (
    "projection", "partition", "state", "journal", "seq", "head", "lag_events", "lag_s", "events_per_s", "parked", "audited", "differing",
    "error",
)  # fmt: skip
Partition = Annotated[
    int | None, Parameter(help="One partition of the journal; by default all.", negative=())
]


@app.command
def status(
    name: str = "",
    /,
    *,
    watch: Annotated[bool, Parameter(help="Again every second until interrupted.", negative=())] = False,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Offset, lag in events and seconds, rate, parked entities. Exit 1 if one waits, was refused, has parked some or differs."""
    directory = data_directory(data, config, sets)
    while True:
        rows = [row for row in status_rows(directory) if name in ("", row["projection"])]
        if watch and sys.stdout.isatty():
            print("\x1b[H\x1b[J", end="")
        if as_json:
            print_json(rows)
        else:
            for line in table(rows, COLUMNS, coloured()):
                print(line)
            _print_troubles(directory, rows)
        sys.stdout.flush()
        if not watch:
            troubled = any(
                row["parked"] or row["differing"] or row["state"] in ("waiting", "refused", "gone")
                for row in rows
            )
            return DIFFERENCE if troubled else GOOD
        time.sleep(1.0)


def _print_troubles(directory: Path, rows: list[dict[str, Any]]) -> None:
    for name, partition in dict.fromkeys((row["projection"], row["partition"]) for row in rows):
        for each in read_parked(parked_path(directory, name, partition))[:SHOWN]:
            print(f"parked by {name}: {each.what} at {each.seq}: {each.reason}")
        audit = read_audit(directory, name, partition)
        for each in audit.journals if audit is not None else ():
            for difference in each.differences[:SHOWN]:
                print(f"{name} differs: {difference}")


@app.command(name="audit")
def audit_command(
    name: str,
    /,
    *,
    repair_it: Annotated[
        bool,
        Parameter(
            name="--repair", help="Write what the journal says in place of every difference.", negative=()
        ),
    ] = False,
    every: Annotated[
        float | None,
        Parameter(
            help="Go on until interrupted: every so many seconds what changed, and a part of the rest.",
            negative=(),
        ),
    ] = None,
    partition: Partition = None,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Compare every row with a fold of the journal at the projection's own offset. Exit 1 where one differs.

    Runs beside the ledger and the projector, and disturbs neither.
    """
    settings, directory = _where(config, data, sets)
    chosen = partitions_of(settings, partition)
    if every is None:
        code = GOOD
        for number in chosen:
            with sink_of(settings, name, number) as sink:
                code = max(code, audited(sink, directory, number, repair_it, as_json))
        return code
    audits = [
        Auditing(directory, registry.make(settings, name, number), number, repairs=repair_it, say=print)
        for number in chosen
    ]
    go_on(audits, every, settings.projections.audit_pass_s, threading.Event())
    return GOOD


@app.command
def fill(
    *names: str,
    partition: Partition = None,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
) -> int:
    """Bring projections up to the journal's end and audit them: those named, or all that are switched on.

    Exit 1 where a row differs. `ledger recover` does this and the rest of the way back from a disaster.
    """
    settings, directory = _where(config, data, sets)
    chosen = names or tuple(registry.enabled(settings))
    if not chosen:
        raise Rejected(
            "no projection is switched on", "name one, or give --config with projections.NAME.enabled"
        )
    return fill_and_audit(settings, directory, chosen, partitions_of(settings, partition))


@app.command
def rebuild(
    name: str,
    /,
    *,
    dry_run: Annotated[
        bool, Parameter(name="--dry-run", help="Fill nothing; say what a switch would change.", negative=())
    ] = False,
    partition: Partition = None,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Fill a shadow from the journal while the live copy serves, then compare both with a fold. Exit 1 if the shadow differs.

    Interrupted, it goes on where it stood. `switch` makes it the live one.
    """
    settings, directory = _where(config, data, sets)
    chosen = partitions_of(settings, partition)
    live = shadow = GOOD
    for number in chosen if not dry_run else ():
        fill_sink(settings, directory, name, number, _shadow_of(settings, name, number))
    print("live copy against the journal (what a switch would change):")
    for number in chosen:
        with sink_of(settings, name, number) as sink:
            live = max(live, audited(sink, directory, number, False, as_json))
    if dry_run:
        return live
    print("shadow against the journal:")
    for number in chosen:
        copy = _shadow_of(settings, name, number)
        try:
            shadow = max(shadow, audited(copy, directory, number, False, as_json))
        finally:
            copy.close()
    if shadow == GOOD:
        print(f"now: ledger projections switch {name}")
    return shadow


@app.command
def switch(name: str, /, *, config: ConfigFile = None, data: Data = None, sets: Sets = None) -> int:
    """Make the rebuilt copy the live one, once it has caught up; the copy before is kept for `rollback`."""
    settings, directory = _where(config, data, sets)
    partitions = partitions_of(settings, None)
    for number in partitions:
        shadow = _shadow_of(settings, name, number)
        begun = any(shadow.offset(journal) is not None for journal in shadow.journals)
        shadow.close()
        if not begun:
            raise Rejected(
                f"{name} has no shadow of partition {number} to switch to",
                f"ledger projections rebuild {name}",
            )
    for number in partitions:
        fill_sink(settings, directory, name, number, _shadow_of(settings, name, number))
    for number in _exchanged(settings, name):
        with sink_of(settings, name, number) as sink:
            _rebuildable(sink).switch()
    print(f"{name}: the rebuilt copy is live; `ledger projections rollback {name}` undoes it")
    return GOOD


@app.command
def rollback(name: str, /, *, config: ConfigFile = None, data: Data = None, sets: Sets = None) -> int:
    """Back to the copy before the last switch; the projector brings it up to date."""
    settings, _ = _where(config, data, sets)
    for number in _exchanged(settings, name):
        with sink_of(settings, name, number) as sink:
            _rebuildable(sink).rollback()
    print(f"{name}: the copy before the switch is live again")
    return GOOD


def _exchanged(settings: Settings, name: str) -> Sequence[int]:
    """The partitions whose sinks exchange something: one does it for all where they share a copy."""
    partitions = partitions_of(settings, None)
    return partitions[:1] if _rebuildable(registry.make(settings, name, 0)).shared else partitions


def _where(config: Path | None, data: Path | None, sets: list[str] | None) -> tuple[Settings, Path]:
    loaded = load(config, sets or ())
    return loaded.settings, data.absolute() if data is not None else loaded.data


def _shadow_of(settings: Settings, name: str, partition: int) -> Projection:
    return _rebuildable(registry.make(settings, name, partition)).shadow()


def _rebuildable(sink: Projection) -> Rebuildable:
    if not isinstance(sink, Rebuildable):
        raise Rejected(
            f"{sink.name} cannot be rebuilt beside itself", "clear it: its projector fills it again"
        )
    return sink
