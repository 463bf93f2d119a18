"""A report that names no symbol finds its order in whichever partition has it, once, or stays in one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.client import connect
from ledger.codec import decode_events
from ledger.domain.events import CancelRejected, FactSuspended, OrderAccepted
from ledger.domain.partition_events import FactAssigned
from ledger.journal import JournalReader, partition_of
from ledger.testing import Child

pytestmark = pytest.mark.slow
N = 3
HOME = {partition_of(symbol, N): symbol for symbol in (f"P{number}" for number in range(9))}
TERMS: dict[str, Any] = {"exchange": "X", "price_scale": 2, "qty_scale": 0, "tick": "0.01", "lot": "1"}


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Child]:
    with Child(tmp_path / "data", [f"engine.partitions={N}"]) as child:
        child.start()
        yield child


def given(client: Any, *names: tuple[str, int]) -> None:
    """Orders by name and partition; each has a cancel request x-NAME out, and the venue's own id v-NAME-PARTITION."""
    for symbol in HOME.values():
        client.define_instrument(symbol=symbol, quote_ccy="USD", **TERMS)
    client.define_strategy(strategy_id="S1", account="A")
    for name, home in names:
        symbol = HOME[home]
        client.submit_order(
            client_order_id=name, strategy_id="S1", symbol=symbol, exchange="X", side="BUY", order_type="LIMIT",
            qty="9", px="10", time_in_force="DAY",
        )  # fmt: skip
        client.report_accepted(
            symbol=symbol, exchange="X", client_order_id=name, venue_order_id=f"v-{name}-{home}"
        )
        client.cancel_order(symbol=symbol, client_order_id=f"x-{name}", orig_client_order_id=name)


def cancel_rejected(name: str, seq: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "ReportCancelRejected", "source": "fix", "source_epoch": 1, "source_seq": seq, "symbol": "",
        "exchange": "X", "client_order_id": name, "request_id": f"x-{name}", "reason_code": "BROKER", **more,
    }  # fmt: skip


def status(client: Any, name: str, home: int) -> str:
    return client.order(symbol=HOME[home], client_order_id=name)["status"]


def wait_until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def events_of(data: Path, partition: int, *kinds: type) -> list[Any]:
    with JournalReader(data, "trading", partition) as reader:
        return [
            event
            for frame in reader.frames()
            for event in decode_events(frame.payload)
            if type(event) in kinds
        ]


def test_it_finds_its_order_in_any_partition_once_and_also_over_a_kill(three: Child) -> None:
    with connect(three.data) as client:
        given(client, ("a", 0), ("b", 1), ("c", 2))
        rejects = [cancel_rejected(name, seq) for seq, name in enumerate("abc", 1)]
        for home, name in enumerate("abc"):
            assert status(client, name, home) == "PENDING_CANCEL"
        three.kill_partition(2)  # it is asked again when it is back
        outcomes = client.send_facts(rejects)
        assert [outcome.partition for outcome in outcomes] == [0, 0, 0], (
            "who knows no symbol tells partition 0"
        )
        for home, name in enumerate("abc"):
            wait_until(lambda name=name, home=home: status(client, name, home) == "NEW")
        assert all(outcome.repeated for outcome in client.send_facts(rejects))
        assert list(client.query("anomalies")) == []
        # The sender's own numbers go on in each partition as if nothing had been.
        named = {**cancel_rejected("c", 1), "symbol": HOME[2], "request_id": "other"}
        assert not client.send_facts([named])[0].repeated
    three.kill()
    three.start()
    with connect(three.data) as client:
        assert [status(client, name, home) for home, name in enumerate("abc")] == ["NEW"] * 3
        assert len(set(client.head()["control_versions"])) == 1
    assert three.stop() == 0
    for partition in range(N):
        assert len(events_of(three.data, partition, CancelRejected)) == 1
    assert len(events_of(three.data, 0, FactAssigned)) == 3


def test_what_nobody_or_more_than_one_can_be_meant_by_stays_with_partition_0(three: Child) -> None:
    with connect(three.data) as client:
        given(client, ("same", 1), ("same", 2))
        client.send_facts([cancel_rejected("same", 1), cancel_rejected("nobody", 2)])

        def kept() -> list[dict[str, Any]]:
            return list(client.query("anomalies", kind="FACT_SUSPENDED"))

        wait_until(lambda: len(kept()) == 2)
        assert {row["place"].partition(":")[0] for row in kept()} == {"trading/0"}
        assert any("2 orders of X can be meant by 'same'" in row["detail"] for row in kept())
        assert any("no order of X can be meant by 'nobody'" in row["detail"] for row in kept())
        accepted = {
            "type": "ReportAccepted", "source": "fix", "source_epoch": 1, "source_seq": 3, "symbol": "",
            "exchange": "X", "client_order_id": "same", "venue_order_id": "v-same-2", "venue_cum": "4",
        }  # fmt: skip
        client.send_facts([accepted])
        wait_until(lambda: list(client.query("anomalies", kind="CUM_MISMATCH")))
        (row,) = client.query("anomalies", kind="CUM_MISMATCH")
        assert row["symbol"] == HOME[2], "the venue's own id says which"
        assert len(kept()) == 2
    three.kill()
    three.start()
    with connect(three.data) as client:
        time.sleep(1.0)  # a start looks for nothing that was looked for
        assert len(list(client.query("anomalies", kind="FACT_SUSPENDED"))) == 2
    assert three.stop() == 0
    assert [len(events_of(three.data, partition, FactSuspended)) for partition in range(N)] == [5, 0, 1]
    assert [len(events_of(three.data, partition, OrderAccepted)) for partition in range(N)] == [0, 1, 1]
