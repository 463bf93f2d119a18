"""What a partition's fold knows of the others: how many control facts there are, and which it has from partition 0.

Partition 0 decides and counts (control_version); the others copy its facts and note up to where they have them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

import actors
from ledger.domain.control_events import (
    KillSwitchEngaged,
    KillSwitchReleased,
    MassCancelRequested,
    RiskLimitSet,
    TradingStateSet,
)
from ledger.domain.events import InstrumentDefined, StrategyDefined
from ledger.domain.operator_events import (
    CalendarDefined,
    SessionClosed,
    SessionOpened,
    SessionTouched,
    TradingDayRolled,
)
from ledger.domain.partition_events import ControlTaken, FactAssigned

Apply = Callable[[int, int, Any], None]
PASSED_ON: Final = (KillSwitchEngaged, KillSwitchReleased, MassCancelRequested)
"""What any partition takes by itself, and tells partition 0."""
CONTROL_FACTS: Final = frozenset(
    (
        InstrumentDefined,
        StrategyDefined,
        RiskLimitSet,
        TradingStateSet,
        CalendarDefined,
        SessionOpened,
        SessionTouched,
        SessionClosed,
        TradingDayRolled,
        FactAssigned,
        *PASSED_ON,
    )
)
"""What partition 0 decides for all, or for the one that it concerns."""


@final
class PartitionsFold:
    """The place of one partition among the others."""

    def __init__(self, entities: actors.Entities, partition: int) -> None:
        self._partition = partition
        self.taken: actors.Store[int, tuple[int, int]] = entities.store("control-taken")
        """0 -> (seq in partition 0's journal, control_version there), once something was taken; empty in partition 0."""
        # What follows is found again from the journal, so it stands outside the digest.
        self.counted: actors.Store[int, int] = entities.store("control-counted")
        self.unpassed: actors.Store[bytes, int] = entities.store("control-unpassed")
        """Kill switches and mass cancels taken here, by command_id, with their seq; 0 once partition 0 has them."""

    def stores(self) -> tuple[actors.Store[Any, Any], ...]:
        """All that is kept here, for snapshots."""
        return self.taken, self.counted, self.unpassed

    @property
    def control_version(self) -> int:
        """How many control facts partition 0 had decided, as far as this partition has them."""
        if self._partition:
            return self.taken.states.get(0, (0, 0))[1]
        return self.counted.states.get(0, 0)

    def control_taken(self, _seq: int, _now: int, event: ControlTaken) -> None:
        """The control facts up to there are part of this journal."""
        self.taken.put(0, (event.seq, event.version))
        for command_id in event.known:
            self.unpassed.put(command_id, 0)

    def watching(self, kind: type, apply: Apply) -> Apply:
        """The same, counted where it is decided; elsewhere what is to be passed on is kept in mind."""
        if self._partition == 0 and kind in CONTROL_FACTS:

            def counting(seq: int, now: int, event: Any) -> None:
                apply(seq, now, event)
                self.counted.put(0, (self.counted.get(0) or 0) + 1)

            return counting
        if self._partition and kind in PASSED_ON:

            def noted(seq: int, now: int, event: Any) -> None:
                apply(seq, now, event)
                if event.command_id:
                    self.unpassed.put(event.command_id, seq)

            return noted
        return apply
