"""The append-only log: frames in a hash chain, one owner, one writer thread, readers anywhere.

It knows no order and no trio: bytes go in, durable numbered frames come out. The bytes on disk are described in
journal/FORMAT.md. Nobody outside imports anything behind this door.
"""

from ledger.journal.base import BASE_FORMAT, BaseHeader, base_path, fork_hash, read_base, write_base
from ledger.journal.begun import JOURNALS, PARENTS
from ledger.journal.commit import Commit
from ledger.journal.copying import CopyMark, copy_journal, read_mark
from ledger.journal.cutting import begin_lineage, drop_segments, droppable, finish_lineage
from ledger.journal.damaged_caches import damaged_caches
from ledger.journal.directory import DataDirectory, create_or_open, open_partition, open_readonly
from ledger.journal.errors import Corrupt, JournalFull, Refused, StorageError
from ledger.journal.findings import Problem, Report, VerifiedHead
from ledger.journal.frame import (
    FORMAT,
    FRAME_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    Frame,
    FrameDraft,
    Head,
    Source,
    chain_frame,
    decode_frame,
    encode_frame,
    genesis,
    key_of,
    place_text,
)
from ledger.journal.index import (
    INDEX_FORMAT,
    KEY_BYTES_MAX,
    Entry,
    IndexFile,
    IndexOffset,
    damage_of,
    index_path,
    mark_damaged,
    pack_entry,
    remove_index,
    unpack_entry,
    version_in,
)
from ledger.journal.lmdb_commit import SEGMENT_BYTES_MAX, LmdbCommit
from ledger.journal.looking import look_before_reading
from ledger.journal.manifest import (
    BaseRecord,
    ParentRecord,
    SegmentManifest,
    software_version,
    write_durably,
)
from ledger.journal.offsets import KnownOffset, note_offset, noted_offsets
from ledger.journal.ownership import Owner, owner_of, writer_of
from ledger.journal.read import JournalReader
from ledger.journal.reserve import Reserve
from ledger.journal.routing import partition_of
from ledger.journal.segments import JournalDirectory, SegmentFile
from ledger.journal.snapshot import (
    SNAPSHOT_FORMAT,
    SnapshotFile,
    SnapshotHeader,
    drop_snapshots,
    list_snapshots,
    read_snapshot,
    snapshots_path,
    write_snapshot,
)
from ledger.journal.structure import broken_pages, marked_reading
from ledger.journal.verification import verify
from ledger.journal.wal_commit import WalCommit
from ledger.journal.wal_file import WAL_BYTES
from ledger.journal.writer import UNSYNCED_BYTES_MAX, WriterThread

__all__ = [
    "BASE_FORMAT",
    "FORMAT",
    "FRAME_BYTES_MAX",
    "INDEX_FORMAT",
    "JOURNALS",
    "KEY_BYTES_MAX",
    "PARENTS",
    "PAYLOAD_BYTES_MAX",
    "SEGMENT_BYTES_MAX",
    "SNAPSHOT_FORMAT",
    "UNSYNCED_BYTES_MAX",
    "WAL_BYTES",
    "BaseHeader",
    "BaseRecord",
    "Commit",
    "CopyMark",
    "Corrupt",
    "DataDirectory",
    "Entry",
    "Frame",
    "FrameDraft",
    "Head",
    "IndexFile",
    "IndexOffset",
    "JournalDirectory",
    "JournalFull",
    "JournalReader",
    "KnownOffset",
    "LmdbCommit",
    "Owner",
    "ParentRecord",
    "Problem",
    "Refused",
    "Report",
    "Reserve",
    "SegmentFile",
    "SegmentManifest",
    "SnapshotFile",
    "SnapshotHeader",
    "Source",
    "StorageError",
    "VerifiedHead",
    "WalCommit",
    "WriterThread",
    "base_path",
    "begin_lineage",
    "broken_pages",
    "chain_frame",
    "copy_journal",
    "create_or_open",
    "damage_of",
    "damaged_caches",
    "decode_frame",
    "drop_segments",
    "drop_snapshots",
    "droppable",
    "encode_frame",
    "finish_lineage",
    "fork_hash",
    "genesis",
    "index_path",
    "key_of",
    "list_snapshots",
    "look_before_reading",
    "mark_damaged",
    "marked_reading",
    "note_offset",
    "noted_offsets",
    "open_partition",
    "open_readonly",
    "owner_of",
    "pack_entry",
    "partition_of",
    "place_text",
    "read_base",
    "read_mark",
    "read_snapshot",
    "remove_index",
    "snapshots_path",
    "software_version",
    "unpack_entry",
    "verify",
    "version_in",
    "write_base",
    "write_durably",
    "write_snapshot",
    "writer_of",
]
