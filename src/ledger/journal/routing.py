"""Which partition a symbol lives in; fixed by FORMAT.md, because a journal's N never changes."""

from __future__ import annotations

from hashlib import blake2b


def partition_of(symbol: str, partitions: int) -> int:
    """The partition of a symbol's orders, positions and book: blake2b-64 of its UTF-8, big-endian, modulo N."""
    if partitions == 1:
        return 0
    return int.from_bytes(blake2b(symbol.encode(), digest_size=8).digest(), "big") % partitions
