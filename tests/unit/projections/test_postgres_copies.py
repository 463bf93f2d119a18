"""What PostgreSQL's binary COPY is sent: the newest row of each key, whole, and nothing that a column cannot hold."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from ledger.config import load
from ledger.projections import Batch, Feed, Parking, Row
from ledger.projections.postgres import make
from ledger.projections.postgres.encoding import copy_of
from ledger.projections.postgres.merging import copies_of
from ledger.projections.postgres.tables import TABLES
from ledger.testing.made_journal import MadeJournal

MOMENT = datetime(2026, 11, 25, 12, 30, 0, 123456, tzinfo=UTC)


def records_in(content: bytes) -> list[list[bytes | None]]:
    """The fields of a binary COPY, read as the PostgreSQL manual has them."""
    assert content[:11] == b"PGCOPY\n\xff\r\n\0"
    assert content[11:19] == bytes(8)
    at, records = 19, []
    while (count := struct.unpack_from(">h", content, at)[0]) != -1:
        at += 2
        fields: list[bytes | None] = []
        for _ in range(count):
            (size,) = struct.unpack_from(">i", content, at)
            at += 4
            fields.append(None if size < 0 else content[at : at + size])
            at += max(0, size)
        records.append(fields)
    assert at + 2 == len(content)
    return records


def one_batch(tmp_path: Path) -> Batch:
    with MadeJournal(tmp_path) as made:
        made.trade(10, in_a_frame=10)
        sink = make(load().settings, 0)
        feed = Feed(tmp_path, "trading", 0, sink.builders("trading"), Parking(), events_max=1_000_000)
        batch = feed.batch()
        feed.close()
    assert batch is not None
    return batch


def test_each_key_is_sent_once_a_batch_with_its_newest_row(tmp_path: Path) -> None:
    rows = one_batch(tmp_path).rows
    sent = records_in(copies_of((*rows, *rows))["orders"])
    newest = {row.key[0]: row.version for row in rows if row.table == "orders"}
    assert {
        int.from_bytes(each[0]): int.from_bytes(each[-1]) for each in sent if each[0] and each[-1]
    } == newest
    assert len(sent) == len(newest)


def test_what_only_the_report_says_stands_beside_its_fill(tmp_path: Path) -> None:
    rows = one_batch(tmp_path).rows
    names = [name for name, _ in TABLES["fills"].columns()]
    reports = {row.key[4].encode(): row for row in rows if row.table == "fill_reports"}
    voided = {row.key[4].encode() for row in rows if row.table == "fill_voids"}
    sent = records_in(copies_of(rows)["fills"])
    assert len(sent) == len(reports) > len(voided) > 0
    for each in sent:
        said = dict(zip(names, each, strict=True))
        report = reports[said["execution_id"] or b""]
        assert int.from_bytes(said["report_seq"] or b"") == report.version
        assert said["liquidity_flag"] == report.values[2].encode()
        assert (said["void_seq"] is not None) is (said["execution_id"] in voided)


def test_columns_of_a_row_that_is_not_there_come_with_its_key_and_time_alone(tmp_path: Path) -> None:
    report = next(row for row in one_batch(tmp_path).rows if row.table == "fill_reports")
    (sent,) = records_in(copies_of([report])["fills"])
    said = dict(zip([name for name, _ in TABLES["fills"].columns()], sent, strict=True))
    assert said["recorded_at"] is not None
    assert said["version"] is None
    assert said["fill_id"] is None
    assert int.from_bytes(said["report_seq"] or b"") == report.version


def test_fields_are_as_postgresql_stores_them() -> None:
    kinds = ("text", "int8", "int4", "int2", "bool", "timestamptz", "numeric")
    columns = [
        ("é", None),
        (-1, None),
        (7, None),
        (3, None),
        (True, None),
        (MOMENT, None),
        (Decimal("1.5"), None),
    ]
    first, second = records_in(copy_of(kinds, [columns]))
    micros = 848_925_000_123_456
    assert first[:6] == [
        "é".encode(), b"\xff" * 8, b"\0\0\0\7", b"\0\3", b"\1", struct.pack(">q", micros)
    ]  # fmt: skip
    assert first[6] == struct.pack(">hhHhhh", 2, 0, 0, 1, 1, 5000)
    assert second == [None] * 7


def test_one_and_true_are_not_taken_for_each_other() -> None:
    (first, second) = records_in(copy_of(("bool", "int2"), [[(True, False), (1, 0)]]))
    assert (first, second) == ([b"\1", b"\0\1"], [b"\0", b"\0\0"])


@pytest.mark.parametrize(("kind", "value"), [("int8", 2**63), ("int2", 2**15), ("int8", "1")])
def test_a_value_that_its_column_cannot_hold_is_a_fault_of_the_data(kind: str, value: object) -> None:
    with pytest.raises((psycopg.DataError, UnicodeError)):
        copy_of((kind,), [[(value,)]])


def test_a_row_with_such_a_value_is_left_for_apply_to_name(tmp_path: Path) -> None:
    batch = one_batch(tmp_path)
    bad = Row("order_keys", ("AAPL", "c\udc80"), 1, (1, MOMENT))
    sink = make(load().settings, 0)
    assert sink.prepare(batch) is not None
    assert sink.prepare(Batch(batch.before, batch.to, (bad,), 1, 1, None)) is None
