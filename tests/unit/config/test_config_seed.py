"""The seed's contradictions: each is refused, noticed or converted with its number, and `adopt` mends them all."""

import re
from pathlib import Path

import pytest

from ledger.config import ConfigError, adopt, load
from ledger.config.reading import Reading
from ledger.config.schema import leaves

SEED = Path(__file__).resolve().parents[2] / "data" / "seed"
BLOCKS = sorted(SEED.glob("*.yaml"))
DB = "database_architecture."
FLOW = DB + "data_flow."
SOCKETS = "message_queues.zeromq.sockets."
TICKS = "questdb.tables.market_data_ticks."

REFUSED = [
    ("S-1", FLOW + "trading_path.destination=relational_db", "destination audit_log"),
    ("S-1", FLOW + "trading_path.async_backup=audit_log", "audit_log is written first"),
    ("S-2", "backup.enabled=true", "planned"),
    ("S-3", "projections.clickhouse.enabled=true", "planned"),
    ("S-8", "postgresql.connection.pool_settings.min_connections=9", "above max_connections"),
    ("S-25", "redis={connection: {mode: cluster, standalone: {database: 1}}}", "only database 0"),
    ("S-33", TICKS + "optimization.deduplicate=false", "double ticks"),
    ("S-33", TICKS + "optimization.wal_enabled=false", "needs QuestDB's WAL"),
    ("S-34", "questdb.ingestion.ilp.enabled=true", "connection.protocol is http"),
    ("S-39", "timescaledb.retention.older_than=90 days", "at most 30 days"),
    ("S-40", SOCKETS + "command_sub.endpoint=tcp://localhost:5999", "at port 5557"),
    ("S-41", "message_queues.zeromq.enabled=false", "cannot be switched off"),
    ("S-43", SOCKETS + "market_data_pub.endpoint=tcp://*:5555", "tcp://127.0.0.1:5555"),
    ("S-43", SOCKETS + "order_events_pub.endpoint=tcp://10.0.0.1:5556", "tcp://127.0.0.1:5556"),
    ("S-43", "doors.host=0.0.0.0", "doors.curve"),
    ("S-43", "doors.host=trading.example", "doors.curve"),
    ("S-43", "doors.curve.enabled=true", "ledger keys new"),
    ("S-44", "message_queues.kafka.enabled=true", "planned"),
    ("S-45", "data_retention.enabled=true", "planned"),
    ("S-45", TICKS + "partitioning.retention_days=31", "at most 30"),
    ("S-45", "questdb.tables.trades.partitioning.retention_days=365", "at most 30"),
    ("S-45", "data_retention.retention_policies.tick_data.warm_days=5", "ages must rise"),
    ("S-46", "data_retention.legal_hold=true", "planned"),
    ("S-50", FLOW + "hot_path.destination=inmemory_cache", "destination market_journal"),
    ("S-52", DB + "partitioning.strategy=hash_based", "engine.partitions"),
    ("S-52", DB + "partitioning.strategy=range_based", "engine.partitions"),
    ("S-53", DB + "databases.timeseries.type=influxdb", "questdb or timescaledb"),
    ("S-53", DB + "databases.inmemory.type=memcached", "use redis"),
    ("S-53", DB + "databases.inmemory.type=aerospike", "use redis"),
    ("", "journal.trading.wal_bytes=20000000", "whole pages"),
    ("", "journal.trading.wal_bytes=4096", "from 16777216"),
    ("", "projections.timescale.enabled=true", "planned"),
    ("S-3", "projections.clickhouse.enabled=true", "planned"),
    ("", "journal.data=''", "expected a directory"),
    ("", "journal.market.map_size_bytes=20000000", "segment_bytes_max"),
    ("", "redis.data_structures.positions.key_pattern='position:{symbol}'", "{strategy}"),
]

NOTICED = [
    ("S-4", DB + "partitioning.partition_interval=daily", "only a default"),
    ("S-5", FLOW + "hot_path=[source: market_data_feed, destination: market_journal]", "one-key maps"),
    ("S-6", DB + "databases.inmemory.priority=critical", "rebuilt"),
    ("S-7", "postgresql.connection.ssl.mode=require", "verify"),
    ("S-7", "postgresql.connection.ssl.enabled=false", "clear text"),
    ("S-7", "timescaledb.connection.sslmode=require", "verify"),
    ("S-8", "connection_pooling.per_database.postgresql.max_connections=100", "one or two"),
    ("S-8", "connection_pooling.global_settings.max_connections=50", "one or two"),
    ("S-22", "redis.memory.maxmemory_policy=allkeys-lru", "drops positions"),
    ("S-23", "redis.data_structures.positions.ttl_seconds=86400", "never expire"),
    ("S-24", "redis.data_structures.order_books.ttl_seconds=3600", "heartbeat"),
    ("S-26", "redis.persistence.save=['900 1']", "rdb_enabled is false"),
    ("S-27", "redis.pool_settings.connection_timeout_ms=1000", "1000 ms counts"),
    ("S-29", "redis.data_structures.sessions.ttl_seconds=28800", "sliding"),
    ("S-30", TICKS + "schema=[{name: p, type: double}]", "raw integers"),
    ("S-31", TICKS + "schema=[{name: q, type: int}]", "LONG"),
    ("S-32", TICKS + "schema=[{name: t, type: timestamp}]", "ts_ns"),
    ("S-34", "questdb.connection.protocol=ilp", "no acknowledgement"),
    ("S-37", "questdb.performance.max_uncommitted_rows=1000000", "cairo.max.uncommitted.rows"),
    ("S-37", "questdb.performance.write_buffer_size_mb=256", "cairo.writer.data.append.page.size"),
    ("S-37", "questdb.performance.page_cache_size_mb=2048", "operating system"),
    ("S-37", "questdb.ingestion.ilp.worker_threads=4", "line.tcp.writer.worker.count"),
    ("S-37", "questdb.ingestion.ilp.buffer_size=65536", "line.tcp.msg.buffer.size"),
    ("S-40", SOCKETS + "command_sub.endpoint=tcp://localhost:5557", "acknowledged door"),
    ("S-42", SOCKETS + "market_data_pub.hwm=1000000", "memory"),
    ("S-45", "data_retention.hot_storage.retention_days=7", "only a default"),
    ("S-47", "data_retention.cold_storage.encryption=true", "AES-256-GCM"),
    ("S-48", "data_retention.retention_policies.order_data.archive_years=5", "17a-4"),
    ("S-48", "data_retention.retention_policies.trade_data.archive_years=5", "17a-4"),
]


@pytest.mark.parametrize(("seed", "text", "said"), REFUSED)
def test_a_contradiction_or_a_planned_part_is_refused_with_its_cure(seed: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, [text])
    assert any(p.seed == seed and said in p.text for p in caught.value.problems), str(caught.value)
    assert all(str(problem).startswith("--set ") for problem in caught.value.problems)
    assert all("\n" not in str(problem) for problem in caught.value.problems)


@pytest.mark.parametrize(("seed", "text", "said"), NOTICED)
def test_an_oddity_is_noticed_with_its_number_and_place(seed: str, text: str, said: str) -> None:
    notices = load(None, [text]).notices
    found = [notice for notice in notices if notice.seed == seed and said in notice.text]
    assert len(found) == 1, notices
    assert str(found[0].where).startswith("--set ")


@pytest.mark.parametrize(
    ("block", "table", "numbers"),
    [
        ("postgresql", "orders", "S-9 S-11 S-13 S-14 S-16 S-19b"),
        ("postgresql", "fills", "S-10 S-11 S-12 S-13 S-14 S-15 S-16"),
        ("postgresql", "positions", "S-11 S-13 S-14 S-15 S-19b"),
    ],
)
def test_the_seed_ddl_is_noticed_with_all_its_numbers(block: str, table: str, numbers: str) -> None:
    (path,) = SEED.glob(f"*_{block}.yaml")
    notices = {notice.path: notice for notice in load(path).notices}
    assert notices[f"postgresql.tables.{table}.schema"].seed == numbers
    assert notices["postgresql.tables.orders.indexes"].seed == "S-19b"


def test_a_good_ddl_is_not_noticed() -> None:
    ddl = "CREATE TABLE fills (fill_id BIGINT, execution_id VARCHAR(64), quantity NUMERIC, executed_at TIMESTAMPTZ)"
    assert all(
        not n.path.endswith("schema") for n in load(None, [f'postgresql.tables.fills.schema="{ddl}"']).notices
    )


@pytest.mark.parametrize("path", BLOCKS, ids=[path.stem for path in BLOCKS])
def test_every_key_of_the_seed_is_known(path: Path) -> None:
    reading = Reading(2, path.name)
    reading.document(path.read_text())
    assert reading.problems == []
    assert reading.given


def test_the_seed_as_it_stands_is_refused_for_its_contradictions(tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text("".join(block.read_text() for block in BLOCKS))
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert {problem.seed for problem in caught.value.problems} == {
        "S-1",
        "S-33",
        "S-39",
        "S-43",
        "S-45",
        "S-50",
    }


def test_adopt_makes_a_valid_configuration_of_the_seed_and_tells_each_change(tmp_path: Path) -> None:
    adopted = adopt(BLOCKS)
    out = tmp_path / "adopted.yaml"
    out.write_text(adopted.text)
    loaded = load(out)
    told = {number for change in adopted.changes for number in change.seed.split()}
    assert {
        "S-1",
        "S-5",
        "S-7",
        "S-9",
        "S-19b",
        "S-22",
        "S-26",
        "S-33",
        "S-34",
        "S-39",
        "S-43",
        "S-45",
        "S-50",
    } <= told
    assert all(change.seed and change.old != change.new for change in adopted.changes)
    assert loaded.settings.database_architecture.data_flow.trading_path.async_backup == ("relational_db",)
    assert loaded.settings.database_architecture.data_flow.hot_path.async_persist == (
        "inmemory_cache",
        "timeseries_db",
    )
    assert loaded.settings.doors.market_data_hwm == 1_000_000
    assert loaded.settings.redis.connection.cluster.nodes[2].host == "redis3.internal.local"
    assert {notice.where.line for notice in loaded.notices} == {
        notice.where.line for notice in adopted.notices
    }


def test_adopt_keeps_every_value_that_it_does_not_tell(tmp_path: Path) -> None:
    adopted = adopt(BLOCKS)
    out = tmp_path / "adopted.yaml"
    out.write_text(adopted.text)
    loaded, changed = load(out), {change.path for change in adopted.changes}
    for block in BLOCKS:
        reading = Reading(2, block.name)
        reading.document(block.read_text())
        for path, given in reading.given.items():
            if path not in changed:
                assert loaded.values[path] == given.value, path


def test_adopting_twice_changes_nothing_more(tmp_path: Path) -> None:
    out = tmp_path / "adopted.yaml"
    out.write_text(adopt(BLOCKS).text)
    assert adopt([out]).changes == ()


def test_adopt_reads_the_blocks_of_a_document_with_their_lines(tmp_path: Path) -> None:
    text = "TITLE: x\n===\n" + "".join(f"```yaml\n{block.read_text()}```\ntext: [\n" for block in BLOCKS)
    path = tmp_path / "seed.txt"
    path.write_text(text)
    assert adopt([path]).changes == adopt(BLOCKS).changes
    path.write_text("a\n```yaml\nredis:\n  nope: 1\n```\n")
    with pytest.raises(ConfigError, match=r"seed.txt:4: redis.nope: unknown key"):
        adopt([path])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no yaml here\n",
        "redis: {nope: 1}\n",
        "redis: {memory: {maxmemory: 5}}\n",
        "data_retention: {retention_policies: {tick_data: {hot_days: 60}}}\n",
        "doors: {base_port: 1}\nmessage_queues: {zeromq: {sockets: {market_data_pub: {endpoint: 'tcp://127.0.0.1:5'}}}}\n",
    ],
)
def test_adopt_refuses_what_it_cannot_mend(tmp_path: Path, text: str) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        adopt([path])
    assert str(caught.value).startswith(str(path))


def test_adopt_refuses_a_setting_given_in_two_files(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("clock: {max_step_ms: 5}\n")
    with pytest.raises(ConfigError, match="given twice, first at"):
        adopt([tmp_path / "a.yaml", tmp_path / "b.yaml"])


def test_adopt_switches_off_what_is_not_built(tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text("message_queues: {kafka: {enabled: true}}\n")
    (change,) = adopt([path]).changes
    assert (change.path, change.new, change.seed) == ("message_queues.kafka.enabled", "false", "S-44")


def test_every_number_that_speaks_of_a_setting_stands_beside_one() -> None:
    """S-17 to S-19, S-36, S-54 speak of code or of the whole; the rest must be found by `explain`."""
    noted = {number for leaf in leaves().values() for number in re.findall(r"S-\d+b?", leaf.note.seed)}
    of_code = {17, 18, 19, 36, 54}
    assert {f"S-{number}" for number in range(1, 55) if number not in of_code} | {"S-19b"} <= noted
