"""Answers, queries and pages: what the doors say besides commands and facts.

msgpack answers are arrays like commands; their JSON form is `answer_json`. One answer belongs to one input, in the
order of the batch.
"""

from __future__ import annotations

import uuid
from typing import Any, Final, final

from msgspec import Struct, field

from ledger.domain.codes import FIX_REASON, Code
from ledger.wire.text import is_number, show_order_id


def show_place(journal: str, partition: int, seq: int) -> str:
    """A place in a journal as it is written everywhere: `trading/0:123`."""
    return f"{journal}/{partition}:{seq}"


def parse_place(text: str) -> tuple[str, int, int]:
    """(journal, partition, seq) of `trading/0:123`; raises ValueError that shows the form."""
    journal, slash, rest = text.partition("/")
    partition, colon, seq = rest.partition(":")
    if (
        journal not in ("trading", "market")
        or not slash
        or not colon
        or not is_number(partition)
        or not is_number(seq)
    ):
        raise ValueError(f"{text!r} is not a place; one looks like trading/0:123")
    return journal, int(partition), int(seq)


@final
class Committed(Struct, frozen=True, array_like=True, gc=False, tag=200):
    """The command is durable at `place`; `repeated`: it was before, and this is the first answer again."""

    command_id: bytes
    partition: int
    seq: int
    order_id: int = 0
    repeated: bool = False


@final
class Rejected(Struct, frozen=True, array_like=True, gc=False, tag=201):
    """The command is refused, durably (codes 10 and above)."""

    command_id: bytes
    partition: int
    seq: int
    code: int
    detail: str
    repeated: bool = False


@final
class Refused(Struct, frozen=True, array_like=True, gc=False, tag=202):
    """The input is refused and nothing remembers it (codes 1 to 9); the same input is decided afresh next time."""

    command_id: bytes
    code: int
    detail: str
    retry_after_ms: int = 0
    """0: sending it again unchanged is of no use."""
    source: str = ""
    """Who sent it and its number, where it was a fact."""
    source_epoch: int = 0
    source_seq: int = 0


@final
class FactCommitted(Struct, frozen=True, array_like=True, gc=False, tag=203):
    """The fact is durable at or before `place`; `repeated`: nothing changed, it was known."""

    source: str
    source_epoch: int
    source_seq: int
    journal: str
    partition: int
    seq: int
    repeated: bool = False


@final
class Unavailable(Struct, frozen=True, array_like=True, gc=False, tag=204):
    """The fact was not taken; send it again after the pause."""

    source: str
    source_epoch: int
    source_seq: int
    retry_after_ms: int = 50
    detail: str = ""


@final
class Query(Struct, frozen=True, array_like=True, gc=False, tag=150):
    """A question to the query door: what `show` shows, a page at a time."""

    id: str
    """The asker's own mark, given back in the page."""
    what: str
    filters: dict[str, str] = field(default_factory=lambda: {})
    cursor: str = ""
    """"" for the first page, then the cursor of the page before."""
    limit: int = 1000
    """Rows at most, 1 to 10,000."""


@final
class Page(Struct, frozen=True, array_like=True, gc=False, tag=205):
    """Rows that answer a query, as they were at `place`, which is durable."""

    id: str
    what: str
    rows: list[dict[str, Any]]
    place: str
    market_place: str
    cursor: str = ""
    """"" when there is no more."""


@final
class QueryRefused(Struct, frozen=True, array_like=True, gc=False, tag=206):
    """The question cannot be answered; `detail` names what can be asked."""

    id: str
    code: int
    detail: str


Answer = Committed | Rejected | Refused | FactCommitted | Unavailable | Page | QueryRefused
ANSWERS: Final = (Committed, Rejected, Refused, FactCommitted, Unavailable, Page, QueryRefused)


def _id_text(command_id: bytes) -> str:
    return str(uuid.UUID(bytes=command_id)) if len(command_id) == 16 else ""


def _committed(answer: Committed) -> dict[str, Any]:
    return {
        "type": "Committed",
        "command_id": _id_text(answer.command_id),
        "place": show_place("trading", answer.partition, answer.seq),
        "order_id": show_order_id(answer.order_id),
        "repeated": answer.repeated,
    }


def _rejected(answer: Rejected) -> dict[str, Any]:
    code = Code(answer.code)
    return {
        "type": "Rejected",
        "command_id": _id_text(answer.command_id),
        "code": answer.code,
        "name": code.name,
        "fix": FIX_REASON.get(code, ""),
        "detail": answer.detail,
        "place": show_place("trading", answer.partition, answer.seq),
        "repeated": answer.repeated,
    }


def _refused(answer: Refused) -> dict[str, Any]:
    fact = {
        "source": answer.source,
        "source_epoch": answer.source_epoch,
        "source_seq": answer.source_seq,
    }
    return {
        "type": "Refused",
        **(fact if answer.source else {"command_id": _id_text(answer.command_id)}),
        "code": answer.code,
        "name": Code(answer.code).name,
        "detail": answer.detail,
        "retry_after_ms": answer.retry_after_ms,
    }


def _fact_committed(answer: FactCommitted) -> dict[str, Any]:
    return {
        "type": "Committed",
        "source": answer.source,
        "source_epoch": answer.source_epoch,
        "source_seq": answer.source_seq,
        "place": show_place(answer.journal, answer.partition, answer.seq),
        "repeated": answer.repeated,
    }


def _unavailable(answer: Unavailable) -> dict[str, Any]:
    return {
        "type": "Unavailable",
        "source": answer.source,
        "source_epoch": answer.source_epoch,
        "source_seq": answer.source_seq,
        "retry_after_ms": answer.retry_after_ms,
        "detail": answer.detail,
    }


def _page(answer: Page) -> dict[str, Any]:
    return {
        "type": "Page",
        "id": answer.id,
        "what": answer.what,
        "rows": answer.rows,
        "place": answer.place,
        "market_place": answer.market_place,
        "cursor": answer.cursor,
    }


def _query_refused(answer: QueryRefused) -> dict[str, Any]:
    return {
        "type": "Refused",
        "id": answer.id,
        "code": answer.code,
        "name": Code(answer.code).name,
        "detail": answer.detail,
    }


_JSON: Final[dict[type, Any]] = {
    Committed: _committed,
    Rejected: _rejected,
    Refused: _refused,
    FactCommitted: _fact_committed,
    Unavailable: _unavailable,
    Page: _page,
    QueryRefused: _query_refused,
}


def answer_json(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer."""
    return _JSON[type(answer)](answer)
