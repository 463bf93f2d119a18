"""The answers for inputs that no turn could take: no room, or the ledger is stopping."""

from __future__ import annotations

import uuid
from typing import Any, Final

from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder
from ledger.domain.control_commands import URGENT
from ledger.wire import Answer, Query, QueryRefused, Refused, TextMessage, Unavailable

_URGENT: Final = (CancelOrder, *URGENT)
"""What may use the reserved room."""


def is_cancel(item: Any) -> bool:
    """Whether it may use the reserved room."""
    return isinstance(item, _URGENT) or getattr(item, "kind", None) in _URGENT


def content_of(item: Any) -> Any:
    """The message itself, whether it came as text or packed."""
    return item.text if isinstance(item, TextMessage) else item


def command_id_of(content: Any) -> bytes:
    """The id of a command in either form; b"" where there is none that can be read."""
    command_id = getattr(content, "command_id", b"")
    if isinstance(command_id, bytes):
        return command_id
    try:
        return uuid.UUID(command_id).bytes
    except ValueError:
        return b""


def not_taken(item: Any, code: Code, detail: str, retry_after_ms: int) -> Answer:
    """The answer for an input that was not decided; nothing remembers it."""
    content = content_of(item)
    if isinstance(content, Query):
        return QueryRefused(content.id, int(code), detail)
    if getattr(content, "source", ""):
        return Unavailable(content.source, content.source_epoch, content.source_seq, retry_after_ms, detail)
    return Refused(command_id_of(content), int(code), detail, retry_after_ms)


def kind_of(item: object) -> type:
    """What type of message it is, whether it came as text or packed."""
    return item.kind if isinstance(item, TextMessage) else type(item)
