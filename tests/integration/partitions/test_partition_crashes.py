"""What a kill leaves half done over partitions is done after the next start: definitions, mass cancels."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uuid_utils

from ledger.cli.options import Where
from ledger.cli.talk import Talk
from ledger.client import connect
from ledger.codec import decode_events
from ledger.domain.control_events import MassCancelCompleted
from ledger.domain.events import CancelRequested, StrategyDefined
from ledger.errors import Unavailable
from ledger.journal import JournalReader, partition_of
from ledger.testing import Child

pytestmark = pytest.mark.slow
N = 3
ORDERS = int(os.environ.get("LEDGER_MASS_CANCEL_ORDERS", "24000"))
"""So many that none is quick enough to have asked for all before it is killed; 6,000 were done in the time that a settled
frame takes to be seen. 100,000 take minutes where the machine has other work."""
SYMBOLS = tuple(f"P{number}" for number in range(9))


def events_of(data: Path, partition: int, *, wal: bool | None = None) -> list[Any]:
    with JournalReader(data, "trading", partition, wal=wal) as reader:
        return [event for frame in reader.frames() for event in decode_events(frame.payload)]


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def define(client: Any) -> None:
    for symbol in SYMBOLS:
        client.define_instrument(
            symbol=symbol, exchange="X", price_scale=2, qty_scale=0, tick="0.01", lot="1", quote_ccy="USD"
        )
    client.define_strategy(strategy_id="S1", account="A")


def test_a_definition_that_a_kill_left_in_partition_0_alone_is_everywhere_after_the_start(
    tmp_path: Path,
) -> None:
    with Child(tmp_path / "data", [f"engine.partitions={N}"]) as child:
        child.start()
        with connect(child.data) as client:
            client.define_strategy(strategy_id="first", account="A")
        message = {"type": "DefineStrategy", "command_id": str(uuid_utils.uuid7())}
        message |= {"strategy_id": "late", "account": "A"}

        def send() -> None:
            with suppress(Unavailable), Talk(Where(data=child.data), 2.0) as talk:
                list(talk.send("commands", [message]))

        sender = threading.Thread(target=send)
        child.kill_partition(1)  # it starts again, and may or may not be there when partition 0 decides
        sender.start()
        wait_until(lambda: any(_is_late(event) for event in events_of(child.data, 0, wal=False)))
        child.kill()
        sender.join()
        child.start()
        with connect(child.data) as client:
            assert len(set(client.head()["control_versions"])) == 1
            for symbol in SYMBOLS[:1]:
                client.define_instrument(
                    symbol=symbol,
                    exchange="X",
                    price_scale=2,
                    qty_scale=0,
                    tick="0.01",
                    lot="1",
                    quote_ccy="USD",
                )
        assert child.stop() == 0
        for partition in range(N):
            named = [e.strategy_id for e in events_of(child.data, partition) if type(e) is StrategyDefined]
            assert named == ["first", "late"], f"partition {partition} has {named}"


def _is_late(event: Any) -> bool:
    return type(event) is StrategyDefined and event.strategy_id == "late"


def test_a_mass_cancel_killed_half_way_asks_for_every_order_once_after_the_start(tmp_path: Path) -> None:
    with Child(tmp_path / "data", [f"engine.partitions={N}"]) as child:
        child.start()
        with connect(child.data, timeout=300.0) as client:
            define(client)
            began = time.monotonic()
            _submit(client, ORDERS)
            submitted_s = time.monotonic() - began
        message = {"type": "MassCancel", "command_id": str(uuid_utils.uuid7()), "scope": "ALL"}

        def send() -> None:
            with suppress(Unavailable), Talk(Where(data=child.data), 2.0) as talk:
                list(talk.send("commands", [{**message, "reason": "test"}]))

        sender = threading.Thread(target=send)
        sender.start()
        wait_until(lambda: any(type(e) is CancelRequested for e in _newest(child.data, 0)))
        child.kill()
        sender.join()
        before = [_cancels(child.data, partition) for partition in range(N)]
        assert sum(map(len, before)) < ORDERS, "it was complete before the kill"
        began = time.monotonic()
        child.start()
        wait_until(lambda: all(_completed(child.data, partition) for partition in range(N)), 300.0)
        took_s = time.monotonic() - began
        assert child.stop() == 0
        for partition in range(N):
            asked = Counter(_cancels(child.data, partition))
            wanted = {name for name in range(ORDERS) if partition_of(_symbol(name), N) == partition}
            assert asked == Counter({f"o{name}": 1 for name in wanted})
        print(
            f"{ORDERS} orders in {submitted_s:.1f} s; {[len(each) for each in before]} asked for at the kill;"
        )
        print(f"all asked for {took_s:.1f} s after the start began")


def _symbol(number: int) -> str:
    return SYMBOLS[number % len(SYMBOLS)]


def _submit(client: Any, count: int) -> None:
    for start in range(0, count, 10_000):
        outcomes = client.send_commands(
            {
                "type": "SubmitOrder",
                "client_order_id": f"o{number}",
                "strategy_id": "S1",
                "symbol": _symbol(number),
                "exchange": "X",
                "side": "BUY",
                "order_type": "LIMIT",
                "qty": "1",
                "px": "10.00",
                "time_in_force": "DAY",
            }
            for number in range(start, min(count, start + 10_000))
        )
        assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)][:1]


def _newest(data: Path, partition: int) -> list[Any]:
    """The events of the last settled frame."""
    with JournalReader(data, "trading", partition, wal=False) as reader:
        frame = reader.frame_at(reader.settled().seq)
        return decode_events(frame.payload) if frame is not None else []


def _cancels(data: Path, partition: int) -> list[str]:
    return [event.order for event in events_of(data, partition) if type(event) is CancelRequested]


def _completed(data: Path, partition: int) -> bool:
    return any(type(event) is MassCancelCompleted for event in events_of(data, partition, wal=False))
