"""The seed's lossy way in, on a running ledger: at most once, holes recorded, topics compared whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from ledger.client import Client, connect, new_command_id
from ledger.config import ConfigError, load
from ledger.testing import Child

SOCKET = "message_queues.zeromq.sockets.command_sub"


class Publisher:
    """A PUB socket as a strategy of the seed has it; it has its subscriptions before it sends."""

    def __init__(self, context: zmq.Context[Any], endpoint: str) -> None:
        self._socket = context.socket(zmq.XPUB)
        self._socket.connect(endpoint)
        for _ in range(3):
            assert self._socket.poll(10_000), "the ledger does not subscribe"
            self._socket.recv()

    def send(self, seq: int, *orders: str, topic: str = "order", epoch: int = 1) -> None:
        number = {"publisher": "legacy", "epoch": epoch, "seq": seq}
        self.send_raw(
            topic.encode(), msgspec.json.encode(number), msgspec.json.encode(list(map(submit, orders)))
        )

    def send_raw(self, *frames: bytes) -> None:
        self._socket.send_multipart(frames)


def submit(name: str) -> dict[str, Any]:
    return {"type": "SubmitOrder", "command_id": new_command_id().hex(),
            "client_order_id": name, "strategy_id": "S1", "symbol": "AAPL", "exchange": "NASDAQ", "side": "BUY",
            "order_type": "LIMIT", "qty": "100", "px": "10.05", "time_in_force": "DAY"}  # fmt: skip


@contextmanager
def listening(data: Path) -> Iterator[tuple[Client, Publisher]]:
    with Child(data, (f"{SOCKET}.enabled=true",)) as child:
        ready = child.start()
        with zmq.Context() as context, connect(data) as client:
            client.define_instrument(
                symbol="AAPL", exchange="NASDAQ", price_scale=4, qty_scale=0, tick="0.01", lot=1
            )
            client.define_strategy(strategy_id="S1", account="A1")
            try:
                yield client, Publisher(context, ready["endpoints"]["command_sub"])
            finally:
                context.destroy(linger=0)


def orders_up_to(client: Client, last: str) -> list[str]:
    """The orders there are, once `last` has come."""
    deadline = time.monotonic() + 10
    while True:
        names = [row["client_order_id"] for row in client.query("orders", strategy="S1")]
        if last in names:
            return sorted(names)
        assert time.monotonic() < deadline, f"{last} did not come: {names}"


def test_what_is_lost_is_recorded_and_what_comes_twice_is_dropped(tmp_path: Path) -> None:
    with listening(tmp_path / "data") as (client, publisher):
        publisher.send(1, "c1")
        publisher.send(2, "c2", "c2b")
        publisher.send(5, "c5")
        publisher.send(5, "twice")
        publisher.send(4, "late")
        publisher.send(6, "c6")
        assert orders_up_to(client, "c6") == ["c1", "c2", "c2b", "c5", "c6"]
        found = [row for row in client.query("anomalies") if row["kind"] == "SOURCE_GAP"]
        assert [row["detail"].split(";")[0] for row in found] == [
            "command_sub/legacy run 1: 3 to 4 did not come"
        ]


def test_a_topic_is_compared_whole_and_carries_its_own_kind_only(tmp_path: Path) -> None:
    with listening(tmp_path / "data") as (client, publisher):
        publisher.send(1, "prefix", topic="orderbook")
        publisher.send(1, "wrong", topic="cancel")
        publisher.send_raw(b"order", b"{}", b"{}")
        publisher.send_raw(b"order", b"\xc1")
        publisher.send(2, "good")
        assert orders_up_to(client, "good") == ["good"]
        assert not [row for row in client.query("anomalies") if row["kind"] == "SOURCE_GAP"]


def test_it_is_off_unless_asked_for(ledger: Child) -> None:
    with connect(ledger.data) as client:
        assert "command_sub" not in next(iter(client.query("endpoints")))


def test_it_may_not_stand_beside_doors_that_ask_for_keys() -> None:
    with pytest.raises(ConfigError, match="whatever keys"):
        load(None, [f"{SOCKET}.enabled=true", "doors.curve.enabled=true"])
