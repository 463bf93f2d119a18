"""Every market event says when its message came and through whom, and says it once a batch and frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from desk_partition import DeskPartition
from ledger.cli.journal_events import Chosen, event_rows
from ledger.codec import decode_events, encode_events
from ledger.domain.arrivals import Arrivals, filled
from ledger.domain.enums import OrderAction, Side, TradingPhase
from ledger.domain.events import Marketed, MarketQuoted
from ledger.domain.facts import BookDelta, BookOrder, BookSnapshot, MarketPhase, MarketTrade, Quote
from ledger.engine.partition import Arrival
from running_engine import Running, running

HEAD = ("AAPL", "XNAS")
MAKES = (
    lambda seq: Quote("md", 1, seq, *HEAD, 10_000 + seq, 1, 20_000, 1),
    lambda seq: MarketTrade("md", 1, seq, *HEAD, 10_000 + seq, 1, Side.BUY),
    lambda seq: BookSnapshot("md", 1, seq, *HEAD, seq, ((10_000, 1),), ((20_000, 1),)),
    lambda seq: BookDelta("md", 1, seq, *HEAD, seq, seq, ((10_000, seq),), ()),
    lambda seq: BookOrder("md", 1, seq, *HEAD, seq, OrderAction.ADDED, f"r{seq}", Side.BUY, 10_000, 1),
    lambda seq: MarketPhase("md", 1, seq, *HEAD, TradingPhase.HALTED if seq % 2 else TradingPhase.AUCTION),
    lambda seq: Quote("md", 1, seq, "NOBODY", "XNAS", 1, 1, 2, 1),
)
BATCHES = st.lists(
    st.tuples(
        st.sampled_from(("feed-a", "feed-b")),
        st.lists(st.sampled_from(MAKES), max_size=5),
        st.booleans(),  # whether the frame ends after it
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(BATCHES)
def test_whatever_batches_and_frames_do_each_event_is_given_its_own_arrival(batches: Any) -> None:
    desk = DeskPartition()
    journal, seq, wanted, told = desk.partition.open_market, 0, {}, {}
    taken: list[Any] = []

    def end_frame() -> None:
        arrivals = Arrivals()
        events = decode_events(encode_events(journal.events))
        for event in events:
            arrival = arrivals.of(event)
            if isinstance(event, Marketed):
                told[event.source_seq] = arrival
            else:
                assert arrival is None
        taken.extend(events)
        journal.events = []
        journal._recount()

    for number, (actor, makes, ends) in enumerate(batches, 1):
        desk.tell(Arrival(actor, 1000 * number))
        for make in makes:
            seq += 1
            desk.tell(make(seq))
            wanted[seq] = (1000 * number, actor)
        if ends:
            end_frame()
    end_frame()
    assert told == {of: arrival for of, arrival in wanted.items() if of in told}
    kinds = {event.source_seq for event in taken if isinstance(event, Marketed)}
    assert kinds == told.keys()


async def sent(one: Running, *facts: Any) -> int:
    """Facts of feed-a in one message; when it came."""
    done = trio.Event()
    at = one.clock.now_ns
    one.send("market", facts, lambda _answers: done.set(), actor="feed-a")
    await done.wait()
    return at


async def test_the_journal_s_printers_and_the_stream_say_it(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        quotes = [MAKES[0](seq) for seq in range(1, 41)]
        first = await sent(one, *quotes)
        second = await sent(one, MAKES[0](41))
    rows = [
        row["event"]
        for row in event_rows(tmp_path, Chosen(journal="market", types=frozenset(("MarketQuoted",))))
    ]
    assert len(rows) == 41
    assert {row["actor"] for row in rows} == {"feed-a"}
    assert [row["received_at_ns"] for row in rows] == [first] * 40 + [second]


def test_what_an_old_journal_does_not_say_is_not_made_up() -> None:
    quoted = MarketQuoted(*HEAD, "md", 1, 1, 0, 1, 1, 2, 1)
    arrivals = Arrivals()
    assert filled({}, arrivals.of(quoted)) == {}
    assert filled({}, Arrivals().of(object())) == {}


def test_a_batch_costs_its_arrival_once() -> None:
    desk = DeskPartition()
    journal = desk.partition.open_market
    desk.tell(Arrival("feed-a", 1_763_650_000_000_000_000))
    desk.tell(MAKES[0](1))
    sizes = []
    for seq in range(2, 34):
        desk.tell(MAKES[0](seq))
        sizes.append(len(encode_events(journal.events[-1:])))
    desk.tell(Arrival("feed-a", 1_763_650_000_000_000_009))
    desk.tell(MAKES[0](34))
    lone = len(encode_events(journal.events[-1:]))
    assert lone - sizes[-1] == 8, "a sender that was named in the frame is not named again"
