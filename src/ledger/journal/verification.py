"""Verify: reads every byte that a journal's proof rests on, reports what is wrong, changes nothing.

For each segment: the structure of the LMDB file (by a walker that never maps it, so that damage cannot kill the
process), then every frame: hash, key, order, chain. Then that segments join, that manifests say what the files hold,
that the wal continues them and agrees with them, and that no journal is shorter than at its last clean stop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, final

import msgspec

from ledger.journal.base import fork_hash, read_base
from ledger.journal.begun import JOURNALS, PARENTS
from ledger.journal.damaged_caches import damaged_caches
from ledger.journal.directory import open_readonly
from ledger.journal.environment import SegmentHandle
from ledger.journal.errors import Corrupt
from ledger.journal.findings import FAULTS, Check, Progress, Report, VerifiedHead, no_progress
from ledger.journal.frame import Frame, Head, Source, check_next, decode_frame, genesis, place_text
from ledger.journal.manifest import MANIFEST, HeadRecord, PartitionManifest, SegmentManifest
from ledger.journal.ownership import writer_of
from ledger.journal.segments import SEGMENTS, WAL, Item, JournalDirectory, SegmentFile, copy_items
from ledger.journal.structure import broken_pages
from ledger.journal.wal_file import wal_paths
from ledger.journal.wal_recovery import recover_wal

_BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
_BATCH_FRAMES_MAX: Final = 16384
_STRUCTURE_SHOWN_MAX: Final = 5


def verify(path: Path | str, on_progress: Progress | None = None) -> Report:
    """Verifies a data directory, one partition's directory or one segment file.

    Raises Refused where `path` is none of them. Beside a living owner the structure of the newest file is left out
    (it changes under the eyes), and so is the wal; frames up to the settled head are verified like all others.
    """
    path = Path(path).absolute()
    check = Check(on_progress or no_progress)
    if path.suffix == ".lmdb" and path.is_file():
        _verify_lone_segment(check, path)
    elif path.is_dir() and not (path / MANIFEST).exists() and next(path.glob("*.lmdb"), None) is not None:
        for segment in sorted(path.glob("*.lmdb")):
            _verify_lone_segment(check, segment)
        _find_missing(check, path)
        _verify_joins(check, path)
    elif (path / SEGMENTS).is_dir():
        _verify_partitions(check, path.parent.parent, [path])
    else:
        data = open_readonly(path)
        parts = [path / journal / str(part) for journal in JOURNALS for part in range(data.partitions)]
        _verify_partitions(check, path, parts)
        for part in range(data.partitions):
            check.notices.extend(damaged_caches(path, part))
        parents = sorted(each for each in (path / PARENTS).glob("*") if each.is_dir())
        check.notices.extend(
            f"{each} is the journal of an earlier lineage: verify it by its path" for each in parents
        )
    return Report(check.problems, check.notices, check.heads)


def _verify_partitions(check: Check, data: Path, paths: list[Path]) -> None:
    live = writer_of(data) is not None
    patterns = (f"{SEGMENTS}/*.lmdb",) if live else (f"{SEGMENTS}/*.lmdb", f"{WAL}/[01].wal")
    check.bytes_total = sum(
        file.stat().st_size for path in paths for pattern in patterns for file in path.glob(pattern)
    )
    if live:
        check.notices.append(f"{data} has a living owner: verified up to what was settled")
    for path in paths:
        try:
            directory = _read_partition(data, path)
            _verify_partition(check, directory, live)
        except FileNotFoundError as error:
            check.problem(path / MANIFEST, "", f"missing: {error.filename}", "put the file back from a copy")
        except FAULTS as error:
            check.found(error, path)


def _read_partition(data: Path, path: Path) -> JournalDirectory:
    """By way of the data directory's manifest where there is one, so that a foreign partition shows."""
    if (data / MANIFEST).exists():
        return open_readonly(data).journal(path.parent.name, int(path.name))
    return JournalDirectory.read(path)


def _verify_partition(check: Check, directory: JournalDirectory, live: bool) -> None:
    segments = directory.segments()
    walk = _Walk(check, directory, directory.origin)
    for segment in segments:
        newest = segment is segments[-1]
        sealed = segment.sealed()
        walk.segment(segment, sealed=sealed, walk_structure=sealed or not (newest and live))
        if not sealed and not newest:
            check.notices.append(f"{segment.path} is not sealed yet: the next start does it")
    _find_missing(check, directory.segments_path)
    if not live:
        walk.wal()
    _verify_origin(check, directory)
    walk.finish()


def _find_missing(check: Check, path: Path) -> None:
    for manifest in sorted(path.glob("*.json")):
        if not manifest.with_suffix(".lmdb").exists():
            check.problem(manifest.with_suffix(".lmdb"), "", "missing: its manifest is there")


def _verify_origin(check: Check, directory: JournalDirectory) -> None:
    """That the journal begins at genesis, or at its base; and that a new lineage chains from its parent."""
    origin, parent = directory.origin, directory.manifest.parent
    try:
        read_base(directory)
    except FAULTS as error:
        check.found(error, directory.path)
    file, place = directory.path / MANIFEST, place_text(directory.journal, directory.partition, origin.seq)
    if origin.seq == 0 and origin != genesis(directory.lineage, directory.journal, directory.partition):
        check.problem(file, place, "the origin is not the genesis of this lineage")
    if parent is not None and parent.head.seq == origin.seq:
        expected = fork_hash(parent.head.head().chain_hash, directory.lineage)
        if origin.chain_hash != expected:
            check.problem(file, place, f"the origin does not chain from the parent {parent.lineage}")


def _verify_lone_segment(check: Check, path: Path) -> None:
    """A segment by itself: what it chains from is taken from its manifest, or not known."""
    check.bytes_total = path.stat().st_size
    segment = SegmentFile(path, int(path.stem) if path.stem.isdigit() else 0)
    partition_path = path.parent.parent
    try:
        if segment.sealed():
            manifest = segment.manifest()
            directory = _described_by(manifest, partition_path, manifest.before)
            origin = directory.origin
        elif not (partition_path / MANIFEST).exists() and (sealed := _sealed_before(segment)) is not None:
            directory = _described_by(sealed, partition_path, sealed.last)
            origin = directory.origin
        else:
            directory = JournalDirectory.read(partition_path)
            origin = directory.origin if segment.first_seq == directory.origin.seq + 1 else None
    except FileNotFoundError:
        check.problem(path, "", "neither it nor its directory has a manifest: of which journal is it?")
        return
    except FAULTS as error:
        check.found(error, path)
        return
    walk = _Walk(check, directory, origin)
    live = writer_of(partition_path.parent.parent) is not None
    walk.segment(segment, sealed=segment.sealed(), walk_structure=segment.sealed() or not live)
    walk.report()
    check.notices.append(f"{path} was verified by itself: that other segments join it was not looked at")


def _verify_joins(check: Check, path: Path) -> None:
    """That the sealed segments of a directory follow each other, by their manifests."""
    before: SegmentManifest | None = None
    for file in sorted(path.glob("*.json")):
        try:
            manifest = SegmentFile(file.with_suffix(".lmdb"), 0).manifest()
        except FAULTS as error:
            check.found(error, file)
            continue
        if before is not None and (before.lineage, before.journal, before.partition, before.last) != (
            manifest.lineage,
            manifest.journal,
            manifest.partition,
            manifest.before,
        ):
            place = place_text(manifest.journal, manifest.partition, manifest.first_seq)
            check.problem(
                file, place, f"does not follow the segment before it, which ends at {before.last.seq}"
            )
        before = manifest


def _sealed_before(segment: SegmentFile) -> SegmentManifest | None:
    """Of the sealed segment in front of the newest one, which was carried elsewhere with it; None: there is none."""
    before = [path for path in segment.path.parent.glob("*.json") if path.stem < segment.path.stem]
    manifest = SegmentFile(max(before).with_suffix(".lmdb"), 0).manifest() if before else None
    return manifest if manifest is not None and manifest.last.seq + 1 == segment.first_seq else None


def _described_by(manifest: SegmentManifest, path: Path, origin: HeadRecord) -> JournalDirectory:
    """The journal that a sealed segment says it is part of: it may have been carried elsewhere without the rest."""
    whole = PartitionManifest(manifest.format, manifest.lineage, manifest.journal, manifest.partition, origin)
    return JournalDirectory(path, whole)


@final
class _Walk:
    """Goes over one partition's frames in order; goes on after damage, from the next frame that is whole."""

    def __init__(self, check: Check, directory: JournalDirectory, origin: Head | None) -> None:
        self._check = check
        self._directory = directory
        self._previous = origin
        """The head that the next frame must continue; None after damage: not known."""
        self._whole: Head = directory.origin
        """The last head up to which nothing was wrong."""
        self._settled: Head | None = None
        """The same without what stands in the wal, once that was looked at."""
        self._unbroken = True
        self._at_stop = directory.origin
        """The head at the seq of the last clean stop, once a frame was seen that ends there."""
        self._frames = 0
        self._events = 0
        self._damaged_end: int | None = None
        """The problem that is the newest frame's, if that one is damaged."""

    def segment(self, segment: SegmentFile, *, sealed: bool, walk_structure: bool) -> None:
        found = len(self._check.problems)
        before = self._previous
        size = segment.path.stat().st_size
        if walk_structure and self._structure_broken(segment.path):
            # LMDB might be killed by reading this file: its frames are left alone.
            self._break()
            self._check.done(size)
            return
        frames = self._frames
        read = self._read_frames(segment, sealed)
        self._check.done(max(0, size - read))
        if sealed and len(self._check.problems) == found:
            self._compare_manifest(segment, before, self._frames - frames, size)

    def wal(self) -> None:
        """What the wal holds above the segments, where these are whole."""
        paths = wal_paths(self._directory)
        self._settled = settled = self._whole
        if not paths:
            return
        if not self._unbroken:
            self._check.notices.append(f"{paths[0].parent} was not verified: it continues damaged segments")
            return
        try:
            found = recover_wal(self._directory, settled)
        except FAULTS as error:
            if writer_of(self._directory.path.parent.parent) is not None:
                self._check.notices.append(f"{paths[0].parent} was not verified: an owner writes it now")
                return
            self._check.found(error, paths[0].parent)
            self._break()
            return
        for frame in found.frames:
            self._take(frame)
        if found.frames:
            count = self._whole.seq - settled.seq
            self._check.notices.append(
                f"{paths[0].parent} holds {count} events to settle: the next start does it"
            )
        if found.torn:
            self._check.notices.append(found.torn)
        self._check.done(sum(path.stat().st_size for path in paths))

    def finish(self) -> None:
        """What concerns the end of the journal."""
        if self._damaged_end is not None:
            damaged = self._check.problems[self._damaged_end]
            what = f"the journal ended in a damaged frame after {self._whole.seq}: {damaged.what}"
            self._check.problems[self._damaged_end] = msgspec.structs.replace(damaged, what=what)
        self._check_stop()
        self.report()

    def report(self) -> None:
        directory = self._directory
        settled = self._settled or self._whole
        head = VerifiedHead(
            directory.journal, directory.partition, self._whole, settled, self._frames, self._events
        )
        self._check.heads.append(head)

    def _structure_broken(self, path: Path) -> bool:
        found = broken_pages(path)
        for what in found[:_STRUCTURE_SHOWN_MAX]:
            self._check.problem(path, "LMDB pages", what)
        return bool(found)

    def _read_frames(self, segment: SegmentFile, sealed: bool) -> int:
        """Bytes of frames read."""
        total = 0
        try:
            handle = SegmentHandle(segment.path, sealed=sealed)
        except FAULTS as error:
            self._check.found(error, segment.path)
            self._break()
            return 0
        try:
            source = self._directory.source(segment.path)
            from_key = bytes(8)
            while items := copy_items(handle, from_key, _BATCH_BYTES_MAX, _BATCH_FRAMES_MAX):
                for item in items:
                    self._frame(item, source)
                read = sum(len(value) for _, value in items)
                self._check.done(read)
                total += read
                from_key = items[-1][0] + b"\0"  # the next possible key, whatever damage made of this one
        except FAULTS as error:
            self._check.found(error, segment.path)
            self._break()
        finally:
            handle.close()
        return total

    def _frame(self, item: Item, source: Source) -> None:
        try:
            frame = decode_frame(*item, source)
        except Corrupt as error:
            self._damaged_end = len(self._check.problems)
            self._check.found(error, Path(source.file))
            self._break()
            return
        try:
            if self._previous is not None:
                check_next(self._previous, frame, source)
        except Corrupt as error:
            self._check.found(error, Path(source.file))
            self._unbroken = False
        self._damaged_end = None
        self._take(frame)

    def _take(self, frame: Frame) -> None:
        self._previous = frame.head
        self._frames += 1
        self._events += frame.count
        if self._unbroken:
            self._whole = frame.head
        if self._directory.stopped is not None and frame.last_seq == self._directory.stopped.seq:
            self._at_stop = frame.head

    def _check_stop(self) -> None:
        """That the journal holds the frame of its last clean stop; what a cut dropped is not asked for."""
        stopped, origin = self._directory.stopped, self._directory.origin
        if stopped is None or not self._unbroken or stopped.seq < origin.seq:
            return
        if self._whole.seq < stopped.seq:
            what = f"the last clean stop was at {stopped.seq}, the journal ends at {self._whole.seq}"
        elif self._at_stop != stopped:
            what = "the frame here is not the one of the last clean stop"
        else:
            return
        self._check.problem(self._directory.path / MANIFEST, self._place(stopped.seq), what)

    def _compare_manifest(self, segment: SegmentFile, before: Head | None, frames: int, size: int) -> None:
        try:
            manifest = segment.manifest()
        except FAULTS as error:
            self._check.found(error, segment.manifest_path)
            return
        directory = self._directory
        last = self._previous or directory.origin
        expected = SegmentManifest(
            manifest.format,
            directory.lineage,
            directory.journal,
            directory.partition,
            segment.first_seq,
            HeadRecord.of(before) if before is not None else manifest.before,
            HeadRecord.of(last),
            frames,
            size,
            manifest.software,
        )
        for field in manifest.__struct_fields__:
            says, holds = getattr(manifest, field), getattr(expected, field)
            if says != holds:
                what = f"the manifest says {field} {says}, the segment holds {holds}"
                self._check.problem(segment.manifest_path, self._place(segment.first_seq), what)

    def _break(self) -> None:
        self._previous = None
        self._unbroken = False

    def _place(self, seq: int) -> str:
        return place_text(self._directory.journal, self._directory.partition, seq)
