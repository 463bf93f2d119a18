"""The states of entities in memory, changed only in whole turns.

A turn reads states with `get`, stages new ones with `put`, and ends in `install`, which makes all of them current at
once, or in `discard`, after which nothing has happened. Between turns no state is staged, so whoever looks then sees
whole turns only. Nothing here awaits, logs, or knows what a state is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar, final

K = TypeVar("K")
S = TypeVar("S")


@final
class Store(Generic[K, S]):
    """The states of one kind of entity. Made by `Entities.store`.

    A state is any value but None; frozen ones are meant. One that is changed in place is put again under its key, so
    that the change is noticed, but `discard` cannot undo it: validate before the first change.
    """

    __slots__ = ("_touched", "dirty", "kind", "load", "staged", "states")

    def __init__(
        self,
        kind: str,
        touched: list[Store[Any, Any]],
        load: Callable[[K], S | None] | None,
        dirty: set[K] | None,
    ) -> None:
        self.kind = kind
        #: Installed states, for reading. Read here directly where nothing can be staged: it saves a call.
        self.states: dict[K, S] = {}
        #: What the current turn has put; empty between turns.
        self.staged: dict[K, S] = {}
        #: Keys installed since the owner last cleared the set; None when nobody asks.
        self.dirty = dirty
        #: Brings back a passivated state, or says None. Called in the turn that misses: it must not block for long.
        self.load = load
        self._touched = touched

    def get(self, key: K) -> S | None:
        """The state as the current turn sees it: staged, else installed, else loaded (and kept), else None."""
        if self.staged and key in self.staged:
            return self.staged[key]
        state = self.states.get(key)
        if state is None and self.load is not None:
            state = self.load(key)
            if state is not None:
                self.states[key] = state
        return state

    def put(self, key: K, state: S) -> None:
        """Stage this state within the current turn."""
        staged = self.staged
        if not staged:
            self._touched.append(self)
        staged[key] = state

    def passivate(self, key: K) -> bool:
        """Take an idle entity out of memory; True when it left.

        It stays (False) while it is staged, or dirty: its owner has not yet seen the change. RuntimeError without a
        loader, because the state would be lost.
        """
        return self.passivate_where(_always, (key,)) == 1

    def passivate_where(self, predicate: Callable[[K, S], bool], among: Iterable[K] | None = None) -> int:
        """Passivate each entity that the predicate names, among these keys or all; how many left memory.

        Costs a call for each entity looked at: with many states give `among` (say, the orders closed lately).
        """
        if self.load is None:
            raise RuntimeError(f"{self.kind}: without a loader a passivated state would be lost")
        states, staged, dirty = self.states, self.staged, self.dirty or ()
        leaving: list[K] = []
        for key in states if among is None else among:
            state = states.get(key)
            if state is not None and key not in staged and key not in dirty and predicate(key, state):
                leaving.append(key)
        before = len(states)
        for key in leaving:
            states.pop(key, None)  # `among` may name a key twice
        return before - len(states)

    def __len__(self) -> int:
        """How many installed states are in memory."""
        return len(self.states)

    def __iter__(self) -> Iterator[S]:
        """The installed states in memory, in no promised order."""
        return iter(self.states.values())

    def __contains__(self, key: object) -> bool:
        """Whether this key has an installed state in memory; loads nothing."""
        return key in self.states


@final
class Entities:
    """All stores that one dispatcher's turns change together."""

    __slots__ = ("_stores", "touched")

    def __init__(self) -> None:
        self._stores: dict[str, Store[Any, Any]] = {}
        #: The stores with something staged in the current turn; for the dispatcher, which skips an empty install.
        self.touched: list[Store[Any, Any]] = []

    def store(
        self, kind: str, *, load: Callable[[K], S | None] | None = None, dirty: set[K] | None = None
    ) -> Store[K, S]:
        """The store of this kind, made at the first call.

        `load` brings a passivated state back; `dirty` is a set of the owner's that collects the keys of installed
        states until the owner clears it. Both belong to the first call: ValueError later.
        """
        known = self._stores.get(kind)
        if known is None:
            known = self._stores[kind] = Store(kind, self.touched, load, dirty)
        elif load is not None or dirty is not None:
            raise ValueError(
                f"the store of {kind!r} exists; its loader and dirty set are given when it is made"
            )
        return known

    def kinds(self) -> list[str]:
        """The kinds that have a store."""
        return list(self._stores)

    def install(self) -> None:
        """End the turn: everything staged becomes current. Visits only the stores that the turn touched."""
        touched = self.touched
        for store in touched:
            states, staged = store.states, store.staged
            states |= staged  # in place; a fifth faster than a call of update()
            if store.dirty is not None:
                store.dirty.update(staged)
            staged.clear()
        touched.clear()

    def discard(self) -> None:
        """Drop everything staged: the turn has not happened."""
        for store in self.touched:
            store.staged.clear()
        self.touched.clear()


def _always(_key: object, _state: object) -> bool:
    return True
