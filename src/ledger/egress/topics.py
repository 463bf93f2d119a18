"""Topics of one PUB socket: which exist, what was last published on each, and which of them anybody wants.

A topic's `prev` is the seq published before on it, and it is kept for every topic, wanted or not. That is needed: a
subscriber whose connection breaks is for a while no subscriber, and what passes meanwhile must show as a gap when it is
back. It costs one object a topic and one store an event; whether anybody wants a topic is found out once a topic and
change of subscriptions, so that an unwanted event costs no encoding and no socket call.
"""

from __future__ import annotations

from typing import Any, Final, final

SUBSCRIBE: Final = 1
PREFIXES_MAX: Final = 1000
"""Beyond so many different prefixes every topic counts as wanted: a flood of subscriptions costs no more than one."""


@final
class Topic:
    """One topic and what was last published on it."""

    __slots__ = ("_checked", "_wanted", "name", "prev", "sent_at", "seq")

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.seq = 0
        self.prev = 0
        """The seq before `seq` on this topic; 0: none since this start."""
        self.sent_at = float("-inf")
        self._checked = -1
        self._wanted = False

    def wanted(self, topics: Topics) -> bool:
        if self._checked != topics.version:
            self._checked = topics.version
            self._wanted = topics.is_wanted(self.name)
        return self._wanted


@final
class Topics:
    """The topics of one socket, and its subscriptions (which are prefixes).

    What was wanted once stays wanted. ZeroMQ tells of every unsubscription, also of a prefix that the peer never had and
    others still want (libzmq 4.3, `xpub_t::xread_activated`), so believing it would let any peer silence the others.
    """

    def __init__(self) -> None:
        self.version = 0
        """Rises with every change of subscriptions."""
        self._prefixes: set[bytes] = set()
        self._topics: dict[Any, Topic] = {}

    def topic(self, kind: str, *parts: str) -> Topic:
        """The topic `kind/part/part|`; a topic ends with `|`, so that no name is the prefix of another."""
        key = (kind, parts)
        found = self._topics.get(key)
        if found is None:
            name = "/".join((kind, *parts)) + "|"
            found = self._topics[key] = Topic(name.encode())
        return found

    def note(self, message: bytes) -> None:
        """A message that an XPUB socket received: 1 and a prefix that somebody wants; anything else says nothing."""
        if not message or message[0] != SUBSCRIBE or b"" in self._prefixes or message[1:] in self._prefixes:
            return
        self._prefixes.add(message[1:])
        if len(self._prefixes) > PREFIXES_MAX:
            self._prefixes = {b""}
        self.version += 1

    def is_wanted(self, name: bytes) -> bool:
        return any(name.startswith(prefix) for prefix in self._prefixes)

    def idle(self, before: float) -> list[Topic]:
        """Wanted topics that have published and sent nothing since `before`."""
        if not self._prefixes:
            return []
        return [topic for topic in self._topics.values() if topic.sent_at <= before and topic.wanted(self)]
