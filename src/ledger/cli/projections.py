"""`ledger projections`: how far each one is; audit against the journal, rebuild beside the live copy, switch, roll back."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from ledger.cli.exits import DIFFERENCE, GOOD
from ledger.cli.options import ConfigFile, Data, Json, Sets, data_directory
from ledger.cli.output import coloured, print_json, table
from ledger.cli.replay import progress
from ledger.config import Settings, load
from ledger.errors import Rejected
from ledger.projections import Audited, Batch, Fenced, Projection, Rebuildable, Runner, registry
from ledger.projections.audit import Audit, Difference, audit, repair
from ledger.projections.auditing import Auditing, go_on
from ledger.projections.parking import read_parked
from ledger.projections.status import parked_path, read_audit, status_rows

app = App(name="projections", help="How far each projection is; audit, rebuild, switch, roll back.")
COLUMNS: Final = (
    "projection", "partition", "state", "journal", "seq", "head", "lag_events", "lag_s", "events_per_s", "parked", "audited", "differing",
    "error",
)  # fmt: skip
SHOWN: Final = 20
"""Differences printed; --json prints all of them."""
TRIES: Final = 5
"""Of a repair beside a projector that goes on meanwhile."""
Partition = Annotated[int, Parameter(help="Partition of the journal.")]


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
    partition: Partition = 0,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Compare every row with a fold of the journal at the projection's own offset. Exit 1 where one differs.

    Runs beside the ledger and the projector, and disturbs neither.
    """
    settings, directory = _where(config, data, sets)
    if every is None:
        with _sink(settings, name, partition) as sink:
            return _audited(sink, directory, partition, repair_it, as_json)
    sink = registry.make(settings, name, partition)
    auditing = Auditing(directory, sink, partition, repairs=repair_it, say=print)
    go_on([auditing], every, settings.projections.audit_pass_s, threading.Event())
    return GOOD


def _audited(sink: Projection, directory: Path, partition: int, repair_it: bool, as_json: bool) -> int:
    if not isinstance(sink, Audited):
        raise Rejected(f"{sink.name} cannot be audited", "it has no `look`: see ledger.projections.contract")
    code = GOOD
    for journal in sink.journals:
        found = _audit(sink, directory, journal, partition)
        for _ in range(TRIES if repair_it else 0):
            if not found.differences:
                break
            _tell(sink.name, found, as_json)
            try:
                repair(sink, found)
            except Fenced as moved:
                print(moved, file=sys.stderr)
            found = _audit(sink, directory, journal, partition)
        _tell(sink.name, found, as_json)
        code = DIFFERENCE if found.differences else code
    return code


def _audit(sink: Projection, directory: Path, journal: str, partition: int) -> Audit:
    return audit(directory, sink, journal, partition, on_progress=progress(f"auditing {sink.name}"))


def _tell(name: str, found: Audit, as_json: bool) -> None:
    place = f"{found.journal}/{found.offset.partition}:{found.offset.seq}"
    if as_json:
        rows = [_row(each) for each in found.differences]
        print_json({"projection": name, "place": place, "rows": found.rows, "differences": rows})
        return
    for each in found.differences[:SHOWN]:
        print(each)
    if len(found.differences) > SHOWN:
        print(f"... and {len(found.differences) - SHOWN:,} more")
    print(f"{name} at {place}: {found.rows:,} rows compared, {len(found.differences):,} differences")


def _row(each: Difference) -> dict[str, Any]:
    columns = [{"column": name, "journal": wanted, "sink": found} for name, wanted, found in each.columns]
    return {
        "table": each.table,
        "key": [str(part) for part in each.key],
        "kind": each.kind,
        "columns": columns,
    }


@app.command
def fill(
    *names: str,
    partition: Partition = 0,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
) -> int:
    """Bring projections up to the journal's end and audit them: those named, or all that are switched on.

    With a journal and empty databases this is the whole way back from a disaster. Exit 1 where a row differs.
    """
    settings, directory = _where(config, data, sets)
    chosen = names or tuple(registry.enabled(settings))
    if not chosen:
        raise Rejected(
            "no projection is switched on", "name one, or give --config with projections.NAME.enabled"
        )
    code = GOOD
    for name in chosen:
        _fill(settings, directory, name, partition, registry.make(settings, name, partition), shadow=False)
        with _sink(settings, name, partition) as sink:
            if isinstance(sink, Audited):
                code = max(code, _audited(sink, directory, partition, False, False))
    return code


@app.command
def rebuild(
    name: str,
    /,
    *,
    dry_run: Annotated[
        bool, Parameter(name="--dry-run", help="Fill nothing; say what a switch would change.", negative=())
    ] = False,
    partition: Partition = 0,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Fill a shadow from the journal while the live copy serves, then compare both with a fold. Exit 1 if the shadow differs.

    Interrupted, it goes on where it stood. `switch` makes it the live one.
    """
    settings, directory = _where(config, data, sets)
    with _sink(settings, name, partition) as sink:
        shadow = _rebuildable(sink).shadow()
        if not dry_run:
            _fill(settings, directory, name, partition, shadow)
        print("live copy against the journal (what a switch would change):")
        code = _audited(sink, directory, partition, False, as_json)
        if dry_run:
            return code
    shadow = _shadow_of(settings, name, partition)
    try:
        print("shadow against the journal:")
        code = _audited(shadow, directory, partition, False, as_json)
    finally:
        shadow.close()
    if code == GOOD:
        print(f"now: ledger projections switch {name}")
    return code


@app.command
def switch(
    name: str, /, *, partition: Partition = 0, config: ConfigFile = None, data: Data = None, sets: Sets = None
) -> int:
    """Make the rebuilt copy the live one, once it has caught up; the copy before is kept for `rollback`."""
    settings, directory = _where(config, data, sets)
    with _sink(settings, name, partition) as sink:
        live = _rebuildable(sink)
        shadow = live.shadow()
        if all(shadow.offset(journal) is None for journal in shadow.journals):
            shadow.close()
            raise Rejected(f"{name} has no shadow to switch to", f"ledger projections rebuild {name}")
        _fill(settings, directory, name, partition, shadow)
        live.switch()
    print(f"{name}: the rebuilt copy is live; `ledger projections rollback {name}` undoes it")
    return GOOD


@app.command
def rollback(
    name: str, /, *, partition: Partition = 0, config: ConfigFile = None, data: Data = None, sets: Sets = None
) -> int:
    """Back to the copy before the last switch; the projector brings it up to date."""
    settings, _ = _where(config, data, sets)
    with _sink(settings, name, partition) as sink:
        _rebuildable(sink).rollback()
    print(f"{name}: the copy before the switch is live again")
    return GOOD


def _fill(
    settings: Settings, directory: Path, name: str, partition: int, sink: Projection, *, shadow: bool = True
) -> None:
    """Follow the journal into the sink up to its end, with rate and ETA; the sink is closed afterwards."""
    show = progress(f"filling {name}")
    runner: Runner

    def told(batch: Batch) -> None:
        if show is not None:
            head = max(each.head for each in runner.pulse.journals)
            show(batch.to.seq, head)

    events = registry.batch_events(settings, name)
    runner = Runner(directory, sink, partition, events_max=events, shadow=shadow, on_batch=told, say=_say)
    begun = time.monotonic()
    runner.run(until_head=True)
    seconds = time.monotonic() - begun
    pulse = runner.pulse
    print(
        f"{name}: {pulse.events:,} events as {pulse.rows:,} rows in {seconds:.1f} s, {pulse.events / seconds:,.0f}/s"
    )


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


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


@contextmanager
def _sink(settings: Settings, name: str, partition: int) -> Generator[Projection]:
    sink = registry.make(settings, name, partition)
    try:
        yield sink
    finally:
        sink.close()
