"""The turns of the back office and of operators: which state each decision sees, and what follows once it is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from msgspec import Struct

from ledger.domain import adjustments, calendars, cases, sessions, trading_day
from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.codes import Code
from ledger.domain.context import Rejection
from ledger.domain.enums import ConflictResolution
from ledger.domain.events import AnomalyRecorded, EngineStarted
from ledger.domain.mark_policy import valuation_of
from ledger.domain.operator_commands import (
    AdjustPosition,
    CloseCase,
    CloseSession,
    ConfirmRecovery,
    DefineCalendar,
    OpenSession,
    ReleaseEntity,
    ResolveExecConflict,
    ResumePartition,
    RollTradingDay,
    SetSettlementPrice,
    TouchSession,
    TransferPosition,
)
from ledger.domain.operator_events import (
    CaseClosed,
    ClockSampled,
    EntityReleased,
    RecoveryConfirmed,
    TradingDayRolled,
)
from ledger.domain.outcome import Repeated
from ledger.fold import CLOCK, mark_caps

if TYPE_CHECKING:
    from ledger.engine.partition import Partition

Decided = Sequence[Any] | Rejection | Repeated
Decide = Callable[[Any], Decided]
REQUIRE_CONFIRMATION: Final = "recovery.require_confirmation"
FOLLOWED: Final = frozenset((CaseClosed, EntityReleased, RecoveryConfirmed))
"""First events after which more is to be done in the same turn."""
_S: Final = 10**9


@final
class ClockSet(Struct, frozen=True, array_like=True, gc=False):
    """An input of the engine to itself: its clock was found to be set by `step_ns`, to `clock_ns`."""

    step_ns: int
    clock_ns: int


@final
class OperatorTurns:
    """Commands of the back office and of operators of one partition."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self.awaits_confirmation = False
        """Whether new orders may have to wait for an operator; set by `started`."""
        self.heard: dict[str, int] = {}
        """When each session was last heard of since this start, recorded_at_ns; for its timers, never for a decision."""
        self._spoken: set[str] = set()
        self.set_back_ns = 0
        """How far the clock was set back since this start: so far ahead of recorded times may the ids of others be."""
        self._step: ClockSet | None = None
        """Seen and not yet journaled."""

    def table(self) -> dict[type, Decide]:
        """What decides each command."""
        return {
            AdjustPosition: self._adjust,
            TransferPosition: self._transfer,
            SetSettlementPrice: self._settle,
            RollTradingDay: self._roll,
            DefineCalendar: self._define_calendar,
            OpenSession: self._open_session,
            TouchSession: self._touch_session,
            CloseSession: self._close_session,
            CloseCase: self._close_case,
            ReleaseEntity: self._release,
            ResolveExecConflict: self._resolve,
            ConfirmRecovery: self._confirm,
            ResumePartition: self._resume,
        }

    def started(self) -> None:
        """The EngineStarted of this start is applied."""
        self.awaits_confirmation = self.refusal_until_confirmed() is not None

    def clock_stepped(self, step: ClockSet) -> None:
        """The clock was set: from now on new orders wait, also those of the turn that read it."""
        self._step = step
        self.set_back_ns = max(0, self.set_back_ns - step.step_ns)
        self.awaits_confirmation = True

    def journal_step(self, step: ClockSet) -> None:
        """The turn that makes a step of the clock part of the journal."""
        if self._partition.read_only:
            return
        self._partition.commit_trading(events_of_step(step))
        self._step = None

    # ---- what orders ask -----------------------------------------------------------------------------------

    def refusal_of_session(self, session_id: str) -> Rejection | None:
        """SESSION_CLOSED for an order that names a session which is not open; a good one has been heard of."""
        state = self._partition.trading.operations.sessions.get(session_id)
        if not sessions.is_open(state):
            return sessions.not_open(session_id, state)
        self.hear(session_id)
        return None

    def hear(self, session_id: str) -> None:
        """A message named the session: it lives."""
        self.heard[session_id] = self._partition.context.now_ns
        if self._partition.trading.partition:
            self._spoken.add(session_id)

    def take_spoken(self) -> list[str]:
        """The sessions that orders and cancels named here since the last call: what partition 0, which keeps them, is told."""
        spoken, self._spoken = sorted(self._spoken), set()
        return spoken

    def refusal_until_confirmed(self) -> Rejection | None:
        """JOURNAL_READ_ONLY while an operator is to confirm what a start recovered, or the time after a step of the clock."""
        return self._refusal_of_clock() or self._refusal_of_start()

    def _refusal_of_clock(self) -> Rejection | None:
        confirmed = self._partition.trading.operations.confirmed
        step_ns, seq = confirmed.get(CLOCK) or (0, 0)
        if self._step is not None:
            step_ns = self._step.step_ns
        elif not seq or seq < (confirmed.get("") or (0, 0))[1]:
            return None
        return Rejection(
            Code.JOURNAL_READ_ONLY,
            f'{said_of_step(step_ns)}: set it right, then `ledger confirm --reason "..."`',
        )

    def _refusal_of_start(self) -> Rejection | None:
        fold = self._partition.trading
        started = fold.started
        if started is None or not _asks(started):
            return None
        confirmed = fold.operations.confirmed.get("") or (0, 0)
        if confirmed[0] >= started.epoch:
            return None
        detail = (
            f"start {started.epoch} waits for an operator: compare `ledger show orders --open` with the venues, then"
            ' `ledger confirm --reason "..."`'
        )
        return Rejection(Code.JOURNAL_READ_ONLY, detail)

    # ---- positions -----------------------------------------------------------------------------------------

    def _adjust(self, command: AdjustPosition) -> Decided:
        partition, fold = self._partition, self._partition.trading
        place = (command.strategy_id, command.symbol)
        partition.current = ("position", "/".join(place))
        context = partition.context
        context.instrument = fold.instruments.get(command.symbol)
        context.strategy = fold.strategies.get(command.strategy_id)
        position = fold.positions.get(place)
        held = (0, 0) if position is None else (position.qty, position.cost)
        return adjustments.decide_adjustment(held, command, context)

    def _transfer(self, command: TransferPosition) -> Decided:
        partition, fold = self._partition, self._partition.trading
        partition.current = ("position", f"{command.from_strategy}/{command.symbol}")
        partition.context.instrument = fold.instruments.get(command.symbol)
        position = fold.positions.get((command.from_strategy, command.symbol))
        strategies = (fold.strategies.get(command.from_strategy), fold.strategies.get(command.to_strategy))
        held = 0 if position is None else position.qty
        return adjustments.decide_transfer(held, command, partition.context, strategies)

    # ---- days ----------------------------------------------------------------------------------------------

    def _settle(self, command: SetSettlementPrice) -> Decided:
        partition, fold = self._partition, self._partition.trading
        partition.current = ("control", f"settlement/{command.symbol}")
        instrument = partition.context.instrument = fold.instruments.get(command.symbol)
        rolled = fold.operations.rolled.get(instrument.calendar) if instrument is not None else None
        state = fold.operations.settlements.get(command.symbol)
        return trading_day.decide_settlement(state, rolled, command, partition.context)

    def _roll(self, command: RollTradingDay) -> Decided:
        partition, context = self._partition, self._partition.context
        operations = partition.trading.operations
        partition.current = ("control", f"calendar/{command.calendar}")
        known, calendar = operations.calendar_of(command.calendar)
        if not known:
            detail = f"calendar {command.calendar} is not defined: send DefineCalendar first"
            return Rejection(Code.MALFORMED, detail)
        refusal = trading_day.fault_of_roll(
            calendar, operations.rolled.get(command.calendar), command, context
        )
        if refusal is not None:
            return refusal
        return [
            TradingDayRolled(
                command.calendar,
                command.trade_date,
                self.cuts(command),
                partition.open_market.head_seq,
                command.command_id,
                context.actor,
                context.received_at_ns,
                command.on_behalf_of,
            )
        ]

    def cuts(self, command: RollTradingDay) -> tuple[Any, ...]:
        """Where each position of the calendar stands at the end of the day, as the books and prices here say."""
        fold, market = self._partition.trading, self._partition.market
        operations, caps = fold.operations, mark_caps(fold)

        def cut(place: tuple[str, str], position: Any) -> Any:
            instrument = fold.instruments.states[place[1]]
            if instrument.calendar != command.calendar:
                return None
            book = market.books.states.get((instrument.exchange, instrument.symbol))
            settlement = operations.settlements.get(instrument.symbol)
            found = valuation_of(book, settlement, caps)
            price = None if found is None else (found.twice_px, found.came_from)
            used = trading_day.mark_of(command.trade_date, settlement, price)
            return trading_day.cut_of(position, operations.cuts.get(place), used)

        return trading_day.sorted_cuts(cut(*item) for item in fold.positions.states.items())

    def _define_calendar(self, command: DefineCalendar) -> Decided:
        partition = self._partition
        partition.current = ("control", f"calendar/{command.calendar}")
        state = partition.trading.operations.calendars.get(command.calendar)
        return calendars.decide_calendar(state, command, partition.context)

    # ---- sessions ------------------------------------------------------------------------------------------

    def _session(self, session_id: str) -> Any:
        partition = self._partition
        partition.current = ("control", f"session/{session_id}")
        self.heard[session_id] = partition.context.now_ns
        return partition.trading.operations.sessions.get(session_id)

    def _open_session(self, command: OpenSession) -> Decided:
        return sessions.decide_open(self._session(command.session_id), command, self._partition.context)

    def _touch_session(self, command: TouchSession) -> Decided:
        return sessions.decide_touch(self._session(command.session_id), command, self._partition.context)

    def _close_session(self, command: CloseSession) -> Decided:
        return sessions.decide_close(self._session(command.session_id), command, self._partition.context)

    # ---- operators -----------------------------------------------------------------------------------------

    def _close_case(self, command: CloseCase) -> Decided:
        partition = self._partition
        partition.current = ("control", f"case/{command.journal}:{command.seq}")
        facts = partition.market.facts if command.journal == "market" else partition.trading.facts
        closed = facts.closed.get(command.seq)
        seq, event = closed if closed is not None else (0, None)
        if closed is not None and command.journal == "market":
            # The market journal's seq would mean nothing in the answer, which names a place in trading.
            seq = self._seq_of_market_case(command.seq)
        return cases.decide_close(facts.cases.get(command.seq), event, seq, command, partition.context)

    def _seq_of_market_case(self, seq: int) -> int:
        for known in self._partition.trading.outcomes.states.values():
            if type(known.event) is CaseClosed and (known.event.journal, known.event.seq) == ("market", seq):
                return known.seq
        return 0

    def _release(self, command: ReleaseEntity) -> Decided:
        partition = self._partition
        partition.current = ("control", f"quarantine/{command.kind}/{command.key}")
        seq = partition.trading.quarantine.get((command.kind, command.key)) or 0
        return cases.decide_release(seq, command, partition.context)

    def _resolve(self, command: ResolveExecConflict) -> Decided:
        partition, context = self._partition, self._partition.context
        fold = partition.trading
        partition.current = ("control", f"case/trading:{command.case_seq}")
        context.instrument = fold.instruments.get(command.symbol)
        if context.instrument is None:
            detail = f"symbol {command.symbol} is not defined: send DefineInstrument first"
            return Rejection(Code.UNKNOWN_SYMBOL, detail)
        is_open = fold.facts.is_open_case(command.case_seq)
        case = fold.facts.cases.get(command.case_seq) if is_open else None
        key = (command.exchange, command.account, command.symbol, command.trade_date, command.execution_id)
        fill = fold.fills.get(key)
        decided = cases.decide_conflict(case, fill, command, context)
        if isinstance(decided, Rejection) or command.resolution is not ConflictResolution.CORRECT:
            return decided
        assert fill is not None
        context.next_seq += 1  # the events of the correction stand behind the resolution
        corrected = partition.decide_report(cases.correction_of(command, fill, context))
        context.next_seq -= 1
        return [decided[0], *corrected, *decided[1:]]

    def _confirm(self, command: ConfirmRecovery) -> Decided:
        partition = self._partition
        partition.current = ("control", "recovery")
        operations, started = partition.trading.operations, partition.trading.started
        epoch = started.epoch if started is not None else 0
        confirmed = operations.confirmed.get("") or (0, 0)
        stepped_seq = (operations.confirmed.get(CLOCK) or (0, 0))[1]
        return cases.decide_confirm(epoch, confirmed, stepped_seq, command, partition.context)

    def _resume(self, command: ResumePartition) -> Decided:
        partition = self._partition
        partition.current = ("control", "resumption")
        operations, started = partition.trading.operations, partition.trading.started
        epoch = started.epoch if started is not None else 0
        resumed = operations.resumed.get("") or (0, 0)
        return cases.decide_resume(partition.space_low, epoch, resumed, command, partition.context)

    # ---- what follows --------------------------------------------------------------------------------------

    def follow(self, event: CaseClosed | EntityReleased | RecoveryConfirmed) -> None:
        """The event is part of the open frame: do the rest of its turn."""
        partition = self._partition
        if type(event) is RecoveryConfirmed:
            self.started()
            return
        if type(event) is CaseClosed:
            if event.journal == "market":
                partition.commit_market([event])
            return
        assert type(event) is EntityReleased
        symbol = _symbol_of(event.kind, event.key)
        if symbol:
            partition.decide_suspended_again(symbol)


def _symbol_of(kind: str, key: str) -> str:
    """The symbol whose suspended facts an entity's release concerns; "" for none."""
    if kind == "order":
        return key.partition("/")[0]
    return key.rpartition("/")[2] if kind in ("book", "position") else ""


def events_of_step(step: ClockSet) -> list[Any]:
    """What is journaled of a step of the clock."""
    kind = Anomaly.CLOCK_STEP
    return [
        ClockSampled(step.step_ns, step.clock_ns),
        AnomalyRecorded(kind.value, SEVERITY[kind], detail=said_of_step(step.step_ns)),
    ]


def said_of_step(step_ns: int) -> str:
    """The step of a clock in words."""
    where = "forward" if step_ns > 0 else "back"
    return f"the clock of the machine was set {where} by {abs(step_ns) / _S:,.1f} s"


def _asks(started: EngineStarted) -> bool:
    """A first start has recovered nothing that could be confirmed."""
    return started.epoch > 1 and bool(started.settings.get(REQUIRE_CONFIRMATION, False))
