"""Digests of rows: the same in every process, of equal rows only."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from ledger.cli.status import line_of
from ledger.projections.contract import Row
from ledger.projections.digests import digest_of, name_of
from ledger.projections.status import AuditStatus, JournalAudit, differing, write_audit

MOMENT = datetime(2026, 11, 25, 12, 30, 0, 123456, tzinfo=UTC)
VALUES = ("AAPL", -1, Decimal("1.50"), 0.25, True, None, MOMENT, ("a", 1))
ANOTHER = """
from datetime import UTC, datetime
from decimal import Decimal
from ledger.projections.contract import Row
from ledger.projections.digests import digest_of, name_of
moment = datetime(2026, 11, 25, 12, 30, 0, 123456, tzinfo=UTC)
print(digest_of(Row("t", (1,), 7, ("AAPL", -1, Decimal("1.50"), 0.25, True, None, moment, ("a", 1)))), name_of("t", ("k", 1)))
"""


def digest(*values: object) -> int:
    return digest_of(Row("t", (1,), 1, values))


def test_another_process_makes_the_same_digest_and_name() -> None:
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        said = subprocess.run(
            [sys.executable, "-c", ANOTHER], env=environment, capture_output=True, check=True
        )
        wanted = digest_of(Row("t", (1,), 7, VALUES)), name_of("t", ("k", 1))
        assert tuple(map(int, said.stdout.split())) == wanted


def test_a_digest_tells_minus_one_from_minus_two_and_not_one_number_from_itself() -> None:
    assert digest(-1, "x") != digest(-2, "x")
    assert digest(Decimal("-1")) != digest(Decimal("-2"))
    assert digest(Decimal("1.50")) == digest(Decimal("1.5")) == digest(1.5)
    assert digest(None) != digest(0) != digest("0")
    assert digest(MOMENT) != digest(MOMENT.replace(microsecond=0))
    assert digest("a", "b") != digest("b", "a")
    assert digest("1") != digest(1)


def test_differences_that_stand_are_in_the_one_line_of_status(tmp_path: Path) -> None:
    audit = JournalAudit("trading", 9, 3, 1, 1, 3, ("orders 1: missing", "orders 2: missing"), 2, 0)
    for partition in (0, 1):
        write_audit(tmp_path, AuditStatus("postgres", partition, (audit,), "", 1))
    write_audit(tmp_path, AuditStatus("redis", 0, (msgspec.structs.replace(audit, differences=()),), "", 1))
    assert differing(tmp_path) == {"postgres": 4}
    part = {"head": "trading/0:9", "recorded_at": "now"}
    row = {
        "journals": {"trading": [part], "market": [part]}, "ready": True, "why": "", "orders_open": 1, "positions": 1,
        "anomalies_open": 0, "source_gaps": 0, "quarantined": 0, "differing": differing(tmp_path),
    }  # fmt: skip
    assert "4 ROWS OF postgres DIFFER" in line_of(row)
