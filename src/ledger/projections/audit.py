"""Parity: the rows of a sink against the rows that a pure fold of the journal makes, at the sink's own offset.

The fold is the judge. A difference names table, key, and the columns that differ. Needs memory for the rows of one
journal, in a process of its own, so neither the engine nor the projector is slower for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, final

from msgspec import Struct

from ledger.projections.contract import Audited, Offset, Projection, Row
from ledger.projections.feed import Feed
from ledger.projections.parking import Parking

Place = tuple[str, tuple[Any, ...]]
"""(table, key) of a row."""
OnProgress = Callable[[int, int], None]


@final
class Difference(Struct, frozen=True):
    """One row that is not what the fold says."""

    table: str
    key: tuple[Any, ...]
    kind: Literal["missing", "surplus", "differs"]
    columns: tuple[tuple[str, str, str], ...] = ()
    """(column, what the fold says, what the sink says)."""

    def __str__(self) -> str:
        name = f"{self.table} {'/'.join(str(part) for part in self.key)}"
        if self.kind != "differs":
            return f"{name}: {self.kind}"
        parts = [f"{column} is {found}, the journal says {wanted}" for column, wanted, found in self.columns]
        return f"{name}: {'; '.join(parts)}"


@final
class Audit(Struct, frozen=True):
    """One comparison of one journal."""

    journal: str
    offset: Offset
    rows: int
    """Compared, by the fold."""
    differences: tuple[Difference, ...]
    wanted: dict[Place, Row]
    """The rows of the fold that differ or are missing in the sink."""


def folded(
    data: Path,
    projection: Projection,
    journal: str,
    partition: int,
    to_seq: int | None = None,
    *,
    wal: bool | None = False,
    on_progress: OnProgress | None = None,
) -> dict[Place, Row]:
    """Every row that the journal makes up to `to_seq`, by table and key. Raises Corrupt."""
    feed = Feed(data, journal, partition, projection.builders(journal), Parking(), wal=wal)
    rows: dict[Place, Row] = {}
    try:
        head = feed.head_seq()
        while to_seq != 0 and (batch := feed.batch(to_seq)) is not None:
            for row in batch.rows:
                place = (row.table, row.key)
                before = rows.get(place)
                if before is None or before.version <= row.version:
                    rows[place] = row
            if on_progress is not None:
                on_progress(batch.to.seq, to_seq or head)
    finally:
        feed.close()
    # A row without values says that nothing stands under its key.
    return {place: row for place, row in rows.items() if row.values}


def compare(
    wanted: dict[Place, Row], found: Iterator[Row], columns: Callable[[str], Sequence[str]]
) -> tuple[list[Difference], dict[Place, Row]]:
    """Every difference, by table and key, and the rows of the fold to mend them with."""
    differences: list[Difference] = []
    mending: dict[Place, Row] = {}
    left = dict(wanted)
    for row in found:
        place = (row.table, row.key)
        right = left.pop(place, None)
        if right is None:
            if place in wanted:  # a second row of one key: the right one is written again after both are gone
                mending[place] = wanted[place]
            differences.append(Difference(row.table, row.key, "surplus"))
        elif right.values != row.values or right.version != row.version:
            differences.append(
                Difference(row.table, row.key, "differs", _columns(right, row, columns(row.table)))
            )
            mending[place] = right
    for place, row in left.items():
        differences.append(Difference(*place, "missing"))
        mending[place] = row
    differences.sort(key=lambda each: (each.table, tuple(map(str, each.key))))
    return differences, mending


def _columns(wanted: Row, found: Row, names: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
    different = [
        (name, str(right), str(wrong))
        for name, right, wrong in zip(names, wanted.values, found.values, strict=True)
        if right != wrong
    ]
    if wanted.version != found.version:
        different.append(("version", str(wanted.version), str(found.version)))
    return tuple(different)


def audit(
    data: Path,
    projection: Projection,
    journal: str,
    partition: int,
    *,
    on_progress: OnProgress | None = None,
) -> Audit:
    """Compare one journal's rows. Raises SinkDown, Misplaced, Corrupt; AssertionError where the sink is no Audited."""
    assert isinstance(projection, Audited), f"{projection.name} cannot be audited"
    with projection.look(journal) as view:
        offset = view.offset
        feed = Feed(data, journal, partition, projection.builders(journal), Parking())
        try:
            feed.check(offset)
            begins = feed.origin().seq
        finally:
            feed.close()
        wanted = folded(data, projection, journal, partition, offset.seq, on_progress=on_progress)
        wanted = {place: row for place, row in wanted.items() if view.keeps(row)}
        # Of events before the base of a journal nobody knows any more which rows they made.
        known = (
            row for row in view.rows() if not begins or row.version > begins or (row.table, row.key) in wanted
        )
        differences, mending = compare(wanted, known, projection.columns)
    return Audit(journal, offset, len(wanted), tuple(differences), mending)


def repair(projection: Projection, found: Audit) -> None:
    """Write what the fold says in place of every difference. Raises SinkDown, Fenced where the offset has moved."""
    assert isinstance(projection, Audited), f"{projection.name} cannot be repaired"
    surplus = [(each.table, each.key) for each in found.differences if each.kind == "surplus"]
    projection.repair(list(found.wanted.values()), surplus, found.offset)
