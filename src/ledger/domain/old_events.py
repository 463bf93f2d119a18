"""Event types that are no longer written and are read for ever, each with what makes the newest type of it.

A type moves here, with its tag, when it changes in more than a field added at its end; its successor gets a new tag.
Golden journals hold an event of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

from msgspec import Struct

from ledger.domain.events import Event, StrategyDefined
from ledger.domain.units import Ns


@final
class StrategyNamed(Struct, frozen=True, array_like=True, gc=False, tag=120):
    """A strategy and its account, as drafts before the first release wrote it: account first, the command's id last."""

    account: str
    strategy_id: str
    actor: str = ""
    on_behalf_of: str = ""
    received_at_ns: Ns = 0
    command_id: bytes = b""


def _strategy_defined(old: StrategyNamed) -> StrategyDefined:
    return StrategyDefined(
        old.strategy_id, old.account, old.command_id, old.actor, old.received_at_ns, old.on_behalf_of
    )


UPCASTERS: Final[dict[type[Struct], Callable[[Any], Event]]] = {StrategyNamed: _strategy_defined}
"""Every old type, and the function that makes the newest of it. It never raises, and loses nothing."""
OldEvent = StrategyNamed
"""The union of the old types."""
