"""A journaled event as people and programs read it: names, decimal text at its instrument's scales, quoted inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ledger.domain.commands import Command
from ledger.domain.context import Instrument
from ledger.domain.facts import Fact
from ledger.wire import Scales, show

NO_SCALES: Final = (0, 0)
_LINES_MAX: Final = 200
"""A quoted input is cut after so many characters."""
_input: Final = msgspec.msgpack.Decoder(Command | Fact)


def shown_event(event: Any, instruments: Mapping[str, Instrument]) -> dict[str, Any]:
    """The JSON form of an event, defaults left out; whole numbers where its instrument is not known."""
    out = show(event, _scales_of(event, instruments))
    for name in ("command", "raw"):
        if name in out:
            out[name] = _quoted(getattr(event, name), instruments)
    return out


def said_in(raw: bytes) -> Any:
    """The input that stands in a record as bytes: a message, a dict where it came as text, None where it is neither."""
    try:
        return _input.decode(raw) if raw[:1] != b"{" else msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return None


def _scales_of(message: Any, instruments: Mapping[str, Instrument]) -> Scales:
    instrument = instruments.get(getattr(message, "symbol", ""))
    return NO_SCALES if instrument is None else (instrument.price_scale, instrument.qty_scale)


def _quoted(raw: bytes, instruments: Mapping[str, Instrument]) -> str:
    """An input that stands in the record as bytes: its JSON form."""
    if raw[:1] == b"{":
        return raw.decode("utf-8", "backslashreplace")[:_LINES_MAX]
    said = said_in(raw)
    if said is None:
        return raw.hex()[:_LINES_MAX]
    return msgspec.json.encode(show(said, _scales_of(said, instruments))).decode()[:_LINES_MAX]
