"""A disaster: everything is gone but the journal's own files; one command brings back engine, index and databases."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.cli import main
from ledger.client import connect
from ledger.client.stores import PostgresStore, RedisStore
from ledger.config import load
from ledger.journal import index_path, list_snapshots
from ledger.projections import Audited, registry
from ledger.projections.audit import audit
from ledger.testing import Child
from ledger.testing.servers import SERVERS
from real_servers import fresh_servers, overlay_of

pytestmark = pytest.mark.slow
KEPT = ("trading", "market", "manifest.json")


def traded(data: Path, config: Path) -> dict[str, str]:
    """A ledger that served, with orders, fills and quotes in all three databases; its digests by journal."""
    with Child(data, config=config) as child:
        child.start()
        words = ["simulate", "--nasty", "--orders", "300", "--data", str(data)]
        subprocess.run([sys.executable, "-m", "ledger.cli", *words], check=True, capture_output=True)
        with connect(data) as ledger:
            for number in range(20):
                ledger.quote(
                    symbol="SIM.SHARE", exchange="SIM", bid_px="10.00", bid_qty=100 + number, ask_px="10.05", ask_qty=100
                )  # fmt: skip
            head = ledger.head()
            for name in SERVERS:
                ledger.wait_for(head["journals"]["trading"][0]["head"], name, timeout=60)
        assert child.stop() == 0
    return {name: parts[0]["digest"] for name, parts in head["journals"].items()}


def test_from_a_copy_of_the_journal_alone_one_command_brings_everything_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fresh_servers() as servers:
        digests = traded(tmp_path / "data", overlay_of(servers, tmp_path / "before.yaml"))
    (tmp_path / "copy").mkdir()
    for name in KEPT:
        source = tmp_path / "data" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / "copy" / name)
    shutil.rmtree(tmp_path / "data")
    for snapshots in (tmp_path / "copy").rglob("snapshots"):
        shutil.rmtree(snapshots)
    with fresh_servers() as servers:
        data, config = tmp_path / "copy", overlay_of(servers, tmp_path / "after.yaml")
        assert main(["recover", "--data", str(data), "--config", str(config)]) == 0
        said = capsys.readouterr().out
        assert re.search(
            r"recovered: engine, index, postgres, redis, questdb; parity 0 \(\d+\.\d s\)", said
        ), said
        assert said.count(" 0 differences") == 5, "one for each journal of each database"
        assert index_path(data, 0).exists()
        assert all(list_snapshots(data, journal, 0) for journal in ("trading", "market"))
        settings = load(config).settings
        with Child(data, config=config) as child:
            child.start()
            with connect(data) as ledger:
                orders = {(row["symbol"], row["client_order_id"]) for row in ledger.query("orders")}
                positions = list(ledger.query("positions"))
            with PostgresStore(settings) as store:
                found = [(row["symbol"], row["client_order_id"]) for row in store.orders()]
            assert len(found) == len(set(found))
            assert set(found) == orders
            with RedisStore(settings) as store:
                assert all(store.position(row["strategy_id"], row["symbol"]) for row in positions)
            assert child.stop() == 0
        for name in registry.enabled(settings):
            sink = registry.make(settings, name, 0)
            assert isinstance(sink, Audited)
            for journal in sink.journals:
                judged = audit(data, sink, journal, 0)
                assert judged.rows > 0
                assert judged.differences == ()
            sink.close()
    assert digests  # of the state that was lost


def test_without_a_journal_nothing_is_recovered_and_nothing_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recover", "--data", str(tmp_path / "nothing")]) == 2
    assert not (tmp_path / "nothing").exists()
    assert capsys.readouterr().out == ""
