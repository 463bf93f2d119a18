"""An engine for tests of doors and clients: it answers each input by plain rules and remembers what it was given.

Nothing is journaled. A command is committed at the next seq, at most once per command_id; the same id again gets the
first answer with `repeated`. Orders with a negative price are rejected, "slow" ones answered only when told to.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from ledger.domain.codes import Code
from ledger.domain.commands import DefineInstrument
from ledger.domain.facts import MARKET_DATA
from ledger.wire import (
    Answer,
    Committed,
    FactCommitted,
    Malformed,
    Misfit,
    Page,
    Query,
    QueryRefused,
    Refused,
    Rejected,
    TextMessage,
    Unavailable,
    read,
)

Reply = Callable[[list[Answer]], None]


class AnsweringEngine:
    """Survives any number of doors, as a journal survives its processes."""

    def __init__(self, *, rows: dict[str, list[dict[str, Any]]] | None = None, page_rows: int = 1000) -> None:
        self.rows = rows or {}
        self.page_rows = page_rows
        self.seq = 0
        self.applied: list[Any] = []
        """Every command and fact that was new, in order."""
        self.seen: list[Any] = []
        """Every input, also repeated ones, as (door, input)."""
        self.sizes: list[int] = []
        """Inputs of each message."""
        self.held: list[tuple[list[Answer], Reply]] = []
        self.holding = False
        """While true, answers are kept back until `release`."""
        self.overloaded_for = 0
        """So many further commands and facts are refused for now."""
        self.instruments: dict[str, tuple[int, int]] = {
            row["symbol"]: (row["price_scale"], row["qty_scale"]) for row in self.rows.get("instruments", [])
        }
        self._answers: dict[Any, Answer] = {}

    def run_now(self) -> None:
        """Whatever is handed in is answered when the test says so."""

    def submit_nowait(
        self, door: str, inputs: list[Any], *, actor: str, received_at_ns: int, reply: Reply
    ) -> None:
        assert received_at_ns > 0
        self.sizes.append(len(inputs))
        answers = [self._answer(door, item) for item in inputs]
        if self.holding:
            self.held.append((answers, reply))
        else:
            reply(answers)

    def release(self) -> None:
        """Give the answers that were kept back."""
        held, self.held = self.held, []
        for answers, reply in held:
            reply(answers)

    def forget_replies(self) -> None:
        """As a kill does: what was not answered never will be."""
        self.held = []

    def _answer(self, door: str, item: Any) -> Answer:
        self.seen.append((door, item))
        if type(item) is Malformed:
            if door == "query":
                return QueryRefused("", item.code, item.detail)
            if door == "commands":
                return Refused(item.command_id, item.code, item.detail)
            return Unavailable(item.source, item.source_epoch, item.source_seq, 50, item.detail)
        if type(item) is Query:
            return self._page(item)
        if type(item) is TextMessage:
            return self._text(item)
        return self._commit(item)

    def _text(self, item: TextMessage) -> Answer:
        symbol = getattr(item.text, "symbol", "")
        try:
            return self._commit(read(item.kind, item.text, self.instruments.get(symbol, (12, 12))))
        except Misfit as misfit:
            return Refused(_command_id(item.text), misfit.code, misfit.detail)

    def _commit(self, message: Any) -> Answer:
        command_id = getattr(message, "command_id", None)
        key = command_id or (message.source, message.source_epoch, message.source_seq)
        journal = "market" if isinstance(message, MARKET_DATA) else "trading"
        known = self._answers.get((journal, key))
        if known is not None:
            return type(known)(
                **{field: getattr(known, field) for field in known.__struct_fields__[:-1]}, repeated=True
            )  # type: ignore[call-arg, union-attr]
        if self.overloaded_for:
            self.overloaded_for -= 1
            if command_id:
                return Refused(command_id, Code.OVERLOADED, "too much at once", 5)
            return Unavailable(*key, 5)
        self.seq += 1
        self.applied.append(message)
        answer = self._answers[journal, key] = self._fresh(message, command_id, key)
        return answer

    def _fresh(self, message: Any, command_id: bytes | None, key: Any) -> Answer:
        if command_id is None:
            journal = "market" if isinstance(message, MARKET_DATA) else "trading"
            return FactCommitted(*key, journal, 0, self.seq)
        if isinstance(message, DefineInstrument):
            self.instruments[message.symbol] = (message.price_scale, message.qty_scale)
            row = {"price_scale": message.price_scale, "qty_scale": message.qty_scale}
            self.rows.setdefault("instruments", []).append({"symbol": message.symbol, **row})
        px = getattr(message, "px", None)
        if px is not None and px < 0:
            return Rejected(command_id, 0, self.seq, Code.PX_NOT_POSITIVE, "px must be above 0")
        return Committed(command_id, 0, self.seq, self.seq)

    def _page(self, query: Query) -> Answer:
        rows = self.rows.get(query.what)
        if rows is None:
            return QueryRefused(query.id, Code.UNSUPPORTED, f"{query.what!r} cannot be asked")
        first = int(query.cursor or "0")
        last = first + min(query.limit, self.page_rows)
        cursor = str(last) if last < len(rows) else ""
        return Page(query.id, query.what, rows[first:last], f"trading/0:{self.seq}", "market/0:0", cursor)


def _command_id(text: Any) -> bytes:
    try:
        return uuid.UUID(text.command_id).bytes
    except (AttributeError, ValueError):
        return b""


def kinds(messages: Sequence[Any]) -> list[str]:
    """The type names of messages."""
    return [type(message).__name__ for message in messages]
