"""A ledger with its projector, as people run them: `serve` with an overlay, the client, `show --from`, kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ledger.cli import main
from ledger.client import NotReachable, connect
from ledger.client.stores import PostgresStore
from ledger.config import load
from ledger.errors import Unavailable
from ledger.projections.status import read_status
from ledger.testing import Child, kill_named
from real_servers import real_server

pytestmark = pytest.mark.slow


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A configuration that projects into a schema of this test."""
    settings = real_server("postgres").settings()
    settings["postgresql"]["connection"]["schema"] = f"t{os.getpid()}_{time.monotonic_ns()}"
    settings["doors"] = {"base_port": 0}
    path = tmp_path / "local.yaml"
    path.write_bytes(msgspec.json.encode(settings))
    return path


def define(ledger) -> None:
    ledger.define_instrument(symbol="AAPL", exchange="XNAS", price_scale=4, qty_scale=0)
    ledger.define_strategy(strategy_id="S1", account="ACC")


def submit(ledger, name: str):
    return ledger.submit_order(
        client_order_id=name, strategy_id="S1", symbol="AAPL", exchange="XNAS", side="BUY", order_type="LIMIT",
        qty=100, px="10.05",
    )  # fmt: skip


def test_what_was_committed_is_in_postgres_once_it_was_waited_for(
    tmp_path: Path, overlay: Path, capsys
) -> None:
    with Child(tmp_path / "data", config=overlay) as child:
        child.start()
        with connect(tmp_path / "data") as ledger, PostgresStore(config=overlay) as store:
            define(ledger)
            for number in range(3):
                committed = submit(ledger, f"c{number}")
                ledger.wait_for(committed, projection="postgres")
                assert [row["client_order_id"] for row in store.open_orders(strategy="S1")][
                    -1
                ] == f"c{number}"
            ledger.report_fill(
                symbol="AAPL", exchange="XNAS", client_order_id="c0", execution_id="e0", trade_date="2026-11-25",
                side="BUY", qty=100, px="10.05",
            )  # fmt: skip
            head = ledger.head()["journals"]["trading"][0]["head"]
            ledger.wait_for(head, projection="postgres")
            position = store.position("S1", "AAPL")
            assert position is not None
            assert (position["quantity"], position["cost"]) == (100, 1005)
            assert store.position("S1", "MSFT") is None
            with pytest.raises(NotReachable, match="redis did not reach"):
                ledger.wait_for(head, projection="redis", timeout=0.05)
        config = ["--config", str(overlay)]
        assert main(["show", "orders", "--open", "--from", "postgres", "--json", *config]) == 0
        shown = msgspec.json.decode(capsys.readouterr().out)
        assert [row["client_order_id"] for row in shown] == ["c1", "c2"]
        assert main(["show", "position", "MSFT", "--strategy", "S1", "--from", "postgres", *config]) == 2
        assert "unknown, not zero" in capsys.readouterr().err
        assert main(["projections", "audit", "postgres", "--data", str(tmp_path / "data"), *config]) == 0
        assert "0 differences" in capsys.readouterr().out
        assert main(["projections", "status", "--data", str(tmp_path / "data"), "--json"]) == 0


def test_a_killed_projector_is_started_again_and_ends_with_its_ledger(tmp_path: Path, overlay: Path) -> None:
    data = tmp_path / "data"
    with Child(data, config=overlay) as child:
        child.start()
        with connect(data) as ledger:
            define(ledger)
            ledger.wait_for(submit(ledger, "c1"), projection="postgres")
            first = read_status(data, "postgres")
            assert first is not None
            os.kill(first.pid, signal.SIGKILL)
            ledger.wait_for(submit(ledger, "c2"), projection="postgres", timeout=30)
        second = read_status(data, "postgres")
        assert second is not None
        assert second.pid != first.pid
        child.kill()
        gone = time.monotonic() + 20
        while Path(f"/proc/{second.pid}").exists():
            assert time.monotonic() < gone, "the projector outlives its ledger"
            time.sleep(0.02)


def test_status_is_watched_until_it_is_interrupted(
    tmp_path: Path, overlay: Path, spawned: Callable[..., subprocess.Popen[str]]
) -> None:
    data = tmp_path / "data"
    with Child(data, config=overlay) as child:
        child.start()
        with connect(data) as ledger:
            define(ledger)
            ledger.wait_for(submit(ledger, "c1"), projection="postgres", timeout=120)
        watching = spawned("projections", "status", "--watch", "--data", data)
        assert watching.stdout is not None
        heads = 0
        while heads < 2:
            line = watching.stdout.readline()
            assert line, "it ended"
            heads += line.startswith("projection ")
        assert "following" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        watching.wait(20)


def test_a_store_that_cannot_be_asked_raises_and_says_nothing_else(overlay: Path) -> None:
    settings = load(overlay, ["postgresql.connection.port=1"]).settings
    with PostgresStore(settings) as store, pytest.raises(Unavailable, match="PostgreSQL at"):
        store.open_orders()
    with PostgresStore(config=overlay) as store, pytest.raises(Unavailable, match="no projection yet"):
        store.position("S1", "AAPL")


def test_a_projection_of_ones_own_is_one_module_and_one_line(tmp_path: Path, monkeypatch) -> None:
    examples = Path(__file__).resolve().parents[3] / "examples"
    paths = [str(examples), *(path for path in sys.path if path)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("TURNOVER", str(tmp_path / "turnover.sqlite"))
    with Child(tmp_path / "data", sets=['projections.own=["turnover=projection"]']) as child:
        child.start()
        with connect(tmp_path / "data") as ledger:
            define(ledger)
            ledger.wait_for(submit(ledger, "c1"), projection="turnover", timeout=30)


def test_with_projector_server_and_ledger_killed_amid_a_nasty_venue_the_database_equals_the_fold(
    tmp_path: Path, overlay: Path, capsys
) -> None:
    data, server = tmp_path / "data", real_server("postgres")
    run = [sys.executable, "-m", "ledger.cli", "simulate", "--nasty", "--orders", "1200", "--rate", "300"]
    with Child(data, config=overlay) as child:
        child.start()
        told = (tmp_path / "simulate.log").open("wb")
        with told, subprocess.Popen([*run, "--data", str(data)], stdout=told, stderr=told) as simulation:
            turn = 0
            while simulation.poll() is None:
                status = read_status(data, "postgres")
                if status is not None and status.events > 300:
                    turn += 1
                    if turn % 3 == 0:
                        server.kill()
                        server.start()
                    elif turn % 3 == 1:
                        kill_named(status.pid, data)
                    elif turn == 2:
                        child.kill()
                        child.start()
                time.sleep(0.3)
        assert simulation.returncode == 0, (tmp_path / "simulate.log").read_text()[-500:]
        assert turn >= 3, "too little was killed"
        with connect(data) as ledger:
            ledger.wait_for(ledger.head()["journals"]["trading"][0]["head"], "postgres", timeout=60)
            acknowledged = sorted((row["symbol"], row["client_order_id"]) for row in ledger.query("orders"))
        audit = ["projections", "audit", "postgres", "--data", str(data), "--config", str(overlay)]
        assert main(audit) == 0, capsys.readouterr().out
        with PostgresStore(config=overlay) as store:
            found = sorted((row["symbol"], row["client_order_id"]) for row in store.orders())
        assert len(found) > 1000
        assert found == acknowledged, "an order is missing, or there twice"
