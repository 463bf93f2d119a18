"""A journal of many closed and few open orders, written through the codec: four events an order, 256 a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ledger.codec import encode_events
from ledger.domain.enums import Liquidity, OrderType, Side, TimeInForce
from ledger.domain.events import (
    EngineStarted,
    InstrumentDefined,
    OrderAccepted,
    OrderFilled,
    OrderSubmitted,
    StrategyDefined,
)
from ledger.journal import Frame, FrameDraft, LmdbCommit, chain_frame, create_or_open

EVENTS_AN_ORDER = 4
EVENTS_A_FRAME = 256
FRAMES_A_SYNC = 100
BEGUN_NS = 1_763_650_000_000_000_000


def events_of(orders: int, still_open: int) -> Iterator[Any]:
    """The journal's events: definitions, then each order submitted, accepted, filled in two parts; the last stay open."""
    yield EngineStarted(1, "bench", {})
    yield InstrumentDefined("AAPL", "XNAS", 4, 0, 1, 1, 10**8, "USD", False, False, "24/7")
    yield StrategyDefined("S1", "ACC")
    seq = 3
    for number in range(orders):
        name, order_id, venue = f"c{number}", seq + 1, f"v{number}"
        side = Side.BUY if number % 2 else Side.SELL
        command_id = (BEGUN_NS // 10**6).to_bytes(6, "big") + b"\x70\x00" + number.to_bytes(8, "big")
        at, gw = BEGUN_NS + seq, ("gw", 1)
        limit = (side, OrderType.LIMIT, 100, 100_000, None, TimeInForce.DAY)
        yield OrderSubmitted(name, "S1", "ACC", "AAPL", "XNAS", *limit, command_id, "bench", at)
        head = ("AAPL", name, "S1", "XNAS", *gw)
        yield OrderAccepted(*head, 3 * number + 1, at, at, "bench", venue)
        seq += 2
        if number >= orders - still_open:
            continue
        for part in (1, 2):
            terms = (f"x{number}-{part}", "2025-11-20", 50, 100_000, 0, "", Liquidity.UNKNOWN, venue)
            report = (*head, 3 * number + 1 + part, at, at, "bench")
            yield OrderFilled(*report, order_id, name, "ACC", side, *terms)
            seq += 1


def write(directory: Path, orders: int, still_open: int) -> int:
    """Write the journal; its number of events."""
    data = create_or_open(directory, partitions=1, command="bench")
    commit = LmdbCommit(data.journal("trading", 0))
    head = commit.open()
    events = events_of(orders, still_open)
    while True:
        frames: list[Frame] = []
        for _ in range(FRAMES_A_SYNC):
            some = list(islice(events, EVENTS_A_FRAME))
            if some:
                seq = head.seq + 1
                draft = FrameDraft(1, seq, len(some), BEGUN_NS + seq, encode_events(some), 1, 0)
                frames.append(chain_frame(head.chain_hash, draft))
                head = frames[-1].head
        if not frames:
            break
        commit.commit(frames)
    commit.close()
    data.close({("trading", 0): head})
    return head.seq


def follow(directory: Path, say: Callable[[str], None] = print) -> None:
    """A follower's whole run."""
    from ledger.projections.follower import Follower

    follower = Follower(directory, 0, snapshot_events=200_000, snapshots_kept=3, say=say)
    follower.take()
    follower.open()
    follower.close()
