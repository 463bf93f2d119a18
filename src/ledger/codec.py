"""Events to and from the bytes of a frame, states to the bytes of a digest; tags and upcasters.

A payload is one msgpack array of events, each an array whose first element is its tag. A tag is an event type in one
schema version: a field may be added at its end with a default, anything else is a new tag and an upcaster in domain/old_events.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import Struct

from ledger.domain.events import EVENTS, Event
from ledger.domain.old_events import UPCASTERS, OldEvent

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[Event])
_decoder_of_all: Final = msgspec.msgpack.Decoder(list[Event | OldEvent])
_canonical: Final = msgspec.msgpack.Encoder(order="deterministic")
_INT64_MIN: Final = -(2**63)
_UINT64_MAX: Final = 2**64 - 1

MODULO: Final = 2**128
"""A digest is a sum modulo 2^128 of one hash per entity, whatever their order."""


def encode_events(events: list[Event]) -> bytes:
    """The payload of a frame that holds these events."""
    return _encoder.encode(events)


def decode_events(payload: bytes) -> list[Event]:
    """The events of a payload, upcast to the newest types; raises msgspec.MsgspecError where it is none."""
    try:
        return _decoder.decode(payload)
    except msgspec.ValidationError:  # a tag of an old type: so frames of today pay nothing for the old ones
        return [_upcast(event) for event in _decoder_of_all.decode(payload)]


def decoder_of(
    needed: Iterable[type[Any]], known: Iterable[type[Any]]
) -> tuple[Callable[[bytes], list[Any]], set[type]]:
    """(what decodes only these types of events, the types that stand for the others that are known).

    An event that is not needed keeps its place in the list, as an empty struct of a type of its own. Frames with other
    events, old ones most often, are decoded whole. The decoder raises msgspec.MsgspecError as `decode_events` does.
    """
    wanted = set(needed)
    others = {
        msgspec.defstruct(
            f"Unread{kind.__name__}",
            [],
            array_like=True,
            frozen=True,
            gc=False,
            tag=kind.__struct_config__.tag,
        )
        for kind in set(known) - wanted
    }
    if not others:
        return decode_events, set()
    either: Any = reduce(lambda one, other: one | other, (*wanted, *others))
    some: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(list[either])

    def decode(payload: bytes) -> list[Any]:
        try:
            return some.decode(payload)
        except msgspec.ValidationError:
            return decode_events(payload)

    return decode, others


def _upcast(event: Any) -> Event:
    kind: type[Any] = type(event)  # type: ignore[reportUnknownVariableType]
    upcaster = UPCASTERS.get(kind)
    return event if upcaster is None else upcaster(event)


def encode_message(message: Struct) -> bytes:
    """One message or event as msgpack, for fields that keep an input whole."""
    return _encoder.encode(message)


def _portable(value: Any) -> Any:
    """The value with integers beyond 64 bits as decimal text, as msgpack cannot hold them."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value) if _INT64_MIN <= value <= _UINT64_MAX else str(value)
    if isinstance(value, Struct):
        value = msgspec.structs.astuple(value)
    if isinstance(value, (list, tuple)):
        return [_portable(item) for item in value]  # type: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items()}  # type: ignore[reportUnknownVariableType]
    return value


def canonical(value: Any) -> bytes:
    """The one encoding of a state that digests and equality are made from (invariant I-2)."""
    try:
        return _canonical.encode(value)
    except OverflowError:
        return _canonical.encode(_portable(value))


def entity_hash(kind: str, key: Any, state: Any) -> int:
    """One entity's summand in a digest: blake2b-128 of its kind, key and state."""
    return int.from_bytes(blake2b(canonical((kind, key, state)), digest_size=16).digest(), "big")


TAGS: Final = {kind.__struct_config__.tag: kind for kind in EVENTS}
"""Every tag the journal may hold, with its type."""
