"""How a ledger starts and stops: what it leaves behind when refused, what a signal does, what it says and in which form."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.cli.saying import level_of
from ledger.client import connect
from ledger.closing import SHOWN_MAX, left_open
from ledger.testing import Child

WAIT_S = 30.0

SLOW_RECOVERY = """
import os, signal, sys, time
from ledger.engine import Engine
opened = Engine.open
def open_slowly(self, token):
    print("recovering", flush=True)
    sys.stdin.readline()
    return opened(self, token)
Engine.open = open_slowly
from ledger.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""A ledger whose recovery lasts until somebody says go on."""


def test_a_busy_port_leaves_no_directory_behind(tmp_path: Path, typed: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base = taken.getsockname()[1] - 2
        code, _, err = typed("serve", "--data", tmp_path / "data", "--set", f"doors.base_port={base}")
    assert code == 2
    assert "is taken" in err
    assert not (tmp_path / "data").exists()


def test_a_wrong_setting_is_named_once(typed: Any) -> None:
    code, _, err = typed("show", "head", "--set", "doors.base_port=x")
    assert code == 2
    assert err.count("doors.base_port") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_recovery_stops_cleanly_after_it(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW_RECOVERY, "serve", "--data", str(tmp_path / "data")]
    process = subprocess.Popen(
        [*command, "--set", "doors.base_port=0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "recovering\n"
        process.send_signal(number)
        assert "stopping as soon as" in process.stderr.readline()
        out, err = process.communicate("\n", WAIT_S)
        assert process.returncode == 0, err
        assert "ready" not in out
        assert "stopped at trading/0:1" in err
    finally:
        process.kill()
        process.communicate()


def test_a_second_signal_during_recovery_ends_it_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW_RECOVERY, "serve", "--data", str(tmp_path / "data")]
    process = subprocess.Popen(
        [*command, "--set", "doors.base_port=0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "recovering\n"
        process.send_signal(signal.SIGTERM)
        assert "again to end at once" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == -signal.SIGTERM
    finally:
        process.kill()
        process.communicate()


def test_a_stop_lists_the_orders_left_at_the_venue_and_says_so_as_json_where_asked(tmp_path: Path) -> None:
    with Child(tmp_path / "data", ["logging.format=json"]) as child:
        child.start()
        with connect(child.data) as ledger:
            ledger.define_instrument(symbol="AAPL", exchange="NASDAQ", price_scale=2)
            ledger.define_strategy(strategy_id="S1", account="A1")
            terms = {"strategy_id": "S1", "side": "BUY", "order_type": "LIMIT", "qty": 100, "px": "10.05"}
            ledger.submit_order(symbol="AAPL", exchange="NASDAQ", client_order_id="left", **terms)
        assert child.stop() == 0
    lines = [json.loads(line) for line in child.log.read_text().splitlines()]
    assert all(set(line) == {"timestamp", "level", "event"} for line in lines)
    said = [line["event"] for line in lines]
    at = said.index("1 order stays open at the venue while this ledger is down:")
    assert "left S1: BUY 100 of 100 AAPL at 10.05" in said[at + 1]
    assert said[-1].startswith("stopped at trading/0:")


def test_more_open_orders_than_anybody_reads_are_counted() -> None:
    row = {"order_id": "0-1", "client_order_id": "c", "strategy_id": "S", "side": "BUY", "status": "NEW"}
    rows = [row | {"leaves_qty": "1", "qty": "1", "symbol": "A", "px": None}] * (SHOWN_MAX + 7)
    lines = left_open(rows)
    assert len(lines) == SHOWN_MAX + 2
    assert lines[-1] == "  and 7 more"
    assert left_open([]) == []


@pytest.mark.parametrize(
    ("sentence", "level"),
    [
        ("READ ONLY: the disk is full", "error"),
        ("notice: --set a: b", "warning"),
        ("stopped at trading/0:7", "info"),
    ],
)
def test_a_sentence_has_its_level(sentence: str, level: str) -> None:
    assert level_of(sentence) == level


def test_resume_answers_for_a_stopped_ledger_and_needs_room_for_its_reserve(
    ledger: Child, typed: Any
) -> None:
    assert ledger.stop() == 0
    row = typed.json("resume", "--data", ledger.data, "--reason", "looked at")
    assert row["places"] == ["trading/0:3"]
    assert (ledger.data / "reserve").stat().st_size == row["reserve_bytes"]
    lacking = ("--set", f"journal.reserve_bytes={1 << 60}")
    code, _, err = typed("resume", "--data", ledger.data, "--reason", "again", *lacking)
    assert code == 3
    assert "free some" in err


def test_trading_is_halted_reduced_and_opened_by_scope(ledger: Child, typed: Any) -> None:
    code, _, err = typed("trading", "halt", "--all", "--data", ledger.data)
    assert code == 2
    assert "--reason" in err
    assert "HALTED" in typed.good("trading", "halt", "--all", "--reason", "a test", "--data", ledger.data)
    reduced = ("trading", "reduce", "--symbol", "AAPL", "--reason", "less", "--data", ledger.data)
    assert typed.json(*reduced)["type"] == "Committed"
    states = {row["scope"]: row["state"] for row in typed.json("trading", "status", "--data", ledger.data)}
    assert states == {"ALL": "HALTED", "SYMBOL": "REDUCING"}
    typed.good("trading", "open", "--all", "--reason", "over", "--data", ledger.data)
    states = {row["scope"]: row["state"] for row in typed.json("trading", "status", "--data", ledger.data)}
    assert states["ALL"] == "ACTIVE"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(shell: str, typed: Any) -> None:
    script = typed.good("completion", shell)
    for word in ("serve", "trading", "keys", "--open"):
        assert word in script


LOADED = """
import sys
from ledger.cli import main
assert main(["show", "orders", "--data", sys.argv[1]]) == 0
print(" ".join(sorted(sys.modules)))
"""


def test_show_loads_nothing_that_takes_long(ledger: Child) -> None:
    """What it must not load to answer within 0.3 s of the process's start, which a busy machine cannot measure."""
    command = [sys.executable, "-c", LOADED, str(ledger.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=True)
    slow = {"trio", "yaml", "lmdb", "rich", "cryptography", "structlog", "asyncio", "psycopg", "redis"}
    slow |= {"ledger.config", "ledger.engine", "ledger.fold", "ledger.client", "ledger.projections", "actors"}
    assert slow & set(done.stdout.split()) == set()
