"""The stream door of a running ledger: from a place on, filtered, named consumers, refusals, hostile bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
import pytest
import zmq

from ledger.client import Client, RefusedError, Subscription, connect
from ledger.endpoints import read_endpoints
from ledger.testing import Child


@pytest.fixture(scope="module")
def client(shared: Child) -> Iterator[Client]:
    with connect(shared.data) as found:
        for symbol in ("ST1", "ST2"):
            found.define_instrument(symbol=symbol, exchange="STX", price_scale=2, qty_scale=0)
        for strategy in ("SA", "SB"):
            found.define_strategy(strategy_id=strategy, account="A")
        for number in range(40):
            found.submit_order(
                client_order_id=f"s{number}", strategy_id="SA" if number % 2 else "SB", symbol=f"ST{1 + number % 4 // 2}",
                exchange="STX", side="BUY", order_type="LIMIT", qty=1, px="1",
            )  # fmt: skip
        yield found


def whole(client: Client, **options: Any) -> list[dict[str, Any]]:
    """Everything that is there now, in pages of seven."""
    reading, rows = Subscription("trading/0:1", batch=7, **options), list[dict[str, Any]]()
    head = int(client.head()["journals"]["trading"][0]["head"].rpartition(":")[2])
    while reading.next_seq <= head:
        rows += client.fetch(reading)
    return rows


def test_from_the_first_event_on_every_event_comes_once_in_order(client: Client) -> None:
    seqs = [row["seq"] for row in whole(client)]
    assert seqs == list(range(1, len(seqs) + 1))


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"strategy": "SA", "types": ["OrderSubmitted"]}, 20),
        ({"symbol": "ST2", "types": ["OrderSubmitted"]}, 20),
        ({"strategy": "SA", "symbol": "ST1", "types": ["OrderSubmitted"]}, 10),
        ({"exchange": "STX", "outward": True}, 40),
        ({"exchange": "nowhere", "outward": True}, 0),
    ],
)
def test_filters_let_through_what_they_name(client: Client, options: dict[str, Any], count: int) -> None:
    assert len(whole(client, **options)) == count


def test_a_named_consumer_goes_on_after_what_it_acknowledged(client: Client) -> None:
    first = list(islice(client.subscribe(name="reader/1", batch=5), 5))
    client.acknowledge("reader/1", first[2]["place"])
    assert next(client.subscribe(name="reader/1"))["seq"] == first[3]["seq"]
    assert {"consumer": "reader/1", "place": first[2]["place"]}.items() <= next(
        row for row in client.consumers() if row["consumer"] == "reader/1"
    ).items()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda client: next(client.subscribe("trading/0:999999999")), "ahead of the journal"),
        (lambda client: next(client.subscribe("trading/0:1", types=["Weather"])), "no event type"),
        (lambda client: next(client.subscribe("trading/0:1", outward=True)), "needs the filter exchange"),
        (lambda client: client.acknowledge("reader/2", "trading/0:999999999"), "not in this journal"),
        (lambda client: client.acknowledge("../escape", "trading/0:1"), "no name"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(client: Client, ask: Any, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        ask(client)


def test_market_data_is_streamed_from_its_own_journal(client: Client) -> None:
    client.quote(symbol="ST1", exchange="STX", bid_px="1.00", bid_qty=5, ask_px="1.01", ask_qty=6, update=1)
    rows = client.subscribe("market/0:1", journal="market", types=["MarketQuoted"])
    assert next(rows)["bid_px"] == 1


def test_hostile_bytes_get_an_answer_and_the_door_lives(shared: Child, client: Client) -> None:
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(read_endpoints(shared.data).endpoints["stream"])
    chosen = random.Random(11)
    payloads = [chosen.randbytes(chosen.randint(1, 400)) for _ in range(200)]
    payloads += [
        b"",
        b"[" * 10_000,
        b'{"type":"Query"}',
        b'{"type":"SubmitOrder","qty":"1e999"}',
        b"[" + b"1," * 10**6 + b"1]",
    ]
    for payload in payloads:
        socket.send(payload)
        assert socket.poll(20_000), f"no answer to {payload[:40]!r}"
        socket.recv()
    socket.send(msgspec.json.encode({"type": "Query", "id": "q", "what": "consumers"}))
    assert socket.poll(5_000)
    assert msgspec.json.decode(socket.recv())["type"] == "Page"
    context.destroy(linger=0)
    assert next(client.subscribe("trading/0:1"))["seq"] == 1


def test_each_row_of_the_market_journal_says_when_it_came_and_through_whom(client: Client) -> None:
    for seq in range(1, 8):
        client.quote(
            symbol=f"ST{1 + seq % 2}", exchange="STX", bid_px="1", bid_qty=1, ask_px="2", ask_qty=seq
        )
    wanted = {"journal": "market", "types": ["MarketQuoted"], "symbol": "ST1"}
    rows: list[dict[str, Any]] = []
    for row in client.subscribe("market/0:1", **wanted):
        rows.append(row)
        if len(rows) == 3:
            break
    assert all(row["received_at_ns"] > 0 and row["actor"] for row in rows)
