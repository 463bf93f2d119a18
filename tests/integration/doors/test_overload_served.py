"""Three times more comes than fits, over real doors: the excess is told so, the rest is kept, cancels get through."""

from __future__ import annotations

import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import uuid_utils
import zmq

from ledger.codec import decode_events
from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder, DefineInstrument, DefineStrategy, SubmitOrder
from ledger.domain.control_commands import EngageKillSwitch
from ledger.domain.enums import OrderType, Side
from ledger.domain.events import OrderSubmitted
from ledger.domain.scope import Scope
from ledger.journal import JournalReader
from ledger.testing import Child
from ledger.wire import Committed, Refused, decode_answers, encode_messages

A_MESSAGE = 64
QUEUE_MAX = 2048
OFFERED = 3 * QUEUE_MAX // A_MESSAGE
"""Messages that are sent before an answer is read."""
BURSTS = 6
ANSWER_MS = 60_000
MEMORY_MAX_KIB = 400 << 10


def _new_id() -> bytes:
    return uuid.UUID(str(uuid_utils.uuid7())).bytes


def _orders(burst: int, message: int) -> list[SubmitOrder]:
    first = (burst * OFFERED + message) * A_MESSAGE
    return [
        SubmitOrder(_new_id(), f"o{number}", "S1", "AAPL", "XNAS", Side.BUY, OrderType.LIMIT, 100, 10_000)
        for number in range(first, first + A_MESSAGE)
    ]


def _ask(door: zmq.Socket[bytes], *inputs: Any) -> list[Any]:
    door.send(encode_messages(list(inputs)))
    return list(decode_answers(door.recv()))


def _peak_memory_kib(pid: int) -> int:
    (line,) = [it for it in Path(f"/proc/{pid}/status").read_text().splitlines() if it.startswith("VmHWM")]
    return int(line.split()[1])


@pytest.mark.slow
def test_at_three_times_the_room_the_excess_is_overloaded_and_cancels_and_the_kill_switch_are_taken(
    tmp_path: Path,
) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sets = (f"engine.queue_max={QUEUE_MAX}", "engine.queue_reserved=256", "doors.order_events_hwm=10")
    try:
        with Child(tmp_path / "data", sets=sets) as child:
            endpoints = child.start()["endpoints"]
            deaf = context.socket(zmq.SUB)  # subscribed to everything, it never reads
            deaf.setsockopt(zmq.RCVHWM, 1)
            deaf.setsockopt(zmq.SUBSCRIBE, b"")
            deaf.connect(endpoints["order_events_pub"])
            flood, desk = (context.socket(zmq.DEALER) for _ in range(2))
            for door in (flood, desk):
                door.setsockopt(zmq.RCVTIMEO, ANSWER_MS)
                door.setsockopt(zmq.SNDHWM, 0)
                door.setsockopt(zmq.RCVHWM, 0)
                door.connect(endpoints["commands"])
            first = SubmitOrder(
                _new_id(), "first", "S1", "AAPL", "XNAS", Side.BUY, OrderType.LIMIT, 100, 10_000
            )
            defined = _ask(
                desk,
                DefineInstrument(_new_id(), "AAPL", "XNAS", 4, 0, 1, 1),
                DefineStrategy(_new_id(), "S1", "ACC1"),
                first,
            )
            assert [type(answer) for answer in defined] == [Committed] * 3
            told, taken = _flood(flood, desk)
            (killed,) = _ask(desk, EngageKillSwitch(_new_id(), Scope.ALL, reason="too much at once"))
            assert type(killed) is Committed
            (refused,) = _ask(desk, *_orders(BURSTS, 0)[:1])
            assert refused.code not in (Code.OVERLOADED, 0)
            assert _peak_memory_kib(child.pid) < MEMORY_MAX_KIB
            assert child.stop() == 0
        assert told.keys() == {"Committed", "OVERLOADED"}
        assert told["OVERLOADED"] > 0
        assert told["Committed"] >= BURSTS * QUEUE_MAX // 2  # each burst finds most of the room free again
        assert sum(told.values()) == BURSTS * OFFERED * A_MESSAGE
        assert _journaled(tmp_path / "data") == {*taken, first.command_id}
    finally:
        context.destroy(linger=0)


def _flood(flood: zmq.Socket[bytes], desk: zmq.Socket[bytes]) -> tuple[Counter[str], set[bytes]]:
    """How often each answer came, and the commands that were taken. A cancel is sent into every burst."""
    told: Counter[str] = Counter()
    taken: set[bytes] = set()
    for burst in range(BURSTS):
        for message in range(OFFERED):
            flood.send(encode_messages(_orders(burst, message)))
        (canceled,) = _ask(desk, CancelOrder(_new_id(), "AAPL", f"c{burst}", "first"))
        # The first is taken; the others find one on its way. None is turned away for want of room.
        assert type(canceled) is Committed if burst == 0 else canceled.code == Code.ALREADY_PENDING_CANCEL
        for _ in range(OFFERED):
            for answer in decode_answers(flood.recv()):
                if type(answer) is Committed:
                    taken.add(answer.command_id)
                    told["Committed"] += 1
                else:
                    assert type(answer) is Refused
                    assert answer.retry_after_ms > 0
                    told[Code(answer.code).name] += 1
    return told, taken


def _journaled(data: Path) -> set[bytes]:
    with JournalReader(data, "trading", 0) as reader:
        return {
            event.command_id
            for frame in reader.frames()
            for event in decode_events(frame.payload)
            if type(event) is OrderSubmitted
        }
