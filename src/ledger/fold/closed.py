"""Which entities are closed, by which key they stand in the index, and how they are brought back.

Closed are orders that nothing can happen to by itself, every execution that has come, every id of an order, and every
outcome of a command but those of closed cases, which are looked for by content. Nothing else leaves memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, final

import msgspec

from ledger.domain.enums import FillStanding
from ledger.domain.fill import FillState
from ledger.domain.operator_events import CaseClosed
from ledger.domain.order_state import OrderState, is_open
from ledger.fold.stored import decode_item, encode_value
from ledger.fold.trading import Outcome
from ledger.journal import KEY_BYTES_MAX, Entry, IndexFile, unpack_entry

_PREFIX: Final = {
    "order": b"o",
    "fill": b"f",
    "order-of-id": b"i",
    "order-of-venue-id": b"v",
    "order-of-number": b"n",
    "outcome": b"c",
}
KINDS: Final = tuple(_PREFIX)
"""The kinds of which closed entities leave memory."""
HASHED: Final = ("order", "fill")
"""Those of them that are part of the digest."""
_FILL_BY_NUMBER: Final = b"p"
_FILL_OF_POSITION: Final = b"q"
NO_LIMIT: Final = 2**63 - 1
_pack: Final = msgspec.msgpack.Encoder().encode
_ALIAS: Final = FillStanding.ALIAS


def is_closed(kind: str, state: Any) -> bool:
    """Whether the entity belongs into the index."""
    if kind == "order":
        order: OrderState = state
        return not is_open(order)
    if kind == "fill":
        fill: FillState = state
        return bool(fill.fill_id) or fill.standing is _ALIAS
    if kind == "outcome":
        return type(state.event) is not CaseClosed
    return True


def version_of(kind: str, state: Any) -> int | None:
    """seq of the last event that the state holds; None for an id, which does not say."""
    if kind in HASHED:
        return state.version
    return state.seq if kind == "outcome" else None


def key_bytes(kind: str, key: Any) -> bytes:
    """The key in the index."""
    if kind == "outcome":
        return b"c" + key
    if kind == "order-of-number":
        return b"n" + key.to_bytes(8, "big")
    packed = _pack(key)
    if len(packed) > KEY_BYTES_MAX:
        packed = b"\xc1" + blake2b(packed, digest_size=32).digest()
    return _PREFIX[kind] + packed


def outcome_range(before_ns: int) -> tuple[bytes, bytes]:
    """From which key up to which the outcomes of commands stand whose ids were made before a time."""
    return b"c", b"c" + max(0, before_ns // 10**6).to_bytes(6, "big")


def item_bytes(kind: str, key: Any, state: Any) -> bytes:
    """(key, state) as it stands in an entry."""
    return encode_value((key, (state.seq, state.event) if kind == "outcome" else state))


_HASHED_AS: Final = {kind: b"\x93" + _pack(kind) for kind in HASHED}


def item_hash(kind: str, item: bytes) -> bytes:
    """The summand in a digest of the entity that `item_bytes` made this of, big-endian, as `entity_hash` has it.

    Not encoded a second time: orders and fills hold no dicts, so the item is the canonical (kind, key, state) but for
    its first element.
    """
    return blake2b(_HASHED_AS[kind] + item[2:], digest_size=16).digest()


def listing_keys(key: Any, fill: FillState) -> tuple[bytes, bytes]:
    """Where a fill stands to be listed: by its number, and by its position and its number."""
    number = fill.fill_id.to_bytes(8, "big")
    return _FILL_BY_NUMBER + number, _position_prefix(fill.strategy_id, key[2]) + number


@lru_cache(maxsize=4096)
def _position_prefix(strategy_id: str, symbol: str) -> bytes:
    return _FILL_OF_POSITION + blake2b(_pack((strategy_id, symbol)), digest_size=16).digest()


@final
class ClosedStates:
    """The closed entities of a partition, read from its index; as of a place where one is set."""

    def __init__(self, file: IndexFile) -> None:
        self.file = file
        self.place = NO_LIMIT
        """While a journal is folded: the last event that was; newer states are not seen."""
        self._before: dict[bytes, list[Entry]] = {}

    def look_back(self, place: int) -> None:
        """Show what stood at `place`, until `look_at_all`: a fold goes on from there. O(what was changed since)."""
        self.place = place
        self._before = self.file.before()

    def look_at_all(self) -> None:
        """The fold has come to where the index stands."""
        self.place = NO_LIMIT
        self._before = {}

    def entry(self, kind: str, key: Any) -> tuple[Entry, Any] | None:
        """The entry of a closed entity, and its state. Raises Corrupt, Unavailable."""
        name = key_bytes(kind, key)
        return self._found(kind, key, name, self.file.value(name))

    def _found(self, kind: str, key: Any, name: bytes, value: bytes | None) -> tuple[Entry, Any] | None:
        found = None if value is None else unpack_entry(name, value, self.file.path)
        if self.place != NO_LIMIT:
            found = self._newest(name, found)
        if found is None:
            return None
        known, state = self._decode(kind, found)
        return (found, state) if known == key else None

    def _newest(self, name: bytes, current: Entry | None) -> Entry | None:
        if current is not None and current.version <= self.place:
            return current
        fitting = [entry for entry in self._before.get(name, ()) if entry.version <= self.place]
        return max(fitting, key=_version, default=None)

    def _decode(self, kind: str, entry: Entry) -> tuple[Any, Any]:
        key, state = decode_item(kind, entry.payload)
        return key, Outcome(*state) if kind == "outcome" else state

    def loader(self, kind: str, on_loaded: Callable[[str, Any, Entry], None]) -> Callable[[Any], Any]:
        """For a store of this kind: brings an entity back and tells of it."""

        name_of, value_of = key_bytes, self.file.value

        def load(key: Any) -> Any:
            name = name_of(kind, key)
            value = value_of(name)
            if value is None and self.place == NO_LIMIT:
                return None
            found = self._found(kind, key, name, value)
            if found is None:
                return None
            on_loaded(kind, key, found[0])
            return found[1]

        return load

    # ---- listing -------------------------------------------------------------------------------------------

    def orders(self, after: int = 0) -> Iterator[tuple[Any, OrderState]]:
        """Every closed order with an order_id above `after`, by order_id."""
        for _, number in self.file.scan(b"n", _above(after)):
            key = decode_item("order-of-number", number.payload)[1]
            found = self.entry("order", key)
            if found is not None:
                yield key, found[1]

    def fills(self, after: int = 0) -> Iterator[tuple[Any, FillState]]:
        """Every execution in it with a fill_id above `after` but aliases, by fill_id."""
        return self._fills(_FILL_BY_NUMBER, _above(after))

    def fills_of_position(self, strategy_id: str, symbol: str) -> Iterator[tuple[Any, FillState]]:
        """The executions that a position is made of, in the order in which they came."""
        return self._fills(_position_prefix(strategy_id, symbol))

    def _fills(self, prefix: bytes, begin: bytes = b"") -> Iterator[tuple[Any, FillState]]:
        for _, place in self.file.scan(prefix, begin):
            value = self.file.get(place.payload)
            if value is not None:
                key, state = decode_item("fill", value.payload)
                yield key, state


def _above(number: int) -> bytes:
    """Where the keys by number begin that are above one."""
    return min(number + 1, NO_LIMIT).to_bytes(8, "big")


def _version(entry: Entry) -> int:
    return entry.version
