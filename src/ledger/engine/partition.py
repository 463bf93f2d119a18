"""One partition: inputs in arrival order, each a turn; decided, folded, appended to the open frame, answered when durable.

The turn of a command: its id is looked up (the first answer again, if there was one), its entity's `decide` is asked,
the events are given their seqs, the fold puts the new state of everything that they concern, they join the open
frame. If the behaviour raises, the dispatcher undoes what was put: nothing of the turn exists.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, final

from msgspec import Struct
from msgspec.structs import replace

import actors
from ledger.codec import encode_message
from ledger.domain.codes import JOURNALED_FROM, Code
from ledger.domain.commands import COMMANDS, SubmitOrder
from ledger.domain.context import PARTITION_SHIFT, Context, Instrument, OrderRules, Rejection
from ledger.domain.control_events import MassCancelRequested
from ledger.domain.events import (
    CancelRequested,
    CommandRejected,
    EngineFault,
    InstrumentDefined,
    OrderSubmitted,
)
from ledger.domain.facts import MARKET_DATA, ORDER_REPORTS, REPORTS
from ledger.domain.outcome import Repeated
from ledger.domain.source import SourceNumber
from ledger.domain.timers import TimeRules
from ledger.engine.commands import CommandTurns
from ledger.engine.control_turns import ControlTurns, MassCancelChunk
from ledger.engine.facts import FactTurns
from ledger.engine.fault import answer_fault
from ledger.engine.following import ControlCopies, ControlSeen
from ledger.engine.open_frame import OpenJournal
from ledger.engine.operator_turns import FOLLOWED, ClockSet, OperatorTurns
from ledger.engine.queries import Views, answer_query
from ledger.engine.refusals import command_id_of
from ledger.engine.repeats import id_fault, same_content
from ledger.engine.routing import Routing
from ledger.engine.timers import TimerDue, TimerTurns
from ledger.engine.unnamed import FactFound, symbol_of_order
from ledger.fold import MarketFold, Outcome, TradingFold
from ledger.wire import (
    Committed,
    FactCommitted,
    Malformed,
    Misfit,
    Query,
    QueryRefused,
    Refused,
    Rejected,
    TextMessage,
    Unavailable,
    read,
    show_place,
)

NO_SCALES: Final = (0, 0)
RETRY_MS: Final = 1000
"""When a sender may try again that found the index behind."""


@final
class Arrival(Struct, frozen=True, gc=False):
    """The first message of every batch: who sent it, and when it came."""

    actor: str
    received_at_ns: int


@final
class Limits(Struct, frozen=True):
    """The settings that a partition's turns need."""

    idempotence_window_ns: int
    clock_step_max_ns: int
    rules: OrderRules
    times: TimeRules = TimeRules()
    crossed_max_ns: int = 10**9


@final
class Partition:
    """The turns of one partition. Everything here is synchronous and belongs to the trio thread."""

    def __init__(
        self,
        trading: TradingFold,
        market: MarketFold,
        open_trading: OpenJournal,
        open_market: OpenJournal,
        limits: Limits,
        views: Views,
    ) -> None:
        self.trading = trading
        self.market = market
        self.open_trading = open_trading
        self.open_market = open_market
        self.limits = limits
        self.read_only = ""
        """Why nothing more is taken; "" while all is well."""
        self.space_low = ""
        """Why no new orders are taken; "" while the disk has room."""
        self.index_behind = ""
        """Why no new orders are taken for now: memory would grow; "" while the index follows."""
        self.restricted = ""
        """Why nothing that adds risk is taken; "" while what partition 0 has decided is known."""
        self.routing: Routing | None = None
        """Given by the engine before `behaviours` where there are several partitions."""
        self.forgotten_before_ns = 0
        """Command ids from before this may have been answered and forgotten: an unknown one is refused."""
        self.unreadable = ""
        """Why not even queries can be answered; "" while they can."""
        self.batch_read_only = False
        """Whether nothing was taken any more when the batch that runs began."""
        self.current: tuple[str, str | tuple[str, str]] = ("control", "")
        """Kind and key of the entity whose turn runs; see `entity`. A key in two parts stays so: nobody asks nearly ever."""
        self.context = Context(
            now_ns=0, partition=trading.partition, rules=limits.rules, crossed_max_ns=limits.crossed_max_ns
        )
        self.views = views
        self.posted: list[Any] = []
        """Inputs of the engine to itself; its owner queues them behind those that wait."""
        self.control = ControlTurns(self)
        self.operator = OperatorTurns(self)
        self.timers = TimerTurns(self, limits.times, self.operator)
        self._commands = CommandTurns(self)
        self.facts = FactTurns(self)

    def behaviours(self) -> dict[type, actors.Behaviour]:
        """The behaviour for each type of input, for the dispatcher."""
        table: dict[type, actors.Behaviour] = {
            Arrival: self._arrive,
            Malformed: self._malformed,
            TextMessage: self._text,
            Query: self._query,
            TimerDue: self.timers.turn,
            ClockSet: self.operator.journal_step,
            SourceNumber: self.facts.number,
        }
        table.update(dict.fromkeys(COMMANDS, self.command))
        table.update(dict.fromkeys(REPORTS, self.facts.report))
        table.update(dict.fromkeys(MARKET_DATA, self.facts.market))
        if self.routing is not None:
            taken = (TextMessage, *COMMANDS, *REPORTS, *MARKET_DATA)
            table.update({kind: self._routed(table[kind], self.routing) for kind in taken})
            table[ControlSeen] = ControlCopies(self).turn
            table[FactFound] = self.facts.unnamed.found
        table[MassCancelChunk] = self.control.chunk
        return table

    def _routed(self, behaviour: actors.Behaviour, routing: Routing) -> actors.Behaviour:
        """The same for what is for this partition."""

        def routed(item: Any) -> Any:
            refusal = routing.refusal(item, self.restricted)
            return behaviour(item) if refusal is None else refusal

        return routed

    # ---- what every input passes ---------------------------------------------------------------------------

    def _arrive(self, arrival: Arrival) -> None:
        context = self.context
        context.actor = arrival.actor
        context.received_at_ns = arrival.received_at_ns
        context.told_ns, context.told_by = arrival.received_at_ns, arrival.actor
        self.batch_read_only = bool(self.read_only)

    def _malformed(self, message: Malformed) -> Any:
        if message.source:
            return Refused(b"", message.code, f"{message.source} {message.source_seq}: {message.detail}")
        return Refused(message.command_id, message.code, message.detail)

    def _text(self, message: TextMessage) -> Any:
        kind, text = message.kind, message.text
        self.current = ("input", kind.__name__)
        if kind in ORDER_REPORTS and not text.symbol and self.routing is None:
            symbol, _ = symbol_of_order(self.trading, text)
            text = replace(text, symbol=symbol)
        instrument = self._instrument_of(text)
        scales = (instrument.price_scale, instrument.qty_scale) if instrument is not None else NO_SCALES
        is_command = kind in COMMANDS
        try:
            parsed = read(kind, text, scales)
        except Misfit as misfit:
            return self.misfit(message, misfit) if is_command else self.facts.misfit(message, misfit)
        if is_command:
            return self.command(parsed, message)
        if instrument is None:  # what its numbers mean is not known yet
            return self.facts.undefined(message)
        return self.facts.take(parsed)

    def _instrument_of(self, text: Any) -> Instrument | None:
        return self.trading.instruments.get(text.symbol) if hasattr(text, "symbol") else None

    def _query(self, query: Query) -> Any:
        if self.unreadable:
            return QueryRefused(query.id, int(Code.JOURNAL_READ_ONLY), self.unreadable)
        number = self.trading.partition
        place = show_place("trading", number, self.open_trading.next_seq - 1)
        market_place = show_place("market", number, self.open_market.next_seq - 1)
        return answer_query(query, self.views, place, market_place)

    # ---- commands ------------------------------------------------------------------------------------------

    def command(self, command: Any, text: TextMessage | None = None) -> Any:
        """A command's turn: its answer. `text` is the form in which it came, if that was JSON."""
        command_id = command.command_id
        known = self.trading.outcomes.get(command_id)
        if known is not None:
            return self._repeat(known, command, text)
        if self.read_only:
            return self._unwritable(command_id)
        if (self.space_low or self.index_behind) and type(command) is SubmitOrder:
            return self._no_room(command_id)
        context, commands, journal = self.context, self._commands, self.open_trading
        now = context.now_ns = journal.now_ns if journal.events else journal.now()
        fault = self._id_fault(command_id, now)
        if fault is not None:
            return Refused(command_id, *fault)
        seq = context.next_seq = journal.next_seq
        commands.order_id = 0
        outcome = commands.deciders[type(command)](command)
        if type(outcome) is Rejection:
            return self._reject(command_id, outcome, partial(self._whole, command, text))
        if type(outcome) is Repeated:  # the same under another command_id: its first answer (FIX F.1.b)
            return Committed(command_id, context.partition, outcome.seq, outcome.order_id, repeated=True)
        self.commit_trading(outcome)
        order_id = commands.order_id
        first = outcome[0]
        if type(first) is OrderSubmitted:
            order_id = context.partition << PARTITION_SHIFT | seq
        elif type(first) is not CancelRequested:
            self._follow(outcome, seq)
        return Committed(command_id, context.partition, seq, order_id)

    def _follow(self, events: Sequence[Any], seq: int) -> None:
        """What a command's events set going beside the states."""
        first = events[0]
        if type(first) is InstrumentDefined:
            self.facts.resumption.defined(first.symbol)
        elif type(events[-1]) is MassCancelRequested:
            self.control.begun(seq + len(events) - 1)
        elif type(first) in FOLLOWED:
            self.operator.follow(first)

    def _id_fault(self, command_id: bytes, now: int) -> tuple[Code, str] | None:
        limits = self.limits
        ahead_ns = limits.clock_step_max_ns + self.operator.set_back_ns
        # A window that was made longer does not bring back what was forgotten by a shorter one.
        window_ns = min(limits.idempotence_window_ns, now - self.forgotten_before_ns)
        return id_fault(command_id, now, window_ns, ahead_ns)

    def _whole(self, command: Any, text: TextMessage | None) -> bytes:
        """A refused command for the record: as its text where the scales that its numbers need are not known."""
        if text is not None and self._instrument_of(text.text) is None:
            return text.raw
        return encode_message(command)

    def misfit(self, message: TextMessage, misfit: Misfit) -> Any:
        """A command whose text does not fit: UNKNOWN_SYMBOL comes first, then what the text itself broke."""
        command_id = command_id_of(message.text)
        if not command_id:
            return Refused(b"", Code.MALFORMED, f"command_id {message.text.command_id!r} is not a UUID")
        known = self.trading.outcomes.get(command_id)
        if known is not None:
            return self._repeat(known, None, message)
        if misfit.code < JOURNALED_FROM:
            return Refused(command_id, misfit.code, misfit.detail)
        if self.read_only:
            return self._unwritable(command_id)
        now = self.context.now_ns = self.open_trading.now()
        fault = self._id_fault(command_id, now)
        if fault is not None:
            return Refused(command_id, *fault)
        rejection = Rejection(misfit.code, misfit.detail)
        if hasattr(message.text, "symbol") and self._instrument_of(message.text) is None:
            rejection = Rejection(
                Code.UNKNOWN_SYMBOL, f"symbol {message.text.symbol} is not defined; define it first"
            )
        return self._reject(command_id, rejection, lambda: message.raw)

    def _reject(self, command_id: bytes, rejection: Rejection, raw: Callable[[], bytes]) -> Any:
        code = rejection.code
        if code < JOURNALED_FROM:
            return Refused(command_id, code, rejection.detail, rejection.retry_after_ms)
        context, seq = self.context, self.open_trading.next_seq
        event = CommandRejected(
            command_id, int(code), rejection.detail, raw(), context.actor, context.received_at_ns
        )
        self.commit_trading([event])
        return Rejected(command_id, context.partition, seq, int(code), rejection.detail)

    def _repeat(self, known: Outcome, command: Any, text: TextMessage | None) -> Any:
        event, partition = known.event, self.trading.partition
        command_id = event.command_id
        about = self._instrument_of(command if text is None else text.text)
        scales = NO_SCALES if about is None else (about.price_scale, about.qty_scale)
        if not same_content(event, command, text, scales):
            detail = (
                "this command_id was used for a command with other content; use a new id for a new command"
            )
            return Rejected(command_id, partition, known.seq, int(Code.COMMAND_ID_CONFLICT), detail)
        if type(event) is CommandRejected:
            return Rejected(command_id, partition, known.seq, event.code, event.detail, repeated=True)
        if type(event) is EngineFault:
            return Rejected(
                command_id, partition, known.seq, int(Code.ENGINE_FAULT), event.error, repeated=True
            )
        return Committed(command_id, partition, known.seq, self._commands.order_id_of(known), repeated=True)

    def _unwritable(self, command_id: bytes) -> Refused:
        return Refused(command_id, Code.JOURNAL_READ_ONLY, self.read_only)

    def _no_room(self, command_id: bytes) -> Refused:
        if self.space_low:
            return Refused(command_id, Code.JOURNAL_READ_ONLY, self.space_low)
        return Refused(command_id, Code.OVERLOADED, self.index_behind, RETRY_MS)

    @property
    def entity(self) -> tuple[str, str]:
        """Kind and key of the entity whose turn runs, as they are journaled: who is quarantined if it raises."""
        kind, key = self.current
        return kind, key if isinstance(key, str) else "/".join(key)

    def why_no_orders(self) -> str:
        """Why a new order would be refused, whatever it says; "" while none would."""
        waits = self.operator.refusal_until_confirmed()
        return (
            self.read_only
            or self.space_low
            or (waits.detail if waits is not None else "")
            or self.restricted
            or self.index_behind
        )

    def is_quarantined(self) -> bool:
        """Whether the entity whose turn runs was set aside after a fault."""
        quarantine = self.trading.quarantine
        return bool(quarantine.states) and bool(quarantine.get(self.entity))

    def decide_report(self, fact: Any) -> list[Any]:
        """What a report becomes when an operator makes it in the venue's place, within the operator's own turn."""
        return self.facts.decide_report(fact)

    def decide_suspended_again(self, symbol: str) -> None:
        """An entity of the symbol was released: what was suspended for it is decided again."""
        self.facts.resumption.released(symbol)

    # ---- facts' answers ------------------------------------------------------------------------------------

    def fact_committed(self, fact: Any, journal: OpenJournal, *, repeated: bool) -> FactCommitted:
        """The answer for a fact that is part of the state, at the journal's present head."""
        return FactCommitted(
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            journal.name,
            self.trading.partition,
            journal.next_seq - 1,
            repeated,
        )

    def fact_unavailable(self, fact: Any) -> Unavailable:
        """The answer while nothing can be written."""
        return Unavailable(fact.source, fact.source_epoch, fact.source_seq, 1000, self.read_only)

    # ---- events --------------------------------------------------------------------------------------------

    def commit_trading(self, events: Sequence[Any]) -> None:
        """Number the events, put what they change, add them to the open frame."""
        self.open_trading.append(events, self.trading.steps)

    def commit_market(self, events: Sequence[Any]) -> None:
        """The same in the market journal."""
        self.open_market.append(events, self.market.steps)

    def forget_turn(self) -> None:
        """Drop what the folds keep beside their entities of events that were never journaled."""
        self.trading.forget_from(self.open_trading.next_seq)
        self.market.forget_from(self.open_market.next_seq)

    def fault(self, message: object, error: Exception) -> Any:
        """A turn raised and nothing of it stands: the answer; the fault is journaled."""
        if type(message) is MassCancelChunk and not self.read_only and self.control.narrowed(message):
            return None
        return answer_fault(self, message, error)


def wall_clock() -> int:
    """Nanoseconds since the epoch, from the system's clock."""
    return time.time_ns()
