"""The index: what is closed, on disk by key, in an LMDB file of its own, with the place up to which that is so.

One writer (the follower), readers anywhere; a cache that may be missing or damaged. Every entry carries a checksum over
its key and value, the version (seq) of what it holds and a summand of the digest. An entry that a checkpoint replaces
or removes is kept beside it (`before`), so that a state at an earlier place can be put together from it.
Everything of one checkpoint and its offset are one synced transaction.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from itertools import islice, takewhile
from pathlib import Path
from typing import Final, NamedTuple, final

import lmdb
import msgspec

from ledger.journal.environment import MAP_BYTES, SegmentHandle, create_environment
from ledger.journal.errors import Corrupt, Unavailable, storage_error
from ledger.journal.manifest import make_directories, sync_directory, write_durably
from ledger.journal.segments import LOCK_SUFFIX, UNFINISHED

INDEX_FORMAT: Final = 1
KEY_BYTES_MAX: Final = 480
_OFFSET: Final = b"\x00offset"
_BEFORE: Final = b"\x01"
_HEAD: Final = 28
"""Bytes of an entry before its payload: checksum 4, version 8, digest 16."""
_DAMAGE: Final = (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.CursorFullError, lmdb.PageFullError)
_MODULO: Final = 1 << 128
_HINT: Final = "nothing is lost: delete the directory of the index; the follower builds it again"


@final
class IndexOffset(msgspec.Struct, frozen=True):
    """Up to where the index holds all that is closed; written in the transaction of its entries."""

    format: int
    lineage: str
    partition: int
    fingerprint: str
    epoch: int
    seq: int
    chain: bytes
    digest: str
    """Sum of the entries' digests modulo 2^128, in hex."""
    counts: dict[str, int]
    """Entries by kind."""
    forgotten_before_ns: int = 0
    """Outcomes of command ids made before this may have been forgotten: an unknown id from then is not a new one."""


class Entry(NamedTuple):
    """What stands under a key."""

    version: int
    """seq of the last event that it holds."""
    digest: bytes
    """Its summand in the digest of the state; zeros where it has none."""
    payload: bytes


def pack_entry(key: bytes, version: int, digest: bytes, payload: bytes) -> bytes:
    """An entry as it is stored."""
    rest = version.to_bytes(8, "big") + digest + payload
    return zlib.crc32(key + rest).to_bytes(4, "big") + rest


def unpack_entry(key: bytes, value: bytes, path: Path) -> Entry:
    """A stored entry. Raises Corrupt where a byte of it is not as it was written."""
    return Entry(version_in(key, value, path), value[12:28], value[28:])


def version_in(key: bytes, value: bytes, path: Path) -> int:
    """The version of a stored entry, whole: it raises as `unpack_entry` does, in half the time."""
    if len(value) < _HEAD or zlib.crc32(value[4:], zlib.crc32(key)) != int.from_bytes(value[:4], "big"):
        raise Corrupt(str(path), f"index key {key.hex()}", "its checksum does not hold", _HINT)
    return int.from_bytes(value[4:12], "big")


def index_path(data: Path, partition: int) -> Path:
    """The file of a partition's index."""
    return data / "index" / str(partition) / "index.lmdb"


def mark_damaged(data: Path, partition: int, why: str) -> None:
    """Leave word that this index must not be used again; whoever builds it starts afresh. Raises OSError."""
    write_durably(_damaged_path(data, partition), why.encode())


def damage_of(data: Path, partition: int) -> str:
    """Why the index was found damaged; "" where nobody said so."""
    try:
        return _damaged_path(data, partition).read_text() or "marked as damaged"
    except FileNotFoundError:
        return ""


def _damaged_path(data: Path, partition: int) -> Path:
    return index_path(data, partition).with_name("damaged")


def remove_index(data: Path, partition: int) -> None:
    """Remove it, if there is one; who has it open keeps what they have. Raises OSError."""
    path = index_path(data, partition)
    for each in (path, path.with_name(f"{path.name}-lock"), _damaged_path(data, partition)):
        with suppress(FileNotFoundError):
            each.unlink()


@final
class IndexFile:
    """An open index. Not to be shared between threads."""

    def __init__(self, data: Path, partition: int, *, writable: bool = False) -> None:
        """`writable` makes it where there is none. Raises FileNotFoundError, Corrupt, StorageError, OSError."""
        self.path = index_path(data, partition)
        self._writable = writable
        try:
            if writable and not self.path.exists():
                make_directories(self.path.parent)
                _create(self.path)
            self._handle = SegmentHandle(self.path, writable=writable)
            self.inode = self.path.stat().st_ino
        except lmdb.Error as error:
            raise storage_error("opening", str(self.path), error) from error
        self._reading: AbstractContextManager[lmdb.Transaction[bytes]] | None = None
        self._transaction: lmdb.Transaction[bytes] | None = None

    def close(self) -> None:
        """Lets the file go."""
        self.release()
        self._handle.close()

    # ---- reading -------------------------------------------------------------------------------------------

    def release(self) -> None:
        """End the view that `get` and `scan` look at; the next call sees the newest. Call it often, and before idling:
        while a view is held the writer cannot reuse a page."""
        reading, self._reading, self._transaction = self._reading, None, None
        if reading is not None:
            reading.__exit__(None, None, None)

    def _view(self) -> lmdb.Transaction[bytes]:
        if self._transaction is None:
            reading = self._handle.read()
            self._transaction, self._reading = reading.__enter__(), reading
        return self._transaction

    def offset(self) -> IndexOffset | None:
        """Up to where it holds everything; None: it is new. Raises Corrupt, Unavailable."""
        stored = self.get(_OFFSET)
        if stored is None:
            return None
        try:
            return msgspec.msgpack.decode(stored.payload, type=IndexOffset)
        except msgspec.MsgspecError as error:
            raise Corrupt(str(self.path), "offset", f"cannot be read: {error}", _HINT) from error

    def get(self, key: bytes) -> Entry | None:
        """What stands under a key, as of the view. Raises Corrupt, Unavailable."""
        value = self.value(key)
        return None if value is None else unpack_entry(key, value, self.path)

    def value(self, key: bytes) -> bytes | None:
        """The same as it is stored: most questions of a busy ledger are for what is not there, and end here."""
        transaction = self._transaction
        try:
            return (self._view() if transaction is None else transaction).get(key)
        except lmdb.Error as error:
            raise self._unreadable(error) from error

    def values(self, keys: list[bytes]) -> dict[bytes, bytes]:
        """What stands under these keys, as it is stored, of those that are there. Raises Corrupt, Unavailable."""
        try:
            with self._view().cursor() as cursor:
                return dict(cursor.getmulti(keys))
        except lmdb.Error as error:
            raise self._unreadable(error) from error

    def keys(self, first: bytes, end: bytes, at_most: int) -> list[bytes]:
        """The first of the keys from `first` on that lie before `end`. Raises Corrupt, Unavailable."""
        try:
            with self._view().cursor() as cursor:
                if not cursor.set_range(first):
                    return []
                some = islice(cursor.iternext(keys=True, values=False), at_most)
                return list(takewhile(lambda key: key < end, some))
        except lmdb.Error as error:
            raise self._unreadable(error) from error

    def scan(self, prefix: bytes, begin: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
        """Every entry whose key begins with the prefix and goes on with `begin` or what comes behind that, in the order
        of the keys. Raises Corrupt, Unavailable."""
        try:
            with self._view().cursor() as cursor:
                if not cursor.set_range(prefix + begin):
                    return
                for key, value in cursor.iternext():
                    if not key.startswith(prefix):
                        return
                    yield key, unpack_entry(key, value, self.path)
        except lmdb.Error as error:
            raise self._unreadable(error) from error

    def before(self) -> dict[bytes, list[Entry]]:
        """What later checkpoints replaced or removed, by key, oldest first. Raises Corrupt, Unavailable."""
        kept: dict[bytes, list[Entry]] = {}
        for key, entry in self.scan(_BEFORE):
            kept.setdefault(key[9:], []).append(unpack_entry(key[9:], entry.payload, self.path))
        return kept

    def entries(self) -> int:
        """How many it has, what is kept of earlier checkpoints among them. Raises Corrupt, Unavailable."""
        try:
            return int(self._view().stat()["entries"])
        except lmdb.Error as error:
            raise self._unreadable(error) from error

    def damage(self) -> str:
        """What is wrong with it as a whole, as of now; "" where nothing is: that every entry is as it was written, that
        they are in order and each is found by its key, and that their digests sum up to the offset's.

        Reads everything, some 2 us of CPU an entry. A page that leads beyond the file kills who reads it: `broken_pages`
        finds that without reading by LMDB.
        """
        self.release()
        try:
            offset = self.offset()
            found = self._damaged_entry(0 if offset is None else int(offset.digest, 16))
        except Corrupt as error:
            return error.what
        except Unavailable as error:
            return str(error)
        except lmdb.Error as error:
            return str(self._unreadable(error))
        finally:
            self.release()
        return found

    def _damaged_entry(self, digest: int) -> str:
        last, view = b"", self._view()
        with view.cursor() as cursor:
            for key, value in cursor.iternext() if cursor.first() else ():
                if key <= last:
                    return f"index key {key.hex()} stands behind {last.hex()}"
                if view.get(key) != value:  # not by a cursor, which looks at its own page first
                    return f"index key {key.hex()} is not found"
                last = key
                digest -= int.from_bytes(unpack_entry(key, value, self.path).digest, "big")
        return "" if digest % _MODULO == 0 else "the digests of its entries are not what its offset says"

    def _unreadable(self, error: lmdb.Error) -> Corrupt | Unavailable:
        if isinstance(error, lmdb.BadTxnError):
            return Unavailable(f"{self.path} cannot be read: {error}", "try again")
        return Corrupt(str(self.path), "", str(error), _HINT)

    # ---- writing -------------------------------------------------------------------------------------------

    def write(
        self,
        offset: IndexOffset,
        entries: Iterable[tuple[bytes, bytes | None, bytes | None]],
        forget_before: int,
    ) -> None:
        """One checkpoint: (key, new value or None to remove, old value or None) and the offset; durable when it returns.

        Give the entries in the order of their keys: neighbours in one page take an eighth of the time. Old values are
        kept; those of checkpoints at or below `forget_before` go. Raises StorageError; Corrupt, where a page of the file
        is damaged.
        """
        assert self._writable, f"{self.path} is open for reading"
        self.release()
        mark = _BEFORE + offset.seq.to_bytes(8, "big")
        put: list[tuple[bytes, bytes]] = []
        gone: list[bytes] = []
        for key, new, old in entries:
            if old is not None:
                undo = mark + key
                put.append((undo, pack_entry(undo, 0, bytes(16), old)))
            if new is None:
                gone.append(key)
            else:
                put.append((key, new))
        try:
            with self._handle.environment.begin(write=True) as transaction:
                for key in gone:
                    transaction.delete(key)
                with transaction.cursor() as cursor:
                    consumed, _ = cursor.putmulti(put)
                assert consumed == len(put), f"{len(put) - consumed} entries were not put"
                stored = pack_entry(_OFFSET, offset.seq, bytes(16), msgspec.msgpack.encode(offset))
                transaction.put(_OFFSET, stored)
                _forget(transaction, forget_before)
        except _DAMAGE as error:
            raise self._unreadable(error) from error
        except (lmdb.Error, OSError) as error:
            raise storage_error("writing", str(self.path), error) from error


def _create(path: Path) -> None:
    """An empty index, which is whole once it has its name. Raises lmdb.Error, OSError."""
    unfinished = path.with_name(UNFINISHED)
    lock = unfinished.with_name(unfinished.name + LOCK_SUFFIX)
    for leftover in (unfinished, lock):
        leftover.unlink(missing_ok=True)
    environment = create_environment(unfinished, MAP_BYTES)
    environment.sync(True)
    environment.close()
    lock.unlink(missing_ok=True)
    unfinished.rename(path)
    sync_directory(path.parent)


def _forget(transaction: lmdb.Transaction[bytes], seq: int) -> None:
    with transaction.cursor() as cursor:
        found = cursor.set_range(_BEFORE)
        while found and cursor.key()[:1] == _BEFORE and int.from_bytes(cursor.key()[1:9], "big") <= seq:
            found = cursor.delete()
