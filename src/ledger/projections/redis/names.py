"""Names of the keys in Redis: the seed's patterns, with braces for cluster slots where that is asked for.

The book of a symbol's primary exchange has the plain name; the book at another exchange is `SYMBOL@EXCHANGE`
(DOMAIN.md S-49). Symbols, strategies and exchanges hold no `{ } :` or white space, so no two entities share a key.
"""

from __future__ import annotations

import re
from typing import Final, final

from ledger.config import Settings

OFFSET: Final = "ledger:offset"
META: Final = "meta"
"""Stands in the place of the side: the companion hash of a book, with its status, version and time."""
POSITION: Final = "position"
SESSION: Final = "session"
LEVELS: Final = "levels"
BOOK: Final = "book"
SLOTS: Final = 16384
REBUILD: Final = "rebuild:"
"""Before every key of a rebuild."""
_PART: Final = r"[^{}:\s]+"


@final
class Names:
    """Renders keys by the patterns of the settings, and reads them back."""

    def __init__(self, settings: Settings, prefix: str = "") -> None:
        """`prefix` stands before every key of a rebuild."""
        structures = settings.redis.data_structures
        self._book = prefix + structures.order_books.key_pattern
        self._position = prefix + structures.positions.key_pattern
        self._session = prefix + structures.sessions.key_pattern
        self._tags = structures.hash_tags
        self._parsed = {
            table: re.compile(self._regex(pattern))
            for table, pattern in ((BOOK, self._book), (POSITION, self._position), (SESSION, self._session))
        }

    def book(self, symbol: str, exchange: str, primary: str, side: str) -> str:
        """`side` is bid, ask or meta."""
        return self._render_book(symbol if exchange == primary else f"{symbol}@{exchange}", side)

    def position(self, strategy: str, symbol: str) -> str:
        """The hash of one position."""
        return self._position.replace("{strategy}", strategy).replace("{symbol}", self._tag(symbol))

    def session(self, session_id: str) -> str:
        """The hash of one session."""
        return self._session.replace("{session_id}", self._tag(session_id))

    def channel(self, symbol: str) -> str:
        """Where ticks of a symbol are hinted."""
        return f"market_data:{symbol}"

    def globs(self, table: str) -> str:
        """A pattern of SCAN and KEYS that matches every key of BOOK (levels as well), POSITION or SESSION."""
        pattern = {BOOK: self._book, POSITION: self._position, SESSION: self._session}[table]
        return re.sub(r"\{\w+\}", "*", pattern)

    def table_of(self, key: str) -> str:
        """Which kind of key it is; "" for one that is none of ours."""
        for table, parsed in self._parsed.items():
            if found := parsed.fullmatch(key):
                return table if table != BOOK or found["side"] == META else LEVELS
        return ""

    def symbol_of(self, key: str) -> str:
        """The symbol in the key of a book or position; "" for a session."""
        for parsed in self._parsed.values():
            if found := parsed.fullmatch(key):
                return found.groupdict().get("symbol", "").split("@")[0]
        return ""

    def side_of(self, key: str) -> str:
        """bid, ask or meta."""
        found = self._parsed[BOOK].fullmatch(key)
        assert found is not None, key
        return found["side"]

    def beside(self, key: str, side: str) -> str:
        """The key of the same book at another side."""
        found = self._parsed[BOOK].fullmatch(key)
        assert found is not None, key
        return self._render_book(found["symbol"], side)

    def _render_book(self, name: str, side: str) -> str:
        return self._book.replace("{symbol}", self._tag(name)).replace("{side}", side)

    def _tag(self, name: str) -> str:
        return f"{{{name}}}" if self._tags else name

    def _regex(self, pattern: str) -> str:
        regex = re.escape(pattern)
        for name in ("symbol", "strategy", "session_id", "side"):
            braces = (r"\{", r"\}") if self._tags and name in ("symbol", "session_id") else ("", "")
            part = r"bid|ask|meta" if name == "side" else _PART
            regex = regex.replace(re.escape(f"{{{name}}}"), f"{braces[0]}(?P<{name}>{part}){braces[1]}")
        return regex


def offset_key(partition: int, tag: str = "", prefix: str = "") -> str:
    """The hash that says how far the projection got; in a cluster one for each master, by a tag of its slots."""
    return f"{prefix}{OFFSET}:{partition}" + (f":{{{tag}}}" if tag else "")
