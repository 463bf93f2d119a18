"""A ledger and its follower as people run them: restarts from snapshots, what they say, a follower that is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio

from ledger.client import RefusedError, connect
from ledger.journal import list_snapshots
from ledger.testing import Child
from ledger.testing.servers.process import lives

LOOK_S = 0.02
PATIENCE_S = 30


@pytest.fixture
def careful(tmp_path: Path) -> Iterator[Child]:
    """A ledger that asks for confirmation after a restart."""
    with Child(tmp_path / "data", ["recovery.require_confirmation=true"]) as child:
        child.start()
        yield child


def until(condition: Callable[[], Any]) -> Any:
    """What the condition says once it says something; another process makes it true."""

    async def look() -> Any:
        with trio.fail_after(PATIENCE_S):
            while not (found := condition()):
                await trio.sleep(LOOK_S)
        return found

    return trio.run(look)


def follower_pid(data: Path) -> int:
    """Of the follower that has taken the partition; 0 while none has."""
    try:
        return int((data / "index" / "0" / "follower.lock").read_text() or 0)
    except FileNotFoundError:
        return 0


def newest(data: Path) -> int:
    """Place of the newest trading snapshot; 0 while there is none."""
    found = list_snapshots(data, "trading", 0)
    return found[0].seq if found else 0


def head(typed: Any, data: Path) -> dict[str, Any]:
    """Head and digest of trading, and the numbers beside them."""
    row = typed.json("show", "head", "--data", data)
    (trading,) = row["journals"]["trading"]
    return {"digest": trading["digest"], "orders": row["orders"], "fills": row["fills"]}


def log_of_last_start(child: Child) -> str:
    text = child.log.read_text()
    return text[text.rfind("last recorded") - 60 :]


def test_a_restart_begins_with_the_snapshot_of_the_clean_stop_and_says_so(ledger: Child, typed: Any) -> None:
    until(lambda: follower_pid(ledger.data))
    typed.good("simulate", "--orders", 300, "--data", ledger.data)
    before = head(typed, ledger.data)
    assert ledger.stop() == 0
    place = newest(ledger.data)
    assert place > 300
    ledger.start()
    assert head(typed, ledger.data) == before
    said = log_of_last_start(ledger)
    assert "the last run stopped cleanly" in said
    assert "recovered 0 trading events in " in said
    assert f", after the snapshot trading/0:{place} in " in said
    assert "open orders" in said
    ledger.kill()
    ledger.start()
    assert head(typed, ledger.data) == before
    assert "the last run ended without a clean stop" in log_of_last_start(ledger)
    assert typed("verify", ledger.data)[0] == 0


@pytest.mark.slow
def test_a_killed_follower_is_started_again_and_goes_on(ledger: Child, typed: Any) -> None:
    first = until(lambda: follower_pid(ledger.data))
    typed.good("simulate", "--orders", 200, "--data", ledger.data)
    os.kill(first, signal.SIGKILL)
    until(lambda: follower_pid(ledger.data) not in (0, first))
    typed.good("simulate", "--orders", 200, "--data", ledger.data)
    before = head(typed, ledger.data)
    assert ledger.stop() == 0
    assert newest(ledger.data) > 400
    ledger.start()
    assert head(typed, ledger.data) == before
    assert ", after the snapshot trading/0:" in log_of_last_start(ledger)


@pytest.mark.slow
def test_a_follower_ends_with_its_ledger_and_leaves_a_snapshot(ledger: Child, typed: Any) -> None:
    first = until(lambda: follower_pid(ledger.data))
    typed.good("simulate", "--orders", 100, "--data", ledger.data)
    ledger.kill()
    until(lambda: newest(ledger.data))
    until(lambda: not lives(first))


def test_a_ledger_without_a_follower_writes_neither_snapshots_nor_an_index(tmp_path: Path) -> None:
    with Child(tmp_path / "data", ["recovery.follower=false"]) as child:
        child.start()
        assert child.stop() == 0
    assert not (tmp_path / "data" / "index").exists()
    assert not (tmp_path / "data" / "snapshots").exists()


@pytest.mark.slow
def test_after_a_restart_a_person_confirms_before_new_orders_are_taken(careful: Child, typed: Any) -> None:
    def order(name: str) -> None:
        with connect(careful.data) as ledger:
            ledger.submit_order(
                symbol="AAPL",
                exchange="NASDAQ",
                client_order_id=name,
                strategy_id="S1",
                side="BUY",
                order_type="LIMIT",
                qty=1,
                px=Decimal("10.05"),
            )

    with connect(careful.data) as ledger:
        ledger.define_instrument(
            symbol="AAPL", exchange="NASDAQ", price_scale=4, qty_scale=0, tick=Decimal("0.01"), lot=1
        )
        ledger.define_strategy(strategy_id="S1", account="A1")
    order("c1")
    careful.stop()
    careful.start()
    with pytest.raises(RefusedError, match="ledger confirm"):
        order("c2")
    typed.good("confirm", "--reason", "compared with the venue", "--data", careful.data)
    order("c2")


def test_a_start_behind_a_long_history_builds_the_index_first(ledger: Child, typed: Any) -> None:
    typed.good("simulate", "--orders", 300, "--data", ledger.data)
    before = head(typed, ledger.data)
    assert ledger.stop() == 0
    for made in ("index", "snapshots"):
        shutil.rmtree(ledger.data / made, ignore_errors=True)
    with Child(ledger.data, ["recovery.in_memory_events_max=100"]) as again:
        again.start()
        assert head(typed, ledger.data) == before
        said = log_of_last_start(again)
        assert "the index is built first" in again.log.read_text()
        assert "recovered 0 trading events in " in said


def test_recover_builds_the_index_of_a_long_history_before_its_engine_starts(
    ledger: Child, typed: Any, tmp_path: Path
) -> None:
    typed.good("simulate", "--orders", 300, "--data", ledger.data)
    before = head(typed, ledger.data)
    assert ledger.stop() == 0
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("trading", "market"):
        shutil.copytree(ledger.data / name, copy / name)
    shutil.copy(ledger.data / "manifest.json", copy)
    words = ("recover", "--data", str(copy), "--set", "recovery.in_memory_events_max=100")
    done = subprocess.run(
        [sys.executable, "-m", "ledger.cli", *words], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "parity 0" in done.stdout
    assert "the index is built first" in done.stderr
    assert "recovered 0 trading events in " in done.stderr
    assert newest(copy)
    with Child(copy) as again:
        again.start()
        assert head(typed, copy) == before
