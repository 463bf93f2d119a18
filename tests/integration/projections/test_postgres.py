"""What PostgreSQL's projection promises beyond the contract: consistency for readers, repair, rebuild, months, TLS."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg import sql
from test_postgres_contract import PostgresStore

from ledger.domain.operator_events import DailyCut, TradingDayRolled
from ledger.errors import Rejected
from ledger.projections import Feed, Misplaced, Parking, Runner, SinkDown
from ledger.projections.audit import audit, repair
from ledger.projections.postgres import PostgresSink, Target
from ledger.projections.postgres.migrations import INDEXES, MIGRATIONS, migrate
from ledger.projections.postgres.months import ahead, drop_months, make_months
from ledger.projections.postgres.tables import FILLS, ORDER_KEYS, ORDERS
from ledger.projections.status import parked_path
from ledger.testing.made_journal import MadeJournal
from ledger.testing.running import Followed
from ledger.testing.servers.postgres import CERTIFIED, DATABASE, PASSWORD, USER
from real_servers import real_server

pytestmark = pytest.mark.slow

SHORT_OF_ITS_FILLS = """
select o.order_id from orders o left join (
    select order_id, sum(quantity) filled, count(*) fills from fills where counts group by order_id
) f using (order_id)
where o.filled_quantity <> coalesce(f.filled, 0) or o.fill_count <> coalesce(f.fills, 0)
"""
BESIDE_ITS_FILLS = """
select p.symbol from positions p join (
    select strategy_id, symbol, sum(case side when 'BUY' then quantity else -quantity end) qty
    from fills where counts group by 1, 2
) f using (strategy_id, symbol) where p.quantity <> f.qty
"""


@pytest.fixture
def store() -> PostgresStore:
    return PostgresStore(real_server("postgres"))


def catch_up(made: MadeJournal, sink: PostgresSink, events_max: int = 50) -> None:
    Runner(made.path, sink, events_max=events_max).run(until_head=True)


def journal(directory: Path, orders: int = 40) -> MadeJournal:
    made = MadeJournal(directory / "data")
    made.trade(orders)
    made.anomaly()
    made.adjust()
    return made


def differences(made: MadeJournal, store: PostgresStore) -> list[str]:
    sink = store.sink()
    try:
        return [str(each) for each in audit(made.path, sink, "trading", 0).differences]
    finally:
        sink.close()


def test_a_reader_never_sees_a_fill_without_its_orders_quantity(tmp_path: Path, store: PostgresStore) -> None:
    """I-41: at whatever moment one looks, orders, fills and positions are of one place."""
    places = set()
    with (
        journal(tmp_path, orders=400) as made,
        Followed(Runner(made.path, store.sink(), events_max=3)) as followed,
    ):
        followed.wait(lambda status: status.rows > 0)
        with psycopg.connect(**store.target().parameters("reader"), autocommit=True) as reader:
            reader.execute(f"set search_path to {store.schema}")
            while made.head() not in places:
                places.add(reader.execute("select max(seq) from ledger_offset").fetchone()[0])
                assert reader.execute(SHORT_OF_ITS_FILLS).fetchall() == []
                assert reader.execute(BESIDE_ITS_FILLS).fetchall() == []
    assert len(places) > 20, "the reader looked too seldom to see anything in between"


ALTERED = {
    "orders": ("update orders set filled_quantity = filled_quantity + 1 where client_order_id = 'c7'", "orders 29: filled_quantity is 1"),
    "fills": ("update fills set price = price * 2 where execution_id = 'e5'", "e5"),
    "the time of a fill": ("update fills set executed_at = now() where execution_id = 'e5'", "fill_reports"),
    "when it was busted": ("update fills set voided_at = now() where execution_id = 'e3'", "fill_voids"),
    "positions": ("update positions set realized_pnl = 0 where symbol = 'AAPL' and strategy_id = 'S1'", "AAPL/S1"),
    "a key": ("update order_keys set order_id = 1 where client_order_id = 'c9'", "order_keys MSFT/c9"),
    "an anomaly": ("update anomalies set detail = ''", "anomalies 0/"),
    "an adjustment": ("update adjustments set cash = 1", "adjustments 0/"),
    "a row that is gone": ("delete from orders where client_order_id = 'c4'", "missing"),
    "a row too many": (
        "insert into positions select 'XXX', strategy_id, account, quantity, avg_price, cost, realized_pnl, cash,"
        " currency, fees, buy_quantity, sell_quantity, fill_count, cycle, last_price, multiplier, updated_at, opened_at_ns,"
        " updated_at_ns, version from positions limit 1",
        "positions XXX/S1: surplus",
    ),
    "a version from the future": ("update orders set version = 999999 where client_order_id = 'c7'", "version"),
    "another partition": (
        "update orders set created_at = created_at + interval '1 hour' where client_order_id = 'c7'",
        "created_at",
    ),
}  # fmt: skip


def test_a_row_altered_by_hand_is_found_named_and_repaired(tmp_path: Path, store: PostgresStore) -> None:
    with journal(tmp_path) as made:
        catch_up(made, store.sink())
        assert differences(made, store) == []
        for what, (statement, named) in ALTERED.items():
            assert store.sql(statement) >= 1, what
            found = differences(made, store)
            assert len(found) >= 1, what
            assert any(named in each for each in found), (what, found)
            sink = store.sink()
            repair(sink, audit(made.path, sink, "trading", 0))
            sink.close()
            assert differences(made, store) == [], what


def test_a_text_that_no_column_takes_is_parked_and_the_rest_goes_on(
    tmp_path: Path, store: PostgresStore
) -> None:
    with journal(tmp_path, orders=5) as made:
        (submitted, *_rest) = made.order(made.head() + 1)
        made.write("trading", [msgspec.structs.replace(submitted, client_order_id="a\0b")])
        made.trade(5)
        catch_up(made, store.sink())
        parked = Parking(parked_path(made.path, "postgres", 0)).all()
        assert {each.what.split()[0] for each in parked} == {"orders", "order_keys"}
        assert all("0x00" in each.reason for each in parked)
        assert len(store.sql("select 1 from orders")) == 10
        sink = store.sink()
        found = audit(made.path, sink, "trading", 0)
        assert [each.kind for each in found.differences] == ["missing", "missing"]
        with pytest.raises(Rejected, match="0x00"):
            repair(sink, found)
        sink.close()


def test_a_wiped_schema_is_filled_again_by_itself(tmp_path: Path, store: PostgresStore) -> None:
    with journal(tmp_path) as made, Followed(Runner(made.path, store.sink(), backoff_max_s=0.2)) as followed:
        followed.wait_seq(made)
        store.sql(f"drop schema {store.schema} cascade")
        followed.wait(lambda status: status.rewinds >= 1 and status.journals[0].seq == made.head())
        assert differences(made, store) == []


def test_indexes_are_made_once_a_copy_is_filled_and_again_where_one_is_missing(
    tmp_path: Path, store: PostgresStore
) -> None:
    def indexes() -> set[str]:
        with psycopg.connect(**store.target().parameters("test"), autocommit=True) as reader:
            found = reader.execute("select indexname from pg_indexes where schemaname = %s", [store.schema])
            return {name for (name,) in found} & set(INDEXES)

    with journal(tmp_path) as made:
        seen: list[set[str]] = []
        runner = Runner(
            made.path, store.sink(), events_max=50, on_batch=lambda _batch: seen.append(indexes())
        )
        runner.run(until_head=True)
        assert len(seen) > 1
        assert seen == [set()] * len(seen)
        assert indexes() == set(INDEXES)
        store.sql(
            "drop index idx_orders_symbol, idx_fills_order_id"
        )  # as a kill between two of them leaves it
        made.trade(1)
        catch_up(made, store.sink())
        assert indexes() == set(INDEXES)
        assert differences(made, store) == []


def test_a_batch_is_merged_by_its_keys_however_large_a_table_is(tmp_path: Path, store: PostgresStore) -> None:
    with journal(tmp_path, orders=400) as made:
        catch_up(made, store.sink(), events_max=1_000_000)
        sink = store.sink()
        feed = Feed(made.path, "trading", 0, sink.builders("trading"), Parking(), events_max=100)
        batch = feed.batch()
        feed.close()
    assert batch is not None
    assert sink.offset("trading") is not None
    assert sink._connection is not None
    with sink._connection.transaction():
        sink._merging.merge(sink._connection, batch.rows)
        for table in (ORDERS, FILLS, ORDER_KEYS):
            explain = sql.SQL("explain ") + sink._merging._merge_of(table, False)
            plan = [line for (line,) in sink._connection.execute(explain).fetchall()]
            assert any("Index" in line and f" on {table.name}" in line for line in plan), plan
            assert not any(f"Seq Scan on {table.name}" in line for line in plan), plan
    sink.close()


def test_a_rebuild_goes_on_after_an_interruption_and_a_switch_can_be_undone(
    tmp_path: Path, store: PostgresStore
) -> None:
    with journal(tmp_path) as made:
        catch_up(made, store.sink())
        store.sql("update positions set realized_pnl = 4711")
        shadow = store.sink().shadow()
        runner = Runner(made.path, shadow, events_max=10, shadow=True, on_batch=lambda _batch: runner.stop())
        runner.run(until_head=True)
        at = store.sink().shadow()
        assert 0 < at.offset("trading").seq < made.head()
        at.close()
        second = Runner(made.path, store.sink().shadow(), events_max=10, shadow=True)
        second.run(until_head=True)
        assert second.pulse.events < made.head(), "it began anew"
        assert store.sql("select distinct realized_pnl from positions")[0][0] == 4711, (
            "the live copy was touched"
        )
        act(store, lambda sink: sink.switch())
        assert differences(made, store) == []
        act(store, lambda sink: sink.rollback())
        assert store.sql("select distinct realized_pnl from positions")[0][0] == 4711
        with pytest.raises(Rejected):
            act(store, lambda sink: sink.rollback())


def act(store: PostgresStore, what) -> None:
    sink = store.sink()
    try:
        what(sink)
    finally:
        sink.close()


def test_a_projector_that_follows_goes_on_in_the_copy_that_a_switch_made_live(
    tmp_path: Path, store: PostgresStore
) -> None:
    with (
        journal(tmp_path) as made,
        Followed(Runner(made.path, store.sink(), events_max=10, backoff_max_s=0.2)) as followed,
    ):
        followed.wait_seq(made)
        Runner(made.path, store.sink().shadow(), shadow=True).run(until_head=True)
        made.trade(5)
        followed.wait_seq(made)
        act(store, lambda sink: sink.switch())
        made.trade(5)
        followed.wait(lambda status: status.journals[0].seq == made.head() and status.rewinds >= 1)
        assert differences(made, store) == []


def test_months_are_made_ahead_and_dropped_by_retention_and_an_audit_knows(
    tmp_path: Path, store: PostgresStore
) -> None:
    with (
        journal(tmp_path) as made,
        psycopg.connect(**store.target().parameters("test"), autocommit=True) as connection,
    ):
        catch_up(made, store.sink())
        wanted = {f"orders_{month:%Y_%m}" for month in ahead(datetime.now(UTC))} | {"orders_2025_11"}
        found = "select relname from pg_class where relnamespace = %s::regnamespace and relname ~ '^orders_20.._..$'"
        assert {name for (name,) in store.sql(found, store.schema)} == wanted
        assert make_months(connection, store.schema, ahead(datetime.now(UTC))) == []
        assert drop_months(connection, store.schema, datetime(2025, 12, 24, tzinfo=UTC)) == [
            "orders_2025_11",
            "fills_2025_11",
        ]
        assert store.sql("select count(*) from orders") == [(0,)]
        assert differences(made, store) == []
        made.trade(3)  # rows of a month that is gone stay out, the offset goes on
        catch_up(made, store.sink())
        assert store.sql("select count(*) from orders") == [(0,)]
        assert differences(made, store) == []


def test_a_day_that_is_over_is_in_daily_pnl_and_its_mark_values_the_positions(
    tmp_path: Path, store: PostgresStore
) -> None:
    with journal(tmp_path, orders=1) as made:  # 100 AAPL sold at 100
        cut = DailyCut(
            "S1", "AAPL", "ACC", -100, 5, -70_000_000, -70_000_000, {"USD": 125}, 1_007_000, "SETTLEMENT"
        )
        made.write("trading", [TradingDayRolled("XNYS", "2025-11-20", (cut,), 77)])
        catch_up(made, store.sink())
        assert store.sql("select realized_pnl, unrealized_pnl, total_pnl, fees from daily_pnl") == [
            (Decimal("0.0005"), -7000, Decimal("-6999.9995"), '{"USD":"0.00000125"}')
        ]
        marked = "select unrealized_pnl, mark_price, mark_seq, marked_on from positions_marked order by strategy_id"
        assert store.sql(marked) == [
            (-70, Decimal("100.7"), 77, "2025-11-20"),
            (None, None, None, None),
        ]
        assert differences(made, store) == []


def test_migrations_are_applied_once_and_a_newer_schema_is_refused(store: PostgresStore) -> None:
    with psycopg.connect(**store.target().parameters("test"), autocommit=True) as connection:
        assert migrate(connection, store.schema) == [number for number, _, _ in MIGRATIONS]
        assert migrate(connection, store.schema) == []
        store.sql("insert into ledger_migrations (number, name) values (99, 'of a later release')")
        with pytest.raises(Rejected, match="99"):
            migrate(connection, store.schema)


def test_a_rotated_password_is_taken_at_the_next_connection(tmp_path: Path, store: PostgresStore) -> None:
    role = f"r{store.schema}"
    with psycopg.connect(**store.target().parameters("test"), autocommit=True) as connection:
        connection.execute(f"create role {role} login superuser password 'first'")
        secret = tmp_path / "password"
        secret.write_text("first\n")
        target = msgspec.structs.replace(store.target(), user=role, password="", password_file=str(secret))
        with (
            journal(tmp_path) as made,
            Followed(
                Runner(made.path, PostgresSink(target, schema=store.schema), backoff_max_s=0.2)
            ) as followed,
        ):
            followed.wait_seq(made)
            connection.execute(f"alter role {role} password 'second'")
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [role]
            )
            followed.wait(lambda status: "password authentication failed" in status.error)
            secret.write_text("second\n")
            made.trade(2)
            followed.wait_seq(made)
        assert differences(made, store) == []


def test_the_server_must_prove_itself_and_a_client_may(tmp_path: Path, store: PostgresStore) -> None:
    server = real_server("postgres")
    certificates = server.certificates
    key = tmp_path / "client.key"
    key.touch(0o600)
    key.write_bytes((certificates / "client.key").read_bytes())
    certified = Target(
        "127.0.0.1", server.port, DATABASE, CERTIFIED, ca_file=str(certificates / "ca.crt"),
        cert_file=str(certificates / "client.crt"), key_file=str(key),
    )  # fmt: skip
    with certified.connect("test") as connection:
        row = connection.execute(
            "select usename, s.ssl, s.version from pg_stat_ssl s join pg_stat_activity using (pid)"
            " where pid = pg_backend_pid()"
        ).fetchone()
    assert row == (CERTIFIED, True, "TLSv1.3")
    for wrong in (
        msgspec.structs.replace(certified, ca_file=str(certificates / "client.crt")),
        msgspec.structs.replace(certified, cert_file="", key_file=""),
        Target("127.0.0.1", server.port, DATABASE, USER, password=PASSWORD, sslmode="verify-full"),
    ):
        with pytest.raises(SinkDown):
            wrong.connect("test")


def test_timeouts_and_keepalives_are_those_of_the_configuration(store: PostgresStore) -> None:
    target = msgspec.structs.replace(store.target(), statement_timeout_ms=1234, lock_timeout_ms=567)
    with target.connect("test") as connection:
        for name, value in (("statement_timeout", "1234ms"), ("lock_timeout", "567ms"), ("timezone", "UTC")):
            assert connection.execute(f"show {name}").fetchone() == (value,)
        assert connection.execute("show tcp_keepalives_idle").fetchone() == ("60",)


def test_two_ledgers_on_one_schema_are_told_apart(tmp_path: Path, store: PostgresStore) -> None:
    with journal(tmp_path / "one") as made:
        catch_up(made, store.sink())
    with journal(tmp_path / "two") as other, pytest.raises(Misplaced, match="another ledger"):
        catch_up(other, store.sink())
