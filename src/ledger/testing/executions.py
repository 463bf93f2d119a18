"""Executions as plain lists: fills in the order in which they came, what was said of them since, what still waits.

A bust or a correction names a fill, or the correction before it. One that comes first waits under the id that it
names; only the last one that waits counts.
"""

from __future__ import annotations

from typing import final

from ledger.domain.enums import Side
from ledger.domain.facts import ReportFill, ReportTradeCancel, ReportTradeCorrect

Said = ReportTradeCancel | ReportTradeCorrect
Name = tuple[str, str]
"""(symbol, execution id): in one run they are unique over accounts and days."""


@final
class Traded:
    """One fill as it counts now."""

    def __init__(self, fact: ReportFill, holder: str, order: str) -> None:
        self.execution_id = fact.execution_id
        self.symbol = fact.symbol
        self.holder = holder
        """The strategy whose position it is in."""
        self.order = order
        """First client_order_id of its order; "" for a fill that no order explains."""
        self.side = Side(fact.side)
        self.first = (fact.side, fact.qty, fact.px, fact.fee)
        self.qty = fact.qty
        self.px = fact.px
        self.fee = fact.fee
        self.busted = False


@final
class Executions:
    """Everything that was said of executions in one run."""

    def __init__(self) -> None:
        self.fills: dict[Name, Traded] = {}
        """In the order in which they came."""
        self._means: dict[Name, Name] = {}
        """Id of a bust or correction to the id that it is about."""
        self._said: dict[Name, tuple[object, ...]] = {}
        self._waiting: dict[Name, Said] = {}

    def take_fill(self, fact: ReportFill, holder: str, order: str) -> tuple[Traded | None, Said | None, str]:
        """(the new fill, what waited for it, "") or (None, None, anomaly or "" for a repeat)."""
        name = (fact.symbol, fact.execution_id)
        known = self.fills.get(name)
        if known is not None:
            same = known.first == (fact.side, fact.qty, fact.px, fact.fee)
            return None, None, "" if same else "EXEC_ID_CONFLICT"
        traded = self.fills[name] = Traded(fact, holder, order)
        waited = self._waiting.pop(name, None)
        return traded, waited, ""

    def judge(self, fact: Said) -> str:
        """What a bust or correction meets: "new", "waits", "repeated", or the anomaly that sets it aside."""
        own = (fact.symbol, fact.execution_id)
        if own in self._said:
            return "repeated" if self._said[own] == _content(fact) else "EXEC_ID_CONFLICT"
        root = self._root(fact)
        traded = self.fills.get(root)
        if traded is None:
            return "DOUBLE_BUST" if type(self._waiting.get(root)) is ReportTradeCancel else "waits"
        return "DOUBLE_BUST" if traded.busted else "new"

    def take(self, fact: Said) -> tuple[Traded | None, list[Said]]:
        """(the fill that is known, what is now to be applied to it), of one that `judge` lets pass."""
        own = (fact.symbol, fact.execution_id)
        root = self._root(fact)
        self._said[own], self._means[own] = _content(fact), root
        follows = self._waiting.pop(own, None)
        said = [fact] if follows is None else [fact, follows]
        traded = self.fills.get(root)
        if traded is None:
            self._waiting[root] = said[-1]
        return traded, said

    def find(self, fact: Said) -> Traded | None:
        """The fill that a bust or correction is about, if it has come."""
        return self.fills.get(self._root(fact))

    def _root(self, fact: Said) -> Name:
        name = (fact.symbol, fact.ref_execution_id)
        while name in self._means:
            name = self._means[name]
        return name


def _content(fact: Said) -> tuple[object, ...]:
    if type(fact) is ReportTradeCorrect:
        return ("CORRECT", fact.ref_execution_id, fact.qty, fact.px, fact.fee)
    return ("BUST", fact.ref_execution_id)
