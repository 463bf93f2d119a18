"""What both clients do apart from waiting: options, numbering, scales, grouping by door, answers to outcomes."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, final

import uuid_utils
from msgspec import Struct

from ledger.client.answers import error_of, unanswered_error
from ledger.client.conversation import Body, Conversation, Result, Unanswered
from ledger.client.drafts import Numbering, Scales, body, door_of, draft, kind_of, query_body, symbols_needed
from ledger.client.errors import InDoubtError, NotReachable, RefusedError, RejectedError
from ledger.client.whereabouts import door_name
from ledger.domain.commands import DefineInstrument
from ledger.routes import partitions_for
from ledger.wire import Committed, FactCommitted, Page, Query, parse_place

Outcome = Committed | FactCommitted | RejectedError | RefusedError | InDoubtError | NotReachable
"""What became of one message of a batch: its success, or the error that a single call would have raised."""
Message = Struct | Mapping[str, Any]
"""A command or fact: the message with scaled integers, or its JSON form as a mapping with `type`."""

ABSENT_FOR_S: Final = 1.0
"""How long a symbol that the ledger does not know is not asked for again."""
PAGE_ROWS: Final = 1000


@final
class Options(Struct, frozen=True, kw_only=True):
    """How a client behaves; the keyword arguments of `connect` and `open_client`."""

    timeout: float = 30.0
    """Seconds from a call to InDoubtError, resends included."""
    connect_timeout: float = 3.0
    """Seconds from `connect` to NotReachable."""
    resend_after: float = 1.0
    """Seconds without an answer before everything unanswered is sent again; doubles, with jitter, up to 32 times."""
    batch_max: int = 256
    """Most messages in one transmission; not above the ledger's `doors.batch_max`."""
    window: int = 32
    """Most transmissions without an answer, at each door."""
    message_bytes_max: int = 1024 * 1024
    source: str = "client"
    """Who says so, where a fact does not name its source; one name, one sender at a time."""
    source_epoch: int = 0
    """Which run of the source; must rise with every start. 0 takes the time in milliseconds."""
    key: str | Path = ""
    """File with our own pair, for a ledger whose doors have keys."""
    server_key: str | Path = ""
    """That ledger's public key, or a file that holds it; with a data directory it is known."""


def new_command_id() -> bytes:
    """A UUIDv7."""
    return uuid_utils.uuid7().bytes


def conversation(options: Options, door: str) -> Conversation:
    """A new conversation with a door: questions go one by one, since each answer may be large."""
    query = door.startswith(("query", "stream"))
    return Conversation(
        batch_max=1 if query else options.batch_max,
        window=4 if query else options.window,
        message_bytes_max=options.message_bytes_max,
        resend_after=options.resend_after,
        random=random.random,
    )


def case_at(place: str, reason: str) -> dict[str, Any]:
    """The fields of a CloseCase for the case at a place, as `show anomalies` gives it; raises ValueError if it is none."""
    journal, partition, seq = parse_place(place)
    return {"journal": journal, "partition": partition, "seq": seq, "reason": reason}


@final
class Desk:
    """Belongs to one client; no I/O."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        epoch = options.source_epoch or time.time_ns() // 1_000_000
        self._numbering = Numbering(options.source, epoch, new_command_id)
        self._scales: dict[str, Scales | None] = {}
        self._absent: dict[str, float] = {}
        self._clock = clock
        self._query_id = itertools.count(1)
        self._partitions = 1

    @property
    def partitions(self) -> int:
        """Of the ledger; set once it was reached."""
        return self._partitions

    @partitions.setter
    def partitions(self, count: int) -> None:
        self._partitions = self._numbering.partitions = count

    def single(self, kind: type[Struct], fields: Mapping[str, Any]) -> Struct:
        """The draft of one call's message."""
        with self._numbering.all_or_none():
            return draft(kind, self._numbering.fill(kind, dict(fields)))

    def drafts(self, messages: Iterable[Message], doors: Sequence[str]) -> list[Struct]:
        """The drafts of a batch, checked before any is sent; raises TypeError or ValueError naming the first bad one."""
        with self._numbering.all_or_none():
            complete = [self._numbering.complete(message) for message in messages]
            for message in complete:
                if door_of(message) not in doors:
                    raise TypeError(f"{kind_of(message).__name__} is not for the {' or '.join(doors)} door")
        return complete

    def must_learn(self, drafts: Iterable[Struct]) -> set[str]:
        """The symbols whose instruments must be read before `posts`."""
        now = self._clock()
        for symbol in [symbol for symbol, at in self._absent.items() if now - at > ABSENT_FOR_S]:
            del self._absent[symbol], self._scales[symbol]
        return symbols_needed(drafts, self._scales)

    def learn(self, rows: Iterable[Mapping[str, Any]], wanted: Iterable[str]) -> None:
        """Take the rows of a query for `instruments`, asked for because of the symbols in `wanted`."""
        for row in rows:
            self._scales[row["symbol"]] = (int(row["price_scale"]), int(row["qty_scale"]))
            self._absent.pop(row["symbol"], None)
        for symbol in wanted:
            if self._scales.setdefault(symbol, None) is None:
                self._absent[symbol] = self._clock()

    def posts(self, drafts: Sequence[Struct]) -> dict[str, tuple[list[int], list[Body]]]:
        """By door: the indexes in `drafts`, and the bytes. What is for every partition stands under several doors."""
        grouped: dict[str, tuple[list[int], list[Body]]] = {}
        for index, message in enumerate(drafts):
            packed = body(message, self._scales)
            for partition in self._partitions_for(message):
                indexes, bodies = grouped.setdefault(door_name(door_of(message), partition), ([], []))
                indexes.append(index)
                bodies.append(packed)
        return grouped

    def _partitions_for(self, message: Struct) -> range:
        if self._partitions == 1:
            return range(1)
        entity = (getattr(message, "kind", ""), getattr(message, "key", ""))
        name = kind_of(message).__name__
        symbol, partition = getattr(message, "symbol", None), getattr(message, "partition", 0)
        return partitions_for(name, symbol, self._partitions, key=entity, partition=partition)

    def note(self, outcomes: dict[int, Outcome], index: int, draft: Struct, outcome: Outcome) -> None:
        """Keep what became of a message. Of one that went to every partition, what went wrong counts, not what went
        right; but a partition that has not heard of an engagement yet learns of its release from partition 0."""
        first = outcomes.setdefault(index, outcome)
        if isinstance(first, NotReachable) != isinstance(outcome, NotReachable):
            # What was sent to one partition is not "sent to none", although it never left for the other.
            timeout = self.options.timeout
            doubt = unanswered_error(getattr(draft, "command_id", b""), sent=True, timeout=timeout, door="")
            first, outcome = (doubt if isinstance(each, NotReachable) else each for each in (first, outcome))
            outcomes[index] = first
        is_worse = isinstance(outcome, Exception) and not isinstance(first, Exception)
        if is_worse and kind_of(draft).__name__ != "ReleaseKillSwitch":
            outcomes[index] = outcome

    def query(self, what: str, filters: Mapping[str, Any], cursor: str, limit: int) -> Body:
        """The bytes of a question."""
        texts = {name: _filter(value) for name, value in filters.items() if value is not None}
        return query_body(Query(f"q{next(self._query_id)}", what, texts, cursor, limit))

    def outcome(self, sent: Body, result: Result, door: str, timeout: float) -> Outcome | Page:
        """A result as a caller gets it."""
        if isinstance(result, Unanswered):
            was_sent = result is Unanswered.IN_DOUBT
            return unanswered_error(sent.key, sent=was_sent, timeout=timeout, door=door)
        error = error_of(result)
        if error is not None:
            return error
        assert isinstance(result, (Committed, FactCommitted, Page))
        return result

    def note_defined(self, drafts: Iterable[Struct]) -> None:
        """A batch was answered: symbols that it may have defined are asked for again."""
        for message in drafts:
            symbol = getattr(message, "symbol", "")
            if symbol in self._absent and kind_of(message) is DefineInstrument:
                del self._absent[symbol], self._scales[symbol]


def _filter(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
