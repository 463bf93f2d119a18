"""The QuestDB projection on a real server: each row once, kills, resends, a changed row found, a poison row parked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.config import Settings, load
from ledger.domain.enums import Side
from ledger.domain.events import MarketTraded
from ledger.errors import Rejected
from ledger.projections import Fenced, Misplaced, Parking, SinkDown
from ledger.projections.audit import audit, repair
from ledger.projections.questdb import make
from ledger.projections.questdb.server import Server
from ledger.projections.questdb.tables import names_of
from ledger.projections.runner import Runner
from ledger.projections.status import parked_path
from ledger.testing.made_journal import START_NS, MadeJournal
from ledger.testing.servers import QuestdbServer
from real_servers import sets_of, started, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuestdbServer]:
    with started(QuestdbServer(tmp_path_factory.mktemp("questdb") / "server", is_developing=True)) as process:
        yield process


@pytest.fixture
def empty(server: QuestdbServer) -> QuestdbServer:
    for table in ("market_data_ticks", "trades", "executions"):
        for suffix in ("", "_rebuild", "_before", "_mended"):
            ask(server, f"DROP TABLE IF EXISTS {table}{suffix}")
    ask(server, "DROP TABLE IF EXISTS ledger_offset")
    return server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    with MadeJournal(path) as journal:
        journal.trade(40)
        journal.quote(60)
    return path


def ask(server: QuestdbServer, statement: str) -> list[list[Any]]:
    return server.ask(statement)


def settings_of(server: QuestdbServer, *sets: str) -> Settings:
    return load(None, (*sets_of(server), *sets)).settings


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


def test_every_quote_trade_and_execution_is_there_once(data: Path, empty: QuestdbServer) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    assert differences(data, settings) == []
    for table in ("market_data_ticks", "trades", "executions"):
        rows, numbers = ask(empty, f"select count(), count_distinct(seq) from {table}")[0]
        assert rows == numbers > 0
    price, raw = ask(empty, "select price, px from trades limit 1")[0]
    assert price == raw / 10**4


def test_rows_that_come_again_are_the_same_rows(data: Path, empty: QuestdbServer) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    before = ask(empty, "select count() from market_data_ticks")
    ask(empty, "TRUNCATE TABLE ledger_offset")  # as if killed before the offset was written
    fill(data, settings, events_max=7)
    assert ask(empty, "select count() from market_data_ticks") == before
    assert differences(data, settings) == []


def test_a_killed_server_is_waited_for_and_nothing_is_lost_or_doubled(data: Path, tmp_path: Path) -> None:
    with started(QuestdbServer(tmp_path / "server")) as process:
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


def test_a_row_changed_by_hand_is_found_named_and_repaired(data: Path, empty: QuestdbServer) -> None:
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


NOBODYS = """insert into {0} (timestamp, {1}, seq) select timestamp + {2}, {1}, {3} from {0} limit 1"""


def surplus_of(server: QuestdbServer) -> None:
    """A row of nobody, one beside a row of ours with its number, and one in a partition of its own."""
    columns = {table: ", ".join(names_of(table)) for table in ("executions", "market_data_ticks")}
    first = ask(server, "select seq from market_data_ticks limit 1")[0][0]
    ticks, executions = columns["market_data_ticks"], columns["executions"]
    ask(server, NOBODYS.format("market_data_ticks", ticks, 1, 3))
    ask(server, NOBODYS.format("market_data_ticks", ticks, 1, first))
    ask(server, NOBODYS.format("executions", executions, 0, 2))
    ask(server, NOBODYS.format("executions", executions, 62 * 86_400 * 10**9, 3))
    wait_until(lambda: len(ask(server, "select * from executions where seq < 4")) == 2, "the rows of nobody")
    wait_until(
        lambda: len(ask(server, f"select * from market_data_ticks where seq in (3, {first})")) == 3,
        "the same",
    )


def test_rows_of_nobody_are_taken_away_and_the_rest_of_their_partitions_stays(
    data: Path, empty: QuestdbServer
) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    counts = ("select count() from executions", "select count() from market_data_ticks")
    before = [ask(empty, each) for each in counts]
    surplus_of(empty)
    found = differences(data, settings)
    assert sum("surplus" in each for each in found) >= 4
    with following(data, settings) as runner, MadeJournal(data) as journal:
        sink = make(settings, 0)
        for name in sink.journals:
            repair(sink, audit(data, sink, name, 0))
        sink.close()
        assert differences(data, settings) == []
        journal.trade(3)  # the projector that waited goes on
        wait_until(lambda: runner.pulse.journals[0].seq == journal.head(), "the projector", 60)
    assert differences(data, settings) == []
    assert ask(empty, counts[1]) == before[1]
    assert ask(empty, counts[0])[0][0] >= before[0][0][0]
    assert ask(empty, "select table_name from tables() where table_name like '%_mended'") == []


@pytest.mark.parametrize("dropped", [False, True])
def test_a_mending_that_a_kill_cut_short_is_finished(
    dropped: bool, data: Path, empty: QuestdbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    surplus_of(empty)

    def killed(server: Server, table: str, name: str) -> None:
        if dropped:
            server.exec(f"ALTER TABLE {table} DROP PARTITION LIST '{name}'")
        raise KeyboardInterrupt

    sink = make(settings, 0)
    found = audit(data, sink, "market", 0)
    with monkeypatch.context() as patched:
        patched.setattr("ledger.projections.questdb.switching.put_back", killed)
        with pytest.raises(KeyboardInterrupt):
            repair(sink, found)
    with pytest.raises(SinkDown, match="waits"):
        sink._check_writer()
    sink.close()
    monkeypatch.setattr("ledger.projections.questdb.switching.ABANDONED_NS", 0)
    fill(data, settings)
    sink = make(settings, 0)
    repair(sink, audit(data, sink, "market", 0))  # the row of ours that had one of nobody beside it
    assert audit(data, sink, "market", 0).differences == ()
    sink.close()


def test_another_ledgers_rows_are_refused(data: Path, empty: QuestdbServer, tmp_path: Path) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    with MadeJournal(tmp_path / "other") as journal:
        journal.quote(1)
    with pytest.raises(Misplaced, match="another ledger"):
        fill(tmp_path / "other", settings)


def test_of_two_writers_the_earlier_is_fenced(data: Path, empty: QuestdbServer) -> None:
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


def test_a_suspended_table_is_set_going_again(data: Path, empty: QuestdbServer) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    ask(empty, "ALTER TABLE trades SUSPEND WAL")
    with MadeJournal(data) as journal:
        journal.quote(30)
    runner = fill(data, settings, backoff_max_s=0.1)
    assert runner.pulse.retries > 0
    assert differences(data, settings) == []


def test_over_tcp_every_row_is_read_back(data: Path, empty: QuestdbServer) -> None:
    settings = settings_of(empty, "questdb.connection.protocol=ilp", "questdb.ingestion.ilp.enabled=true")
    fill(data, settings)
    assert differences(data, settings) == []


def test_a_row_that_is_rejected_is_parked_with_its_reason_and_the_rest_goes_on(
    data: Path, empty: QuestdbServer
) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    ask(empty, "ALTER TABLE trades ALTER COLUMN trade_id TYPE CHAR")  # takes one letter
    wait_until(lambda: column_type(empty, "trades", "trade_id") == "CHAR", "the other type")
    before = ask(empty, "select count() from trades")[0][0]
    with MadeJournal(data) as journal:
        seq = journal.head("market") + 1
        for name in ("a", "not one letter", "b"):
            number = journal.head("market")
            journal.write(
                "market",
                [
                    MarketTraded(
                        "AAPL", "XNAS", "md", 1, 1000 + number, START_NS + number, 10_000, 1, Side.BUY, name
                    )
                ],
            )
    runner = fill(data, settings, backoff_max_s=0.1)
    (parked,) = Parking(parked_path(data, "questdb", 0)).all()
    assert (parked.what, parked.reason != "") == (f"trades {seq + 1}", True)
    assert runner.pulse.journals[1].seq == seq + 2
    assert ask(empty, "select count() from trades")[0][0] == before + 2


def column_type(server: QuestdbServer, table: str, column: str) -> str:
    return next(row[1] for row in ask(server, f"show columns from {table}") if row[0] == column)


def test_a_rotated_password_is_read_anew(data: Path, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("first")
    with started(QuestdbServer(tmp_path / "server", user="desk", password="first")) as process:
        more = ("questdb.server.user=desk", f"questdb.server.password_file={secret}")
        runner = Runner(data, make(settings_of(process, *more), 0), backoff_max_s=0.2)
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            wait_until(lambda: runner.pulse.rows > 0, "the first rows", 60)
            process.kill()
            process.password = "second"
            process.start()
            wait_until(lambda: "refuses user" in runner.pulse.error, "the refusal", 60)
            secret.write_text("second")
            with MadeJournal(data) as journal:
                journal.quote(5)
                head = journal.head("market")
            wait_until(lambda: runner.pulse.journals[1].seq == head, "the end", 60)
        finally:
            runner.stop()
            thread.join()


def rebuilt(data: Path, server: QuestdbServer) -> Settings:
    """A live copy with a wrong price, and a filled shadow beside it."""
    settings = settings_of(server)
    fill(data, settings)
    newest = ask(server, "select max(seq) from trades")[0][0]
    ask(server, f"UPDATE trades SET px = 1 WHERE seq = {newest}")
    wait_until(lambda: ask(server, "select count() from trades where px = 1")[0][0] == 1, "the update")
    shadow = make(settings, 0).shadow()
    Runner(data, shadow, shadow=True).run(until_head=True)
    return settings


def test_a_rebuild_becomes_live_and_can_be_taken_back(data: Path, empty: QuestdbServer) -> None:
    settings = rebuilt(data, empty)
    assert len(differences(data, settings)) == 1, "the live copy serves until the switch"
    sink = make(settings, 0)
    with following(data, settings):  # the projector waits while tables are exchanged
        sink.switch()
    assert differences(data, settings) == []
    sink.rollback()
    assert len(differences(data, settings)) == 1
    sink.switch()
    assert differences(data, settings) == []
    with pytest.raises(Rejected, match="no table"):
        sink.switch()
    sink.close()


def test_an_exchange_that_a_kill_cut_short_is_finished(
    data: Path, empty: QuestdbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = rebuilt(data, empty)
    sink, statements = make(settings, 0), list[str]()
    server = sink._server
    real = server.exec

    def dies_amid_renames(statement: str) -> list[list[Any]]:
        statements.append(statement)
        if sum(each.startswith("RENAME") for each in statements) == 2:
            raise KeyboardInterrupt
        return real(statement)

    monkeypatch.setattr(server, "exec", dies_amid_renames)
    with pytest.raises(KeyboardInterrupt):
        sink.switch()
    monkeypatch.undo()
    with pytest.raises(SinkDown, match="exchanged"):
        sink._check_writer()
    sink.close()
    monkeypatch.setattr("ledger.projections.questdb.switching.ABANDONED_NS", 0)
    fill(data, settings)
    assert differences(data, settings) == []


@contextmanager
def following(data: Path, settings: Settings) -> Iterator[Runner]:
    """A projector in a thread."""
    runner = Runner(data, make(settings, 0), backoff_max_s=0.2)
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        wait_until(lambda: runner.pulse.journals, "the start")
        yield runner
    finally:
        runner.stop()
        thread.join(30)
    assert not thread.is_alive()
