"""The scalar types of every message, with their units, so that text forms and documents follow from the types.

A field's unit stands in its annotation: `unit_of` reads it. Prices and quantities are integers scaled by their
instrument (`px * 10**-price_scale`, `qty * 10**-qty_scale`), money by both scales together, fees by 8 digits
whatever the currency. Binary floats never appear.
"""

from __future__ import annotations

import typing
from typing import Annotated, Final

from msgspec import Meta

INT64_MAX: Final = 2**63 - 1
QTY_MAX: Final = 2**62
FEE_SCALE: Final = 8

Px = Annotated[int, Meta(ge=-(2**63), le=INT64_MAX, extra={"unit": "px"})]
"""Price in units of 10^-price_scale of the instrument; may be zero or negative."""
Qty = Annotated[int, Meta(ge=-(2**63), le=INT64_MAX, extra={"unit": "qty"})]
"""Quantity in units of 10^-qty_scale of the instrument."""
Fee = Annotated[int, Meta(ge=-(2**63), le=INT64_MAX, extra={"unit": "fee"})]
"""Fee in units of 10^-8 of its currency; negative is a rebate."""
Money = Annotated[int | str, Meta(extra={"unit": "money"})]
"""Money in units of 10^-(price_scale + qty_scale); decimal text where it passes 64 bits."""
Decimal8 = Annotated[int, Meta(ge=-(2**63), le=INT64_MAX, extra={"unit": "decimal8"})]
"""A plain number with 8 decimal digits, such as a contract multiplier."""
Ns = Annotated[int, Meta(ge=0, le=INT64_MAX, extra={"unit": "ns"})]
"""Nanoseconds since the Unix epoch, UTC; 0 is unknown."""
SpanNs = Annotated[int, Meta(ge=-(2**63), le=INT64_MAX)]
"""A span of time in nanoseconds, either way."""
Seq = Annotated[int, Meta(ge=0, extra={"unit": "seq"})]
"""An event's number in its partition, from 1; 0 is none."""
OrderId = Annotated[int, Meta(ge=0, extra={"unit": "order_id"})]
"""Partition number in the top 16 bits, seq of the creating event below; shown as `0-123`."""
CommandId = Annotated[bytes, Meta(min_length=16, max_length=16, extra={"unit": "uuid"})]
"""A UUIDv7 made by the sender: the idempotence key of a command."""
KnownCommandId = Annotated[bytes, Meta(max_length=16, extra={"unit": "uuid"})]
"""The command_id of what an event came from; empty where that was no command."""
Levels = Annotated[tuple[tuple[int, int], ...], Meta(extra={"unit": "levels"})]
"""Book levels as (px, qty) pairs, absolute sizes; qty 0 removes the level."""

SourceNumber = Annotated[int, Meta(ge=0, le=INT64_MAX)]
"""A sender's run, or its own number of a fact."""
Symbol = Annotated[str, Meta(min_length=1, max_length=32)]
Exchange = Annotated[str, Meta(min_length=1, max_length=20)]
StrategyId = Annotated[str, Meta(min_length=1, max_length=50)]
Account = Annotated[str, Meta(max_length=32)]
ClientOrderId = Annotated[str, Meta(min_length=1, max_length=50)]
ExecutionId = Annotated[str, Meta(min_length=1, max_length=64)]
Source = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=256)]
Date = Annotated[str, Meta(min_length=10, max_length=10)]
"""A trading date, YYYY-MM-DD."""


def unit_of(annotation: object) -> str:
    """The unit that a field's annotation names ("px", "qty", ...), or "" for a plain value."""
    if typing.get_origin(annotation) is Annotated:
        for meta in typing.get_args(annotation)[1:]:
            if isinstance(meta, Meta) and meta.extra:
                return str(meta.extra.get("unit", ""))
    for part in typing.get_args(annotation):
        found = unit_of(part)
        if found:
            return found
    return ""
