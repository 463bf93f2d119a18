"""`ledger replay`: fold the journal again, offline or beside a running ledger, and say what it makes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from ledger.cli.options import ConfigFile, Data, Json, Sets, data_directory
from ledger.cli.output import print_json
from ledger.domain.order_state import is_open
from ledger.engine import Replayed, head_row, replay
from ledger.errors import Rejected
from ledger.fold import MarketFold, TradingFold
from ledger.journal import open_readonly
from ledger.routes import merged_head
from ledger.wire import parse_place

app = App(name="replay", help="Fold the journal from its beginning and print the state's digest.")


@app.default
def replay_command(
    *,
    to_seq: Annotated[
        list[str] | None,
        Parameter(name="--to-seq", help="A place such as trading/0:123; may be repeated.", negative=()),
    ] = None,
    to_time: Annotated[
        str | None, Parameter(name="--to-time", help="An ISO time; UTC unless it says otherwise.")
    ] = None,
    config: ConfigFile = None,
    data: Data = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Replay the journal up to its head, a place or a time; the digest equals the engine's at the same place."""
    directory = data_directory(data, config, sets)
    ends = dict(_ends(to_seq or ()))
    until_ns = time_ns(to_time, "--to-time") if to_time else None
    replayed = replay_all(directory, ends, until_ns)
    row = state_row(directory, replayed)
    events = sum(it.events for each in replayed for it in each.values())
    seconds = sum(it.seconds for each in replayed for it in each.values())
    row |= {
        "events": events,
        "seconds": round(seconds, 6),
        "events_per_s": round(events / seconds) if seconds else 0,
    }
    if as_json:
        print_json(row)
        return 0
    for name in ("trading", "market"):
        for part in row["journals"][name]:
            print(f"{part['head']:<20} digest {part['digest']}  recorded {part['recorded_at']}")
    print(
        f"orders {row['orders']:,} ({row['orders_open']:,} open), fills {row['fills']:,}, positions {row['positions']:,}"
    )
    print(f"{events:,} events in {seconds:.2f} s, {row['events_per_s']:,}/s", file=sys.stderr)
    return 0


def _ends(places: Any) -> list[tuple[tuple[str, int], int]]:
    ends: list[tuple[tuple[str, int], int]] = []
    for place in places:
        try:
            journal, partition, seq = parse_place(place)
        except ValueError as error:
            raise Rejected(f"--to-seq {error}") from None
        ends.append(((journal, partition), seq))
    return ends


def time_ns(text: str, name: str) -> int:
    """Nanoseconds of an ISO time; `name` is what the refusal calls it. Raises Rejected."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Rejected(f"{name} {text!r} is not an ISO time such as 2026-11-25T14:30:00Z") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def replay_all(
    directory: Path, ends: dict[tuple[str, int], int], until_ns: int | None = None
) -> list[dict[str, Replayed]]:
    """Both journals' folds, by partition and name. Raises Rejected where an end is ahead of the journal, Corrupt."""
    partitions = open_readonly(directory).partitions
    for (journal, partition), _ in ends.items():
        if partition >= partitions:
            raise Rejected(f"there is no {journal}/{partition}: the journal has {partitions} partition(s)")
    return [
        {name: _replayed(directory, name, number, ends, until_ns) for name in ("trading", "market")}
        for number in range(partitions)
    ]


def _replayed(
    directory: Path, name: str, number: int, ends: dict[tuple[str, int], int], until_ns: int | None
) -> Replayed:
    end = ends.get((name, number))
    shown = progress(f"replaying {name}/{number}")
    done = replay(directory, name, number, to_seq=end, to_time_ns=until_ns, on_progress=shown)
    if end is not None and done.head.seq < end:
        raise Rejected(
            f"{name}/{number}:{end} is ahead of the journal, which ends at {name}/{number}:{done.head.seq}",
            "leave --to-seq out for the head",
        )
    return done


def progress(what: str) -> Callable[[int, int], None] | None:
    """Shows rate and ETA on a terminal, for whatever takes longer than a second; None where nobody looks."""
    if not sys.stderr.isatty():
        return None
    begun = last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - begun < 1 or now - last < 0.2:
            return
        last = now
        rate = done / (now - begun)
        left = (total - done) / rate if rate else 0
        print(f"\r{what}: {done:,} of {total:,}, {rate:,.0f}/s, {left:.0f} s left ", end="", file=sys.stderr)

    return show


def state_row(directory: Path, replayed: list[dict[str, Replayed]]) -> dict[str, Any]:
    """What `show head` would say, of folds."""
    return merged_head([_partition_row(directory, each) for each in replayed])


def _partition_row(directory: Path, replayed: dict[str, Replayed]) -> dict[str, Any]:
    trading, market = replayed["trading"].fold, replayed["market"].fold
    assert isinstance(trading, TradingFold)
    assert isinstance(market, MarketFold)
    row = head_row(
        lineage=open_readonly(directory).lineage,
        data=directory,
        trading=trading,
        market=market,
        places={name: (it.head.epoch, it.head.seq, it.head.recorded_at_ns) for name, it in replayed.items()},
        settled={name: it.settled_seq for name, it in replayed.items()},
        ready=False,
        why="folded from the journal, not asked of a running ledger",
    )
    row["orders_open"] = sum(1 for state in trading.orders if is_open(state))
    return row
