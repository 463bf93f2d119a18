"""Hostile bytes at each door of a real engine: each message gets a typed answer, the engine lives, memory is bounded."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from ledger.endpoints import read_endpoints
from ledger.wire import Page, Query, Refused, decode_answers, encode_messages
from served_engine import served

DOORS = ("commands", "reports", "market", "query")
KNOWN = {"Committed", "Rejected", "Refused", "Unavailable", "Page"}
MILLION = 1_000_000
GROWTH_KB_MAX = 300_000
"""What the process may grow by; a million elements built as Python objects would take more."""
HUGE = "9" * 4400


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with served(tmp_path_factory.mktemp("hostile") / "data") as data:
        yield data


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, directory: Path) -> Iterator[Any]:
    """Sends a payload, gives the answer's payload."""
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(read_endpoints(directory).endpoints[request.param])

    def ask(payload: bytes) -> bytes:
        socket.send(payload)
        assert socket.poll(20_000), f"no answer to {payload[:60]!r}"
        return socket.recv()

    yield ask
    assert lives(ask), "the engine no longer answers"
    socket.close()
    context.term()


def lives(ask: Any) -> bool:
    (page,) = decode_answers(ask(encode_messages([Query("q", "head")])))
    return isinstance(page, Page) and page.rows[0]["ready"]


def types_of(payload: bytes) -> set[str]:
    """The types of the answers, in whichever form they came."""
    if payload[:1] in (b"{", b"["):
        answer = msgspec.json.decode(payload)
        return {each["type"] for each in (answer if isinstance(answer, list) else [answer])}
    return {type(each).__name__.replace("QueryRefused", "Refused") for each in decode_answers(payload)}


def test_random_bytes(door: Any) -> None:
    rng = random.Random(11)
    for _ in range(300):
        assert types_of(door(rng.randbytes(rng.randrange(0, 200)))) <= KNOWN


def test_batches_cut_short_and_with_one_byte_changed(door: Any) -> None:
    rng = random.Random(12)
    whole = encode_messages([Query(f"q{n}", "orders", {"symbol": "A"}) for n in range(4)])
    text = (
        b'[{"type":"Query","id":"q","what":"orders","filters":{"symbol":"A"}},{"type":"Query","what":"head"}]'
    )
    for payload in (whole, text):
        for end in range(0, len(payload), 3):
            assert types_of(door(payload[:end])) <= KNOWN
        for _ in range(100):
            changed = bytearray(payload)
            changed[rng.randrange(len(changed))] = rng.randrange(256)
            assert types_of(door(bytes(changed))) <= KNOWN


@pytest.mark.parametrize(
    "message",
    [
        {"type": "SubmitOrder", "command_id": 5, "qty": []},
        {"type": "SubmitOrder", "command_id": "01938f6e-7a5b-7c3d-8e9f-0123456789ab", "qty": HUGE},
        {"type": "ReportFill", "source": "gw", "source_epoch": -1, "source_seq": 2**64 - 1, "qty": True},
        {"type": "BookDelta", "source": "md", "source_epoch": 1, "source_seq": 1, "bids": [["x", HUGE]]},
        {"type": "Query", "id": "q", "what": "orders", "limit": 2**62},
        {"type": "Query", "id": "q", "what": "orders", "cursor": HUGE},
        {
            "type": "Query",
            "id": "\u202e\U0001f4a9\x00",
            "what": "\ud7ff\u0000",
            "filters": {"\u00e9": "\u200b"},
        },
        {"type": "CancelOrder", "command_id": "\u0660\u0661", "order_id": "0-\u0661\u0662"},
        {"type": "\U0001f4a9" * 1000},
        [[[[[[]]]]]],
        7,
        None,
    ],
    ids=repr,
)
def test_wrong_types_huge_numbers_and_strange_text(door: Any, message: Any) -> None:
    assert types_of(door(msgspec.json.encode(message))) <= KNOWN
    assert types_of(door(msgspec.msgpack.encode([[10, message]]))) <= KNOWN


def test_numbers_beyond_64_bits_and_nesting_without_end(door: Any) -> None:
    huge = b'{"type":"Query","id":"q","what":"head","limit":' + b"9" * 5000 + b"}"
    assert types_of(door(huge)) == {"Refused"}
    assert types_of(door(b"[" * 100_000)) == {"Refused"}
    assert types_of(door(b"\x91" * 100_000)) == {"Refused"}


def test_a_million_elements_are_refused_whole_within_bounded_memory(door: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    objects = b"[" + b",".join([b"{}"] * MILLION) + b"]"
    assert types_of(door(objects)) == {"Refused"}
    packed = b"\xdd" + MILLION.to_bytes(4, "big") + b"\xc0" * MILLION
    (answer,) = decode_answers(door(packed))
    assert isinstance(answer, Refused)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KB_MAX
