"""The blocking client: no thread, no loop; each call sends, waits and returns."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack, cast, final

import zmq
from msgspec import Struct

from ledger.client import fields as given
from ledger.client.conversation import Body, ConversationStatistics, Parcel
from ledger.client.desk import PAGE_ROWS, Desk, Message, Options, Outcome, case_at, conversation
from ledger.client.dialing import Line, dial, is_disconnect
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
class _BlockingDoor:
    """One door: its conversation and its connection."""

    def __init__(
        self, context: zmq.Context[Any], name: str, whereabouts: Whereabouts, options: Options
    ) -> None:
        self.conversation = conversation(options, name)
        self._context = context
        self._name = name
        self._whereabouts = whereabouts
        self._poller = zmq.Poller()
        self._line: Line | None = None
        self._dial(time.monotonic())

    def exchange(self, bodies: Sequence[Body], timeout: float) -> Parcel:
        """Send and wait until each message has its result."""
        return self.finish(self.begin(bodies, timeout))

    def begin(self, bodies: Sequence[Body], timeout: float) -> Parcel:
        """Send what may be sent now."""
        self._notice_disconnects()
        parcel = self.conversation.put(bodies, now=time.monotonic(), timeout=timeout)
        self._send_what_may()
        return parcel

    def finish(self, parcel: Parcel) -> Parcel:
        """Wait until each message has its result."""
        while parcel.left:
            self._send_what_may()
            if parcel.left:  # time may just have run out
                self._receive_until(self.conversation.next_due())
        return parcel

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _dial(self, now: float) -> None:
        """Have a connection, or try again a little later. Raises NotReachable."""
        line = dial(self._context, self._whereabouts, self._name)
        if line is None:
            self.conversation.disconnected(now)
            return
        self._poller = zmq.Poller()
        self._poller.register(line.socket, zmq.POLLIN)
        self._poller.register(line.monitor, zmq.POLLIN)
        self._line = line

    def _redial(self, now: float) -> None:
        self.close()
        try:
            self._dial(now)
        except NotReachable:  # its directory may be put back: keep trying until the timeout
            self.conversation.disconnected(now)

    def _send_what_may(self) -> None:
        now = time.monotonic()
        if self.conversation.tick(now):
            self._redial(now)
        if self._line is not None:
            while (payload := self.conversation.outgoing(now)) is not None:
                if not self._line.send(payload):
                    self.conversation.disconnected(now)

    def _receive_until(self, due: float | None) -> None:
        pause = 1.0 if due is None else max(0.0, due - time.monotonic())
        if self._line is None:
            time.sleep(pause)
            return
        ready = dict(self._poller.poll(int(pause * 1000) + 1))
        if self._line.monitor in ready:
            self._notice_disconnects()
        if self._line.socket not in ready:
            return
        now = time.monotonic()
        try:
            while True:
                self.conversation.take(self._line.socket.recv(zmq.NOBLOCK), now)
        except zmq.Again:
            return

    def _notice_disconnects(self) -> None:
        if self._line is None:
            return
        with suppress(zmq.Again):
            while True:
                if is_disconnect(self._line.monitor.recv_multipart(zmq.NOBLOCK)):
                    self.conversation.disconnected(time.monotonic())


@final
class Client:
    """A ledger, as one thread sees it. Made by `connect`; a context manager.

    Calls that change something return what was committed, durable by then, and raise RejectedError, RefusedError or
    InDoubtError; calls that ask raise NotReachable or RefusedError. Prices and quantities go in as Decimal, text or
    int, and come out as Decimal.
    """

    def __init__(self, where: str | Path, options: Options) -> None:
        self.options = options
        self._whereabouts = Whereabouts(where, options.key, options.server_key)
        self._desk = Desk(options)
        self._context: zmq.Context[Any] = zmq.Context()
        self._doors: dict[str, _BlockingDoor] = {}
        try:
            self._find()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all connections; nothing is in flight between calls."""
        for door in self._doors.values():
            door.close()
        self._doors.clear()
        self._context.destroy(linger=0)

    @property
    def partitions(self) -> int:
        """Of the ledger."""
        return self._desk.partitions

    def statistics(self) -> dict[str, ConversationStatistics]:
        """What passed at each door that was used."""
        return {name: door.conversation.statistics() for name, door in self._doors.items()}

    # ---- commands ----------------------------------------------------------------------------------------------

    def define_instrument(self, **fields: Unpack[given.InstrumentFields]) -> Committed:
        """Make a symbol known, or change what may change of it."""
        return self._command(commands.DefineInstrument, fields)

    def define_strategy(self, **fields: Unpack[given.StrategyFields]) -> Committed:
        """Make a strategy known."""
        return self._command(commands.DefineStrategy, fields)

    def submit_order(self, **fields: Unpack[given.OrderFields]) -> Committed:
        """Send a new order; when this returns it is durable."""
        return self._command(commands.SubmitOrder, fields)

    def cancel_order(self, **fields: Unpack[given.CancelFields]) -> Committed:
        """Ask the venue to cancel an order."""
        return self._command(commands.CancelOrder, fields)

    def replace_order(self, **fields: Unpack[given.ReplaceFields]) -> Committed:
        """Ask the venue to change an order."""
        return self._command(commands.ReplaceOrder, fields)

    def close_case(self, place: str, reason: str) -> Committed:
        """Close the case at a place, such as trading/1:123, in the partition that it names."""
        return self._command(CloseCase, case_at(place, reason))

    def send_commands(self, messages: Iterable[Message]) -> list[Outcome]:
        """Send many commands in order; one outcome each, in that order. Raises only for what cannot be sent at all."""
        return self._send(self._desk.drafts(messages, ("commands",)))

    # ---- facts -------------------------------------------------------------------------------------------------

    def report_accepted(self, **fields: Unpack[given.AcceptedFields]) -> FactCommitted:
        """The venue has the order."""
        return self._fact(facts.ReportAccepted, fields)

    def report_rejected(self, **fields: Unpack[given.RejectedFields]) -> FactCommitted:
        """The venue refused the order."""
        return self._fact(facts.ReportRejected, fields)

    def report_fill(self, **fields: Unpack[given.FillFields]) -> FactCommitted:
        """The order traded."""
        return self._fact(facts.ReportFill, fields)

    def report_canceled(self, **fields: Unpack[given.CanceledFields]) -> FactCommitted:
        """The order is canceled at the venue."""
        return self._fact(facts.ReportCanceled, fields)

    def report_cancel_rejected(self, **fields: Unpack[given.RequestRejectedFields]) -> FactCommitted:
        """The venue did not cancel."""
        return self._fact(facts.ReportCancelRejected, fields)

    def report_replaced(self, **fields: Unpack[given.ReplacedFields]) -> FactCommitted:
        """The order is changed at the venue."""
        return self._fact(facts.ReportReplaced, fields)

    def report_replace_rejected(self, **fields: Unpack[given.RequestRejectedFields]) -> FactCommitted:
        """The venue did not change the order."""
        return self._fact(facts.ReportReplaceRejected, fields)

    def book_snapshot(self, **fields: Unpack[given.SnapshotFields]) -> FactCommitted:
        """The whole book as the venue shows it."""
        return self._fact(facts.BookSnapshot, fields)

    def book_delta(self, **fields: Unpack[given.DeltaFields]) -> FactCommitted:
        """Changed levels of a book."""
        return self._fact(facts.BookDelta, fields)

    def market_trade(self, **fields: Unpack[given.TradeFields]) -> FactCommitted:
        """A print at the venue."""
        return self._fact(facts.MarketTrade, fields)

    def quote(self, **fields: Unpack[given.QuoteFields]) -> FactCommitted:
        """The venue's best bid and ask."""
        return self._fact(facts.Quote, fields)

    def send_facts(self, messages: Iterable[Message]) -> list[Outcome]:
        """Send many facts, in order at each door; one outcome each. Raises only for what cannot be sent at all."""
        return self._send(self._desk.drafts(messages, ("reports", "market")))

    # ---- questions ---------------------------------------------------------------------------------------------

    def query(self, what: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Rows of what `ledger show` shows, of every partition, fetched a page at a time; `limit` is a page's size."""
        limit = int(filters.pop("limit", PAGE_ROWS))
        rows = self._rows(what, filters, limit)
        if what == "head":
            rows = iter([merged_head(list(rows))])
        yield from map(decimal_row, rows)

    def head(self) -> dict[str, Any]:
        """Lineage and heads of the journals."""
        return next(self.query("head"))

    def order(self, **filters: Any) -> dict[str, Any] | None:
        """One order, by `order_id`, or by `symbol` and `client_order_id`; None if there is none."""
        return next(self.query("order", **filters), None)

    def position(self, strategy: str, symbol: str) -> dict[str, Any] | None:
        """One position; None if there is none."""
        return next(self.query("position", strategy=strategy, symbol=symbol), None)

    def book(
        self, symbol: str, *, exchange: str | None = None, depth: int | None = None
    ) -> dict[str, Any] | None:
        """One book, of the primary exchange unless another is named; None if there is none."""
        return next(self.query("book", symbol=symbol, exchange=exchange, depth=depth), None)

    def wait_for(self, place: str | Committed, projection: str = "", *, timeout: float = 10.0) -> None:
        """Return once the ledger, or a projection of it, has everything up to that place.

        Without a projection: it is durable. With one: it shows one's own write. Raises NotReachable after `timeout`
        seconds; RefusedError, NotReachable as every question.
        """
        wanted = Wanted(place, projection, timeout, time.monotonic)
        while not wanted.reached(self.query(wanted.question)):
            time.sleep(wanted.pause())

    def _rows(self, what: str, filters: dict[str, Any], limit: int) -> Iterator[dict[str, Any]]:
        for partition in partitions_asked(what, filters, self._desk.partitions):
            cursor, door = "", door_name("query", partition)
            while True:
                page = self._page(door, what, filters, cursor, limit, self.options.timeout)
                yield from page.rows
                cursor = page.cursor
                if not cursor:
                    break

    # ---- stream ------------------------------------------------------------------------------------------------

    def subscribe(self, from_place: str = "", **options: Any) -> Iterator[dict[str, Any]]:
        """Every durable event from a place on, in order, each once: first from the journal, then live; without end.

        `options` are those of `Subscription`. Rows have `place`, `seq`, `type`, `recorded_at_ns` and the event's own
        fields, numbers as Decimal. Over a restart of the ledger it goes on; raises NotReachable when none comes back.
        """
        subscription = Subscription(from_place, **options)
        while True:
            page = self._page(
                door_name("stream", subscription.partition), *subscription.question(), self.options.timeout
            )
            yield from subscription.took(page)

    def fetch(self, subscription: Subscription) -> list[dict[str, Any]]:
        """The next page of a subscription, after a short wait perhaps empty."""
        page = self._page(
            door_name("stream", subscription.partition), *subscription.question(), self.options.timeout
        )
        return list(subscription.took(page))

    def acknowledge(self, name: str, place: str) -> None:
        """Store that the consumer `name` has dealt with everything up to `place`; durable when it returns."""
        self._page(
            door_name("stream", parse_place(place)[1]),
            "acknowledge",
            {"consumer": name, "place": place},
            "",
            1,
            self.options.timeout,
        )

    def consumers(self) -> list[dict[str, Any]]:
        """Named consumers of the stream, and how far each has come."""
        return (self._page("stream", "consumers", {}, "", EVENTS, self.options.timeout)).rows

    # ---- private -----------------------------------------------------------------------------------------------

    def _find(self) -> None:
        timeout = self.options.connect_timeout
        try:
            page = self._page("commands", "endpoints", {}, "", PAGE_ROWS, timeout)
        except NotReachable as error:
            raise error from None
        except Exception as error:
            raise NotReachable(f"no ledger answers at {self._whereabouts.shown}: {error}") from None
        if self._whereabouts.learns:
            self._whereabouts.learn(page.rows)
        self._desk.partitions = self._whereabouts.partitions

    def _door(self, name: str) -> _BlockingDoor:
        door = self._doors.get(name)
        if door is None:
            door = _BlockingDoor(self._context, name, self._whereabouts, self.options)
            self._doors[name] = door
        return door

    def _page(
        self, door: str, what: str, filters: dict[str, Any], cursor: str, limit: int, timeout: float
    ) -> Page:
        body = self._desk.query(what, filters, cursor, limit)
        result = self._door(door).exchange([body], timeout).results[0]
        outcome = self._desk.outcome(body, result, "query", timeout)
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, Page)
        return outcome

    def _send(self, drafts: list[Struct]) -> list[Outcome]:
        wanted = self._desk.must_learn(drafts)
        if wanted:
            self._desk.learn(self.query("instruments"), wanted)
        outcomes: dict[int, Outcome] = {}
        timeout = self.options.timeout
        posts = self._desk.posts(drafts)
        begun = {door: self._door(door).begin(bodies, timeout) for door, (_, bodies) in posts.items()}
        for door, (indexes, bodies) in posts.items():
            results = self._door(door).finish(begun[door]).results
            for index, body, result in zip(indexes, bodies, results, strict=True):
                outcome = cast(Outcome, self._desk.outcome(body, result, door, timeout))
                self._desk.note(outcomes, index, drafts[index], outcome)
        self._desk.note_defined(drafts)
        return [outcomes[index] for index in range(len(drafts))]

    def _one(self, kind: type[Struct], fields: Any) -> Committed | FactCommitted:
        outcome = self._send([self._desk.single(kind, fields)])[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _command(self, kind: type[Struct], fields: Any) -> Committed:
        return cast(Committed, self._one(kind, fields))

    def _fact(self, kind: type[Struct], fields: Any) -> FactCommitted:
        return cast(FactCommitted, self._one(kind, fields))


def connect(where: str | Path, **options: Any) -> Client:
    """A client of the ledger whose command door is at HOST:PORT, or that runs on a data directory.

    `options` are the fields of `Options`. Raises NotReachable if none answers within `connect_timeout`.
    """
    return Client(where, Options(**options))
