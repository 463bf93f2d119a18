"""Answers as a client sees them: whose they are, whether to send again, and which error they are."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ledger.client.errors import InDoubtError, NotReachable, RefusedError, RejectedError
from ledger.domain.codes import Code
from ledger.wire import (
    Answer,
    Committed,
    FactCommitted,
    Page,
    QueryRefused,
    Refused,
    Rejected,
    Unavailable,
    decode_answers,
    parse_order_id,
    parse_place,
    show_place,
)

_KEYS: Final[dict[type, Callable[[Any], Any]]] = {
    Committed: lambda answer: answer.command_id,
    Rejected: lambda answer: answer.command_id,
    Refused: lambda answer: answer.command_id or (answer.source, answer.source_epoch, answer.source_seq),
    FactCommitted: lambda answer: (answer.source, answer.source_epoch, answer.source_seq),
    Unavailable: lambda answer: (answer.source, answer.source_epoch, answer.source_seq),
    Page: lambda answer: answer.id,
    QueryRefused: lambda answer: answer.id,
}


def key_of(answer: Answer) -> Any:
    """The id of what it answers; falsy where it gives none."""
    key = _KEYS[type(answer)](answer)
    return b"" if key == ("", 0, 0) else key


def retry_after_s(answer: Answer) -> float:
    """Seconds after which the ledger asks to send it again; 0: the answer is final."""
    if type(answer) is Refused:
        return answer.retry_after_ms / 1000
    if type(answer) is Unavailable:
        return max(1, answer.retry_after_ms) / 1000
    return 0.0


def answers_of(payload: bytes) -> list[Answer]:
    """The answers in a message of a door, msgpack or JSON; raises msgspec.MsgspecError or ValueError."""
    if payload[:1] not in (b"[", b"{"):
        return decode_answers(payload)
    loose: Any = msgspec.json.decode(payload)
    try:
        return [_from_json(part) for part in (loose if isinstance(loose, list) else [loose])]  # type: ignore[reportUnknownVariableType]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an answer of a door: {error}") from None


def _id(text: str) -> bytes:
    return uuid.UUID(text).bytes if text else b""


def _from_json(part: dict[str, Any]) -> Answer:
    kind = part["type"]
    if kind == "Rejected":
        _, partition, seq = parse_place(part["place"])
        command_id = _id(part["command_id"])
        return Rejected(command_id, partition, seq, part["code"], part["detail"], part["repeated"])
    if kind == "Refused" and "id" not in part:
        fact = (part.get("source", ""), part.get("source_epoch", 0), part.get("source_seq", 0))
        command_id = _id(part.get("command_id", ""))
        return Refused(command_id, part["code"], part["detail"], part["retry_after_ms"], *fact)
    if kind == "Unavailable":
        source = (part["source"], part["source_epoch"], part["source_seq"])
        return Unavailable(*source, part["retry_after_ms"], part["detail"])
    if kind != "Committed":
        raise ValueError(f"{kind!r} does not answer a command or a fact")
    journal, partition, seq = parse_place(part["place"])
    if "source" in part:
        source = (part["source"], part["source_epoch"], part["source_seq"])
        return FactCommitted(*source, journal, partition, seq, part["repeated"])
    order_id = parse_order_id(part["order_id"]) if part["order_id"] else 0
    return Committed(_id(part["command_id"]), partition, seq, order_id, part["repeated"])


def _name(code: int) -> str:
    try:
        return Code(code).name
    except ValueError:  # a newer ledger than this client
        return f"CODE_{code}"


def shown_id(key: Any) -> Any:
    """A command_id as text; any other id as it is."""
    return str(uuid.UUID(bytes=key)) if isinstance(key, bytes) and len(key) == 16 else key


def error_of(answer: Answer) -> RejectedError | RefusedError | None:
    """The error that an answer is; None: it is a success."""
    kind = type(answer)
    if kind is Rejected:
        assert type(answer) is Rejected
        place = show_place("trading", answer.partition, answer.seq)
        command_id = str(shown_id(answer.command_id))
        return RejectedError(
            answer.code, _name(answer.code), answer.detail, place, command_id, answer.repeated
        )
    if kind is Refused:
        assert type(answer) is Refused
        key = shown_id(key_of(answer))
        return RefusedError(answer.code, _name(answer.code), answer.detail, answer.retry_after_ms, key)
    if kind is QueryRefused:
        assert type(answer) is QueryRefused
        return RefusedError(answer.code, _name(answer.code), answer.detail, key=answer.id)
    if kind is Unavailable:
        assert type(answer) is Unavailable
        detail = answer.detail or "the ledger takes no facts now"
        return RefusedError(Code.OVERLOADED, "UNAVAILABLE", detail, answer.retry_after_ms, key_of(answer))
    return None


def unanswered_error(key: Any, *, sent: bool, timeout: float, door: str) -> InDoubtError | NotReachable:
    """The error of a message that got no answer in time."""
    shown = shown_id(key)
    if sent and door != "query":
        return InDoubtError(
            f"the answer to {shown} is missing (waited {timeout:g} s at most): it may or may not have happened",
            shown,
        )
    hint = "ask `ledger status`, or start one with `ledger serve`"
    return NotReachable(f"no answer from the ledger's {door} door within {timeout:g} s", hint)
