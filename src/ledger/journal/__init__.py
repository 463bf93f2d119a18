"""The append-only log: frames in a hash chain, one owner, one writer thread, readers anywhere.

It knows no order and no trio: bytes go in, durable numbered frames come out. The bytes on disk are described in
journal/FORMAT.md. Nobody outside imports anything behind this door.
"""

from ledger.journal.commit import Commit
from ledger.journal.directory import JOURNALS, DataDirectory, create_or_open, open_partition, open_readonly
from ledger.journal.errors import Corrupt, JournalFull, Refused, StorageError
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
from ledger.journal.lmdb_commit import SEGMENT_BYTES_MAX, LmdbCommit
from ledger.journal.ownership import Owner, owner_of, writer_of
from ledger.journal.read import JournalReader
from ledger.journal.reserve import Reserve
from ledger.journal.routing import partition_of
from ledger.journal.segments import JournalDirectory
from ledger.journal.verification import Problem, Report, VerifiedHead, verify
from ledger.journal.wal_commit import WalCommit
from ledger.journal.wal_file import WAL_BYTES
from ledger.journal.writer import UNSYNCED_BYTES_MAX, WriterThread

__all__ = [
    "FORMAT",
    "FRAME_BYTES_MAX",
    "JOURNALS",
    "PAYLOAD_BYTES_MAX",
    "SEGMENT_BYTES_MAX",
    "UNSYNCED_BYTES_MAX",
    "WAL_BYTES",
    "Commit",
    "Corrupt",
    "DataDirectory",
    "Frame",
    "FrameDraft",
    "Head",
    "JournalDirectory",
    "JournalFull",
    "JournalReader",
    "LmdbCommit",
    "Owner",
    "Problem",
    "Refused",
    "Report",
    "Reserve",
    "Source",
    "StorageError",
    "VerifiedHead",
    "WalCommit",
    "WriterThread",
    "chain_frame",
    "create_or_open",
    "decode_frame",
    "encode_frame",
    "genesis",
    "key_of",
    "open_partition",
    "open_readonly",
    "owner_of",
    "partition_of",
    "place_text",
    "verify",
    "writer_of",
]
