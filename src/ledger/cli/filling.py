"""Filling sinks from the journal and comparing them with a fold, as several commands do it and tell of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ledger.cli.exits import DIFFERENCE, GOOD
from ledger.cli.output import print_json
from ledger.cli.replay import progress
from ledger.config import Settings
from ledger.errors import Rejected
from ledger.projections import Audited, Batch, Fenced, Projection, Runner, registry
from ledger.projections.audit import Audit, Difference, audit, repair
from ledger.saying import say

SHOWN: Final = 20
"""Differences printed; --json prints all of them."""
TRIES: Final = 5
"""Of a repair beside a projector that goes on meanwhile."""


def partitions_of(settings: Settings, chosen: int | None) -> Sequence[int]:
    """The one that was named, or all. Raises Rejected where there is none of that number."""
    count = settings.engine.partitions
    if chosen is None:
        return range(count)
    if not 0 <= chosen < count:
        raise Rejected(f"there is no partition {chosen}", f"engine.partitions is {count}")
    return (chosen,)


def fill_and_audit(
    settings: Settings, directory: Path, names: Iterable[str], partitions: Sequence[int]
) -> int:
    """Bring these up to the journal's end and compare each with a fold; the exit code."""
    code = GOOD
    for name in names:
        for partition in partitions:
            sink = registry.make(settings, name, partition)
            fill_sink(settings, directory, name, partition, sink, shadow=False)
            with sink_of(settings, name, partition) as sink:
                if isinstance(sink, Audited):
                    code = max(code, audited(sink, directory, partition, False, False))
    return code


def audited(sink: Projection, directory: Path, partition: int, repair_it: bool, as_json: bool) -> int:
    """Compare, mend if asked to, tell; the exit code."""
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


def fill_sink(
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
    runner = Runner(directory, sink, partition, events_max=events, shadow=shadow, on_batch=told, say=say)
    begun = time.monotonic()
    runner.run(until_head=True)
    seconds = time.monotonic() - begun
    pulse = runner.pulse
    print(
        f"{name}: {pulse.events:,} events as {pulse.rows:,} rows in {seconds:.1f} s, {pulse.events / seconds:,.0f}/s"
    )


@contextmanager
def sink_of(settings: Settings, name: str, partition: int) -> Generator[Projection]:
    """Closed with the block."""
    sink = registry.make(settings, name, partition)
    try:
        yield sink
    finally:
        sink.close()
