"""The instrument that an InstrumentDefined makes, in either journal."""

from __future__ import annotations

from typing import Any

from msgspec.structs import astuple

from ledger.domain.context import Instrument
from ledger.domain.events import InstrumentDefined


def instrument_of(event: InstrumentDefined, seq: int) -> Instrument:
    """The instrument that the event defines, at that seq."""
    return Instrument(
        event.symbol,
        event.exchange,
        event.price_scale,
        event.qty_scale,
        event.tick,
        event.lot,
        event.multiplier,
        event.quote_ccy,
        event.allow_negative_px,
        event.spot_base_fee,
        event.calendar,
        seq,
    )


def instrument_terms(instrument: Instrument) -> tuple[Any, ...]:
    """The fields of the InstrumentDefined that made it, without whose command that was."""
    return astuple(instrument)[:-1]
