"""One door's conversation, without sockets or clocks: what waits, what is sent and unanswered, what to send next.

The drivers move bytes and time; everything that decides stands here. Items wait in a queue, leave it in messages of
at most `batch_max` items, and at most `window` messages are unanswered. An answer is matched by the id that it gives
back, never by arrival. After a lost connection, or when no answer comes for too long, everything unanswered is sent
again over a new connection, first to last with the same ids: the ledger applies each once, and a cancel cannot
overtake its order. What the ledger asks to send again later waits that long, growing with each refusal.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, final

import msgspec
from msgspec import Struct

from ledger.client.answers import answers_of, key_of, retry_after_s
from ledger.domain.codes import Code
from ledger.wire import Answer, Refused, Unavailable

EXPIRY_STEP_S: Final = 0.05
"""How exactly timeouts are kept."""
GROWTH_MAX: Final = 5
"""Pauses double at most this often."""
LONG_PATIENCE: Final = 4
"""An answer may be missing this many times as long while others arrive."""
RECONNECT_S: Final = 0.02


class Unanswered(Enum):
    """Why an item has no answer."""

    NOT_SENT = "it never left this program"
    IN_DOUBT = "no answer came in time"


Result = Answer | Unanswered


@final
class Body(Struct, frozen=True, gc=False):
    """A message ready to be sent."""

    key: Any
    """command_id, (source, source_epoch, source_seq) or a query's id."""
    data: bytes
    json: bool = False


@final
class Parcel:
    """Messages that were handed over together, and what became of each."""

    __slots__ = ("_on_done", "deadline", "items", "left", "results")

    def __init__(self, count: int, deadline: float, on_done: Callable[[], None] | None) -> None:
        self.results: list[Result] = [Unanswered.NOT_SENT] * count
        self.left = count
        self.deadline = deadline
        self.items: list[_Item] = []
        self._on_done = on_done

    def settle(self, index: int, result: Result) -> None:
        self.results[index] = result
        self.left -= 1
        if not self.left and self._on_done is not None:
            self._on_done()


class _Item:
    __slots__ = ("body", "done", "doubtful", "index", "message", "parcel", "refusal", "refusals", "sent")

    def __init__(self, body: Body, parcel: Parcel, index: int) -> None:
        self.body = body
        self.parcel = parcel
        self.index = index
        self.message: _Message | None = None
        """The unanswered message that holds it."""
        self.done = False
        self.sent = False
        self.doubtful = False
        """A copy was sent whose answer was lost: what a later copy is refused with says nothing about that one."""
        self.refusal: Answer | None = None
        """The last answer, where it asked to send again later."""
        self.refusals = 0


class _Message:
    __slots__ = ("items", "left", "number", "sent_at")

    def __init__(self, number: int, items: list[_Item], sent_at: float) -> None:
        self.number = number
        self.items = items
        self.left = len(items)
        self.sent_at = sent_at


@final
class ConversationStatistics(Struct, frozen=True):
    """What passed since the conversation began."""

    messages: int
    items: int
    """Sent, each time counted."""
    resent: int
    """Items sent again after a lost connection or a missing answer."""
    refused_for_now: int
    """Answers that asked to send again later."""
    unanswered: int
    """Messages out now."""
    strange: int
    """Answers that could not be read or belonged to nothing."""


@final
class Conversation:
    """The client's side of one door. Times are seconds of any one monotonic clock; `random` is uniform in [0, 1)."""

    def __init__(
        self,
        *,
        batch_max: int,
        window: int,
        message_bytes_max: int,
        resend_after: float,
        random: Callable[[], float],
    ) -> None:
        self._batch_max = batch_max
        self._window = window
        self._bytes_max = message_bytes_max
        self._resend_after = resend_after
        self._random = random
        self._queue: deque[_Item] = deque()
        self._later: list[tuple[float, int, _Item]] = []
        self._sent: dict[int, _Message] = {}
        self._live: dict[Any, _Item] = {}
        self._parcels: dict[int, Parcel] = {}
        self._number = itertools.count()
        self._heard_at = -1e9
        self._patience = resend_after
        self._losses = 0
        """Connections lost since the last answer: how long to wait before the next."""
        self._silences = 0
        """Of those, the ones that were given up since nothing came: how long to wait for an answer. A ledger that is
        gone for a while loses many connections and is no slower for it when it is back."""
        self._reopen_at: float | None = None
        self._expiry_at = 0.0
        self._messages = self._items = self._resent = self._refused = self._strange = 0

    def put(
        self, bodies: Sequence[Body], *, now: float, timeout: float, on_done: Callable[[], None] | None = None
    ) -> Parcel:
        """Hand over messages; raises ValueError if one with the same id is still waiting for its answer."""
        parcel = Parcel(len(bodies), now + timeout, on_done)
        fresh: set[Any] = set()
        for body in bodies:
            live = self._live.get(body.key)
            if body.key in fresh or (live is not None and not live.done):
                raise ValueError(
                    f"{shown_key(body.key)} is already waiting for its answer; one id, one message"
                )
            fresh.add(body.key)
        for index, body in enumerate(bodies):
            item = _Item(body, parcel, index)
            parcel.items.append(item)
            self._live[body.key] = item
            self._queue.append(item)
        if bodies:
            self._parcels[id(parcel)] = parcel
            self._expiry_at = min(self._expiry_at, parcel.deadline)
        elif on_done is not None:
            on_done()
        return parcel

    def outgoing(self, now: float) -> bytes | None:
        """The next message to send, counted as sent; None while the window is full or nothing waits."""
        if len(self._sent) >= self._window or self._reopen_at is not None:
            return None
        items = self._packed_next()
        if not items:
            return None
        message = _Message(next(self._number), items, now)
        for item in items:
            item.message = message
            item.sent = True
            item.refusal = None
        self._sent[message.number] = message
        self._messages += 1
        self._items += len(items)
        return _payload([item.body for item in items])

    def take(self, payload: bytes, now: float) -> None:
        """A message of answers arrived."""
        try:
            answers = answers_of(payload)
        except (msgspec.MsgspecError, ValueError):
            self._strange += 1
            return
        self._heard_at = now
        self._losses = self._silences = 0
        self._patience = self._resend_after
        for item, answer in zip(self._items_of(answers), answers, strict=True):
            if item is None:
                self._strange += 1
            elif item.done:  # too late for whoever waited
                self._leave(item)
                self._forget(item)
            elif (pause := retry_after_s(answer)) > 0:
                self._put_off(item, answer, now, pause)
            else:
                self._finish(item, _final(item, answer))

    def disconnected(self, now: float) -> None:
        """The connection is gone: `tick` says soon when to make a new one."""
        if self._reopen_at is None:
            self._reopen_at = now + RECONNECT_S * 2 ** min(self._losses, GROWTH_MAX) * (0.5 + self._random())

    def tick(self, now: float) -> bool:
        """Let time pass. True: close the connection, make a new one, and send what `outgoing` gives."""
        while self._later and self._later[0][0] <= now:
            self._queue.append(heapq.heappop(self._later)[2])
        if now >= self._expiry_at:
            self._expire(now)
        overdue = self._overdue_at()
        if (self._reopen_at is None or now < self._reopen_at) and (overdue is None or now < overdue):
            return False
        if overdue is not None and now >= overdue:
            self._silences += 1
        self._lose()
        return True

    def next_due(self) -> float | None:
        """When `tick` must be called at the latest; None while nothing waits for time to pass."""
        dues = [due for due in (self._overdue_at(), self._reopen_at) if due is not None]
        if self._later:
            dues.append(self._later[0][0])
        if self._parcels:
            dues.append(self._expiry_at)
        return min(dues, default=None)

    def statistics(self) -> ConversationStatistics:
        return ConversationStatistics(
            self._messages, self._items, self._resent, self._refused, len(self._sent), self._strange
        )

    # ---- private -----------------------------------------------------------------------------------------------

    def _packed_next(self) -> list[_Item]:
        """Items for one message: of one form, within its limits in number and bytes; at least one, if any waits."""
        queue, items, size = self._queue, list[_Item](), 0
        while queue and len(items) < self._batch_max:
            item = queue[0]
            if not item.done:
                size += len(item.body.data) + 1
                if items and (size > self._bytes_max or item.body.json != items[0].body.json):
                    break
                items.append(item)
            queue.popleft()
        return items

    def _items_of(self, answers: list[Answer]) -> list[_Item | None]:
        """Whose answers these are: by id; one without id by its place beside others of the same message."""
        found = [self._live.get(key_of(answer)) for answer in answers]
        if None in found:
            message = next((item.message for item in found if item is not None), None)
            if message is not None and len(message.items) == len(answers):
                pairs = zip(found, message.items, answers, strict=True)
                return [own or (item if not key_of(answer) else None) for own, item, answer in pairs]
        return found

    def _leave(self, item: _Item) -> None:
        message, item.message = item.message, None
        if message is not None:
            message.left -= 1
            if not message.left:
                self._sent.pop(message.number, None)

    def _finish(self, item: _Item, result: Result) -> None:
        item.done = True
        self._leave(item)
        self._forget(item)
        self._settle(item, result)

    def _forget(self, item: _Item) -> None:
        if self._live.get(item.body.key) is item:
            del self._live[item.body.key]

    def _settle(self, item: _Item, result: Result) -> None:
        if item.parcel.left == 1:
            self._parcels.pop(id(item.parcel), None)
        item.parcel.settle(item.index, result)

    def _put_off(self, item: _Item, answer: Answer, now: float, pause: float) -> None:
        if item.message is None:
            return  # it waits to be sent again already
        self._refused += 1
        self._leave(item)
        item.refusal = answer
        growth = 2 ** min(item.refusals, GROWTH_MAX) * (1 + 0.5 * self._random())
        item.refusals += 1
        heapq.heappush(self._later, (now + pause * growth, next(self._number), item))

    def _expire(self, now: float) -> None:
        due = [parcel for parcel in self._parcels.values() if parcel.deadline <= now]
        for parcel in due:
            for item in parcel.items:
                if not item.done:
                    self._give_up(item)
        if due and self._later:
            self._later = [entry for entry in self._later if not entry[2].done]
            heapq.heapify(self._later)
        earliest = min((parcel.deadline for parcel in self._parcels.values()), default=now)
        self._expiry_at = max(earliest, now + EXPIRY_STEP_S)

    def _give_up(self, item: _Item) -> None:
        """Nobody waits for it any more. One that is out keeps its place in the window until it is answered or lost:
        whatever the timeout, no more messages than the window has are ever in the connection."""
        unsent = Unanswered.IN_DOUBT if item.sent else Unanswered.NOT_SENT
        result = unsent if item.refusal is None else _final(item, item.refusal)
        if item.message is None:
            self._finish(item, result)
        else:
            item.done = True
            self._settle(item, result)

    def _overdue_at(self) -> float | None:
        if not self._sent:
            return None
        oldest = next(iter(self._sent.values())).sent_at
        waited = max(oldest, self._heard_at) + self._patience
        return min(waited, oldest + LONG_PATIENCE * self._patience)

    def _lose(self) -> None:
        out = [item for message in self._sent.values() for item in message.items if item.message is message]
        for item in out:
            item.message = None
            item.doubtful = True
            if item.done:
                self._forget(item)
        unanswered = [item for item in out if not item.done]
        self._queue.extendleft(reversed(unanswered))
        self._sent.clear()
        self._resent += len(unanswered)
        self._reopen_at = None
        self._losses += 1
        growth = 2 ** min(self._silences, GROWTH_MAX) * (1 + 0.25 * self._random())
        self._patience = self._resend_after * growth


def _final(item: _Item, answer: Answer) -> Result:
    """What an answer means for the item: a refusal of this copy is none of a copy whose answer was lost.

    After a failed sync the first copy may be durable while its resend gets JOURNAL_READ_ONLY. Only what the bytes
    themselves are refused for holds for every copy.
    """
    kind = type(answer)
    if not item.doubtful or (kind is not Refused and kind is not Unavailable):
        return answer
    if isinstance(answer, Refused) and answer.code in (Code.MALFORMED, Code.UNSUPPORTED):
        return answer
    return Unanswered.IN_DOUBT


def shown_key(key: Any) -> str:
    """An id as people read it."""
    return key.hex() if isinstance(key, bytes) else str(key)


def _payload(bodies: list[Body]) -> bytes:
    parts = [body.data for body in bodies]
    if bodies[0].json:
        return b"[" + b",".join(parts) + b"]"
    count = len(parts)
    if count < 16:
        head = bytes((0x90 | count,))
    elif count < 65536:
        head = b"\xdc" + count.to_bytes(2, "big")
    else:
        head = b"\xdd" + count.to_bytes(4, "big")
    return head + b"".join(parts)
