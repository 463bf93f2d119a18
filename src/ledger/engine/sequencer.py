"""Which facts are new: each sender numbers its facts, and a number that was taken is not taken again.

The durable place of a source stands in its state; what came since the last start and changed nothing (a fact that
says what is known is not journaled) is remembered here only. So the first number of a source after a start may lie
above the journaled one without a gap being judged; if one from between comes after it, its content decides.
"""

from __future__ import annotations

from typing import Any, final

import actors
from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.events import AnomalyRecorded, SourceGapClosed, SourceGapOpened
from ledger.domain.source import SourceState, is_missing


@final
class _Between:
    """Numbers below the first contact after a start, of which nobody knows whether the last run took them."""

    __slots__ = ("_epoch", "_from", "_taken", "_to")

    def __init__(self, epoch: int, from_seq: int, to_seq: int) -> None:
        self._epoch = epoch
        self._from = from_seq
        self._to = to_seq
        self._taken: set[int] = set()

    def takes(self, epoch: int, seq: int) -> bool:
        """Whether this number is one of them and comes for the first time in this run."""
        if epoch != self._epoch or not self._from <= seq <= self._to or seq in self._taken:
            return False
        self._taken.add(seq)
        return True


@final
class Sequencer:
    """The run and highest number of every source that has spoken since the start."""

    def __init__(self, states: actors.Store[str, SourceState]) -> None:
        self._states = states
        self._high: dict[str, tuple[int, int]] = {}
        self._between: dict[str, _Between] = {}
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
            self._between.pop(source, None)
            if high is not None and seq > 1:
                return _gap(source, epoch, 1, seq - 1)
            self._between[source] = _Between(epoch, 1, seq - 1)
            return []
        if epoch < high[0]:
            return []  # a run that was thought over: decided by its content
        if seq > high[1]:
            self._high[source] = (epoch, seq)
            if first_contact:
                self._between[source] = _Between(epoch, high[1] + 1, seq - 1)
            return [] if first_contact or seq == high[1] + 1 else _gap(source, epoch, high[1] + 1, seq - 1)
        self._high[source] = high
        if state is not None and state[0] == epoch and is_missing(state, seq):
            return [SourceGapClosed(source, epoch, seq)]
        between = self._between.get(source)
        if between is not None and between.takes(epoch, seq):
            return []
        self.repeated += 1
        return None


def _gap(source: str, epoch: int, from_seq: int, to_seq: int) -> list[Any]:
    detail = f"{source} run {epoch}: {from_seq} to {to_seq} did not come; have the source send them again"
    return [
        SourceGapOpened(source, epoch, from_seq, to_seq),
        AnomalyRecorded(Anomaly.SOURCE_GAP, SEVERITY[Anomaly.SOURCE_GAP], detail=detail),
    ]
