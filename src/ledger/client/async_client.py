"""The trio client: the same calls as the blocking one, awaited; any number of tasks share its connections.

What tasks hand over while a transmission waits or in the same turn of the loop travels together, so a hundred tasks
that each submit an order cost one message, not a hundred.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Unpack, cast, final

import trio
import zmq
from msgspec import Struct

from ledger.client import fields as given
from ledger.client.async_door import AsyncDoor
from ledger.client.conversation import ConversationStatistics
from ledger.client.desk import PAGE_ROWS, Desk, Message, Options, Outcome, case_at
from ledger.client.errors import NotReachable
from ledger.client.rows import decimal_row
from ledger.client.subscription import EVENTS, Subscription
from ledger.client.waiting import Wanted
from ledger.client.whereabouts import Whereabouts, door_name
from ledger.domain import commands, facts
from ledger.domain.operator_commands import CloseCase
from ledger.routes import merged_head, partitions_asked
from ledger.wire import Committed, FactCommitted, Page, parse_place


@final
class AsyncClient:
    """A ledger, as a trio program sees it. Made by `open_client`; safe for any number of tasks of one loop.

    Calls that change something return what was committed, durable by then, and raise RejectedError, RefusedError or
    InDoubtError; calls that ask raise NotReachable or RefusedError. A cancelled call is in doubt. Prices and quantities
    go in as Decimal, text or int, and come out as Decimal.
    """

    def __init__(self, where: str | Path, options: Options) -> None:
        self.options = options
        self._whereabouts = Whereabouts(where, options.key, options.server_key)
        self._desk = Desk(options)
        self._context: zmq.Context[Any] = zmq.Context()
        self._doors: dict[str, AsyncDoor] = {}
        self._nursery: trio.Nursery | None = None
        self._learning = trio.Lock()

    @property
    def partitions(self) -> int:
        """Of the ledger."""
        return self._desk.partitions

    def statistics(self) -> dict[str, ConversationStatistics]:
        """What passed at each door that was used."""
        return {name: door.conversation.statistics() for name, door in self._doors.items()}

    # ---- commands ----------------------------------------------------------------------------------------------

    async def define_instrument(self, **fields: Unpack[given.InstrumentFields]) -> Committed:
        """Make a symbol known, or change what may change of it."""
        return await self._command(commands.DefineInstrument, fields)

    async def define_strategy(self, **fields: Unpack[given.StrategyFields]) -> Committed:
        """Make a strategy known."""
        return await self._command(commands.DefineStrategy, fields)

    async def submit_order(self, **fields: Unpack[given.OrderFields]) -> Committed:
        """Send a new order; when this returns it is durable."""
        return await self._command(commands.SubmitOrder, fields)

    async def cancel_order(self, **fields: Unpack[given.CancelFields]) -> Committed:
        """Ask the venue to cancel an order."""
        return await self._command(commands.CancelOrder, fields)

    async def replace_order(self, **fields: Unpack[given.ReplaceFields]) -> Committed:
        """Ask the venue to change an order."""
        return await self._command(commands.ReplaceOrder, fields)

    async def close_case(self, place: str, reason: str) -> Committed:
        """Close the case at a place, such as trading/1:123, in the partition that it names."""
        return await self._command(CloseCase, case_at(place, reason))

    async def send_commands(self, messages: Iterable[Message]) -> list[Outcome]:
        """Send many commands in order; one outcome each, in that order. Raises only for what cannot be sent at all."""
        return await self._send(self._desk.drafts(messages, ("commands",)))

    # ---- facts -------------------------------------------------------------------------------------------------

    async def report_accepted(self, **fields: Unpack[given.AcceptedFields]) -> FactCommitted:
        """The venue has the order."""
        return await self._fact(facts.ReportAccepted, fields)

    async def report_rejected(self, **fields: Unpack[given.RejectedFields]) -> FactCommitted:
        """The venue refused the order."""
        return await self._fact(facts.ReportRejected, fields)

    async def report_fill(self, **fields: Unpack[given.FillFields]) -> FactCommitted:
        """The order traded."""
        return await self._fact(facts.ReportFill, fields)

    async def report_canceled(self, **fields: Unpack[given.CanceledFields]) -> FactCommitted:
        """The order is canceled at the venue."""
        return await self._fact(facts.ReportCanceled, fields)

    async def report_cancel_rejected(self, **fields: Unpack[given.RequestRejectedFields]) -> FactCommitted:
        """The venue did not cancel."""
        return await self._fact(facts.ReportCancelRejected, fields)

    async def report_replaced(self, **fields: Unpack[given.ReplacedFields]) -> FactCommitted:
        """The order is changed at the venue."""
        return await self._fact(facts.ReportReplaced, fields)

    async def report_replace_rejected(self, **fields: Unpack[given.RequestRejectedFields]) -> FactCommitted:
        """The venue did not change the order."""
        return await self._fact(facts.ReportReplaceRejected, fields)

    async def book_snapshot(self, **fields: Unpack[given.SnapshotFields]) -> FactCommitted:
        """The whole book as the venue shows it."""
        return await self._fact(facts.BookSnapshot, fields)

    async def book_delta(self, **fields: Unpack[given.DeltaFields]) -> FactCommitted:
        """Changed levels of a book."""
        return await self._fact(facts.BookDelta, fields)

    async def market_trade(self, **fields: Unpack[given.TradeFields]) -> FactCommitted:
        """A print at the venue."""
        return await self._fact(facts.MarketTrade, fields)

    async def quote(self, **fields: Unpack[given.QuoteFields]) -> FactCommitted:
        """The venue's best bid and ask."""
        return await self._fact(facts.Quote, fields)

    async def send_facts(self, messages: Iterable[Message]) -> list[Outcome]:
        """Send many facts, in order at each door; one outcome each. Raises only for what cannot be sent at all."""
        return await self._send(self._desk.drafts(messages, ("reports", "market")))

    # ---- questions ---------------------------------------------------------------------------------------------

    async def query(self, what: str, **filters: Any) -> AsyncGenerator[dict[str, Any]]:
        """Rows of what `ledger show` shows, of every partition, fetched a page at a time; `limit` is a page's size."""
        limit = int(filters.pop("limit", PAGE_ROWS))
        asked = partitions_asked(what, filters, self._desk.partitions)
        heads: list[dict[str, Any]] = []
        for partition in asked:
            cursor, door = "", door_name("query", partition)
            while True:
                page = await self._page(door, what, filters, cursor, limit, self.options.timeout)
                if what == "head":
                    heads += page.rows
                else:
                    for row in page.rows:
                        yield decimal_row(row)
                cursor = page.cursor
                if not cursor:
                    break
        if heads:
            yield decimal_row(merged_head(heads))

    async def head(self) -> dict[str, Any]:
        """Lineage and heads of the journals."""
        row = await self._first("head", {})
        assert row is not None
        return row

    async def order(self, **filters: Any) -> dict[str, Any] | None:
        """One order, by `order_id`, or by `symbol` and `client_order_id`; None if there is none."""
        return await self._first("order", filters)

    async def position(self, strategy: str, symbol: str) -> dict[str, Any] | None:
        """One position; None if there is none."""
        return await self._first("position", {"strategy": strategy, "symbol": symbol})

    async def book(
        self, symbol: str, *, exchange: str | None = None, depth: int | None = None
    ) -> dict[str, Any] | None:
        """One book, of the primary exchange unless another is named; None if there is none."""
        return await self._first("book", {"symbol": symbol, "exchange": exchange, "depth": depth})

    async def wait_for(self, place: str | Committed, projection: str = "", *, timeout: float = 10.0) -> None:
        """Return once the ledger, or a projection of it, has everything up to that place.

        Without a projection: it is durable. With one: it shows one's own write. Raises NotReachable after `timeout`
        seconds; RefusedError, NotReachable as every question.
        """
        wanted = Wanted(place, projection, timeout, trio.current_time)
        while not wanted.reached([row async for row in self.query(wanted.question)]):
            await trio.sleep(wanted.pause())

    # ---- stream ------------------------------------------------------------------------------------------------

    async def subscribe(self, from_place: str = "", **options: Any) -> AsyncGenerator[dict[str, Any]]:
        """Every durable event from a place on, in order, each once: first from the journal, then live; without end.

        `options` are those of `Subscription`. Rows have `place`, `seq`, `type`, `recorded_at_ns` and the event's own
        fields, numbers as Decimal. Over a restart of the ledger it goes on; raises NotReachable when none comes back.
        """
        subscription = Subscription(from_place, **options)
        while True:
            for row in await self.fetch(subscription):
                yield row

    async def fetch(self, subscription: Subscription) -> list[dict[str, Any]]:
        """The next page of a subscription, after a short wait perhaps empty."""
        page = await self._page(
            door_name("stream", subscription.partition), *subscription.question(), self.options.timeout
        )
        return list(subscription.took(page))

    async def acknowledge(self, name: str, place: str) -> None:
        """Store that the consumer `name` has dealt with everything up to `place`; durable when it returns."""
        await self._page(
            door_name("stream", parse_place(place)[1]),
            "acknowledge",
            {"consumer": name, "place": place},
            "",
            1,
            self.options.timeout,
        )

    async def consumers(self) -> list[dict[str, Any]]:
        """Named consumers of the stream, and how far each has come."""
        return (await self._page("stream", "consumers", {}, "", EVENTS, self.options.timeout)).rows

    # ---- private -----------------------------------------------------------------------------------------------

    async def find(self, nursery: trio.Nursery) -> None:
        """Reach the ledger and learn its doors, with tasks in `nursery`; `open_client` has done so."""
        self._nursery = nursery
        try:
            page = await self._page("commands", "endpoints", {}, "", PAGE_ROWS, self.options.connect_timeout)
        except NotReachable as error:
            raise error from None
        except Exception as error:
            raise NotReachable(f"no ledger answers at {self._whereabouts.shown}: {error}") from None
        if self._whereabouts.learns:
            self._whereabouts.learn(page.rows)
        self._desk.partitions = self._whereabouts.partitions

    def close(self) -> None:
        """Give the connections back; `open_client` does so once its tasks have ended."""
        for door in self._doors.values():
            door.hang_up()
        self._context.destroy(linger=0)

    def _door(self, name: str) -> AsyncDoor:
        door = self._doors.get(name)
        if door is None:
            door = AsyncDoor(self._context, name, self._whereabouts, self.options)
            self._doors[name] = door
            assert self._nursery is not None
            self._nursery.start_soon(door.run)
        return door

    async def _page(
        self, door: str, what: str, filters: dict[str, Any], cursor: str, limit: int, timeout: float
    ) -> Page:
        body = self._desk.query(what, filters, cursor, limit)
        parcel, done = self._door(door).hand_over([body], timeout)
        await done.wait()
        outcome = self._desk.outcome(body, parcel.results[0], "query", timeout)
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, Page)
        return outcome

    async def _first(self, what: str, filters: dict[str, Any]) -> dict[str, Any] | None:
        async with aclosing(self.query(what, **filters)) as rows:
            async for row in rows:
                return row
        return None

    async def _learn(self, drafts: list[Struct]) -> None:
        async with self._learning:  # the second of two tasks that miss the same symbol finds it learnt
            wanted = self._desk.must_learn(drafts)
            if wanted:
                self._desk.learn([row async for row in self.query("instruments")], wanted)

    async def _send(self, drafts: list[Struct]) -> list[Outcome]:
        if self._desk.must_learn(drafts):
            await self._learn(drafts)
        outcomes: dict[int, Outcome] = {}
        timeout = self.options.timeout
        posts = self._desk.posts(drafts)
        doors = {name: self._door(name) for name in posts}
        handed = {name: doors[name].hand_over(bodies, timeout) for name, (_, bodies) in posts.items()}
        for name, (indexes, bodies) in posts.items():
            parcel, done = handed[name]
            await done.wait()
            for index, body, result in zip(indexes, bodies, parcel.results, strict=True):
                outcome = cast(Outcome, self._desk.outcome(body, result, name, timeout))
                self._desk.note(outcomes, index, drafts[index], outcome)
        self._desk.note_defined(drafts)
        return [outcomes[index] for index in range(len(drafts))]

    async def _one(self, kind: type[Struct], fields: Any) -> Committed | FactCommitted:
        outcome = (await self._send([self._desk.single(kind, fields)]))[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _command(self, kind: type[Struct], fields: Any) -> Committed:
        return cast(Committed, await self._one(kind, fields))

    async def _fact(self, kind: type[Struct], fields: Any) -> FactCommitted:
        return cast(FactCommitted, await self._one(kind, fields))


@asynccontextmanager
async def open_client(where: str | Path, **options: Any) -> AsyncGenerator[AsyncClient]:
    """A client of the ledger whose command door is at HOST:PORT, or that runs on a data directory.

    `options` are the fields of `Options`. Raises NotReachable if none answers within `connect_timeout`.
    """
    failure: Exception | None = None
    client = AsyncClient(where, Options(**options))
    try:
        async with trio.open_nursery() as nursery:
            try:
                await client.find(nursery)
                yield client
            except Exception as error:
                failure = error  # raised below: the nursery, of which callers know nothing, would wrap it
            finally:
                nursery.cancel_scope.cancel()
    finally:
        client.close()
    if failure is not None:
        raise failure
