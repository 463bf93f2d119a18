"""Which prices an instrument can have: multiples of its tick, inside its sanity band, positive unless it may be otherwise.

A price of the market that it cannot have is taken as it came, recorded (BOOK_BAD_PRICE), and never part of a mark.
"""

from __future__ import annotations

from ledger.domain.context import Instrument
from ledger.domain.units import INT64_MAX

LOWEST = -INT64_MAX - 2
HIGHEST = INT64_MAX + 1


def band(instrument: Instrument | None) -> tuple[int, int]:
    """The lowest and the highest price, both allowed."""
    if instrument is None:
        return LOWEST, HIGHEST
    lowest = LOWEST if instrument.allow_negative_px else 1
    if instrument.px_min is not None and instrument.px_min > lowest:
        lowest = instrument.px_min
    return lowest, HIGHEST if instrument.px_max is None else instrument.px_max


def is_outside(px: int, instrument: Instrument | None) -> bool:
    """Whether the price lies outside the band; a print may be off the tick, as one at a midpoint is."""
    lowest, highest = band(instrument)
    return not lowest <= px <= highest


def is_bad(px: int, instrument: Instrument | None) -> bool:
    """Whether no order of the instrument can have this price."""
    return is_outside(px, instrument) or (instrument is not None and px % instrument.tick != 0)
