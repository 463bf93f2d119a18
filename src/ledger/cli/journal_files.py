"""Segments listed, copied and dropped: what `ledger journal` does with files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.engine import replay
from ledger.errors import Corrupt, Rejected, Unavailable
from ledger.fold import cut_base
from ledger.journal import (
    JOURNALS,
    BaseRecord,
    Head,
    IndexFile,
    JournalDirectory,
    KnownOffset,
    SegmentFile,
    base_path,
    copy_journal,
    create_or_open,
    drop_segments,
    droppable,
    noted_offsets,
    open_readonly,
    owner_of,
    verify,
)
from ledger.projections.status import read_all
from ledger.wire import show_place

Progress = Callable[[int, int], None] | None


def segment_rows(data: Path) -> list[dict[str, Any]]:
    """One row for each base and each segment, oldest first. Raises Refused, Corrupt."""
    opened = open_readonly(data)
    rows: list[dict[str, Any]] = []
    for journal in JOURNALS:
        for partition in range(opened.partitions):
            directory = opened.journal(journal, partition)
            rows.extend(_base_rows(directory))
            rows.extend(_segment_row(directory, segment) for segment in directory.segments())
    return rows


def _base_rows(directory: JournalDirectory) -> list[dict[str, Any]]:
    record, path = directory.manifest.base, base_path(directory)
    if record is None or path is None:
        return []
    place = show_place(directory.journal, directory.partition, directory.origin.seq)
    return [
        {
            "segment": f"base {place}",
            "file": str(path),
            "last": place,
            "bytes": record.bytes,
            "sealed": True,
            "recorded_at_ns": directory.origin.recorded_at_ns,
            "digest": record.digest,
            "schema": record.schema,
            "chain": directory.origin.chain_hash.hex(),
        }
    ]


def _segment_row(directory: JournalDirectory, segment: SegmentFile) -> dict[str, Any]:
    def place(seq: int) -> str:
        return show_place(directory.journal, directory.partition, seq)

    row: dict[str, Any] = {
        "segment": place(segment.first_seq),
        "file": str(segment.path),
        "first": place(segment.first_seq),
        "bytes": segment.path.stat().st_size,
        "sealed": segment.sealed(),
    }
    if not segment.sealed():
        return row
    manifest = segment.manifest()
    return row | {
        "last": place(manifest.last.seq),
        "frames": manifest.frames,
        "recorded_at_ns": manifest.last.recorded_at_ns,
        "chain_in": manifest.before.chain,
        "chain": manifest.last.chain,
        "format": manifest.format,
        "lineage": manifest.lineage,
        "software": manifest.software,
    }


def copy_and_verify(source: Path, target: Path, copying: Progress, verifying: Progress) -> dict[str, Any]:
    """Copy, then verify every byte of the copy. Raises Refused, Corrupt, StorageError."""
    mark = copy_journal(source, target, copying)
    report = verify(target, verifying)
    return {
        "ok": report.ok,
        "copy": str(target.absolute()),
        "of": mark.of,
        "lineage": mark.lineage,
        "beside": mark.beside_owner,
        "bytes": sum(path.stat().st_size for path in target.rglob("*") if path.is_file()),
        "heads": [show_place(it.journal, it.partition, it.head.seq) for it in report.heads],
        "problems": [f"{it.file} {it.place}: {it.what}; {it.next}" for it in report.problems],
    }


def drop_before(data: Path, journal: str, partition: int, seq: int) -> dict[str, Any]:
    """Drop whole segments of one partition that lie before an event. Raises Rejected, Corrupt, StorageError."""
    owner = owner_of(data)
    if owner is not None:
        place = show_place(journal, partition, seq)
        raise Rejected(
            f"{data} is owned by {owner}: segments are dropped while no ledger runs on them",
            f"stop it (SIGTERM), then: ledger journal drop --before {place} --data {data}",
        )
    opened = open_readonly(data)
    if partition >= opened.partitions:
        raise Rejected(f"there is no {journal}/{partition}: the journal has {opened.partitions} partition(s)")
    directory = opened.journal(journal, partition)
    segments = droppable(directory, seq)
    if not segments:
        raise Rejected(
            f"no sealed segment lies wholly before {show_place(journal, partition, seq)}",
            f"`ledger journal ls --data {data}` shows where segments end",
        )
    cut = segments[-1].manifest().last.head()
    _refuse_needed(data, journal, partition, cut)
    with_owner = create_or_open(data, partitions=opened.partitions, command="journal drop")
    try:
        base = _cut(data, directory, cut)
        freed = drop_segments(with_owner.journal(journal, partition), segments, base)
    finally:
        with_owner.close()
    return {
        "segments": len(segments),
        "bytes": freed,
        "base": show_place(journal, partition, cut.seq),
        "digest": base.digest,
        "chain": cut.chain_hash.hex(),
    }


def _cut(data: Path, directory: JournalDirectory, cut: Head) -> BaseRecord:
    """The base at the cut, folded from the events that go, which proves that they can be."""
    folded = replay(data, directory.journal, directory.partition, to_seq=cut.seq, wal=False)
    assert folded.head == cut, f"{folded.head} is not {cut}"
    return cut_base(directory, folded.fold, cut)


def _refuse_needed(data: Path, journal: str, partition: int, cut: Head) -> None:
    """Raises Rejected where somebody still has to read what would go."""
    for each in known_offsets(data):
        if (each.journal, each.partition) == (journal, partition) and each.seq < cut.seq:
            raise Rejected(
                f"{each.name} is at {show_place(journal, partition, each.seq)} and needs what lies above it,"
                f" the cut would be at {show_place(journal, partition, cut.seq)}",
                "let it catch up, or remove what it keeps if it is gone for good",
            )


def known_offsets(data: Path) -> list[KnownOffset]:
    """How far each follower of the journal is: those that noted it, projections, and the index."""
    found = noted_offsets(data)
    for status in read_all(data):
        for each in status.journals:
            found.append(KnownOffset(f"projection {status.name}", each.journal, status.partition, each.seq))
    for partition in range(open_readonly(data).partitions):
        offset = _index_offset(data, partition)
        if offset is not None:
            found.append(KnownOffset("the index", "trading", partition, offset))
    return found


def _index_offset(data: Path, partition: int) -> int | None:
    """Of an index of this journal; one that is damaged is built again from the base, so it needs nothing."""
    try:
        index = IndexFile(data, partition)
    except (FileNotFoundError, Corrupt, Unavailable, OSError):
        return None
    try:
        offset = index.offset()
    except (Corrupt, Unavailable):
        return None
    finally:
        index.close()
    return offset.seq if offset is not None and offset.lineage == open_readonly(data).lineage else None
