"""The examples, as they are: a gateway killed again and again, a subscriber killed again and again, a strategy."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger.client import Client, connect
from ledger.testing import Child
from venue_server import VenueServer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
KILLS = 50
pytestmark = pytest.mark.slow


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} took too long"
        time.sleep(0.02)


def example(name: str, *words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(EXAMPLES / name), *map(str, words)], stdout=subprocess.PIPE)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def define(ledger: Client) -> None:
    ledger.define_instrument(
        symbol="SIM.SHARE", exchange="SIM", price_scale=4, qty_scale=0, tick="0.01", lot=1
    )
    ledger.define_strategy(strategy_id="S1", account="SIM")


def order(number: int) -> dict[str, Any]:
    return {"type": "SubmitOrder", "client_order_id": f"g{number}", "strategy_id": "S1", "symbol": "SIM.SHARE",
            "exchange": "SIM", "side": "BUY" if number % 2 else "SELL", "order_type": "LIMIT", "qty": "100",
            "px": "181.25", "time_in_force": "DAY"}  # fmt: skip


def test_a_gateway_that_is_killed_fifty_times_sends_each_instruction_once(ledger: Child) -> None:
    random, sent = Random(3), set[int]()
    with VenueServer() as venue, connect(ledger.data) as client:
        define(client)
        for kill in range(KILLS):
            gateway = example("gateway.py", ledger.data, "SIM", venue.address)
            try:
                assert gateway.stdout is not None
                gateway.stdout.readline()
                for outcome in client.send_commands([order(10 * kill + at) for at in range(10)]):
                    assert not isinstance(outcome, Exception)
                    sent.add(outcome.seq)
                time.sleep(random.random() * 0.15)  # a kill at any point of what it does
            finally:
                end(gateway)
        gateway = example("gateway.py", ledger.data, "SIM", venue.address)
        try:
            wait_until(lambda: len(venue.taken) >= len(sent), "the rest")
            wait_until(
                lambda: all(row["cum_qty"] == 100 or not row["open"] for row in client.query("orders")),
                "fills",
            )
        finally:
            end(gateway)
        assert len(venue.taken) == len(sent) == 10 * KILLS
        assert set(venue.taken.values()) == {1}
        assert venue.asked, "no kill left anything in doubt, so this test says nothing"


def test_a_fill_that_the_venue_never_told_is_asked_for_and_comes(ledger: Child) -> None:
    """DOMAIN 1.6, note 6: a venue that counts more than we do is asked for the fill that we miss."""
    with VenueServer() as venue, connect(ledger.data) as client:
        define(client)
        venue.loses_a_fill = True
        gateway = example("gateway.py", ledger.data, "SIM", venue.address)
        try:
            outcomes = client.send_commands([order(at) for at in range(1, 40)])
            assert not any(isinstance(outcome, Exception) for outcome in outcomes)
            wait_until(lambda: venue.lost, "a lost fill")
            (name,) = venue.lost
            wait_until(lambda: venue.shown[name], "the question")
            told = {"symbol": "SIM.SHARE", "client_order_id": name}
            wait_until(lambda: not client.order(**told)["needs_recon"], "the answer")
            wait_until(lambda: client.order(**told)["cum_qty"] == 100, "the rest of its fills")
        finally:
            end(gateway)
        assert venue.shown[name] == 1, "it is asked once"
        kinds = [row["kind"] for row in client.query("anomalies")]
        assert kinds.count("CUM_MISMATCH") >= 1


READER = """
import sys
from ledger.client import connect
with connect(sys.argv[1]) as ledger, open(sys.argv[2], "ab", buffering=0) as out:
    for row in ledger.subscribe(sys.argv[3], types=("OrderSubmitted", "OrderAccepted")):
        out.write(f"{row['seq']} {row['client_order_id']}\\n".encode())
"""


def test_a_subscriber_that_is_killed_fifty_times_sees_every_event_once(ledger: Child, tmp_path: Path) -> None:
    """It goes on after the last event that it has written down whole."""
    random, out = Random(5), tmp_path / "seen"
    out.touch()
    with connect(ledger.data) as client:
        define(client)
        for kill in range(KILLS):
            lines = out.read_bytes().rpartition(b"\n")[0].splitlines()
            out.write_bytes(b"".join(line + b"\n" for line in lines))
            begin = int(lines[-1].split()[0]) + 1 if lines else 1
            reader = subprocess.Popen(
                [sys.executable, "-c", READER, str(ledger.data), str(out), f"trading/0:{begin}"],
                stdout=subprocess.PIPE,
            )
            outcomes = client.send_commands([order(10 * kill + at) for at in range(10)])
            assert not any(isinstance(outcome, Exception) for outcome in outcomes)
            before = len(lines)
            wait_until(lambda before=before: out.read_bytes().count(b"\n") > before, "the first event")
            time.sleep(random.random() * 0.05)
            if kill == KILLS - 1:
                wait_until(lambda: out.read_bytes().count(b"\n") >= 10 * KILLS, "the rest")
            end(reader)
        seen = [line.split()[1].decode() for line in out.read_bytes().splitlines()]
        assert seen == [f"g{number}" for number in range(10 * KILLS)]


def test_a_strategy_trades_round_after_round_through_a_gateway(ledger: Child) -> None:
    with VenueServer() as venue, connect(ledger.data) as client:
        define(client)
        gateway = example("gateway.py", ledger.data, "SIM", venue.address)
        strategy = example("strategy.py", ledger.data, 3)
        try:
            assert strategy.stdout is not None
            assert strategy.stdout.readline().startswith(b"position 0, realized")
            assert strategy.wait(10) == 0
        finally:
            end(strategy)
            end(gateway)
