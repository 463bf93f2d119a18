"""The stream door: events "from place P", out of the journal as far as it is settled, then out of memory, live.

A reader asks for a page and is answered when there is something for it, or when its patience ends; it asks again when
it is ready. So a slow reader costs nothing but the journal's disk, and what one gets joins without gap or repeat: a
page ends at a place, and the next begins there. Only durable events are shown. A named consumer stores its offset
with `acknowledge` and begins there when it names no place. `outward` is the stream of a venue's gateway.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, final

import trio
from msgspec import Struct

from ledger.codec import decode_events
from ledger.domain.arrivals import Arrivals, filled
from ledger.domain.codes import Code
from ledger.domain.context import Instrument
from ledger.egress.consumers import Consumers
from ledger.egress.selection import Selection, selection_of
from ledger.errors import Corrupt, Rejected, Unavailable
from ledger.journal import JournalReader
from ledger.journal import Refused as JournalRefused
from ledger.wire import Answer, Malformed, Page, Query, QueryRefused, Refused, parse_place, show, show_place

MEMORY_EVENTS: Final = 65_536
"""Newest durable events kept in memory; older ones are read from the journal."""
SCANNED_MAX: Final = 20_000
"""Events looked at for one page, so that a rare filter answers now and then and a reader can be stopped."""
ROWS_MAX: Final = 10_000
WAIT_MAX_MS: Final = 30_000
READERS_MAX: Final = 1024
"""Questions that wait at once; more are told to come again."""
POLL_S: Final = 0.02
_NO_SCALES: Final = (0, 0)
_FrameInMemory = tuple[int, int, Sequence[Any]]
"""(first seq, recorded_at_ns, events)."""
Reply = Callable[[list[Answer]], None]


@final
class StreamStatistics(Struct, frozen=True):
    """What the stream door did since the start."""

    pages: int
    rows: int
    from_journal: int
    """Events read from disk; the others came from memory."""
    waiting: int


@final
class Stream:
    """Answers the stream door of one partition. Belongs to the trio thread; disk is read in a worker thread."""

    def __init__(
        self,
        data: Path,
        lineage: str,
        partition: int,
        durable_seq: Callable[[], int],
        instruments: Callable[[], Mapping[str, Instrument]],
        *,
        memory_events: int = MEMORY_EVENTS,
    ) -> None:
        self._data = data
        self._partition = partition
        self._durable_seq = durable_seq
        self._instruments = instruments
        self._consumers = Consumers(data, lineage, partition)
        self._memory: deque[_FrameInMemory] = deque()
        self._memory_events = memory_events
        self._kept = 0
        self._changed = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._disk = trio.CapacityLimiter(1)
        self._readers: dict[str, JournalReader] = {}
        self._reading = threading.Lock()
        self._pages = self._rows = self._from_journal = self._waiting = 0

    def took(self, first_seq: int, recorded_at_ns: int, events: Sequence[Any]) -> None:
        """A trading frame became durable."""
        self._memory.append((first_seq, recorded_at_ns, events))
        self._kept += len(events)
        while self._kept > self._memory_events and len(self._memory) > 1:
            self._kept -= len(self._memory.popleft()[2])
        self._changed.set()
        self._changed = trio.Event()

    def run_now(self) -> None:
        """Nothing waits here for a turn."""

    def submit_nowait(
        self, door: str, inputs: list[Any], *, actor: str, received_at_ns: int, reply: Reply
    ) -> None:
        """Take one message's questions; `reply` is called once, when all of them are answered."""
        if self._nursery is None or self._waiting >= READERS_MAX:
            detail = f"{READERS_MAX} readers wait already; ask again"
            reply([_refused(item, Code.OVERLOADED, detail) for item in inputs])
            return
        self._nursery.start_soon(self._answer_all, inputs, reply)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None
            with self._reading:
                for reader in self._readers.values():
                    reader.close()

    def statistics(self) -> StreamStatistics:
        """Counts; a frozen picture."""
        return StreamStatistics(self._pages, self._rows, self._from_journal, self._waiting)

    # ---- questions -----------------------------------------------------------------------------------------

    async def _answer_all(self, inputs: list[Any], reply: Reply) -> None:
        self._waiting += 1
        try:
            reply([await self._answer(item) for item in inputs])
        finally:
            self._waiting -= 1

    async def _answer(self, item: Any) -> Answer:
        if type(item) is not Query:
            detail = item.detail if type(item) is Malformed else "the stream door takes queries"
            return _refused(item, Code.MALFORMED, detail)
        answers = {
            "events": self._events,
            "outward": self._events,
            "acknowledge": self._acknowledge,
            "consumers": self._list_consumers,
        }
        if item.what not in answers:
            return _refused(
                item, Code.MALFORMED, f"the stream door knows {', '.join(answers)}; not {item.what!r}"
            )
        try:
            return await answers[item.what](item)
        except (Rejected, JournalRefused, ValueError) as error:
            return _refused(item, Code.MALFORMED, str(error))
        except (Unavailable, Corrupt) as error:
            return _refused(item, Code.JOURNAL_READ_ONLY, str(error))

    async def _acknowledge(self, query: Query) -> Page:
        name, place = query.filters.get("consumer", ""), query.filters.get("place", "")
        journal, partition, seq = parse_place(place)
        if partition != self._partition or (journal == "trading" and seq > self._durable_seq()):
            raise Rejected(
                f"{place} is not in this journal, which ends at {self._place(self._durable_seq())}"
            )
        found = await self._in_thread(lambda: self._consumers.acknowledge(name, place))
        return self._page(query, [{"consumer": found.name, "place": found.place}], "")

    async def _list_consumers(self, query: Query) -> Page:
        found = await self._in_thread(self._consumers.all)
        rows = [
            {"consumer": each.name, "place": each.place, "acknowledged_at_ns": each.acknowledged_at_ns}
            for each in found
        ]
        return self._page(query, rows, "")

    async def _events(self, query: Query) -> Page:
        selection = selection_of(query)
        seq = await self._first_seq(query, selection.journal)
        limit = max(1, min(query.limit, ROWS_MAX))
        with trio.move_on_after(min(selection.wait_ms, WAIT_MAX_MS) / 1000):
            while True:
                changed = self._changed
                rows, next_seq = await self._read(selection, seq, limit)
                if rows or next_seq - seq >= SCANNED_MAX:
                    return self._page(query, rows, show_place(selection.journal, self._partition, next_seq))
                seq = next_seq
                if selection.journal == "trading" and seq > self._durable_seq():
                    await changed.wait()
                else:  # settled a moment later, or the market journal
                    await trio.sleep(POLL_S)
        return self._page(query, [], show_place(selection.journal, self._partition, seq))

    async def _first_seq(self, query: Query, journal: str) -> int:
        place = query.cursor or query.filters.get("from", "")
        if not place:
            name = query.filters.get("consumer", "")
            if not name:
                return 1
            found = await self._in_thread(lambda: self._consumers.get(name))
            if found is None or not found.place:
                return 1
            return parse_place(found.place)[2] + 1
        named, partition, seq = parse_place(place)
        if (named, partition) != (journal, self._partition):
            raise Rejected(f"{place} is not of {journal}/{self._partition}", "ask the door of its partition")
        if journal == "trading" and seq > self._durable_seq() + 1:
            raise Rejected(
                f"{place} is ahead of the journal, which ends at {self._place(self._durable_seq())}",
                "it is of another ledger, or the journal has lost its end",
            )
        return max(1, seq)

    # ---- reading -------------------------------------------------------------------------------------------

    async def _read(self, selection: Selection, seq: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Rows from `seq` on, and where to go on; at most `limit` rows and SCANNED_MAX events."""
        in_memory = selection.journal == "trading" and self._memory and seq >= self._memory[0][0]
        if in_memory:
            await trio.lowlevel.checkpoint()
            found = self._select(selection, self._frames_in_memory(seq), seq, limit)
        else:
            found = await self._in_thread(lambda: self._read_journal(selection, seq, limit))
        self._rows += len(found[0])
        return found

    def _frames_in_memory(self, seq: int) -> list[_FrameInMemory]:
        found: list[_FrameInMemory] = []
        for frame in reversed(self._memory):
            if frame[0] + len(frame[2]) <= seq:
                break
            found.append(frame)
        found.reverse()
        return found

    def _read_journal(self, selection: Selection, seq: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        with self._reading:
            reader = self._readers.get(selection.journal)
            if reader is None:
                reader = JournalReader(self._data, selection.journal, self._partition, wal=False)
                self._readers[selection.journal] = reader
            frames: list[_FrameInMemory] = []
            count = 0
            for frame in reader.frames(seq):
                frames.append((frame.first_seq, frame.recorded_at_ns, decode_events(frame.payload)))
                count += frame.count
                if count >= SCANNED_MAX:
                    break
            self._from_journal += count
            return self._select(selection, frames, seq, limit)

    def _select(
        self, selection: Selection, frames: Sequence[_FrameInMemory], seq: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        rows: list[dict[str, Any]] = []
        instruments = self._instruments()
        scanned, is_market = 0, selection.journal == "market"
        for first_seq, recorded_at_ns, events in frames:
            at, arrivals = first_seq, Arrivals()
            for event in events:
                arrival = arrivals.of(event) if is_market else None
                if at >= seq:
                    scanned += 1
                    if selection.wants(event):
                        row = self._row(selection.journal, at, recorded_at_ns, event, instruments)
                        rows.append(filled(row, arrival))
                    if len(rows) >= limit or scanned >= SCANNED_MAX:
                        return rows, at + 1
                at += 1
            seq = max(seq, at)
        return rows, seq

    def _row(
        self, journal: str, seq: int, recorded_at_ns: int, event: Any, instruments: Mapping[str, Instrument]
    ) -> dict[str, Any]:
        instrument = instruments.get(getattr(event, "symbol", ""))
        scales = (instrument.price_scale, instrument.qty_scale) if instrument else _NO_SCALES
        place = show_place(journal, self._partition, seq)
        return {"place": place, "seq": seq, "recorded_at_ns": recorded_at_ns, **show(event, scales)}

    def _page(self, query: Query, rows: list[dict[str, Any]], cursor: str) -> Page:
        self._pages += 1
        return Page(query.id, query.what, rows, self._place(self._durable_seq()), "", cursor)

    def _place(self, seq: int) -> str:
        return show_place("trading", self._partition, seq)

    async def _in_thread(self, act: Callable[[], Any]) -> Any:
        return await trio.to_thread.run_sync(act, limiter=self._disk)


def _refused(item: Any, code: Code, detail: str) -> Answer:
    if type(item) is Query:
        return QueryRefused(item.id, int(code), detail)
    return Refused(b"", code, detail)
