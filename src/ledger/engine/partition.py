"""One partition: inputs in arrival order, each a turn; decided, folded, appended to the open frame, answered when durable.

The turn of a command: its id is looked up (the first answer again, if there was one), its entity's `decide` is asked,
the events are given their seqs, the fold stages the new state of everything that they concern, they join the open
frame. The dispatcher installs the staged states when the behaviour returns; if it raises, nothing of the turn exists.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, Final, final

from msgspec import Struct

import actors
from ledger.codec import encode_message
from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.codes import JOURNALED_FROM, Code
from ledger.domain.commands import COMMANDS
from ledger.domain.context import Context, OrderRules, Rejection
from ledger.domain.events import (
    AnomalyRecorded,
    CommandRejected,
    EngineFault,
    EntityQuarantined,
    InstrumentDefined,
    OrderSubmitted,
)
from ledger.domain.facts import MARKET_DATA, ORDER_REPORTS
from ledger.domain.outcome import Repeated
from ledger.domain.timers import TimeRules
from ledger.engine.commands import CommandTurns
from ledger.engine.facts import FactTurns
from ledger.engine.open_frame import OpenJournal
from ledger.engine.operator_turns import FOLLOWED, OperatorTurns
from ledger.engine.queries import Views, answer_query
from ledger.engine.repeats import id_fault, same_content
from ledger.engine.timers import TimerDue, TimerTurns
from ledger.fold import MarketFold, Outcome, TradingFold
from ledger.wire import (
    Committed,
    FactCommitted,
    Malformed,
    Misfit,
    Query,
    Refused,
    Rejected,
    TextMessage,
    Unavailable,
    read,
    show_place,
)

NO_SCALES: Final = (0, 0)


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
        self.current: tuple[str, str] = ("control", "")
        """Kind and key of the entity whose turn runs: who is quarantined if it raises."""
        self.context = Context(now_ns=0, partition=trading.partition, rules=limits.rules)
        self.views = views
        self.operator = OperatorTurns(self)
        self.timers = TimerTurns(self, limits.times, self.operator)
        self._commands = CommandTurns(self)
        self._facts = FactTurns(self)

    def behaviours(self) -> dict[type, actors.Behaviour]:
        """The behaviour for each type of input, for the dispatcher."""
        table: dict[type, actors.Behaviour] = {
            Arrival: self._arrive,
            Malformed: self._malformed,
            TextMessage: self._text,
            Query: self._query,
            TimerDue: self.timers.turn,
        }
        table.update(dict.fromkeys(COMMANDS, self.command))
        table.update(dict.fromkeys(ORDER_REPORTS, self._facts.report))
        table.update(dict.fromkeys(MARKET_DATA, self._facts.market))
        return table

    # ---- what every input passes ---------------------------------------------------------------------------

    def _arrive(self, arrival: Arrival) -> None:
        context = self.context
        context.actor = arrival.actor
        context.received_at_ns = arrival.received_at_ns

    def _malformed(self, message: Malformed) -> Any:
        if message.source:
            return Refused(b"", message.code, f"{message.source} {message.source_seq}: {message.detail}")
        return Refused(message.command_id, message.code, message.detail)

    def _text(self, message: TextMessage) -> Any:
        kind, text = message.kind, message.text
        instrument = self.trading.instruments.get(text.symbol) if hasattr(text, "symbol") else None
        scales = (instrument.price_scale, instrument.qty_scale) if instrument is not None else NO_SCALES
        is_command = kind in COMMANDS
        try:
            parsed = read(kind, text, scales)
        except Misfit as misfit:
            if is_command:
                return self.misfit(message, misfit, known_symbol=instrument is not None)
            return self._facts.misfit(message, misfit, known_symbol=instrument is not None)
        return self.command(parsed) if is_command else self._facts.take(parsed)

    def _query(self, query: Query) -> Any:
        number = self.trading.partition
        place = show_place("trading", number, self.open_trading.next_seq - 1)
        market_place = show_place("market", number, self.open_market.next_seq - 1)
        return answer_query(query, self.views, place, market_place)

    # ---- commands ------------------------------------------------------------------------------------------

    def command(self, command: Any) -> Any:
        """A command's turn: its answer."""
        command_id = command.command_id
        known = self.trading.outcomes.get(command_id)
        if known is not None:
            return self._repeat(known, command, None)
        if self.read_only:
            return self._unwritable(command_id)
        context = self.context
        now = context.now_ns = self.open_trading.now()
        fault = id_fault(command_id, now, self.limits.idempotence_window_ns, self.limits.clock_step_max_ns)
        if fault is not None:
            return Refused(command_id, *fault)
        context.next_seq = self.open_trading.next_seq
        outcome = self._commands.decide(command)
        if type(outcome) is Rejection:
            return self._reject(command_id, outcome, lambda: encode_message(command))
        seq = context.next_seq
        if type(outcome) is Repeated:  # the same under another command_id: its first answer (FIX F.1.b)
            return Committed(command_id, context.partition, outcome.seq, outcome.order_id, repeated=True)
        events = list(outcome)
        self.commit_trading(events)
        if type(events[0]) is InstrumentDefined:
            self._facts.resume(events[0].symbol)
        elif type(events[0]) in FOLLOWED:
            self.operator.follow(events[0])
        order_id = context.id_of(0) if type(events[0]) is OrderSubmitted else self._commands.order_id
        return Committed(command_id, context.partition, seq, order_id)

    def misfit(self, message: TextMessage, misfit: Misfit, *, known_symbol: bool) -> Any:
        """A command whose text does not fit: UNKNOWN_SYMBOL comes first, then what the text itself broke."""
        try:
            command_id = uuid.UUID(message.text.command_id).bytes
        except ValueError:
            return Refused(b"", Code.MALFORMED, f"command_id {message.text.command_id!r} is not a UUID")
        known = self.trading.outcomes.get(command_id)
        if known is not None:
            return self._repeat(known, None, message)
        if misfit.code < JOURNALED_FROM:
            return Refused(command_id, misfit.code, misfit.detail)
        if self.read_only:
            return self._unwritable(command_id)
        now = self.context.now_ns = self.open_trading.now()
        fault = id_fault(command_id, now, self.limits.idempotence_window_ns, self.limits.clock_step_max_ns)
        if fault is not None:
            return Refused(command_id, *fault)
        rejection = Rejection(misfit.code, misfit.detail)
        if not known_symbol and hasattr(message.text, "symbol"):
            rejection = Rejection(
                Code.UNKNOWN_SYMBOL, f"symbol {message.text.symbol} is not defined; define it first"
            )
        return self._reject(command_id, rejection, lambda: message.raw)

    def _reject(self, command_id: bytes, rejection: Rejection, raw: Callable[[], bytes]) -> Any:
        code = rejection.code
        if code < JOURNALED_FROM:
            return Refused(command_id, code, rejection.detail)
        context, seq = self.context, self.open_trading.next_seq
        event = CommandRejected(
            command_id, int(code), rejection.detail, raw(), context.actor, context.received_at_ns
        )
        self.commit_trading([event])
        return Rejected(command_id, context.partition, seq, int(code), rejection.detail)

    def _repeat(self, known: Outcome, command: Any, text: TextMessage | None) -> Any:
        event, partition = known.event, self.trading.partition
        command_id = event.command_id
        if not same_content(event, command, text):
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

    def is_quarantined(self) -> bool:
        """Whether the entity whose turn runs was set aside after a fault."""
        quarantine = self.trading.quarantine
        return bool(quarantine.states) and bool(quarantine.get(self.current))

    def decide_report(self, fact: Any) -> list[Any]:
        """What a report becomes when an operator makes it in the venue's place, within the operator's own turn."""
        return self._facts.decide_report(fact)

    def decide_suspended_again(self, symbol: str) -> None:
        """An entity of the symbol was released: what was suspended for it is decided again."""
        self._facts.resume(symbol)

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

    def commit_trading(self, events: list[Any]) -> None:
        """Number the events, stage what they change, add them to the open frame."""
        journal, fold = self.open_trading, self.trading
        journal.now()
        seq, now = journal.next_seq, journal.now_ns
        for event in events:
            fold.apply(seq, now, event)
            seq += 1
        journal.append(events)

    def commit_market(self, events: list[Any]) -> None:
        """The same in the market journal."""
        journal, fold = self.open_market, self.market
        journal.now()
        seq, now = journal.next_seq, journal.now_ns
        for event in events:
            fold.apply(seq, now, event)
            seq += 1
        journal.append(events)

    def fault(self, message: object, error: Exception) -> Any:
        """A turn raised: nothing of it was installed. Journal the fault and set the entity aside."""
        if self.read_only:
            return None
        self.trading.changed_positions = [
            item for item in self.trading.changed_positions if item[0] < self.open_trading.next_seq
        ]
        kind, key = self.current
        raw = message.raw if isinstance(message, TextMessage) else encode_message(message)  # type: ignore[arg-type]
        command_id: bytes = getattr(message, "command_id", b"")
        context = self.context
        seq = self.open_trading.next_seq
        what = f"{type(error).__name__}: {error}"[:500]
        fault = EngineFault(kind, key, what, raw, command_id, context.actor, context.received_at_ns)
        anomaly = AnomalyRecorded(
            Anomaly.ENGINE_FAULT, SEVERITY[Anomaly.ENGINE_FAULT], ref_seq=seq, detail=f"{kind} {key}: {what}"
        )
        self.commit_trading([fault, EntityQuarantined(kind, key, seq), anomaly])
        if command_id:
            return Rejected(command_id, context.partition, seq, int(Code.ENGINE_FAULT), what)
        if hasattr(message, "source_seq"):
            return self.fact_committed(message, self.open_trading, repeated=False)
        return Refused(b"", Code.MALFORMED, what)


def wall_clock() -> int:
    """Nanoseconds since the epoch, from the system's clock."""
    return time.time_ns()
