"""The contract between the runner and a sink: the small core, and the optional parts a sink may add.

A sink is one class. It raises SinkDown for whatever may be better later, Poison for one row that will never be taken,
Fenced when it has lost to another writer; anything else ends the projector and is a fault of the sink's code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, final, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from ledger.projections.building import Builders


@final
class Offset(Struct, frozen=True):
    """How far a sink has taken one journal: everything up to `seq`, nothing above."""

    lineage: str
    partition: int
    journal: str
    epoch: int
    seq: int
    """0: nothing yet."""
    chain: str = ""
    """The chain hash, in hex, of the frame that ends at `seq`; "" is not compared. Tells a restored, then differently
    continued journal of the same lineage from this one."""


@final
class Step(Struct, frozen=True, gc=False):
    """One event at its place."""

    seq: int
    recorded_at_ns: int
    event: Any


@final
class Row(Struct, frozen=True, gc=False):
    """One row of one table: what stands under `key` once the event `version` is applied.

    A row replaces the one with the same table and key if its version is not lower, so that rows may be given again.
    """

    table: str
    key: tuple[Any, ...]
    version: int
    values: tuple[Any, ...]
    """() where nothing stands under the key any more."""


@final
class Batch(Struct, frozen=True):
    """Whole frames of one journal, as rows: to be taken all, together with `to`, or not at all where a sink can."""

    before: Offset
    """Where the sink stands as far as the runner knows; `seq` 0 for an empty sink."""
    to: Offset
    """Where it stands afterwards."""
    rows: tuple[Row, ...]
    """First those of single events in their order, then one for each entity that changed, as it is at `to`."""
    events: int
    """How many events it covers, `to.seq - before.seq` unless numbers were leaped over."""
    recorded_at_ns: int
    """Of its last frame."""
    fold: Any
    """The TradingFold or MarketFold as it is at `to`; for reading, as far as the builders' part of it goes."""
    ready: Any = None
    """What `Preparing.prepare` made of it; None: nothing yet."""


class Projection(Protocol):
    """The core: a sink with its connection, of one partition. Used by one thread at a time; made anew by each start."""

    @property
    def name(self) -> str:
        """Of the projection: its switch, its status, its lock."""
        ...

    @property
    def journals(self) -> Sequence[str]:
        """Those that it follows: `trading`, `market` or both; each has an offset of its own."""
        ...

    def builders(self, journal: str) -> Builders:
        """How events and entities of that journal become rows; pure functions."""
        ...

    def offset(self, journal: str) -> Offset | None:
        """How far the sink has taken the journal, read from the sink (durable there), never from memory.

        None: it holds nothing. Connects first if need be. Raises SinkDown, Fenced.
        """
        ...

    def apply(self, batch: Batch) -> None:
        """Take the batch; afterwards `offset` says `batch.to`, and the effect is as if each row was written once.

        A batch, or a part of one, may come again after SinkDown or a kill. A sink compares its stored offset with
        `batch.before` in the same step: another one means that it lost something, or an earlier try came through, so
        SinkDown: the runner then reads `offset` and goes on from there. Raises SinkDown, Poison, Fenced.
        """
        ...

    def close(self) -> None:
        """Let the connection go; never raises."""
        ...


@runtime_checkable
class Fencing(Protocol):
    """A sink of which one writer at most is heard, wherever the others run."""

    def claim(self, lineage: str) -> None:
        """Become the writer. From here on an earlier writer's `apply` raises Fenced. Raises SinkDown, Fenced."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A sink whose `apply` does not read `batch.fold`: the next batch is made while one is being written.

    At most one is being written, and they are written in their order. `prepare` may run beside `apply`, of an earlier
    batch, in another thread: it touches neither the connection nor what `apply` changes.
    """

    def prepare(self, batch: Batch) -> Any:
        """All that can be done without the store, such as encoding: `apply` then finds it as `batch.ready`.

        It is called once, while the fold stands at `batch.to`. None where a row is refused: `apply` tries again and
        says which. A batch that lost a row comes to `apply` with `ready` None.
        """
        ...


@runtime_checkable
class Filling(Protocol):
    """A sink that leaves something out while it is filled."""

    def filled(self) -> None:
        """Make what is better made over all rows than row by row, such as indexes.

        Called once a start, when everything is taken that stood in the journal at that start; it may take long, and
        `apply` waits for it. Finds by what is there whether anything is to be done. Raises SinkDown.
        """
        ...


@runtime_checkable
class Gathering(Protocol):
    """A sink to which a batch costs much, however few events it has: some are awaited while events flow."""

    @property
    def gather_s(self) -> float:
        """The next batch of a journal is begun at the earliest so long after the one before; what comes after a quiet
        time goes at once."""
        ...

    @property
    def gather_events(self) -> int:
        """But at once where so many events wait."""
        ...


class View(Protocol):
    """One consistent look at a sink."""

    offset: Offset

    def rows(self) -> Iterator[Row]:
        """Every row, in the builders' own form of values, in any order."""
        ...

    def keeps(self, row: Row) -> bool:
        """Whether the row is to be there: False where retention has dropped it by intent."""
        ...


@runtime_checkable
class Audited(Protocol):
    """A sink whose rows can be read back and compared with a fold of the journal."""

    def look(self, journal: str) -> AbstractContextManager[View]:
        """Rows and offset of one moment. Raises SinkDown."""
        ...

    def columns(self, table: str) -> Sequence[str]:
        """The names of a row's values, for people."""
        ...

    def repair(self, rows: Sequence[Row], surplus: Sequence[tuple[str, tuple[Any, ...]]], at: Offset) -> None:
        """Write these rows whatever stands there and remove the surplus (table, key), if the offset still is `at`.

        Raises SinkDown; Fenced where the offset has moved.
        """
        ...


@final
class Picked(Struct, frozen=True):
    """Some rows of one moment."""

    offset: Offset
    rows: tuple[Row, ...]
    keeps: Callable[[Row], bool]
    """As `View.keeps`, at that moment."""


@runtime_checkable
class Sampled(Audited, Protocol):
    """An audited sink that shows some rows at a time, so that it can be audited all the time."""

    def pick(self, journal: str, places: Sequence[tuple[str, tuple[Any, ...]]]) -> Picked:
        """The rows under these (table, key), as far as they are there. Raises SinkDown."""
        ...

    def scan(self, journal: str, after: Any, limit: int) -> tuple[Picked, Any]:
        """The next `limit` rows or so after a cursor (None: from the beginning), and the cursor behind them (None: that
        was the end). A row that is there all the while is seen once at least. Raises SinkDown."""
        ...


@runtime_checkable
class Rebuildable(Protocol):
    """A sink that can be filled beside itself and exchanged."""

    @property
    def shared(self) -> bool:
        """Whether the partitions share one copy: `switch` and `rollback` of one of them are then of all."""
        ...

    def shadow(self) -> Projection:
        """A sink of the same kind beside this one, empty at first; an interrupted one goes on from its own offset."""
        ...

    def switch(self) -> None:
        """The shadow becomes the live one, the live one is kept for `rollback`; in one step as far as the store can."""
        ...

    def rollback(self) -> None:
        """Back to the one before the last switch. Raises Rejected where there is none."""
        ...
