"""The states of entities in memory, changed only in whole turns.

A turn reads states with `get`, changes them with `put`, and ends in `install`, after which they stand, or in `discard`,
which brings back what was there before, so that nothing has happened. A turn is never interrupted, so whoever looks
between turns sees whole turns only. Nothing here awaits, logs, or knows what a state is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, final

K = TypeVar("K")
S = TypeVar("S")


@final
class Store(Generic[K, S]):
    """The states of one kind of entity. Made by `Entities.store`.

    A state is any value but None; frozen ones are meant. One that is changed in place is named with `touch`, so that the
    change is noticed, but `discard` cannot undo it: validate before the first change.
    """

    __slots__ = ("_load", "_note", "dirty", "get", "kind", "put", "states")

    def __init__(
        self,
        kind: str,
        changes: list[tuple[Store[Any, Any], Any, Any]],
        load: Callable[[K], S | None] | None,
        dirty: set[K] | None,
    ) -> None:
        self.kind = kind
        #: States in memory, for reading.
        self.states: dict[K, S] = {}
        #: Keys put or touched since the owner last cleared the set; None when nobody asks.
        self.dirty = dirty
        #: The state: in memory, else loaded (and kept), else None. The dict's own method while nothing can be loaded.
        self.get: Callable[[K], S | None] = self.states.get
        self._note = changes.append
        #: Make this the state of a key; what was there before comes back if the turn is discarded.
        self.put: Callable[[K, S], None] = self._put_noted
        self.load = load

    @property
    def load(self) -> Callable[[K], S | None] | None:
        """Brings back a passivated state, or says None. Called in the turn that misses: it must not block for long."""
        return self._load

    @load.setter
    def load(self, load: Callable[[K], S | None] | None) -> None:
        self._load = load
        self.get = self.states.get if load is None else self._get_or_load

    def _put_noted(self, key: K, state: S) -> None:
        states, dirty = self.states, self.dirty
        self._note((self, key, states.get(key)))
        states[key] = state
        if dirty is not None:
            dirty.add(key)

    def _put_dirty(self, key: K, state: S) -> None:
        self.states[key] = state
        if self.dirty is not None:
            self.dirty.add(key)

    def notes(self, wanted: bool) -> None:
        """Whether `put` notes what was there before: for `Entities.unnoted`."""
        if wanted:
            self.put = self._put_noted
        elif self.dirty is None:
            self.put = self.states.__setitem__
        else:
            self.put = self._put_dirty

    def touch(self, key: K) -> None:
        """Note that the state under this key was changed in place."""
        if self.dirty is not None:
            self.dirty.add(key)

    def put_back(self, key: K, state: S | None) -> None:
        """Undo a `put`: for `Entities.discard`."""
        if state is not None:
            self.states[key] = state
            return
        del self.states[key]
        if self.dirty is not None:
            self.dirty.discard(key)

    def passivate(self, key: K) -> bool:
        """Take an idle entity out of memory; True when it left. For between turns.

        It stays (False) while it is dirty: its owner has not yet seen the change. RuntimeError without a loader, because
        the state would be lost.
        """
        return self.passivate_where(_always, (key,)) == 1

    def passivate_all(self, keys: Collection[K]) -> None:
        """Passivate these, whose states somebody has just seen stored: each is in memory, named once, and not dirty.

        KeyError, AssertionError where that is not so; RuntimeError without a loader. A third of `passivate_where`.
        """
        if self._load is None:
            raise RuntimeError(f"{self.kind}: without a loader a passivated state would be lost")
        assert not self.dirty or self.dirty.isdisjoint(keys), f"{self.kind}: some changed meanwhile"
        states = self.states
        for key in keys:
            del states[key]

    def passivate_where(self, predicate: Callable[[K, S], bool], among: Iterable[K] | None = None) -> int:
        """Passivate each entity that the predicate names, among these keys or all; how many left memory.

        Costs a call for each entity looked at: with many states give `among` (say, the orders closed lately).
        """
        if self._load is None:
            raise RuntimeError(f"{self.kind}: without a loader a passivated state would be lost")
        states, dirty = self.states, self.dirty or ()
        leaving: list[K] = []
        for key in states if among is None else among:
            state = states.get(key)
            if state is not None and key not in dirty and predicate(key, state):
                leaving.append(key)
        before = len(states)
        for key in leaving:
            states.pop(key, None)  # `among` may name a key twice
        return before - len(states)

    def _get_or_load(self, key: K) -> S | None:
        state = self.states.get(key)
        if state is None:
            assert self._load is not None
            state = self._load(key)
            if state is not None:
                self.states[key] = state
        return state

    def __len__(self) -> int:
        """How many states are in memory."""
        return len(self.states)

    def __iter__(self) -> Iterator[S]:
        """The states in memory, in no promised order."""
        return iter(self.states.values())

    def __contains__(self, key: object) -> bool:
        """Whether this key has a state in memory; loads nothing."""
        return key in self.states


@final
class Entities:
    """All stores that one dispatcher's turns change together."""

    __slots__ = ("_stores", "changes")

    def __init__(self) -> None:
        self._stores: dict[str, Store[Any, Any]] = {}
        #: What the current turn has put, as (store, key, what was there before); empty between turns. Writing in place
        #: and remembering costs half of what states staged apart did (`get` is the dict's own, nothing is moved twice).
        self.changes: list[tuple[Store[Any, Any], Any, Any]] = []

    def store(
        self, kind: str, *, load: Callable[[K], S | None] | None = None, dirty: set[K] | None = None
    ) -> Store[K, S]:
        """The store of this kind, made at the first call.

        `load` brings a passivated state back; `dirty` is a set of the owner's that collects the keys of changed
        states until the owner clears it. Both belong to the first call: ValueError later.
        """
        known = self._stores.get(kind)
        if known is None:
            known = self._stores[kind] = Store(kind, self.changes, load, dirty)
        elif load is not None or dirty is not None:
            raise ValueError(
                f"the store of {kind!r} exists; its loader and dirty set are given when it is made"
            )
        return known

    def kinds(self) -> list[str]:
        """The kinds that have a store."""
        return list(self._stores)

    @contextmanager
    def unnoted(self) -> Generator[None]:
        """Meanwhile `put` notes nothing and `discard` brings nothing back: for a replay, of which nothing is used if it
        fails. A put costs a half to a fifth. Whoever wants a dirty set gives it before, or takes all that is there after.
        """
        self._noted(False)
        try:
            yield
        finally:
            self._noted(True)

    def _noted(self, wanted: bool) -> None:
        for store in self._stores.values():
            store.notes(wanted)

    def install(self) -> None:
        """End the turn: what it put stands."""
        self.changes.clear()

    def discard(self) -> None:
        """Undo everything that was put: the turn has not happened."""
        for store, key, before in reversed(self.changes):
            store.put_back(key, before)
        self.changes.clear()


def _always(_key: object, _state: object) -> bool:
    return True
