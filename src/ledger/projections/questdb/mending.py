"""Taking rows away: QuestDB has no DELETE, so a partition that holds such rows is written anew without them.

What is to stay is copied into a table beside it; then the partition is dropped and what was copied put back. Both steps can
be done again, which whoever finds them cut short by a kill does. A reader misses the partition's rows for the moment
between the two. Projectors wait meanwhile (`switching`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from ledger.projections.errors import SinkDown
from ledger.projections.questdb.server import Server
from ledger.projections.questdb.tables import names_of

MENDED: Final = "_mended"
SEQS_MAX: Final = 1000
"""Rows taken away at once: their numbers stand in a statement."""


def partitions_with(server: Server, table: str, part: int, seqs: Sequence[int]) -> list[str]:
    """The names of the partitions that hold rows of these numbers. Raises SinkDown, also where they are too many."""
    if len(seqs) > SEQS_MAX:
        raise SinkDown(
            f"{len(seqs)} rows of {table} are not the journal's, of which {SEQS_MAX} could be taken away",
            "ledger projections rebuild questdb",
        )
    parts = server.exec(f"select minTimestamp::long, name from table_partitions('{table}') order by 1")
    found = server.exec(f"select timestamp::long from {table} where {_these(part, seqs)}")
    begins = [int(begin) for begin, _ in parts]
    return sorted({str(parts[bisect_right(begins, int(at)) - 1][1]) for (at,) in found})


def copy_without(server: Server, table: str, name: str, create: str, part: int, seqs: Sequence[int]) -> None:
    """Have what is to stay of a partition in the table beside, which `create` makes. Raises SinkDown."""
    (low, high) = server.exec(
        f"select minTimestamp, maxTimestamp from table_partitions('{table}') where name = '{name}'"
    )[0]
    server.exec(f"DROP TABLE IF EXISTS {table}{MENDED}")
    server.exec(create)
    columns = _columns(table)
    server.exec(
        f"INSERT INTO {table}{MENDED} ({columns}) SELECT {columns} FROM {table}"
        f" WHERE timestamp >= '{low}' AND timestamp <= '{high}' AND NOT ({_these(part, seqs)})"
    )
    server.wait_visible(table + MENDED)


def put_back(server: Server, table: str, name: str) -> None:
    """The copy becomes the partition; nothing to do where an earlier try came through. Raises SinkDown."""
    if not server.exec(f"select 1 from tables() where table_name = '{table}{MENDED}'"):
        return
    columns = _columns(table)
    server.exec(f"ALTER TABLE {table} DROP PARTITION LIST '{name}'")
    server.exec(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}{MENDED}")
    server.wait_visible(table)
    server.exec(f"DROP TABLE {table}{MENDED}")


def _columns(table: str) -> str:
    return ", ".join(("timestamp", *names_of(table), "seq"))


def _these(part: int, seqs: Sequence[int]) -> str:
    return f"part = {part} AND seq IN ({', '.join(map(str, seqs))})"
