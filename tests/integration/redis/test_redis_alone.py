"""The Redis projection on a real server: the seed's keys, exactly-once effect, wiped caches, fences, audits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.client.stores import RedisStore
from ledger.config import Settings, load
from ledger.errors import Rejected
from ledger.projections import Fenced, Misplaced, SinkDown
from ledger.projections.audit import audit, repair
from ledger.projections.redis import make
from ledger.projections.runner import Runner
from ledger.testing.made_journal import MadeJournal
from ledger.testing.servers import RedisServer
from real_servers import sets_of, started, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with started(RedisServer(tmp_path_factory.mktemp("redis") / "server", password="")) as process:
        yield process


@pytest.fixture
def empty(server: RedisServer) -> RedisServer:
    server.client().flushall()
    return server


def settings_of(server: RedisServer, *sets: str) -> Settings:
    return load(None, (*sets_of(server), *sets)).settings


def fill(data: Path, settings: Settings) -> Runner:
    runner = Runner(data, make(settings, 0))
    runner.run(until_head=True)
    return runner


def differences(data: Path, settings: Settings) -> list[str]:
    sink = make(settings, 0)
    try:
        return [str(each) for journal in sink.journals for each in audit(data, sink, journal, 0).differences]
    finally:
        sink.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    with MadeJournal(path) as journal:
        journal.trade(40)
        journal.quote(60)
    return path


def test_positions_and_books_stand_under_the_seeds_keys(data: Path, empty: RedisServer) -> None:
    fill(data, settings_of(empty))
    client = empty.client()
    position = client.hgetall("position:S1:AAPL")
    assert {"quantity", "avg_price", "updated_at", "version"} <= position.keys()
    best = client.zrevrange("orderbook:AAPL:bid", 0, 0, withscores=True)[0]
    assert float(best[0].split(":")[0]) == best[1] == max(score for _, score in client.zrange("orderbook:AAPL:bid", 0, -1, withscores=True))  # fmt: skip
    assert client.hget("orderbook:AAPL:meta", "status") == "LIVE"
    assert client.ttl("position:S1:AAPL") == -1
    assert 0 < client.ttl("orderbook:AAPL:bid") <= 3600
    assert differences(data, settings_of(empty)) == []


def test_a_second_run_changes_nothing_and_a_tail_is_added(data: Path, empty: RedisServer) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    before = empty.client().hgetall("position:S1:AAPL")
    fill(data, settings)
    assert empty.client().hgetall("position:S1:AAPL") == before
    with MadeJournal(data) as journal:
        journal.adjust()
        journal.quote(4)
    fill(data, settings)
    assert empty.client().exists("position:S2:AAPL")
    assert differences(data, settings) == []


def test_a_wiped_redis_fills_itself_again_while_the_projector_runs(data: Path, empty: RedisServer) -> None:
    runner = Runner(data, make(settings_of(empty), 0))
    thread = threading.Thread(target=runner.run)
    thread.start()
    client = empty.client()
    try:
        wait_until(lambda: client.exists("position:S1:AAPL", "orderbook:AAPL:meta") == 2, "filling")
        client.flushall()
        wait_until(lambda: client.exists("position:S1:AAPL", "orderbook:AAPL:meta") == 2, "filling again")
    finally:
        runner.stop()
        thread.join()
    assert runner.pulse.rewinds > 0
    assert differences(data, settings_of(empty)) == []


def test_a_killed_and_emptied_server_is_filled_again(data: Path, tmp_path: Path) -> None:
    with started(RedisServer(tmp_path / "server", password="")) as process:
        runner = Runner(data, make(settings_of(process), 0), backoff_max_s=0.1)
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            wait_until(lambda: process.client().exists("position:S1:AAPL"), "filling")
            process.kill()
            process.start()
            wait_until(lambda: process.client().exists("position:S1:AAPL"), "filling again")
        finally:
            runner.stop()
            thread.join()


def test_a_value_changed_by_hand_is_found_named_and_repaired(data: Path, empty: RedisServer) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    client = empty.client()
    client.hset("position:S1:AAPL", "quantity", "999")
    client.zadd("orderbook:AAPL:bid", {"1:1": 1})
    client.delete("position:S1:MSFT")
    client.hset("position:S9:AAPL", "quantity", "1")
    said = differences(data, settings)
    assert len(said) == 4
    assert any("position position:S1:AAPL: quantity is 999" in each for each in said)
    assert "position position:S1:MSFT: missing" in said
    assert "position position:S9:AAPL: surplus" in said
    sink = make(settings, 0)
    for journal in sink.journals:
        sink.claim(audit(data, sink, journal, 0).offset.lineage)
        repair(sink, audit(data, sink, journal, 0))
    assert differences(data, settings) == []


def test_a_newer_value_is_never_replaced_by_an_older_one(data: Path, empty: RedisServer) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    client = empty.client()
    client.hset("position:S1:AAPL", mapping={"version": "999999999", "quantity": "7"})
    client.hdel("ledger:offset:0", "trading")  # everything is written again
    fill(data, settings)
    assert client.hget("position:S1:AAPL", "quantity") == "7"


def test_another_ledgers_redis_is_refused(data: Path, empty: RedisServer, tmp_path: Path) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    with MadeJournal(tmp_path / "other") as journal:
        journal.trade(1)
    with pytest.raises(Misplaced, match="another ledger"):
        fill(tmp_path / "other", settings)


def test_of_two_writers_the_earlier_is_fenced(data: Path, empty: RedisServer) -> None:
    settings = settings_of(empty)
    first = make(settings, 0)
    runner = Runner(data, first)
    with MadeJournal(data) as journal:
        thread_error: list[BaseException] = []

        def run() -> None:
            try:
                runner.run()
            except Fenced as error:
                thread_error.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: empty.client().exists("position:S1:AAPL"), "filling")
        second = make(settings, 0)
        second.claim(journal.lineage)
        journal.trade(1)
        thread.join(20)
        assert not thread.is_alive()
    assert "another projector" in str(thread_error[0])


def test_a_wrong_password_is_said_and_tried_again(data: Path, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong")
    with started(RedisServer(tmp_path / "server", password="right")) as process:
        settings = settings_of(process, f"redis.connection.standalone.password_file={secret}")
        said: list[str] = []
        runner = Runner(data, make(settings, 0), backoff_max_s=0.1, say=said.append)
        thread = threading.Thread(target=lambda: runner.run(until_head=True))
        thread.start()
        wait_until(lambda: said, "a complaint")
        secret.write_text("right")
        thread.join(20)
        assert not thread.is_alive()
        assert process.client().exists("position:S1:AAPL")
    assert "refuses us" in said[0]


def test_a_server_that_hangs_delays_and_loses_nothing(data: Path, tmp_path: Path) -> None:
    with started(RedisServer(tmp_path / "server", password="")) as process:
        settings = settings_of(process, "redis.pool_settings.socket_timeout_ms=100")
        runner = Runner(data, make(settings, 0), backoff_max_s=0.1, events_max=3)
        process.freeze()
        thread = threading.Thread(target=lambda: runner.run(until_head=True))
        thread.start()
        wait_until(lambda: runner.pulse.retries > 1, "retries")
        process.thaw()
        thread.join(20)
        assert not thread.is_alive()
        assert differences(data, settings) == []


def test_an_evicting_server_is_noticed_and_written_again(data: Path, empty: RedisServer) -> None:
    settings = settings_of(empty, "cache.heartbeat_interval_ms=1")
    sink = make(settings, 0)
    fill(data, settings)
    sink.claim(audit(data, sink, "trading", 0).offset.lineage)
    assert sink.offset("trading") is not None
    client = empty.client()
    try:
        client.config_set("maxmemory-policy", "allkeys-random")
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory", used + 300_000)
        for number in range(1000):
            client.set(f"x{number}", "y" * 1000)
    finally:
        client.config_set("maxmemory", 0)
    with pytest.raises(SinkDown, match="evicted"):
        sink.offset("trading")
    assert sink.offset("trading") is None
    fill(data, settings)
    assert differences(data, settings) == []


def test_a_rebuild_beside_the_live_copy_takes_its_place(data: Path, empty: RedisServer) -> None:
    settings = settings_of(empty)
    fill(data, settings)
    client = empty.client()
    client.hset("position:S1:AAPL", "quantity", "999")
    client.hset("position:S9:AAPL", mapping={"quantity": "1", "version": "3"})
    shadow = make(settings, 0).shadow()
    Runner(data, shadow, shadow=True).run(until_head=True)
    assert client.hget("position:S1:AAPL", "quantity") == "999", "the live copy serves until the switch"
    assert client.hget("rebuild:position:S1:AAPL", "quantity") not in (None, "999")
    sink = make(settings, 0)
    sink.switch()
    assert differences(data, settings) == []
    assert [key for key in client.scan_iter("rebuild:*")] == []
    with pytest.raises(Rejected, match="in place"):
        sink.rollback()


def test_programs_read_positions_and_books(data: Path, empty: RedisServer) -> None:
    settings = settings_of(empty)
    with RedisStore(settings) as store:
        assert store.place() is None
        fill(data, settings)
        assert str(store.place()).startswith("trading/0:")
        position = store.position("S1", "AAPL")
        assert position is not None
        assert position["quantity"] == empty.client().hget("position:S1:AAPL", "quantity")
        assert store.position("S1", "NONE") is None
        book = store.top_levels("AAPL", 2)
        assert book is not None
        assert len(book["bids"]) == len(book["asks"]) == 2
        assert float(book["bids"][0][0]) > float(book["bids"][1][0])
        assert float(book["asks"][0][0]) < float(book["asks"][1][0])
        assert store.top_levels("NONE", 2) is None
        with pytest.raises(Rejected, match="no orders"):
            store.open_orders()


def test_a_full_disk_under_an_append_only_file_is_waited_for(data: Path, tmp_path: Path) -> None:
    with started(RedisServer(tmp_path / "server", password="", options=("--appendonly", "yes"))) as process:
        settings = settings_of(process)
        fill(data, settings)
        runner = Runner(data, make(settings, 0), backoff_max_s=0.1)
        process.limit_files(4096)  # no file may grow beyond it
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            with MadeJournal(data) as journal:
                for _ in range(100):
                    journal.quote(40, in_a_frame=10)
                    if runner.pulse.retries:
                        break
                    wait_until(lambda: runner.pulse.retries or followed(runner, journal), "an answer")
                assert runner.pulse.retries > 0
                assert "MISCONF" in runner.pulse.error
                process.limit_files(None)
                wait_until(lambda: followed(runner, journal), "the end", 60)
        finally:
            runner.stop()
            thread.join()
        assert differences(data, settings) == []


def followed(runner: Runner, journal: MadeJournal) -> bool:
    return any(
        each.journal == "market" and each.seq == journal.head("market") for each in runner.pulse.journals
    )
