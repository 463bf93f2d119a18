"""What each venue fact becomes: its number is judged, its order or book found, its events journaled. Never refused.

A fact that cannot be decided (unknown symbol, more digits than the scale, a fill of nothing) is kept whole as
FactSuspended, and decided again when its symbol is defined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from msgspec.structs import replace

from ledger.codec import encode_message
from ledger.domain import fill as fills
from ledger.domain import order
from ledger.domain.anomalies import Anomaly
from ledger.domain.book_decide import BOOK_DECIDERS
from ledger.domain.checksums import CHECKSUMS
from ledger.domain.codes import Code
from ledger.domain.context import Instrument
from ledger.domain.events import (
    EVENTS,
    AnomalyRecorded,
    FactResumed,
    FactSuspended,
    FillBusted,
    FillCorrected,
    Marketed,
    OrderFilled,
    SourceGapOpened,
)
from ledger.domain.facts import (
    MARKET_DATA,
    BookDelta,
    BookSnapshot,
    ReportFill,
    ReportPosition,
    ReportTradeCancel,
    ReportTradeCorrect,
)
from ledger.domain.order import OrderState
from ledger.domain.order_executions import decide_fill
from ledger.domain.order_filled import filled_event
from ledger.domain.order_reports import decide_report
from ledger.domain.outcome import Unfit
from ledger.domain.source import SourceNumber
from ledger.engine.account_positions import decide_account_position
from ledger.engine.fact_records import case_of, recorded, with_number
from ledger.engine.open_frame import LEVEL_BYTES, OpenJournal
from ledger.engine.restating import with_positions
from ledger.engine.resumption import BEHIND, SET_ASIDE, Resumption, not_defined
from ledger.engine.sequencer import Sequencer
from ledger.engine.unnamed import LOOKED_FOR, Unnamed, symbol_of_order
from ledger.fold import OrderKey, redefined
from ledger.wire import FactCommitted, Misfit, Refused, TextMessage

if TYPE_CHECKING:
    from ledger.engine.partition import Partition

_CORRECTIONS: Final = (ReportTradeCancel, ReportTradeCorrect)
_EXECUTIONS: Final = (ReportFill, *_CORRECTIONS)
_EXECUTED: Final = (OrderFilled, FillBusted, FillCorrected)
_RAW_MAX: Final = 65536
"""A fact longer than this is refused as MALFORMED instead of being kept."""
FACT_BYTES_MAX: Final = 2 << 20
"""A larger book would not surely fit into what is left of an open frame."""
LEVELS_MAX: Final = FACT_BYTES_MAX // LEVEL_BYTES
_MARKETED: Final = frozenset(kind for kind in EVENTS if issubclass(kind, Marketed))
_WITH_LEVELS: Final = (BookDelta, BookSnapshot)


@final
class FactTurns:
    """Venue facts of one partition."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self.reports = Sequencer(partition.trading.facts.sources)
        self.markets = Sequencer(partition.market.facts.sources)
        self.resumption = Resumption(partition)
        self.unnamed = Unnamed(partition)
        self.market_needs = 0
        """Trading seq of the newest definition that the market journal copied: durable before the copy is."""
        self._told_by = ""
        """Whom the open market frame has named last."""
        self._copied: dict[str, int] = {}
        """Version of each instrument that the market journal has."""

    def take(self, fact: Any) -> Any:
        """A decoded fact's turn, of whichever kind."""
        return self.market(fact) if type(fact) in MARKET_DATA else self.report(fact)

    # ---- reports -------------------------------------------------------------------------------------------

    def report(self, fact: Any) -> Any:
        """A report's turn: its answer."""
        partition = self._partition
        if partition.read_only:
            return partition.fact_unavailable(fact)
        journal, context = partition.open_trading, partition.context
        context.now_ns = journal.now_ns if journal.events else journal.now()
        context.next_seq = journal.next_seq
        numbered = self.reports.judge(fact)
        if numbered is None:
            if type(fact) not in _EXECUTIONS:
                return partition.fact_committed(fact, journal, repeated=True)
            events = self._decide_again_numbered(fact)
        else:
            events = self.decide_report(fact)
        if numbered or (events and type(events[0]) is AnomalyRecorded):
            events = with_number(fact, events, numbered, context)
        if not events:
            return partition.fact_committed(fact, journal, repeated=True)
        partition.commit_trading(events)
        first = events[0]
        if type(first) is FactSuspended:
            self.queue_behind(journal, events)
        # A hole that is only in doubt is noted beside a fact that says nothing new.
        is_known = type(first) is SourceGapOpened and all([type(it) is SourceGapOpened for it in events])
        return FactCommitted(
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            "trading",
            context.partition,
            journal.next_seq - 1,
            is_known,
        )

    def _decide_again_numbered(self, fact: Any) -> list[Any]:
        """An execution whose number was taken: nothing if it is known; never lost if it is another one."""
        events = self.decide_report(fact)
        if not any(type(event) in _EXECUTED for event in events):
            return []  # the same again, or one that was judged before
        number = f"{fact.source} {fact.source_epoch}:{fact.source_seq}"
        what = f"{number} came again with another execution, {fact.execution_id}"
        seq = self._partition.context.next_seq
        return [*events, recorded(Anomaly.SOURCE_SEQ_CONFLICT, fact.symbol, seq, what)]

    def number(self, number: SourceNumber) -> None:
        """The turn of a number without a fact: a hole before it is journaled."""
        events = None if self._partition.read_only else self.reports.judge(number)
        if events:
            self._partition.commit_trading(events)

    def queue_behind(self, journal: OpenJournal, events: list[Any]) -> None:
        """What a suspended fact waits for, once its events are in the open frame."""
        first = events[0]
        seq = journal.next_seq - len(events)
        if first.reason == BEHIND:
            self.resumption.suspended(journal.name, seq, first)
        elif first.reason == LOOKED_FOR:
            self.unnamed.suspended(seq, first)

    def decide_report(self, fact: Any, *, again: bool = False) -> list[Any]:
        """What a report becomes; its number is not judged. `again`: it was suspended and has its turn now."""
        partition = self._partition
        fold, context = partition.trading, partition.context
        symbol = fact.symbol
        instrument = context.instrument = fold.instruments.get(symbol)
        if instrument is None or type(fact) is ReportPosition:
            return self._decide_orderless(fact, instrument, again=again)
        if not again and symbol in self.resumption.symbols:
            return self._suspend(fact, BEHIND, encode_message(fact))
        key = (symbol, fact.client_order_id)
        state = fold.orders.get(key)
        if state is None:
            key, state = self._find_otherwise(fact, key)
        partition.current = ("order", key)
        if fold.quarantine.states and partition.is_quarantined():
            return self._of_quarantined(fact, state)
        if type(fact) is ReportFill and state is not None:
            terms = state.terms
            found = fills.find_fills(fact, terms.account, fold.fills.get, terms.exchange)
            outcome = decide_fill(state, fact, context, found)
        elif type(fact) in _EXECUTIONS:
            outcome = self._decide_execution(fact, state)
        else:
            outcome = decide_report(state, fact, context)
        if type(outcome) is Unfit:
            return self._suspend(fact, outcome.reason, encode_message(fact))
        events: list[Any] = outcome  # type: ignore[assignment]
        if len(events) <= 1 and type(fact) not in _CORRECTIONS:
            return events
        return with_positions(partition, events)

    def _decide_orderless(self, fact: Any, instrument: Instrument | None, *, again: bool) -> list[Any]:
        """A report about a position; one of an unknown symbol; one without a symbol, as a FIX cancel reject is: of the one
        order that it can mean."""
        if instrument is not None:
            return decide_account_position(self._partition, fact)
        if fact.symbol or type(fact) is ReportPosition:
            return self._suspend(fact, not_defined(fact.symbol), encode_message(fact))
        if self._partition.routing is not None:
            return self._suspend(fact, LOOKED_FOR, encode_message(fact))
        symbol, why = symbol_of_order(self._partition.trading, fact)
        if not symbol:
            return self._suspend(fact, why, encode_message(fact))
        return self.decide_report(replace(fact, symbol=symbol), again=again)

    def _decide_execution(self, fact: Any, state: OrderState | None) -> Any:
        """A bust or correction, or a fill of an order that is not known."""
        fold, context = self._partition.trading, self._partition.context
        if (
            state is None and not fact.account
        ):  # who claims it says whose account it is, for the fill's key too
            fact = replace(fact, account=self._account_of(fact))
        if state is None:
            found = fills.find_fills(fact, fact.account, fold.fills.get)
        else:
            found = fills.find_fills(fact, state.terms.account, fold.fills.get, state.terms.exchange)
        if state is None and found.root is not None and found.root.order:
            state = fold.orders.get((fact.symbol, found.root.order))
        return order.decide(state, fact, context, found)

    def _account_of(self, fact: Any) -> str:
        strategy = self._partition.trading.strategies.get(getattr(fact, "strategy_id", ""))
        return strategy.account if strategy is not None else ""

    def _find_otherwise(self, fact: Any, named: OrderKey) -> tuple[OrderKey, OrderState | None]:
        """The order that a report means, which is not its first id: by any later one, or by the venue's."""
        fold = self._partition.trading
        key = fold.order_of_id.get(named) if named[1] else None
        if key is not None:
            return key, fold.orders.get(key)
        venue_order_id: str = getattr(fact, "venue_order_id", "")
        if not venue_order_id:
            return named, None
        key = fold.order_of_venue_id.get((fact.exchange, venue_order_id))
        if key is None or key[0] != fact.symbol:
            return named, None
        return key, fold.orders.get(key)

    def _of_quarantined(self, fact: Any, state: Any) -> list[Any]:
        """The order's code raised before: its fills still reach the position, everything else waits."""
        if type(fact) is not ReportFill or state is None:
            what = f"order {self._partition.entity[1]} {SET_ASIDE}"
            return self._suspend(fact, what, encode_message(fact))
        terms, context = state.terms, self._partition.context
        key = (fact.exchange, terms.account, fact.symbol, fact.trade_date, fact.execution_id)
        if self._partition.trading.fills.get(key) is not None:
            return []
        return [filled_event(state, fact, context)]

    # ---- market --------------------------------------------------------------------------------------------

    def market(self, fact: Any) -> Any:
        """A market data message's turn: its answer."""
        partition = self._partition
        journal, context = partition.open_market, partition.context
        if partition.read_only:
            return partition.fact_unavailable(fact)
        if type(fact) in _WITH_LEVELS and len(fact.bids) + len(fact.asks) > LEVELS_MAX:
            size = LEVEL_BYTES * (len(fact.bids) + len(fact.asks))
            what = f"{fact.source} {fact.source_seq}: {size} bytes of levels, {FACT_BYTES_MAX} at most; send fewer"
            return Refused(b"", Code.MALFORMED, what)
        numbered = self.markets.judge(fact)
        if numbered is None:
            return partition.fact_committed(fact, journal, repeated=True)
        symbol = fact.symbol
        instrument = partition.trading.instruments.get(symbol)
        if context.told_by or not journal.events:
            self._tell_arrival(journal)
        if instrument is None or symbol in self.resumption.symbols:
            context.next_seq = journal.next_seq
            reason = not_defined(symbol) if instrument is None else BEHIND
            events = self._suspend(fact, reason, encode_message(fact))
        else:
            events = self._decide_market(fact, instrument)
        if numbered or (events and type(events[0]) is AnomalyRecorded):
            events = with_number(fact, events, numbered, context)
        if not events:
            return partition.fact_committed(fact, journal, repeated=True)
        partition.commit_market(events)
        if type(events[0]) is FactSuspended:
            self.queue_behind(journal, events)
        elif context.told_ns:
            self._arrival_told(events[0])
        return FactCommitted(
            fact.source, fact.source_epoch, fact.source_seq, "market", context.partition, journal.next_seq - 1
        )

    def _tell_arrival(self, journal: OpenJournal) -> None:
        """Have the next market event say what no event before it in its frame has said of its arrival."""
        context = self._partition.context
        if not journal.events:
            context.told_ns, context.told_by, self._told_by = context.received_at_ns, context.actor, ""
        elif context.told_by == self._told_by:
            context.told_by = ""

    def _arrival_told(self, event: Any) -> None:
        if type(event) in _MARKETED:
            context = self._partition.context
            self._told_by = context.told_by or self._told_by
            context.told_ns, context.told_by = 0, ""

    def _decide_market(self, fact: Any, instrument: Instrument, before: int = 0) -> list[Any]:
        """What a market fact becomes behind `before` other events; its instrument is in the market journal before it."""
        partition, context = self._partition, self._partition.context
        journal = partition.open_market
        context.now_ns = journal.now_ns if journal.events else journal.now()
        if self._copied.get(instrument.symbol) != instrument.version:
            self._copy(instrument)
        context.instrument = instrument
        context.next_seq = journal.next_seq + before
        key = (fact.exchange, fact.symbol)
        partition.current = ("book", key)
        if partition.trading.quarantine.states and partition.is_quarantined():
            return self._suspend(fact, f"book {partition.entity[1]} {SET_ASIDE}", encode_message(fact))
        return BOOK_DECIDERS[type(fact)](partition.market.books.get(key), fact, context, CHECKSUMS)

    def _copy(self, instrument: Instrument) -> None:
        """Have the instrument, as it is now, in the market journal before what is measured in its units."""
        partition = self._partition
        known = partition.market.instruments.get(instrument.symbol)
        if known is None or redefined(known) != redefined(instrument):
            partition.commit_market([redefined(instrument)])
            # Its own input, as far as atomicity goes: it stands whatever becomes of the fact that needed it.
            partition.market.entities.install()
            self.market_needs = max(self.market_needs, instrument.version)
        self._copied[instrument.symbol] = instrument.version

    # ---- facts that do not fit -----------------------------------------------------------------------------

    def misfit(self, message: TextMessage, misfit: Misfit) -> Any:
        """A fact as text that does not fit its instrument: kept whole. One that says no number is refused."""
        text = message.text
        if not misfit.readable:
            return Refused(b"", Code.MALFORMED, f"{text.source} {text.source_seq}: {misfit.detail}")
        if self._partition.trading.instruments.get(text.symbol) is None:
            return self.undefined(message)
        return self._keep(message, misfit.detail)

    def undefined(self, message: TextMessage) -> Any:
        """A fact as text whose symbol is not known, so neither is what its numbers mean: kept whole."""
        text = message.text
        if not text.symbol and message.kind not in MARKET_DATA:
            return self._keep(message, self.unnamed.reason(text))
        return self._keep(message, not_defined(text.symbol))

    def _keep(self, message: TextMessage, reason: str) -> Any:
        partition, text = self._partition, message.text
        if len(message.raw) > _RAW_MAX:
            what = f"{len(message.raw)} bytes in one fact that does not fit; {_RAW_MAX} at most"
            return Refused(b"", Code.MALFORMED, what)
        if partition.read_only:
            return partition.fact_unavailable(text)
        is_market = message.kind in MARKET_DATA
        sequencer, journal = (
            (self.markets, partition.open_market) if is_market else (self.reports, partition.open_trading)
        )
        partition.context.next_seq = journal.next_seq
        numbered = sequencer.judge(text)
        if numbered is None:
            return partition.fact_committed(text, journal, repeated=True)
        events = [*self._suspend(text, reason, message.raw), *numbered]
        if is_market:
            partition.commit_market(events)
        else:
            partition.commit_trading(events)
            self.queue_behind(journal, events)
        return partition.fact_committed(text, journal, repeated=False)

    def _suspend(self, fact: Any, reason: str, raw: bytes) -> list[Any]:
        context = self._partition.context
        suspended = FactSuspended(
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.symbol,
            reason,
            raw,
            context.received_at_ns,
            context.actor,
        )
        if reason in (BEHIND, LOOKED_FOR):
            return [suspended]  # nothing is wrong with it: its turn comes
        name = type(fact).__name__.removesuffix("Text")
        return [suspended, case_of(suspended, name, context.next_seq)]

    def suspended_again(self, event: Any, symbol: str, source: str, reason: str) -> list[Any]:
        """What was kept once is kept again, for another reason; a case unless its turn comes. `context.next_seq` is set."""
        number = (source, event.source_epoch, event.source_seq)
        kept = FactSuspended(*number, symbol, reason, event.raw, event.received_at_ns, event.actor)
        if reason == BEHIND:
            return [kept]
        return [kept, case_of(kept, "report", self._partition.context.next_seq)]

    def decide_again(self, fact: Any, ref_seq: int) -> None:
        """A suspended fact whose symbol is defined gets its turn; what it becomes follows its FactResumed."""
        partition = self._partition
        context, resumed = partition.context, FactResumed(ref_seq)
        if type(fact) in MARKET_DATA:
            instrument = partition.trading.instruments.get(fact.symbol)
            assert instrument is not None
            partition.commit_market([resumed, *self._decide_market(fact, instrument, 1)])
        else:
            context.now_ns = partition.open_trading.now()
            context.next_seq = partition.open_trading.next_seq + 1
            partition.commit_trading([resumed, *self.decide_report(fact, again=True)])
