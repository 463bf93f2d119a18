"""The open frame encodes its events as they come, and the frame is what one encode of all would be."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.codec import encode_events, join_events
from ledger.domain.events import SourceGapClosed
from ledger.engine.open_frame import ENCODED_EVERY, OpenJournal
from ledger.journal import Head


def events(count: int) -> list[Any]:
    return [SourceGapClosed("gw", 1, number) for number in range(count)]


def ignore(_seq: int, _now: int, _event: Any) -> None:
    pass


STEPS = {SourceGapClosed: ignore}


def open_journal() -> OpenJournal:
    return OpenJournal(
        "trading",
        epoch=1,
        head=Head(0, 0, b"", 0),
        first_seq=1,
        clock=lambda: 7,
        frame_bytes_max=1 << 30,
        one_at_a_time=True,
    )


@pytest.mark.parametrize("counts", [(3,), (15,), (8, 7), (8, 8), (1, 65534), (65535, 1), (0, 2, 16)])
def test_payloads_joined_are_the_payload_of_all(counts: tuple[int, ...]) -> None:
    every = events(sum(counts))
    parts = [encode_events(every[sum(counts[:at]) :][:count]) for at, count in enumerate(counts)]
    assert join_events(parts, list(counts)) == encode_events(every)


@pytest.mark.parametrize("count", [1, ENCODED_EVERY - 1, ENCODED_EVERY, ENCODED_EVERY + 1, 3 * ENCODED_EVERY])
def test_a_frame_filled_turn_by_turn_has_the_payload_of_all_its_events(count: int) -> None:
    journal, every = open_journal(), events(count)
    for at in range(0, count, 3):
        journal.append(every[at : at + 3], STEPS)
    taken = journal.take_frame(0, 0)
    assert taken is not None
    draft, taken_events = taken
    assert (draft.first_seq, draft.count, taken_events) == (1, count, every)
    assert draft.payload == encode_events(every)
    assert journal.take_frame(0, 0) is None


def test_a_frame_that_the_writer_had_no_room_for_is_the_same_when_it_goes_later_with_more() -> None:
    journal, every = open_journal(), events(2 * ENCODED_EVERY)
    journal.append(every[:-1], STEPS)
    taken = journal.take_frame(0, 0)
    assert taken is not None
    journal.untake(taken[1])
    journal.append(every[-1:], STEPS)
    again = journal.take_frame(0, 0)
    assert again is not None
    assert (again[0].first_seq, again[0].payload) == (1, encode_events(every))


def test_each_event_is_folded_once_under_its_number_and_a_step_that_raises_adds_nothing() -> None:
    journal, every = open_journal(), events(3)
    seen: list[tuple[int, int, Any]] = []
    journal.append(every[:2], {SourceGapClosed: lambda *step: seen.append(step)})
    assert seen == [(1, 7, every[0]), (2, 7, every[1])]

    def raising(_seq: int, _now: int, _event: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        journal.append(every[2:], {SourceGapClosed: raising})
    assert (journal.next_seq, journal.events) == (3, every[:2])


def test_what_waits_is_let_out_in_order_so_many_at_a_time_and_never_before_it_is_durable() -> None:
    journal, out = open_journal(), []
    for number, event in enumerate(events(5)):
        journal.append([event], STEPS)
        journal.when_durable(lambda number=number: out.append(number))
    journal.became_durable(Head(1, 4, b"", 7), 1)
    journal.when_durable(lambda: out.append("later"))
    assert (journal.release(3), out) == (True, [0, 1, 2])
    assert (journal.release(3), out) == (False, [0, 1, 2, 3])
    journal.became_durable(Head(1, 5, b"", 7), 1)
    assert (journal.release(), out) == (False, [0, 1, 2, 3, 4, "later"])


def test_a_journal_that_stops_still_answers_what_is_durable_and_nothing_else() -> None:
    journal, out = open_journal(), []
    for number, event in enumerate(events(2)):
        journal.append([event], STEPS)
        journal.when_durable(lambda number=number: out.append(number))
    journal.became_durable(Head(1, 1, b"", 7), 1)
    journal.stop()
    assert (out, journal.next_seq) == ([0], 2)
