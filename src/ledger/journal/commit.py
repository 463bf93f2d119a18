"""Where a frame becomes durable: the one small interface that the writer knows of the disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ledger.journal.frame import Frame, Head


class Commit(Protocol):
    """The durable end of one partition's journal; one thread at a time uses it."""

    @property
    def journal(self) -> str:
        """`trading` or `market`: the rules of its sequence."""
        ...

    @property
    def partition(self) -> int: ...

    @property
    def head(self) -> Head:
        """The durable head. After `open`."""
        ...

    @property
    def settled(self) -> Head:
        """How far LMDB has followed: what readers beside this owner see. Never above the durable head."""
        ...

    @property
    def torn_end(self) -> str:
        """What `open` saw of a frame at the end that was not whole; empty: nothing."""
        ...

    def open(self) -> Head:
        """Recovers what the last owner left and returns the durable head. Raises Corrupt, StorageError."""
        ...

    def commit(self, frames: Sequence[Frame]) -> None:
        """Makes frames durable, in order, all or a prefix of them; durable when it returns.

        Raises StorageError, and after the first one only that: a failed write or sync is never tried again.
        AssertionError where a frame does not continue the chain.
        """
        ...

    def check_readers(self) -> int:
        """Frees what readers that died have pinned and returns how many there were; from any thread, every 10 s."""
        ...

    def close(self) -> None:
        """Settles what is durable, if nothing failed, and lets the files go. Never raises for the disk: what is not
        settled is found by the next start."""
        ...
