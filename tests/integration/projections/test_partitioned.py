"""Two partitions in each database: rebuilt beside the live copies, exchanged while projectors follow, audited."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from ledger.cli import main
from ledger.client import connect
from ledger.config import load
from ledger.journal import partition_of
from ledger.projections.postgres.connecting import Target
from ledger.testing import Child
from ledger.testing.servers import SERVERS, Server
from ledger.testing.servers.redis import PASSWORD
from real_servers import fresh_servers, overlay_of, wait_until

pytestmark = pytest.mark.slow
SYMBOLS = [next(name for name in ("AAPL", "MSFT", "IBM", "AMD", "SAP") if partition_of(name, 2) == at) for at in (0, 1)]  # fmt: skip


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    with fresh_servers() as found:
        yield found


def trade(ledger: Any, number: int) -> None:
    for symbol in SYMBOLS:
        ledger.submit_order(
            client_order_id=f"c{number}", strategy_id="S1", symbol=symbol, exchange="XNAS", side="BUY", order_type="LIMIT",
            qty=100, px="10.05",
        )  # fmt: skip
        ledger.report_fill(
            symbol=symbol, exchange="XNAS", client_order_id=f"c{number}", execution_id=f"e{number}",
            trade_date="2026-11-25", side="BUY", qty=100, px="10.05",
        )  # fmt: skip


def caught_up(ledger: Any, name: str) -> None:
    for partition in range(2):
        ledger.wait_for(ledger.head()["journals"]["trading"][partition]["head"], name, timeout=60)


def alter(name: str, servers: dict[str, Server], overlay: Path) -> None:
    """A row of partition 1, where a copy can be brought back one that no later trade writes again."""
    if name == "postgres":
        target = Target.of(load(overlay).settings)
        with psycopg.connect(**target.parameters("test"), autocommit=True) as connection:
            statement = "update ledger.fills set price = 4711 where symbol = %s and execution_id = 'e1'"
            connection.execute(statement, [SYMBOLS[1]])
    elif name == "redis":
        with redis.Redis(port=servers["redis"].port, password=PASSWORD) as client:
            client.hset(f"position:S1:{SYMBOLS[1]}", "quantity", "4711")
    else:
        words = {
            "query": f"UPDATE executions SET px = 4711 WHERE symbol = '{SYMBOLS[1]}' AND execution_id = 'e1'"
        }
        where = f"http://127.0.0.1:{servers['questdb'].port}/exec?{urllib.parse.urlencode(words)}"
        with urllib.request.urlopen(where, timeout=10) as answer:
            assert "error" not in json.load(answer)


def test_a_rebuild_and_its_switch_are_of_all_partitions(
    servers: dict[str, Server], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, overlay = tmp_path / "data", overlay_of(servers, tmp_path / "local.yaml")
    options = ["--data", str(data), "--config", str(overlay), "--set", "engine.partitions=2"]
    with Child(data, sets=["engine.partitions=2"], config=overlay) as child, ExitStack() as stack:
        child.start()
        ledger = stack.enter_context(connect(data))
        ledger.define_strategy(strategy_id="S1", account="ACC")
        for symbol in SYMBOLS:
            ledger.define_instrument(symbol=symbol, exchange="XNAS", price_scale=4, qty_scale=0)
        for number in range(5):
            trade(ledger, number)
        for name in SERVERS:
            caught_up(ledger, name)
            assert main(["projections", "audit", name, *options]) == 0, capsys.readouterr().out
        for name in SERVERS:
            alter(name, servers, overlay)
            wait_until(
                lambda name=name: main(["projections", "audit", name, *options]) == 1, "the change", 30
            )
            assert main(["projections", "rebuild", name, "--dry-run", *options]) == 1
            assert "4711" in capsys.readouterr().out, "it says what a switch would change"
            assert main(["projections", "switch", name, *options]) == 2, "a dry run has filled nothing"
            assert main(["projections", "rebuild", name, *options]) == 0, capsys.readouterr().out
            capsys.readouterr()
            assert main(["projections", "audit", name, *options]) == 1, (
                "the live copy serves until the switch"
            )
            assert main(["projections", "switch", name, *options]) == 0
            trade(ledger, 10 + list(SERVERS).index(name))
            caught_up(ledger, name)
            assert main(["projections", "audit", name, *options]) == 0, capsys.readouterr().out
        assert main(["projections", "rollback", "redis", *options]) == 2
        shown = ["--strategy", "S1", "--from", "redis", "--json", *options[2:]]
        capsys.readouterr()
        assert main(["show", "position", SYMBOLS[1], *shown]) == 0
        assert json.loads(capsys.readouterr().out)[0]["quantity"] == "800"
        assert main(["show", "position", "NONE", *shown]) == 2, "absent is unknown, not zero"
        for name in ("postgres", "questdb"):
            assert main(["projections", "rollback", name, *options]) == 0
            caught_up(ledger, name)
            assert main(["projections", "audit", name, *options]) == 1, "the altered copy is live again"
        assert child.stop() == 0
