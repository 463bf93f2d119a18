"""Which partition an input is for, and the refusal of one that came to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

from ledger.domain.codes import Code
from ledger.domain.commands import COMMANDS, ReplaceOrder, SubmitOrder
from ledger.domain.control_commands import SetRiskLimit
from ledger.domain.scope import STRATEGY_SYMBOL, SYMBOL
from ledger.engine.refusals import command_id_of, content_of, kind_of, not_taken
from ledger.journal import partition_of
from ledger.routes import ANYWHERE, EVERYWHERE, decided_by_zero
from ledger.wire import Answer, Refused, TextMessage

_NEW_RISK: Final = frozenset((SubmitOrder, ReplaceOrder))
RETRY_RESTRICTED_MS: Final = 500


_BY_ZERO: Final = frozenset(kind for kind in COMMANDS if decided_by_zero(kind))
_HERE: Final = frozenset(kind for kind in COMMANDS if kind.__name__ in EVERYWHERE | ANYWHERE)


@final
class Routing:
    """The place of one partition among several."""

    def __init__(self, number: int, partitions: int, door_of: Callable[[int, str], str]) -> None:
        """`door_of(partition, door)` is an endpoint, or "" where none is known."""
        self._number = number
        self._partitions = partitions
        self._door_of = door_of

    def is_home(self, symbol: str) -> bool:
        """Whether the symbol lives in this partition."""
        return partition_of(symbol, self._partitions) == self._number

    def refusal(self, item: Any, restricted: str) -> Answer | None:
        """The answer for an input that is not for this partition, or not now; None: take it."""
        is_text = type(item) is TextMessage
        content, kind = content_of(item), kind_of(item)
        if kind in _HERE:
            return None
        if kind in _BY_ZERO:
            if self._number:
                return self._elsewhere(item, f"{kind.__name__} is decided by", 0)
            return self._too_wide(content, is_text=is_text) if kind is SetRiskLimit else None
        symbol: str = content.symbol
        target = partition_of(symbol, self._partitions) if symbol else 0
        if target != self._number:
            return self._elsewhere(item, f"symbol {symbol[:50]} lives in", target)
        if restricted and kind in _NEW_RISK:
            command_id = command_id_of(content)
            return Refused(command_id, Code.JOURNAL_READ_ONLY, restricted, RETRY_RESTRICTED_MS)
        return None

    def _elsewhere(self, item: Any, why: str, target: int) -> Answer:
        is_command = hasattr(content_of(item), "command_id")
        door = "commands" if is_command else "reports"
        at = self._door_of(target, door)
        detail = f"{why} partition {target}" + (
            f": send it to {at}" if at else ", which has not said where it is"
        )
        return not_taken(item, Code.WRONG_PARTITION, detail, 0 if is_command else 1000)

    def _too_wide(self, content: Any, *, is_text: bool) -> Answer | None:
        """Only a partition's own orders can be added up: a limit over several partitions could not be kept."""
        scope = content.scope
        narrow = ("SYMBOL", "STRATEGY_SYMBOL") if is_text else (SYMBOL, STRATEGY_SYMBOL)
        if scope in narrow:
            return None
        detail = (
            "a limit wider than one symbol needs engine.partitions: 1; set it for SYMBOL or STRATEGY_SYMBOL"
        )
        return Refused(command_id_of(content), Code.UNSUPPORTED, detail)
