"""The engine's own keys of the journal."""

from typing import Annotated, Literal, final

import msgspec

from ledger.config.note import acts


@final
class TradingJournal(msgspec.Struct, frozen=True):
    """The journal of orders, fills, positions and control: synced before every answer."""

    commit: Annotated[
        Literal["lmdb", "wal"],
        acts(
            "Where a frame becomes durable: `wal`, a preallocated file that LMDB follows within 20 ms, or `lmdb` itself."
        ),
    ] = "wal"
    wal_bytes: Annotated[
        int,
        acts(
            "Length of each of the two files of the wal, written in full when they are made; whole 4096-byte pages.",
            "bytes",
            least=1 << 24,
            most=1 << 34,
        ),
    ] = 64 << 20
    segment_bytes_max: Annotated[
        int, acts("A segment is sealed at this size, and at every UTC day.", "bytes", least=1 << 20)
    ] = 1 << 30
    map_size_bytes: Annotated[
        int, acts("Address space of one segment's LMDB map; sparse, not disk.", "bytes", least=1 << 24)
    ] = 1 << 36


@final
class MarketJournal(msgspec.Struct, frozen=True):
    """The journal of books, trades and quotes: synced behind."""

    sync_interval_ms: Annotated[
        int,
        acts(
            "Longest time between two syncs; its acknowledgements wait for it.",
            "ms",
            seed="S-50",
            least=1,
            most=10_000,
        ),
    ] = 50
    segment_bytes_max: Annotated[
        int, acts("A segment is sealed at this size, and at every UTC day.", "bytes", least=1 << 20)
    ] = 1 << 30
    map_size_bytes: Annotated[
        int, acts("Address space of one segment's LMDB map; sparse, not disk.", "bytes", least=1 << 24)
    ] = 1 << 36


@final
class Journal(msgspec.Struct, frozen=True):
    """The append-only log on disk, which is the audit log."""

    data: Annotated[
        str,
        acts(
            "Directory of the journal. A relative one counts from the checkout when it is the default or stands in "
            "config/ledger.yaml, else from the current directory.",
            "path",
        ),
    ] = "journal/data"
    trading: TradingJournal = TradingJournal()
    market: MarketJournal = MarketJournal()
    reserve_bytes: Annotated[
        int,
        acts(
            "Disk kept for the end: below it new orders get JOURNAL_READ_ONLY while cancels and facts go on.",
            "bytes",
            least=0,
        ),
    ] = 256 << 20
