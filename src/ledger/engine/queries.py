"""Answers to the query door: pages of rows over the folded state. Also used on folds of a ledger that does not run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, final

import msgspec

from ledger import views
from ledger.domain import order_state
from ledger.domain.calendars import ALWAYS
from ledger.domain.codes import Code
from ledger.domain.enums import FillStanding, OrderStatus
from ledger.domain.mark_policy import Valuation, mid_of, valuation_of
from ledger.domain.scope import Scope
from ledger.engine import control_views, operation_rows
from ledger.engine.unnamed import IDS, orders_meant
from ledger.fold import MarketFold, TradingFold, known_fills, known_orders, mark_caps
from ledger.views import Row
from ledger.wire import Page, Query, QueryRefused, is_number, parse_order_id, show_place

ROWS_MAX: Final = 10_000
DEPTH: Final = 10


Key = tuple[int | str, ...]
"""What orders the rows of one question, and stays theirs whatever happens to them or to others: a page goes on behind
the key of the last row before it, over a restart too. Counting would pass over a row for each that is gone meanwhile."""
Keyed = Iterable[tuple[Key, Row]]
FIRST: Final[Key] = ()
_CURSOR: Final = msgspec.json.Decoder(Key)


@final
class BadQuery(Exception):
    """The question cannot be answered; the sentence says what can be asked."""


@final
class Views:
    """Questions over one partition's folds."""

    def __init__(
        self,
        trading: TradingFold,
        market: MarketFold,
        describe: Callable[[], Iterable[Row]],
        doors: Callable[[], Iterable[Row]],
        projections: Callable[[], Iterable[Row]] = tuple,
    ) -> None:
        self.trading = trading
        self.market = market
        self._of: Final[dict[str, Callable[[dict[str, str], Key], Keyed]]] = {
            "head": lambda _filters, _after: _numbered(describe()),
            "endpoints": lambda _filters, _after: _numbered(doors()),
            "projections": lambda _filters, _after: _numbered(projections()),
            "orders": self._orders,
            "order": self._order,
            "fills": self._fills,
            "positions": self._positions,
            "position": self._positions,
            "book": self._book,
            "books": self._books,
            "snapshot_requests": self._snapshot_requests,
            "instruments": self._instruments,
            "strategies": self._strategies,
            "anomalies": self._anomalies,
            "sources": self._sources,
            "limits": self._limits,
            "kills": self._kills,
            "trading_states": self._trading_states,
            "mass_cancels": self._mass_cancels,
            "sessions": self._sessions,
            "adjustments": self._adjustments,
            "daily": self._daily,
            "calendars": self._calendars,
            "quarantine": self._quarantine,
            "orders_meant": self._orders_meant,
        }

    def rows(self, what: str, filters: dict[str, str]) -> Iterable[Row]:
        """The rows of one question, computed as they are read; raises BadQuery."""
        return (row for _, row in self.keyed(what, filters))

    def keyed(self, what: str, filters: dict[str, str], after: Key = FIRST) -> Iterator[tuple[Key, Row]]:
        """The rows whose keys are above `after`, with their keys, ascending; raises BadQuery."""
        found = self._of.get(what)
        if found is None:
            raise BadQuery(f"{what[:50]!r} cannot be asked for; one of {', '.join(sorted(self._of))}")
        return (item for item in found(filters, after) if _is_above(item[0], after))

    def _instrument(self, symbol: str) -> Any:
        return self.trading.instruments.states[symbol]

    def _orders(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "strategy", "symbol", "status", "open", "client_order_id")
        strategy, symbol = filters.get("strategy"), filters.get("symbol")
        status, only_open = filters.get("status"), filters.get("open") == "true"
        client_order_id = filters.get("client_order_id")
        if status and status not in OrderStatus.__members__:
            raise BadQuery(f"status {status[:50]!r} is none of {', '.join(OrderStatus.__members__)}")
        for key, state in known_orders(self.trading, only_open=only_open, after=_number(after)):
            if symbol and key[0] != symbol:
                continue
            if strategy and state.terms.strategy_id != strategy:
                continue
            if only_open and not order_state.is_open(state):
                continue
            if status and order_state.status(state).name != status:
                continue
            if client_order_id and client_order_id not in (key[1], state.client_order_id):
                continue
            yield (state.terms.order_id,), views.order_row(state, self._instrument(key[0]))

    def _order(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "order_id", "symbol", "client_order_id")
        if "order_id" in filters:
            try:
                key = self.trading.order_of_number.get(parse_order_id(filters["order_id"]))
            except ValueError as error:
                raise BadQuery(str(error)) from None
        elif "symbol" in filters and "client_order_id" in filters:
            key = self.trading.find_order(filters["symbol"], filters["client_order_id"])
        else:
            raise BadQuery("order needs order_id, or symbol and client_order_id")
        state = self.trading.orders.get(key) if key is not None else None
        return _numbered(
            [] if state is None else [views.order_row(state, self._instrument(state.terms.symbol))]
        )

    def _orders_meant(self, filters: dict[str, str], after: Key) -> Keyed:
        """The symbols of the orders that a report with these ids can mean; what partition 0 asks the others."""
        _known(filters, *IDS)
        exchange, client_order_id, venue_order_id = (filters.get(name, "") for name in IDS)
        found, by_venue = orders_meant(self.trading, exchange, client_order_id, venue_order_id)
        return [((symbol,), {"symbol": symbol, "by_venue_order_id": by_venue}) for symbol, _ in sorted(found)]

    def _fills(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "strategy", "symbol", "client_order_id")
        strategy, symbol, order = (
            filters.get("strategy"),
            filters.get("symbol"),
            filters.get("client_order_id"),
        )
        for number, key, state in known_fills(self.trading, after=_number(after)):
            if state.standing is FillStanding.ALIAS:
                continue
            if (symbol and key[2] != symbol) or (strategy and state.strategy_id != strategy):
                continue
            if order and state.order != order:
                continue
            yield (number,), views.fill_row(key, state, self._instrument(key[2]))

    def _positions(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "strategy", "symbol")
        strategy, symbol = filters.get("strategy"), filters.get("symbol")
        for key, state in sorted(self.trading.positions.states.items()):
            if (strategy and key[0] != strategy) or (symbol and key[1] != symbol):
                continue
            instrument = self._instrument(key[1])
            book = self.market.books.states.get((instrument.exchange, key[1]))
            yield key, views.position_row(state, instrument, self._valuation(book, key[1]))

    def _valuation(self, book: Any, symbol: str) -> Valuation | None:
        return valuation_of(
            book, self.trading.operations.settlements.states.get(symbol), mark_caps(self.trading)
        )

    def _book_row(self, book: Any, depth: int) -> Row:
        twice = mid_of(book, mark_caps(self.trading).spread_max_bp)
        return views.book_row(book, self._instrument(book.symbol), depth, twice)

    def _book(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "symbol", "exchange", "depth")
        symbol = filters.get("symbol", "")
        instrument = self.trading.instruments.states.get(symbol)
        if instrument is None:
            raise BadQuery(f"symbol {symbol!r} is not defined; show instruments lists what is")
        depth = filters.get("depth", str(DEPTH))
        if not is_number(depth) or int(depth) > ROWS_MAX:
            raise BadQuery(f"depth {depth!r} must be a number from 0 to {ROWS_MAX}")
        book = self.market.books.states.get((filters.get("exchange", instrument.exchange), symbol))
        return _numbered([] if book is None else [self._book_row(book, int(depth))])

    def _books(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "symbol")
        for key, book in sorted(self.market.books.states.items()):
            if filters.get("symbol", key[1]) == key[1]:
                yield key, self._book_row(book, 0)

    def _snapshot_requests(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "symbol", "exchange")
        for (exchange, symbol), book in sorted(self.market.books.states.items()):
            if not book.requested or filters.get("symbol", symbol) != symbol:
                continue
            if filters.get("exchange", exchange) == exchange:
                yield (exchange, symbol), views.snapshot_request_row(book, self.market.partition)

    def _instruments(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "symbol")
        for symbol, instrument in sorted(self.trading.instruments.states.items()):
            if filters.get("symbol", symbol) == symbol:
                yield (symbol,), views.instrument_row(instrument)

    def _strategies(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "strategy")
        for strategy_id, strategy in sorted(self.trading.strategies.states.items()):
            if filters.get("strategy", strategy_id) == strategy_id:
                row = {"strategy_id": strategy_id, "account": strategy.account, "version": strategy.version}
                yield (strategy_id,), row

    def _anomalies(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "symbol", "open", "kind")
        for rank, (journal, fold) in enumerate((("trading", self.trading), ("market", self.market))):
            facts = fold.facts
            known = {seq: event for seq, event in facts.anomalies if seq not in facts.cases.states}
            known.update(facts.cases.states)
            for seq, event in sorted(known.items()):
                is_open = facts.is_open_case(seq)
                if filters.get("open") == "true" and not is_open:
                    continue
                if (
                    filters.get("symbol", event.symbol) == event.symbol
                    and filters.get("kind", event.kind) == event.kind
                ):
                    yield (rank, seq), views.anomaly_row(journal, fold.partition, seq, event, is_open)

    def _sources(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "source")
        for rank, (journal, fold) in enumerate((("trading", self.trading), ("market", self.market))):
            for source, state in sorted(fold.facts.sources.states.items()):
                if filters.get("source", source) == source:
                    yield (rank, source), views.source_row(journal, source, state)

    def _limits(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "scope", "name")
        return _in_scope(_by_scope(control_views.limit_rows(self.trading.control)), filters)

    def _kills(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "scope", "name", "open")
        rows = _in_scope(_numbered(control_views.kill_rows(self.trading.control)), filters)
        return (item for item in rows if filters.get("open") != "true" or item[1]["engaged"])

    def _trading_states(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "scope", "name")
        return _in_scope(_by_scope(control_views.trading_state_rows(self.trading.control)), filters)

    def _mass_cancels(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "scope", "name", "open")
        asked = control_views.mass_cancel_rows(self.trading.control, self.trading.partition)
        rows = _in_scope(_numbered(asked), filters)
        return (item for item in rows if filters.get("open") != "true" or not item[1]["complete"])

    # ---- back office, time, operators ----------------------------------------------------------------------

    def _sessions(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "session_id", "open")
        for session_id, state in sorted(self.trading.operations.sessions.states.items()):
            if filters.get("session_id", session_id) != session_id:
                continue
            if filters.get("open") != "true" or state.end is None:
                yield (session_id,), operation_rows.session_row(state)

    def _adjustments(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "strategy", "symbol")
        changes = self.trading.operations.adjustments.states
        for seq, strategy, symbol in sorted((key[2], key[0], key[1]) for key in changes):
            if filters.get("strategy", strategy) == strategy and filters.get("symbol", symbol) == symbol:
                place = show_place("trading", self.trading.partition, seq)
                change = changes[strategy, symbol, seq]
                row = operation_rows.adjustment_row(place, change, self._instrument(symbol))
                yield (seq, strategy, symbol), row

    def _daily(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "strategy", "symbol")
        for key, last in sorted(self.trading.operations.cuts.states.items()):
            if filters.get("strategy", key[0]) == key[0] and filters.get("symbol", key[1]) == key[1]:
                yield key, operation_rows.daily_row(last, self._instrument(key[1]))

    def _calendars(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters, "calendar")
        operations = self.trading.operations
        for name in sorted({ALWAYS, *operations.calendars.states}):
            if filters.get("calendar", name) == name:
                calendar, rolled = operations.calendars.states.get(name), operations.rolled.states.get(name)
                yield (name,), operation_rows.calendar_row(name, calendar, rolled)

    def _quarantine(self, filters: dict[str, str], after: Key) -> Keyed:
        _known(filters)
        held_at = sorted((seq, *key) for key, seq in self.trading.quarantine.states.items() if seq)
        for seq, kind, key in held_at:
            place = show_place("trading", self.trading.partition, seq)
            held = self.trading.operations.held.states.get(key, ()) if kind == "order" else ()
            yield (seq,), {"kind": kind, "key": key, "place": place, "held": len(held)}


def _numbered(rows: Iterable[Row]) -> Keyed:
    """Rows of a list that only grows, or that a page holds, by their place in it: before anything is left out."""
    return (((index,), row) for index, row in enumerate(rows))


def _number(after: Key) -> int:
    """Of an order or fill, in the key of a row of them; 0: from the first on. Raises BadQuery."""
    if len(after) > 1 or not isinstance(number := after[0] if after else 0, int):
        raise _bad_cursor(after)
    return number


def _by_scope(rows: Iterable[Row]) -> Keyed:
    """Rows of one for each scope, in the scopes' order: any of them may come or go between two pages."""
    return (((int(Scope[row["scope"]]), row["name"]), row) for row in rows)


def _in_scope(rows: Keyed, filters: dict[str, str]) -> Keyed:
    scope, name = filters.get("scope"), filters.get("name")
    return ((key, row) for key, row in rows if scope in (None, row["scope"]) and name in (None, row["name"]))


def _known(filters: dict[str, str], *names: str) -> None:
    for name in filters:
        if name not in names:
            raise BadQuery(f"filter {name[:50]!r} is not known here; known: {', '.join(names)}")


def _is_above(key: Key, after: Key) -> bool:
    try:
        return key > after
    except TypeError:  # a number beside a text: of another question
        raise _bad_cursor(after) from None


def _bad_cursor(cursor: object) -> BadQuery:
    return BadQuery(f"cursor {str(cursor)[:50]!r} was not given by a page of this question")


def _after(cursor: str) -> Key:
    try:
        return _CURSOR.decode(cursor) if cursor else FIRST
    except (msgspec.MsgspecError, ValueError):
        raise _bad_cursor(cursor) from None


def _page_of(views_: Views, query: Query) -> tuple[list[Row], str]:
    """Its rows, and the cursor of the next page."""
    rows: list[Row] = []
    last = FIRST
    for key, row in views_.keyed(query.what, query.filters, _after(query.cursor)):
        if len(rows) == query.limit:
            return rows, msgspec.json.encode(last).decode()
        rows.append(row)
        last = key
    return rows, ""


def answer_query(query: Query, views_: Views, place: str, market_place: str) -> Page | QueryRefused:
    """The page that answers a query. Over all pages each row that is there all the time is given once, as it is at the
    place of its page."""
    if not 1 <= query.limit <= ROWS_MAX:
        detail = f"limit {query.limit} must be 1 to {ROWS_MAX}"
        return QueryRefused(query.id, int(Code.MALFORMED), detail)
    try:
        rows, cursor = _page_of(views_, query)
    except BadQuery as error:
        return QueryRefused(query.id, int(Code.MALFORMED), str(error))
    return Page(query.id, query.what, rows, place, market_place, cursor)
