"""The doors from outside: plain ZeroMQ sockets, both formats, hostile bytes, clients that vanish or do not read."""

from __future__ import annotations

import json
import random
import resource
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
import zmq

from answering_engine import AnsweringEngine
from ledger.client import new_command_id
from ledger.domain.commands import SubmitOrder
from ledger.domain.enums import OrderType, Side
from ledger.endpoints import DoorBusy
from ledger.ingress import bind_doors
from ledger.wire import Committed, Query, Refused, decode_answers, encode_messages
from ledger.zmq_trio import TrioSocket
from open_doors import Doors, open_doors

SUBMIT: dict[str, Any] = {
    "type": "SubmitOrder",
    "command_id": "01938f6e-7a5b-7c3d-8e9f-0123456789ab",
    "client_order_id": "c1",
    "strategy_id": "S1",
    "symbol": "AAPL",
    "exchange": "NASDAQ",
    "side": "BUY",
    "order_type": "LIMIT",
    "qty": "100",
    "px": "10.05",
    "time_in_force": "DAY",
}
HOME = {"commands": "c", "reports": "r", "market": "m", "query": "q"}


def order(number: int) -> SubmitOrder:
    return SubmitOrder(new_command_id(), f"c{number}", "S1", "A", "X", Side.BUY, OrderType.LIMIT, 1, 5)


class Asker:
    """A plain socket that sends a payload and takes the answer."""

    def __init__(self, doors: Doors, door: str = "commands", kind: int = zmq.DEALER) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        socket = self.context.socket(kind)
        socket.connect(doors.endpoints[door])
        self.socket = TrioSocket(socket)
        self.door = doors.doors[door]

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.context.destroy(linger=0)

    async def ask(self, *frames: bytes) -> bytes:
        with trio.fail_after(10):
            await self.socket.send_multipart(frames)
            [answer] = await self.socket.recv_many()
        return answer[-1]

    async def taken(self, count: int) -> None:
        with trio.fail_after(10):
            while self.door.statistics().messages < count:
                await trio.sleep(0.001)


@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.REQ])
async def test_a_json_object_is_answered_by_an_object(kind: int) -> None:
    async with open_doors(AnsweringEngine()) as doors:
        with Asker(doors, kind=kind) as asker:
            answer = json.loads(await asker.ask(json.dumps(SUBMIT).encode()))
    assert answer == {
        "type": "Committed",
        "command_id": SUBMIT["command_id"],
        "place": "trading/0:1",
        "order_id": "0-1",
        "repeated": False,
    }


async def test_a_req_socket_and_one_with_correlation_get_their_envelope_back() -> None:
    async with open_doors(AnsweringEngine()) as doors:
        with Asker(doors, kind=zmq.REQ) as asker:
            asker.socket.raw.setsockopt(zmq.REQ_CORRELATE, 1)
            for repeated in (False, True):
                assert json.loads(await asker.ask(json.dumps(SUBMIT).encode()))["repeated"] is repeated


async def test_a_msgpack_batch_is_answered_by_as_many_answers() -> None:
    async with open_doors(AnsweringEngine()) as doors:
        with Asker(doors) as asker:
            batch = [order(number) for number in range(64)]
            answers = decode_answers(await asker.ask(encode_messages(batch)))
    assert [(type(answer), answer.command_id) for answer in answers] == [
        (Committed, command.command_id) for command in batch
    ]


async def test_one_bad_element_of_a_batch_is_refused_and_the_rest_is_taken() -> None:
    bad = dict(SUBMIT, command_id="01938f6e-7a5b-7c3d-8e9f-0123456789ac", qty=100)
    last = dict(SUBMIT, command_id="01938f6e-7a5b-7c3d-8e9f-0123456789ad", client_order_id="c3")
    async with open_doors(AnsweringEngine()) as doors:
        with Asker(doors) as asker:
            answers = json.loads(await asker.ask(json.dumps([SUBMIT, bad, last]).encode()))
            loose = msgspec.msgpack.decode(encode_messages([order(1), order(2), order(3)]))
            loose[1][6] = "not a side"
            packed = decode_answers(await asker.ask(msgspec.msgpack.encode(loose)))
    assert [answer["type"] for answer in answers] == ["Committed", "Refused", "Committed"]
    assert answers[1]["command_id"] == bad["command_id"]
    assert answers[1]["name"] == "MALFORMED"
    assert "qty" in answers[1]["detail"]
    assert [type(answer) for answer in packed] == [Committed, Refused, Committed]
    assert packed[1].command_id == loose[1][1]


async def test_a_message_at_the_wrong_door_is_told_the_right_one() -> None:
    async with open_doors(AnsweringEngine()) as doors:
        with Asker(doors, "reports") as asker:
            answer = json.loads(await asker.ask(json.dumps(SUBMIT).encode()))
    assert "SubmitOrder belongs to the commands door" in answer["detail"]


@pytest.mark.parametrize("door", ["commands", "reports", "market", "query"])
async def test_a_query_is_taken_at_every_door(door: str) -> None:
    engine = AnsweringEngine()
    async with open_doors(engine) as doors:
        with Asker(doors, door) as asker:
            page = json.loads(await asker.ask(b'{"type":"Query","id":"1","what":"endpoints"}'))
            [packed] = decode_answers(await asker.ask(encode_messages([Query("2", "endpoints")])))
        assert {row["name"]: row["endpoint"] for row in page["rows"]} == doors.endpoints
        assert packed.rows == page["rows"]


def hostile() -> list[bytes]:
    """Bytes that no client of ours sends: seeded noise, cut and changed messages, and what parsers fear."""
    noise = random.Random(7)
    whole = [
        json.dumps(SUBMIT).encode(),
        json.dumps([SUBMIT] * 3).encode(),
        encode_messages([order(1), order(2)]),
    ]
    cut = [message[: noise.randrange(len(message))] for message in whole for _ in range(40)]
    changed = []
    for message in whole * 40:
        flipped = bytearray(message)
        flipped[noise.randrange(len(flipped))] ^= 1 << noise.randrange(8)
        changed.append(bytes(flipped))
    values = [
        "1e400",
        "9" * 400,
        "-0",
        "NaN",
        "Infinity",
        "1E+999999999",
        "\u0661\u0662",
        "\ud83d\ude00",
        "",
        " 1",
        "1_0",
        "0x1",
    ]
    numbers = [
        json.dumps(dict(SUBMIT, **{name: value})).encode() for value in values for name in ("qty", "px")
    ]
    numbers += [
        json.dumps(SUBMIT).replace('"100"', raw).encode()
        for raw in ("1e999", "9" * 5000, "-1", "null", "true", "[]")
    ]
    deep = [
        b"[" * 100_000,
        b'{"type":' * 50_000,
        b'{"a":' + b"[" * 50_000,
        b"\x91" * 100_000,
        b"\x81\xa1a" * 50_000,
    ]
    sizes = [
        b"",
        b"\x00",
        b"\xdd\xff\xff\xff\xff",
        b"\xdc\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91\xdd\x7f\xff\xff\xff",
    ]
    text = [
        b'{"type":"\xff\xfe"}',
        b"[1,2,3]",
        b"[null]",
        b"{}",
        b"[]",
        b"\x90",
        b'{"type":5}',
        b"[[]]",
        b"\xef\xbb\xbf{}",
    ]
    odd = [
        json.dumps(dict(SUBMIT, type=kind)).encode() for kind in ("Quote", "__class__", "\x00", "x" * 10_000)
    ]
    return [
        *[noise.randbytes(noise.randrange(1, 200)) for _ in range(300)],
        *cut,
        *changed,
        *numbers,
        *deep,
        *sizes,
        *text,
        *odd,
    ]


@pytest.mark.parametrize("door", sorted(HOME))
async def test_hostile_bytes_are_refused_and_the_door_goes_on(door: str) -> None:
    async with open_doors(AnsweringEngine()) as doors:
        with Asker(doors, door) as asker:
            for payload in hostile():
                answer = await asker.ask(payload)
                if payload[:1] in (b"{", b"["):
                    json.loads(answer)
                else:
                    decode_answers(answer)
        if door == "commands":
            with Asker(doors) as asker:
                fresh = dict(SUBMIT, command_id="01938f6e-7a5b-7c3d-8e9f-0123456789ff")
                assert json.loads(await asker.ask(json.dumps(fresh).encode()))["type"] == "Committed"


async def test_messages_of_too_many_frames_are_refused() -> None:
    async with open_doors(AnsweringEngine()) as doors:
        with Asker(doors) as asker:
            for frames in ((b"a", b"b"), (b"", b"", b"", b"", b"x"), (b"a",) * 50):
                assert json.loads(await asker.ask(*frames))["name"] == "MALFORMED"


async def test_a_batch_of_a_million_is_refused_without_much_memory() -> None:
    payloads = [b"[" + b",".join([b"{}"] * 1_000_000) + b"]", b"\xdd\x00\x0f\x42\x40" + b"\x90" * 1_000_000]
    engine = AnsweringEngine()
    async with open_doors(engine) as doors:
        with Asker(doors) as asker:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            text, packed = [await asker.ask(payload) for payload in payloads]
            grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert [answer["name"] for answer in json.loads(text)] == ["MALFORMED"]
    assert ["send 1000 at most" in answer.detail for answer in decode_answers(packed)] == [True]  # type: ignore[union-attr]
    assert engine.sizes == [1, 1]
    assert grown_kib < 200 * 1024


async def test_a_message_that_is_too_large_costs_only_its_own_connection() -> None:
    async with open_doors(AnsweringEngine()) as doors:
        with Asker(doors) as sender, Asker(doors) as other:
            await sender.socket.send_multipart([b"x" * (5 * 1024 * 1024)])
            assert json.loads(await other.ask(json.dumps(SUBMIT).encode()))["type"] == "Committed"
            assert sender.door.statistics().messages == 1


async def test_a_client_that_vanished_costs_nothing() -> None:
    engine = AnsweringEngine()
    async with open_doors(engine) as doors:
        engine.holding = True
        with Asker(doors) as asker:
            await asker.socket.send_multipart([encode_messages([order(1)])])
            await asker.taken(1)
        door = doors.doors["commands"]
        with trio.fail_after(5):
            while not door.statistics().answers.gone:
                # The ROUTER notices the end of the connection a moment after it.
                held, engine.held = engine.held, []
                for answers, reply in held:
                    reply(answers)
                engine.holding = True
                with Asker(doors) as again:
                    before = door.statistics().messages
                    await again.socket.send_multipart([encode_messages([order(1)])])
                    await again.taken(before + 1)
                await trio.sleep(0.01)
        assert door.statistics().answers.kept_bytes == 0


async def test_a_client_that_does_not_read_is_bounded_and_holds_up_nobody() -> None:
    row = {"text": "t" * 500_000}
    engine = AnsweringEngine(rows={"bulk": [row]})
    async with open_doors(engine, answer_bytes_max=8_000_000, client_answer_bytes_max=4_000_000) as doors:
        with Asker(doors, "query") as greedy, Asker(doors, "query") as modest:
            for number in range(150):
                await greedy.socket.send_multipart([encode_messages([Query(str(number), "bulk")])])
            await greedy.taken(150)
            statistics = greedy.door.statistics().answers
            assert statistics.dropped > 0
            assert 0 < statistics.kept_bytes <= 4_000_000
            assert b"endpoints" in await modest.ask(encode_messages([Query("1", "endpoints")]))
            received = 0
            with trio.fail_after(10):
                while received < 150 - greedy.door.statistics().answers.dropped:
                    received += len(await greedy.socket.recv_many())
                await greedy.door.wait_delivered()
            assert greedy.door.statistics().answers.kept_bytes == 0


def test_a_taken_port_is_refused_with_the_cure() -> None:
    context: zmq.Context[Any] = zmq.Context()
    bound = bind_doors(context)
    taken = int(bound["commands"][1].rpartition(":")[2])
    try:
        with pytest.raises(DoorBusy, match=r"set doors.base_port to a free range") as busy:
            bind_doors(context, ("commands",), base_port=taken - 2)
        assert isinstance(busy.value, OSError)
        assert str(taken) in str(busy.value)
        with pytest.raises(DoorBusy, match=r"set doors.host"):
            bind_doors(context, host="203.0.113.1")
    finally:
        context.destroy(linger=0)


async def test_two_tasks_on_one_socket_lose_no_wake_up() -> None:
    """A reader and a writer on one DEALER, and the same at the door: the wrapper's hard case."""
    count = 3000
    async with open_doors(AnsweringEngine()) as doors:
        with Asker(doors) as asker, trio.fail_after(20):
            async with trio.open_nursery() as nursery:

                async def write() -> None:
                    for number in range(count):
                        await asker.socket.send_multipart([encode_messages([order(number)])])

                nursery.start_soon(write)
                received = 0
                while received < count:
                    received += len(await asker.socket.recv_many())


async def test_closing_a_socket_wakes_those_who_wait_on_it() -> None:
    context: zmq.Context[Any] = zmq.Context()
    socket = TrioSocket(context.socket(zmq.DEALER))
    ended: list[int] = []

    async def wait(number: int) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await socket.recv_many()
        ended.append(number)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(wait, number)
            await trio.testing.wait_all_tasks_blocked()
            socket.close()
    assert sorted(ended) == [0, 1, 2]
    context.destroy(linger=0)
