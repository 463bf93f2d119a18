"""Who may say what: the keys that a ledger lets in, the rights of each, and which right each message needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, final

from msgspec import Struct

from ledger.domain.codes import Code
from ledger.domain.commands import COMMANDS, CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.control_commands import EngageKillSwitch, MassCancel
from ledger.domain.facts import MARKET_DATA, REPORTS
from ledger.domain.operator_commands import CloseSession, OpenSession, TouchSession
from ledger.engine.refusals import command_id_of, content_of
from ledger.wire import Answer, Malformed, Query, QueryRefused, Refused, TextMessage

RIGHTS: Final = ("trade", "report", "market", "read", "operate")
_TRADE: Final = frozenset(("trade",))
_SAFER: Final = frozenset(("trade", "operate"))
"""What only takes risk away, or keeps a session: who may trade may do it, and who operates too."""
_NEEDED: Final[Mapping[type, frozenset[str]]] = {
    **dict.fromkeys(COMMANDS, frozenset(("operate",))),
    **dict.fromkeys((SubmitOrder, ReplaceOrder), _TRADE),
    **dict.fromkeys(
        (CancelOrder, MassCancel, EngageKillSwitch, OpenSession, TouchSession, CloseSession), _SAFER
    ),
    **dict.fromkeys(REPORTS, frozenset(("report",))),
    **dict.fromkeys(MARKET_DATA, frozenset(("market",))),
}
_OPEN_QUESTIONS: Final = frozenset(("endpoints", "instruments", "sources"))
"""What a sender must know to write its messages: where the doors are, what numbers mean, which number comes next."""
_READ: Final = frozenset(("read",))
_READ_OR_REPORT: Final = frozenset(("read", "report"))
_READ_OR_FEED: Final = frozenset(("read", "market"))
_PLACES: Final = frozenset(("acknowledge", "consumers"))
"""Of the stream door: how far its consumers are."""
_NONE: Final[frozenset[str]] = frozenset()
_OPERATE: Final = frozenset(("operate",))
"""What a message needs that nobody has placed."""


@final
class Key(Struct, frozen=True):
    """One key that may come in; its name is the actor of what it sends."""

    name: str
    public_key: str
    rights: frozenset[str]


@final
class Keyring:
    """The keys that may come in."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._by_name = {key.name: key for key in keys}
        self._by_key = {key.public_key: key for key in self._by_name.values()}

    def holder_of(self, public_key: str) -> Key | None:
        """Whose key it is."""
        return self._by_key.get(public_key)

    def refusals(self, name: str, inputs: Sequence[Any]) -> dict[int, Answer]:
        """By index: the answers for those inputs that the key `name` has no right to."""
        key = self._by_name.get(name)
        rights = _NONE if key is None else key.rights
        refused: dict[int, Answer] = {}
        for index, item in enumerate(inputs):
            needed = rights_for(item)
            if needed and not needed & rights:
                refused[index] = _refusal(item, name, needed)
        return refused


def rights_for(item: Any) -> frozenset[str]:
    """The rights of which one is needed; empty: every key may say it, or it cannot be read and is refused anyway."""
    if isinstance(item, Query):
        return _NONE if item.what in _OPEN_QUESTIONS else _rights_for_question(item)
    kind = _kind_of(item)
    return _NONE if kind is Malformed else _NEEDED.get(kind, _OPERATE)


def _rights_for_question(query: Query) -> frozenset[str]:
    """What is to go out to a venue is for its gateway, too; what is asked of a feed is for the feed."""
    if query.what == "snapshot_requests":
        return _READ_OR_FEED
    if query.what == "outward":
        return _READ_OR_FEED if query.filters.get("journal") == "market" else _READ_OR_REPORT
    return _READ_OR_REPORT | _READ_OR_FEED if query.what in _PLACES else _READ


def _kind_of(item: object) -> type[object]:
    return item.kind if isinstance(item, TextMessage) else type(item)


def _refusal(item: Any, name: str, needed: frozenset[str]) -> Answer:
    kind = _kind_of(item)
    wanted = " or ".join(right for right in RIGHTS if right in needed)
    detail = f"the key {name} may not send {kind.__name__}: it needs the right {wanted}"
    content = content_of(item)
    if isinstance(content, Query):
        return QueryRefused(content.id, int(Code.NOT_AUTHORISED), f"{detail} for {content.what[:50]!r}")
    if getattr(content, "source", ""):
        number = (content.source, content.source_epoch, content.source_seq)
        return Refused(b"", int(Code.NOT_AUTHORISED), detail, 0, *number)
    return Refused(command_id_of(content), int(Code.NOT_AUTHORISED), detail)
