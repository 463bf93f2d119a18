"""The QuestDB projection on a real server: each row once, kills, resends, a changed row found, a poison row parked."""

from __future__ import annotations

import json
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.config import Settings, load
from ledger.projections import Fenced, Misplaced
from ledger.projections.audit import audit, repair
from ledger.projections.questdb import make
from ledger.projections.runner import Runner
from ledger.testing.made_journal import MadeJournal
from questdb_server import QuestdbProcess
from redis_servers import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuestdbProcess]:
    with QuestdbProcess(tmp_path_factory.mktemp("questdb")) as process:
        yield process


@pytest.fixture
def empty(server: QuestdbProcess) -> QuestdbProcess:
    for table in ("market_data_ticks", "trades", "executions", "ledger_offset"):
        ask(server, f"DROP TABLE IF EXISTS {table}")
    return server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    with MadeJournal(path) as journal:
        journal.trade(40)
        journal.quote(60)
    return path


def ask(server: QuestdbProcess, statement: str) -> list[list[Any]]:
    where = (
        f"http://127.0.0.1:{server.ports['http-server']}/exec?{urllib.parse.urlencode({'query': statement})}"
    )
    with urllib.request.urlopen(where, timeout=10) as answer:
        return json.load(answer).get("dataset", [])


def settings_of(server: QuestdbProcess, *sets: str) -> Settings:
    return load(None, (*server.sets(), *sets)).settings


def fill(data: Path, settings: Settings, **options: Any) -> Runner:
    runner = Runner(data, make(settings, 0), **options)
    runner.run(until_head=True)
    return runner


def differences(data: Path, settings: Settings) -> list[str]:
    sink = make(settings, 0)
    try:
        return [str(each) for journal in sink.journals for each in audit(data, sink, journal, 0).differences]
    finally:
        sink.close()


def test_every_quote_trade_and_execution_is_there_once(data: Path, empty: QuestdbProcess) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    assert differences(data, settings) == []
    for table in ("market_data_ticks", "trades", "executions"):
        rows, numbers = ask(empty, f"select count(), count_distinct(seq) from {table}")[0]
        assert rows == numbers > 0
    price, raw = ask(empty, "select price, px from trades limit 1")[0]
    assert price == raw / 10**4


def test_rows_that_come_again_are_the_same_rows(data: Path, empty: QuestdbProcess) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    before = ask(empty, "select count() from market_data_ticks")
    ask(empty, "TRUNCATE TABLE ledger_offset")  # as if killed before the offset was written
    fill(data, settings, events_max=7)
    assert ask(empty, "select count() from market_data_ticks") == before
    assert differences(data, settings) == []


def test_a_killed_server_is_waited_for_and_nothing_is_lost_or_doubled(data: Path, tmp_path: Path) -> None:
    with QuestdbProcess(tmp_path / "server") as process:
        settings = settings_of(process)
        runner = Runner(data, make(settings, 0), backoff_max_s=0.2, events_max=5)
        thread = threading.Thread(target=lambda: runner.run(until_head=True))
        thread.start()
        wait_until(lambda: runner.pulse.events > 10, "the first rows")
        process.kill()
        wait_until(lambda: runner.pulse.retries > 0 or not thread.is_alive(), "a retry")
        process.start()
        thread.join(60)
        assert not thread.is_alive()
        assert differences(data, settings) == []


def test_a_row_changed_by_hand_is_found_named_and_repaired(data: Path, empty: QuestdbProcess) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    newest = ask(empty, "select max(seq) from trades")[0][0]
    ask(empty, f"UPDATE trades SET px = 1 WHERE seq = {newest}")
    wait_until(lambda: ask(empty, "select count() from trades where px = 1")[0][0] == 1, "the update")
    said = differences(data, settings)
    assert len(said) == 1
    assert "px is 1, the journal says" in said[0]
    sink = make(settings, 0)
    repair(sink, audit(data, sink, "market", 0))
    sink.close()
    assert differences(data, settings) == []


def test_another_ledgers_rows_are_refused(data: Path, empty: QuestdbProcess, tmp_path: Path) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    with MadeJournal(tmp_path / "other") as journal:
        journal.quote(1)
    with pytest.raises(Misplaced, match="another ledger"):
        fill(tmp_path / "other", settings)


def test_of_two_writers_the_earlier_is_fenced(data: Path, empty: QuestdbProcess) -> None:
    settings = settings_of(empty)
    first, second = make(settings, 0), make(settings, 0)
    with MadeJournal(data) as journal:
        first.claim(journal.lineage)
        second.claim(journal.lineage)
    runner = Runner(data, first)
    first.claim = lambda _lineage: None  # type: ignore[method-assign]
    with pytest.raises(Fenced, match="another projector"):
        runner.run(until_head=True)
    second.close()


def test_a_suspended_table_is_set_going_again(data: Path, empty: QuestdbProcess) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    ask(empty, "ALTER TABLE trades SUSPEND WAL")
    with MadeJournal(data) as journal:
        journal.quote(30)
    runner = fill(data, settings, backoff_max_s=0.1)
    assert runner.pulse.retries > 0
    assert differences(data, settings) == []


def test_over_tcp_every_row_is_read_back(data: Path, empty: QuestdbProcess) -> None:
    settings = settings_of(empty, "questdb.connection.protocol=ilp", "questdb.ingestion.ilp.enabled=true")
    fill(data, settings)
    assert differences(data, settings) == []
