"""Which facts are new: each sender numbers its facts, and a number that was taken is not taken again.

The durable place of a source stands in its state; what came since the last start and changed nothing (a fact that
says what is known is not journaled) is remembered here only. So the first number of a source after a start may lie
above the journaled one, and nobody knows whether those between were taken. They are journaled as a gap, so that no
later start takes them for seen, but not as an anomaly; if one of them comes, its content decides.
"""

from __future__ import annotations

from typing import Any, final

import actors
from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.events import AnomalyRecorded, SourceGapClosed, SourceGapOpened
from ledger.domain.source import SourceState, is_missing


@final
class Sequencer:
    """The run and highest number of every source that has spoken since the start."""

    def __init__(self, states: actors.Store[str, SourceState]) -> None:
        self._states = states
        self._high: dict[str, tuple[int, int]] = {}
        self.repeated = 0
        """Facts that came again."""

    def judge(self, fact: Any) -> list[Any] | None:
        """None: the number was taken before. Otherwise new, with the events that its number alone causes."""
        source, epoch, seq = fact.source, fact.source_epoch, fact.source_seq
        high = self._high.get(source)
        if high is not None and high[0] == epoch and seq == high[1] + 1:
            self._high[source] = (epoch, seq)
            return []
        return self._judge_rarer(source, epoch, seq, high)

    def _judge_rarer(
        self, source: str, epoch: int, seq: int, high: tuple[int, int] | None
    ) -> list[Any] | None:
        state = self._states.get(source)
        first_contact = high is None
        if high is None:
            high = (state[0], state[1]) if state is not None else None
        if high is None or epoch > high[0]:
            self._high[source] = (epoch, seq)
            if high is not None:
                return _gap(source, epoch, 1, seq - 1)
            return _in_doubt(source, epoch, 1, seq - 1)
        if epoch < high[0]:
            return []  # a run that was thought over: decided by its content
        if seq > high[1]:
            self._high[source] = (epoch, seq)
            return (_in_doubt if first_contact else _gap)(source, epoch, high[1] + 1, seq - 1)
        # A number that was sent again says nothing of those above the journaled one: the first contact is still to come.
        if state is not None and state[0] == epoch and is_missing(state, seq):
            return [SourceGapClosed(source, epoch, seq)]
        self.repeated += 1
        return None


def _in_doubt(source: str, epoch: int, from_seq: int, to_seq: int) -> list[Any]:
    """Numbers below the first contact after a start: taken without a record, or never seen."""
    return [SourceGapOpened(source, epoch, from_seq, to_seq)] if from_seq <= to_seq else []


def _gap(source: str, epoch: int, from_seq: int, to_seq: int) -> list[Any]:
    if from_seq > to_seq:
        return []
    detail = f"{source} run {epoch}: {from_seq} to {to_seq} did not come; have the source send them again"
    return [
        SourceGapOpened(source, epoch, from_seq, to_seq),
        AnomalyRecorded(Anomaly.SOURCE_GAP, SEVERITY[Anomaly.SOURCE_GAP], detail=detail),
    ]
