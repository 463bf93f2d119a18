"""Books that ask for a snapshot: once a hole, durable, and answered by the feed; through real sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import given_capture as given
from ledger.client import Client, Subscription, connect
from ledger.codec import decode_events
from ledger.domain.request_events import SnapshotRequested
from ledger.journal import JournalReader
from ledger.testing import Child

EXCHANGE, SYMBOL = "BINANCE", "BTCUSDT"
BIDS, ASKS = [("100.00000000", "1.00000000")], [("101.00000000", "3.00000000")]
CAPTURE = (
    given.snapshot(10, BIDS, ASKS),
    *(given.depth(n, n, [("99.00000000", f"{n}.0")]) for n in range(11, 21)),
)


def levels(pairs: list[tuple[str, str]]) -> list[list[str]]:
    return [list(pair) for pair in pairs]


def change(seq: int, first: int, last: int, **more: Any) -> dict[str, Any]:
    """A change from another sender than the capture's."""
    head = {"type": "BookDelta", "source": "other", "source_epoch": 1, "source_seq": seq}
    about = {"symbol": SYMBOL, "exchange": EXCHANGE, "first_update": first, "last_update": last}
    return {**head, **about, "bids": [], "asks": [], **more}


def requests(data: Path) -> list[SnapshotRequested]:
    """What was asked for, as the journal has it."""
    with JournalReader(data, "market", 0, wal=False) as reader:
        events = [event for frame in reader.frames() for event in decode_events(frame.payload)]
    return [event for event in events if type(event) is SnapshotRequested]


def outward(client: Client, from_place: str = "market/0:1") -> list[dict[str, Any]]:
    reading = Subscription(from_place, journal="market", exchange=EXCHANGE, outward=True)
    return client.fetch(reading)


def test_a_hole_asks_once_and_the_feed_answers_with_the_capture_s_book(
    ledger: Child, typed: Any, tmp_path: Path
) -> None:
    path = given.write(tmp_path / "a", CAPTURE[:6])
    assert typed.json("feed", "binance", path, "--data", ledger.data)["snapshots"] == 0
    with connect(ledger.data) as client:
        assert list(client.query("snapshot_requests")) == []
        client.send_facts([change(1, 17, 17), change(2, 18, 18), change(3, 19, 19)])
        (row,) = client.query("snapshot_requests")
        assert (row["symbol"], row["exchange"], row["last_update"]) == (SYMBOL, EXCHANGE, 15)
        (told,) = outward(client)
        assert (told["type"], told["place"], told["source"]) == ("SnapshotRequested", row["place"], "other")
        assert typed.json("show", "book", SYMBOL, "--data", ledger.data)["snapshot_requested"] is True
        # The file has grown. What the capture had before its rest is sent does not reach the hole, so the book asks
        # once more, and what it has at the end does.
        given.write(path, CAPTURE)
        fed = typed.json("feed", "binance", path, "--data", ledger.data)
        assert (fed["sent"], fed["skipped"], fed["snapshots"]) == (5, 6, 2)
        book = typed.json("show", "book", SYMBOL, "--data", ledger.data)
        assert (book["status"], book["last_update"], book["snapshot_requested"]) == ("LIVE", 20, False)
        assert [px for px, _ in book["bids"]] == ["100", "99"]
        assert list(client.query("snapshot_requests")) == []
        assert len(outward(client)) == 2
    assert [event.last_update for event in requests(ledger.data)] == [15, 15]


def test_a_feed_with_nothing_new_to_send_answers_all_the_same(
    ledger: Child, typed: Any, tmp_path: Path
) -> None:
    path = given.write(tmp_path / "a", CAPTURE)
    typed.good("feed", "binance", path, "--data", ledger.data)
    with connect(ledger.data) as client:
        client.send_facts([change(1, 30, 30)])
        fed = typed.json("feed", "binance", path, "--data", ledger.data)
        assert (fed["sent"], fed["snapshots"]) == (0, 1)
        # It does not reach the change that is kept: the book stays STALE and asks again, for a newer one.
        assert [row["last_update"] for row in client.query("snapshot_requests")] == [20]
        fed = typed.json("feed", "binance", path, "--data", ledger.data)
        assert fed["snapshots"] == 1
        (source,) = client.query("sources", source="binance/BTCUSDT/snapshot")
        assert (source["source_seq"], source["gaps"]) == (2, [])
        assert list(client.query("anomalies", kind="SOURCE_GAP")) == []


def test_a_named_feed_goes_on_where_it_was_with_the_requests(
    ledger: Child, typed: Any, tmp_path: Path
) -> None:
    typed.good("feed", "binance", given.write(tmp_path / "a", CAPTURE[:6]), "--data", ledger.data)
    with connect(ledger.data) as client:
        client.send_facts([change(1, 30, 30)])
        (first,) = outward(client)
        client.acknowledge("live-feed", first["place"])
        answer = {
            "type": "BookSnapshot", "source": "rest", "source_epoch": 1, "source_seq": 1, "symbol": SYMBOL,
            "exchange": EXCHANGE, "last_update": 30, "bids": levels(BIDS), "asks": levels(ASKS),
        }  # fmt: skip
        client.send_facts([answer])
        assert typed.json("show", "book", SYMBOL, "--data", ledger.data)["status"] == "LIVE"
    ledger.kill()
    ledger.start()
    with connect(ledger.data) as client:
        client.send_facts([change(2, 40, 40)])
        reading = Subscription(name="live-feed", journal="market", exchange=EXCHANGE, outward=True)
        (second,) = client.fetch(reading)
        assert second["last_update"] == 30
        assert second["seq"] > first["seq"]
