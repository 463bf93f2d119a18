"""The digest of a fold: a sum of one hash per entity, whatever their order, so that only what changed is hashed again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import actors
from ledger.codec import MODULO, entity_hash


class Digest:
    """The sum of one hash per entity, kept by hashing again only what changed since it was last asked for."""

    def __init__(self, stores: Iterable[actors.Store[Any, Any]]) -> None:
        self._stores = list(stores)
        self._hashes: dict[str, dict[Any, int]] = {}
        self._sum = 0

    def value(self) -> int:
        for store in self._stores:
            hashes = self._hashes.get(store.kind)
            if hashes is None:  # first time: everything is new; from now on the store notes what changes
                hashes = self._hashes[store.kind] = {}
                store.dirty = set(store.states)
            assert store.dirty is not None
            for key in store.dirty:
                fresh = entity_hash(store.kind, key, store.states[key])
                self._sum += fresh - hashes.get(key, 0)
                hashes[key] = fresh
            store.dirty.clear()
        return self._sum % MODULO
