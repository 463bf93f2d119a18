"""What both folds keep of the senders of facts, of the facts that did not fit, and of what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import actors
from ledger.domain import source as sources
from ledger.domain.enums import Severity
from ledger.domain.events import (
    AnomalyRecorded,
    FactResumed,
    FactSuspended,
    SourceGapClosed,
    SourceGapOpened,
)
from ledger.domain.operator_events import CaseClosed
from ledger.domain.partition_events import FactAssigned
from ledger.domain.source import SourceState

ANOMALIES_KEPT: Final = 1000
Apply = Callable[[int, int, Any], None]


class SourceFacts:
    """Sources, suspended facts, anomalies and open cases of one journal."""

    def __init__(self, entities: actors.Entities, prefix: str) -> None:
        store = entities.store
        self.sources: actors.Store[str, SourceState] = store(f"{prefix}source")
        self.suspended: actors.Store[int, FactSuspended | bool] = store(f"{prefix}suspended")
        """By the seq of the FactSuspended; False once it was decided again."""
        self.cases: actors.Store[int, AnomalyRecorded] = store(f"{prefix}case")
        """Critical anomalies by seq: open until an operator closes them."""
        self.closed: actors.Store[int, tuple[int, CaseClosed]] = store(f"{prefix}case-closed")
        """Those that an operator closed, by the seq of the case: (seq of the CaseClosed, it)."""
        self._journal = "market" if prefix else "trading"
        self.anomalies: list[tuple[int, AnomalyRecorded]] = []
        """The newest anomalies of every severity, `ANOMALIES_KEPT` at most."""
        self.counts: dict[str, int] = {"anomalies": 0, "lost": 0}

    def waiting(self, symbol: str) -> list[tuple[int, FactSuspended]]:
        """The suspended facts that name this symbol, by seq."""
        return [
            (seq, event)
            for seq, event in self.suspended.states.items()
            if isinstance(event, FactSuspended) and event.symbol == symbol
        ]

    def forget_from(self, seq: int) -> None:
        """Drop anomalies of events that were never journaled: those from `seq` on."""
        while self.anomalies and self.anomalies[-1][0] >= seq:
            self.anomalies.pop()
            self.counts["anomalies"] -= 1

    def table(self) -> dict[type, Apply]:
        return {
            AnomalyRecorded: self._anomaly_recorded,
            FactSuspended: self._fact_suspended,
            FactResumed: self._fact_resumed,
            FactAssigned: self._fact_resumed,
            SourceGapOpened: self._source_gap_opened,
            SourceGapClosed: self._source_gap_closed,
            CaseClosed: self.case_closed,
        }

    def is_open_case(self, seq: int) -> bool:
        """Whether a critical anomaly of this seq waits for an operator."""
        return self.cases.get(seq) is not None and self.closed.get(seq) is None

    def cases_open(self) -> int:
        """How many wait for an operator."""
        return len(self.cases) - len(self.closed)

    def case_closed(self, seq: int, _now: int, event: CaseClosed) -> None:
        """A case of this journal is closed; one of the other journal is only told of here."""
        if event.journal == self._journal:
            self.closed.put(event.seq, (seq, event))

    def advance(self, event: Any) -> None:
        """The source has come as far as the number of this event."""
        source, store = event.source, self.sources
        state = store.states.get(source)
        number = event.source_seq
        if (
            state is not None and state[0] == event.source_epoch
        ):  # so nearly always: `advanced` without the call
            if number > state[1]:
                store.put(source, (state[0], number, state[2]))
            return
        after = sources.advanced(state, event.source_epoch, number)
        if after is not state:
            store.put(source, after)

    def _anomaly_recorded(self, seq: int, _now: int, event: AnomalyRecorded) -> None:
        if event.source:
            self.advance(event)
        self.counts["anomalies"] += 1
        self.anomalies.append((seq, event))
        if len(self.anomalies) > 2 * ANOMALIES_KEPT:
            del self.anomalies[:-ANOMALIES_KEPT]
        if event.severity is Severity.CRITICAL:
            self.cases.put(seq, event)

    def _fact_suspended(self, seq: int, _now: int, event: FactSuspended) -> None:
        self.suspended.put(seq, event)
        self.advance(event)

    def _fact_resumed(self, _seq: int, _now: int, event: FactResumed | FactAssigned) -> None:
        self.suspended.put(event.ref_seq, False)

    def _source_gap_opened(self, _seq: int, _now: int, event: SourceGapOpened) -> None:
        state = self.sources.get(event.source)
        self.sources.put(
            event.source, sources.opened(state, event.source_epoch, event.from_seq, event.to_seq)
        )

    def _source_gap_closed(self, _seq: int, _now: int, event: SourceGapClosed) -> None:
        state = sources.closed(self.sources.get(event.source), event.source_epoch, event.source_seq)
        if state is not None:
            self.sources.put(event.source, state)
