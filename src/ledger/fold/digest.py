"""The digest of a fold: a sum of one hash per entity, whatever their order, so that only what changed is hashed again.

An entity that leaves memory stays in the sum; nothing of it is remembered here. When it comes back, its hash comes with
it, so that a change can take the old one out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

import actors
from ledger.codec import MODULO, entity_hash


@final
class Digest:
    """The sum of one hash per entity, kept by hashing again only what changed since it was last asked for."""

    def __init__(self, stores: Iterable[actors.Store[Any, Any]]) -> None:
        self._stores = list(stores)
        self._hashes: dict[str, dict[Any, int]] = {}
        self._noted: dict[str, set[Any]] = {}
        """By kind whose changes somebody else takes from the store: what was taken and is not hashed yet."""
        self._sum = 0

    def value(self) -> int:
        """Of all entities ever, modulo 2^128."""
        for store in self._stores:
            hashes = self._hashes.get(store.kind)
            if hashes is None:  # first time: everything is new; from now on the store notes what changes
                hashes = self._hashes[store.kind] = {}
                store.dirty = set(store.states)
            assert store.dirty is not None
            noted = self._noted.get(store.kind)
            for key in store.dirty if noted is None else store.dirty | noted:
                fresh = entity_hash(store.kind, key, store.states[key])
                self._sum += fresh - hashes.get(key, 0)
                hashes[key] = fresh
            if noted is None:
                store.dirty.clear()
            else:  # whoever takes the changes is still to see these
                noted.clear()
        return self._sum % MODULO

    # ---- entities that leave memory ------------------------------------------------------------------------

    def begin(self, away: int, stores: Iterable[actors.Store[Any, Any]]) -> None:
        """Of these stores entities come and go: `away` is the sum of those not in memory. Before the first `value`."""
        assert not self._hashes, "the digest was asked for before"
        self._sum = away
        for store in stores:
            self._hashes[store.kind] = {}
            self._noted[store.kind] = set()
            store.dirty = set(store.states)

    def note(self, kind: str, keys: set[Any]) -> None:
        """These changed, as somebody found in the store's set, which he has emptied."""
        self._noted[kind] |= keys

    def left(self, kind: str, hashes: dict[Any, int]) -> None:
        """Entities left memory; by key with their hash."""
        forget = self._hashes[kind].pop
        self._sum += sum(hashes.values()) - sum(forget(key, 0) for key in hashes)
        self._noted[kind] -= hashes.keys()

    def came_back(self, kind: str, key: Any, hash_: int) -> None:
        """An entity with this hash is in memory again."""
        self._hashes[kind][key] = hash_
