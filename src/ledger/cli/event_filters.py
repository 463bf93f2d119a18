"""The options that choose events of a journal, for whatever prints them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, final

from cyclopts import Parameter

from ledger.cli.journal_events import Chosen, Place
from ledger.errors import Rejected
from ledger.wire import parse_place


@final
@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class EventFilters:
    """Which events: every part that is given must hold."""

    from_: Annotated[
        str, Parameter(name="--from", help="A place, such as trading/0:123: this event and later ones.")
    ] = ""
    to: Annotated[str, Parameter(name="--to", help="A place: up to this event.")] = ""
    journal: Annotated[str, Parameter(name="--journal", help="trading or market; both by default.")] = ""
    types: Annotated[
        tuple[str, ...],
        Parameter(name="--type", help="Only events of this type; may be repeated.", negative=()),
    ] = ()
    symbol: Annotated[str, Parameter(name="--symbol", help="Only events of this symbol.")] = ""
    strategy: Annotated[str, Parameter(name="--strategy", help="Only events of this strategy.")] = ""
    text: Annotated[str, Parameter(name="--text", help="Only events with this text anywhere in them.")] = ""

    def chosen(self) -> Chosen:
        """The same, read; raises Rejected."""
        if self.journal not in ("", "trading", "market"):
            raise Rejected(f"--journal {self.journal!r} is neither trading nor market")
        begin, end = _place("--from", self.from_), _place("--to", self.to)
        return Chosen(begin, end, self.journal, frozenset(self.types), self.symbol, self.strategy, self.text)


EVERY_EVENT: Final = EventFilters()


def _place(option: str, text: str) -> Place | None:
    try:
        return parse_place(text) if text else None
    except ValueError as error:
        raise Rejected(f"{option} {error}") from None
