"""How venues sum up their books, so that a wrong level shows at once; by exchange, as the engine compares them.

Kraken (WebSocket v1, "Book Checksum"): CRC32 of the ten best asks, then the ten best bids, each price and size as
the venue's own text without its point and without leading zeros. A scaled integer written out is exactly that text,
if the instrument's scales are the digits that Kraken ships for the pair; at other scales no sum would ever agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zlib import crc32

from ledger.domain.book_decide import Checksum
from ledger.domain.context import Instrument
from ledger.domain.units import Levels


def kraken_checksum(bids: Levels, asks: Levels, _instrument: Instrument | None = None) -> int:
    """Kraken's sum of its best levels, best first; an unsigned 32-bit number."""
    return crc32("".join([f"{px}{qty}" for px, qty in (*asks, *bids)]).encode())


CHECKSUMS: Final[Mapping[str, Checksum]] = {"KRAKEN": Checksum(10, kraken_checksum)}
"""By exchange; one that is not here sends none that we know how to compare."""
