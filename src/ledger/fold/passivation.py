"""Closed entities leave the memory of a fold once the index holds them, and come back when somebody asks for them.

What changes is noted per store and looked at when the index has come that far. An entity leaves only if the index has
exactly its state, so whatever the index may be, nothing is lost by it. Used by the engine and by the follower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, final

import actors
from ledger.fold.closed import HASHED, KINDS, ClosedStates, is_closed, item_bytes, key_bytes, version_of
from ledger.fold.trading import TradingFold
from ledger.journal import Entry

Change = tuple[str, set[Any]]
"""(kind, keys) of entities that changed."""


@final
class Passivation:
    """The comings and goings of one trading fold. Belongs to the thread of the fold, between its turns."""

    def __init__(
        self, fold: TradingFold, *, index_digest: int = 0, counts: dict[str, int] | None = None
    ) -> None:
        """Made before anything is folded; of a fold from a snapshot, with what the index held at that place."""
        self._fold = fold
        self._stores: Final[dict[str, actors.Store[Any, Any]]] = {
            store.kind: store
            for store in (
                fold.orders,
                fold.fills,
                fold.order_of_id,
                fold.order_of_venue_id,
                fold.order_of_number,
                fold.outcomes,
            )
        }
        assert tuple(self._stores) == KINDS
        fold.away = {kind: 0 for kind in KINDS} | (counts or {})
        fold.begin_digest(index_digest, [self._stores[kind] for kind in HASHED])
        for kind, store in self._stores.items():
            if kind not in HASHED:
                store.dirty = set(store.states)
        self._waiting: deque[tuple[int, str, Iterator[Any]]] = deque()
        self._came_back: list[tuple[str, Any]] = []
        self.left_at = 0
        """The offset of the index when something last left: an index that stands before it has not all that is away."""

    @property
    def anything_away(self) -> bool:
        """Whether the index is needed to have the whole state."""
        return any(self._fold.away.values())

    def attach(self, closed: ClosedStates) -> None:
        """From now on what is not in memory is looked for there."""
        self._fold.closed = closed
        for kind, store in self._stores.items():
            store.load = closed.loader(kind, self._loaded)

    def _loaded(self, kind: str, key: Any, entry: Entry) -> None:
        self._fold.away[kind] -= 1
        if kind in HASHED:
            self._fold.entity_came_back(kind, key, int.from_bytes(entry.digest, "big"))
        self._came_back.append((kind, key))

    # ---- what changed --------------------------------------------------------------------------------------

    def take_changes(self) -> list[Change]:
        """What changed since the last call."""
        changes: list[Change] = []
        for kind, store in self._stores.items():
            keys = store.dirty
            if keys:
                store.dirty = set()
                if kind in HASHED:
                    self._fold.note_changed(kind, keys)
                changes.append((kind, keys))
        return changes

    def drain(self, head_seq: int) -> None:
        """Let what changed up to `head_seq`, and what came back, wait for the index."""
        self.wait_for(head_seq, self.take_changes())

    def wait_for(self, head_seq: int, changes: list[Change]) -> None:
        """Let these, changed up to `head_seq`, and what came back, wait for the index."""
        for kind, keys in changes:
            self._waiting.append((head_seq, kind, iter(keys)))
        back, self._came_back = self._came_back, []
        for kind, key in back:
            self._waiting.append((head_seq, kind, iter((key,))))

    # ---- leaving -------------------------------------------------------------------------------------------

    def run(self, index_seq: int, keys_max: int) -> int:
        """Look at some of what the index has reached; how many were looked at. Raises Corrupt, Unavailable."""
        looked = 0
        waiting = self._waiting
        while waiting and looked < keys_max and waiting[0][0] <= index_seq:
            _, kind, keys = waiting[0]
            some = list(islice(keys, keys_max - looked))
            if not some:
                waiting.popleft()
                continue
            looked += len(some)
            self.left_at = max(self.left_at, index_seq)
            self._let_go(kind, some)
        return looked

    def leave(self, kind: str, hashes: dict[Any, int], index_seq: int) -> None:
        """These are closed, and the index at this offset has exactly their states: they leave memory.

        By key with their hash, 0 for a kind that has none. For whoever has just written that index.
        """
        self.left_at = max(self.left_at, index_seq)
        self._take_out(kind, hashes)

    def _let_go(self, kind: str, keys: list[Any]) -> None:
        closed, store = self._fold.closed, self._stores[kind]
        assert closed is not None
        states, dirty = store.states, store.dirty or ()
        leaving: dict[Any, int] = {}
        for key in keys:
            state = states.get(key)
            if state is None or key in dirty or not is_closed(kind, state):
                continue
            entry = closed.file.get(key_bytes(kind, key))
            if entry is not None and _is_same(kind, key, state, entry):
                leaving[key] = int.from_bytes(entry.digest, "big")
        self._take_out(kind, leaving)

    def _take_out(self, kind: str, leaving: dict[Any, int]) -> None:
        store = self._stores[kind]
        store.passivate_all(leaving)
        self._fold.away[kind] += len(leaving)
        if kind in HASHED:
            self._fold.entities_left(kind, leaving)


def _is_same(kind: str, key: Any, state: Any, entry: Entry) -> bool:
    version = version_of(kind, state)
    if version is not None:
        return entry.version == version
    return entry.payload == item_bytes(kind, key, state)
