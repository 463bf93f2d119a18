"""The demo's proof: that it sees what is lost and what is doubled, and counts only what was acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uuid_utils

from journals import START_NS
from ledger.codec import encode_events
from ledger.domain.commands import DefineStrategy
from ledger.domain.enums import Liquidity, Severity, Side
from ledger.domain.events import AnomalyRecorded, OrderFilled, StrategyDefined
from ledger.domain.facts import ReportFill
from ledger.journal import FrameDraft, LmdbCommit, chain_frame, create_or_open
from ledger.testing import Found, Recorder, look_up
from ledger.testing.proof import sign_of
from ledger.wire import Committed, FactCommitted, Refused, Rejected, Unavailable

ONE, TWO, THREE = (uuid_utils.uuid7().bytes for _ in range(3))


def defined(command_id: bytes, name: str) -> StrategyDefined:
    return StrategyDefined(name, "A1", command_id, "local", 0)


def filled(source_seq: int) -> OrderFilled:
    head = ("AAPL", "c1", "S1", "NASDAQ", "gw", 1, source_seq, 0, 0, "local")
    terms = (1, "c1", "A1", Side.BUY, f"x{source_seq}", "2026-11-20", 5, 100, 0, "", Liquidity.MAKER)
    return OrderFilled(*head, *terms)


def journal_of(directory: Path, *events: Any) -> Path:
    """A journal that holds exactly these events, one frame each."""
    data = create_or_open(directory, partitions=1, command="test")
    commit = LmdbCommit(data.journal("trading", 0), segment_bytes_max=1 << 26)
    head = commit.open()
    for event in events:
        draft = FrameDraft(1, head.seq + 1, 1, START_NS + head.seq, encode_events([event]))
        frame = chain_frame(head.chain_hash, draft)
        commit.commit([frame])
        head = frame.head
    commit.close()
    data.close({("trading", 0): commit.head})
    return directory


def test_what_stands_once_is_neither_lost_nor_doubled(tmp_path: Path) -> None:
    data = journal_of(tmp_path / "data", defined(ONE, "S1"), filled(1), filled(2))
    assert look_up(data, {ONE, ("gw", 1, 1), ("gw", 1, 2)}) == Found(0, 0)


def test_what_is_not_in_the_journal_is_lost(tmp_path: Path) -> None:
    data = journal_of(tmp_path / "data", defined(ONE, "S1"), filled(1))
    assert look_up(data, {ONE, TWO, ("gw", 1, 1), ("gw", 1, 2), ("gw", 2, 1)}) == Found(3, 0)


def test_what_stands_twice_is_doubled(tmp_path: Path) -> None:
    data = journal_of(tmp_path / "data", defined(ONE, "S1"), defined(ONE, "S1"), filled(1), filled(1))
    assert look_up(data, {ONE, ("gw", 1, 1)}) == Found(0, 2)


def test_what_was_never_acknowledged_may_be_there_or_not(tmp_path: Path) -> None:
    data = journal_of(tmp_path / "data", defined(ONE, "S1"), defined(TWO, "S2"), defined(TWO, "S2"))
    assert look_up(data, {ONE}) == Found(0, 0)


def test_events_beside_an_input_are_not_taken_for_it() -> None:
    assert sign_of(AnomalyRecorded("FILL_BEFORE_ACK", Severity.INFO)) is None


class Answering:
    """A door that gives the answers it was made with."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers

    async def send_commands(self, _commands: Sequence[Any]) -> list[Any]:
        return self.answers

    async def send_facts(self, _facts: Sequence[Any]) -> list[Any]:
        return self.answers

    async def rows(self, what: str, **_filters: str) -> list[dict[str, Any]]:
        return [{"what": what}]


async def test_only_durable_answers_count_as_acknowledged() -> None:
    answers = [Committed(ONE, 0, 1), Rejected(TWO, 0, 2, 12, ""), Refused(THREE, 6, "busy", 50)]
    counts: list[int] = []
    recorder = Recorder(Answering(answers), counts.append)
    await recorder.send_commands([DefineStrategy(each, "S", "A") for each in (ONE, TWO, THREE)])
    assert recorder.acknowledged == {ONE, TWO}
    assert (counts, recorder.under_way) == ([2], 0)


async def test_an_unavailable_fact_is_not_acknowledged() -> None:
    facts = [
        ReportFill("gw", 1, seq, "AAPL", "NASDAQ", "c1", f"x{seq}", "2026-11-20", Side.BUY, 5, 100)
        for seq in (1, 2)
    ]
    answers = [FactCommitted("gw", 1, 1, "trading", 0, 9), Unavailable("gw", 1, 2)]
    recorder = Recorder(Answering(answers))
    assert await recorder.send_facts(facts) == answers
    assert recorder.acknowledged == {("gw", 1, 1)}
