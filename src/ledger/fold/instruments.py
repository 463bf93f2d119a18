"""The instrument that an InstrumentDefined makes, in either journal."""

from __future__ import annotations

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
        event.px_min,
        event.px_max,
    )


def redefined(instrument: Instrument) -> InstrumentDefined:
    """The InstrumentDefined that made it, without whose command that was."""
    return InstrumentDefined(
        instrument.symbol,
        instrument.exchange,
        instrument.price_scale,
        instrument.qty_scale,
        instrument.tick,
        instrument.lot,
        instrument.multiplier,
        instrument.quote_ccy,
        instrument.allow_negative_px,
        instrument.spot_base_fee,
        instrument.calendar,
        px_min=instrument.px_min,
        px_max=instrument.px_max,
    )
