"""One order as the books keep it: a handful of values, and what each report does to them, read off the rules by hand.

The rules are those of the order table in the specification, written down a second time as plain conditions; nothing
of the ledger's own table is used. Every method gives the anomalies that must be recorded, by name.
"""

from __future__ import annotations

from typing import Any, final

from ledger.domain.commands import SubmitOrder
from ledger.domain.enums import CancelRejectReason, Side
from ledger.domain.facts import (
    OrderReport,
    ReportAccepted,
    ReportCanceled,
    ReportCancelRejected,
    ReportExpired,
    ReportPendingCancel,
    ReportPendingReplace,
    ReportReduced,
    ReportRejected,
    ReportReplaced,
    ReportReplaceRejected,
)

Kinds = list[str]
_OVER = ("CANCELED", "EXPIRED", "REJECTED")


@final
class OrderRecord:
    """What was said about one order."""

    def __init__(
        self,
        client_order_id: str,
        strategy_id: str,
        symbol: str,
        side: Side,
        qty: int,
        px: int | None,
        acknowledged: bool = False,
    ) -> None:
        self.client_order_id = client_order_id
        self.current_id = client_order_id
        self.strategy_id = strategy_id
        self.symbol = symbol
        self.side = side
        self.qty = qty
        self.px = px
        self.acknowledged = acknowledged
        self.venue_order_id = ""
        self.ended = ""
        """"CANCELED", "EXPIRED" or "REJECTED"; "" while none."""
        self.asked: dict[str, str] = {}
        """Requests without an answer yet: id to "CANCEL" or "REPLACE"."""
        self.in_hand: set[str] = set()
        """Those of them that the venue says it works on."""
        self.cum = 0

    @classmethod
    def submitted(cls, order: SubmitOrder) -> OrderRecord:
        """An order that we sent."""
        return cls(
            order.client_order_id, order.strategy_id, order.symbol, Side(order.side), order.qty, order.px
        )

    @property
    def leaves(self) -> int:
        return 0 if self.ended else max(0, self.qty - self.cum)

    @property
    def full(self) -> bool:
        """Nothing is left to trade, and nobody ended it."""
        return not self.ended and self.cum >= self.qty

    @property
    def status(self) -> str:
        for kind in ("CANCEL", "REPLACE"):
            if kind in self.asked.values():
                return f"PENDING_{kind}"
        if self.cum >= self.qty > 0:
            return "FILLED"
        if self.ended in ("CANCELED", "EXPIRED"):
            return self.ended
        if self.cum:
            return "PARTIALLY_FILLED"
        if self.ended:
            return self.ended
        if self.qty == 0:
            return "CANCELED"
        return "NEW" if self.acknowledged else "PENDING_NEW"

    # ---- executions ----------------------------------------------------------------------------------------

    def filled(self, qty: int, netted: int, venue_cum: int | None) -> Kinds:
        """A fill of `qty`; with what waited for it, still to be told, it counts as `netted`."""
        kinds: Kinds = []
        if self.ended == "REJECTED":
            kinds.append("FILL_AFTER_REJECT")
            if not self.acknowledged:
                kinds.append("FILL_BEFORE_ACK")
            self.ended = ""
        elif self.ended:
            kinds.append("LATE_FILL")
        elif not self.acknowledged and self.cum < self.qty:
            kinds.append("FILL_BEFORE_ACK")
        if self.cum + netted > self.qty:
            kinds.append("OVERFILL")
        if venue_cum is not None and venue_cum > self.cum + qty:
            kinds.append("CUM_MISMATCH")
        self.acknowledged = True
        self.cum += qty
        return kinds

    def lost(self, qty: int, reinstated: bool) -> None:
        """A fill of `qty` never was; unless it is reinstated, that quantity is gone."""
        could_trade = max(0, self.qty - self.cum)
        self.cum -= qty
        if not reinstated and not self.ended:
            self.qty = min(self.qty, self.cum + could_trade)

    def corrected(self, change: int) -> Kinds:
        """What traded is more or less by `change`."""
        self.cum += change
        return ["OVERFILL"] if change > 0 and self.cum > self.qty else []

    # ---- the other reports ---------------------------------------------------------------------------------

    def told(self, fact: OrderReport) -> tuple[Kinds, bool]:
        """(anomalies, whether anything is to be journaled) of a report that is no execution."""
        before = self.cum
        if type(fact) is ReportAccepted:
            kinds, changes = self._accepted(fact)
        elif type(fact) is ReportRejected:
            kinds, changes = self._rejected()
        elif type(fact) is ReportCanceled:
            kinds, changes = self._canceled()
        elif type(fact) is ReportExpired:
            kinds, changes = self._expired()
        elif type(fact) is ReportReplaced:
            kinds, changes = self._replaced(fact)
        elif type(fact) is ReportReduced:
            kinds, changes = self._reduced(fact.qty)
        else:
            kinds, changes = self._of_request(fact)
        venue_cum: int | None = getattr(fact, "venue_cum", None)
        if venue_cum is not None and venue_cum > before:
            kinds.append("CUM_MISMATCH")
        return kinds, changes or bool(kinds)

    def _end(self, how: str) -> None:
        self.ended = how
        self.asked.clear()
        self.in_hand.clear()

    def _accepted(self, fact: ReportAccepted) -> tuple[Kinds, bool]:
        said, known = fact.venue_order_id, self.venue_order_id
        kinds: Kinds = ["VENUE_ID_CHANGED"] if said and known and said != known else []
        changes = True
        if self.ended == "REJECTED":
            self.ended = ""
            kinds.append("ACK_AFTER_REJECT")
        elif self.ended:
            kinds.append("ACK_AFTER_CLOSE")
        elif self.full:
            kinds.append("ACK_AFTER_FILL")
        elif self.acknowledged:
            changes = bool(said) and said != known
        self.acknowledged = True
        self.venue_order_id = said or known
        return kinds, changes

    def _rejected(self) -> tuple[Kinds, bool]:
        if self.ended == "REJECTED":
            return [], False
        if self.ended:
            return ["REPORT_AFTER_CLOSE"], True
        if self.full:
            return ["REJECT_AFTER_FILL"], True
        kinds: Kinds = []
        if self.acknowledged:
            kinds = ["REJECT_WITH_FILLS" if self.cum else "REJECT_AFTER_ACK"]
        self._end("CANCELED" if self.cum else "REJECTED")
        return kinds, True

    def _canceled(self) -> tuple[Kinds, bool]:
        if self.ended:
            return ([], False) if self.ended == "CANCELED" else (["REPORT_AFTER_CLOSE"], True)
        if self.full:
            return ["CANCEL_AFTER_FILL"], True
        asked_for = "CANCEL" in self.asked.values()
        kinds: Kinds = ["UNSOLICITED_CANCEL"] if self.acknowledged and not asked_for else []
        self._end("CANCELED")
        return kinds, True

    def _expired(self) -> tuple[Kinds, bool]:
        if self.ended:
            return (["REPORT_AFTER_CLOSE"], True) if self.ended == "REJECTED" else ([], False)
        if self.full:
            return ["EXPIRE_AFTER_FILL"], True
        self._end("EXPIRED")
        return [], True

    def _replaced(self, fact: ReportReplaced) -> tuple[Kinds, bool]:
        if self.ended:
            return ["REPLACED_AFTER_CLOSE"], True
        assert fact.qty is not None
        kinds: Kinds = []
        if fact.request_id not in self.asked:
            kinds.append("UNSOLICITED_REPLACE")
        if fact.qty < self.cum:
            kinds.append("REPLACE_BELOW_CUM")
        self.qty, self.px = max(fact.qty, self.cum), fact.px
        self.current_id = fact.request_id
        self.acknowledged = True
        self._answered(fact.request_id)
        return kinds, True

    def _reduced(self, qty: int) -> tuple[Kinds, bool]:
        if self.ended:
            return ["REPORT_AFTER_CLOSE"], True
        lower = max(qty, self.cum)
        if self.full or lower >= self.qty:
            return [], False
        self.qty = lower
        return [], True

    def _of_request(self, fact: OrderReport) -> tuple[Kinds, bool]:
        if self.ended:
            return [], False
        if type(fact) in (ReportPendingCancel, ReportPendingReplace):
            return self._pending(
                _request_id(fact),
                "CANCEL" if type(fact) is ReportPendingCancel else "REPLACE",
            )
        assert type(fact) in (ReportCancelRejected, ReportReplaceRejected), f"{fact} has no rule here"
        request_id = _request_id(fact)
        if request_id not in self.asked:
            return ["UNKNOWN_REQUEST"], True
        self._answered(request_id)
        too_late = type(fact) is ReportCancelRejected and fact.reason_code is CancelRejectReason.TOO_LATE
        suspect = too_late and self.acknowledged and not self.full
        return (["MISSED_FILL_SUSPECTED"] if suspect else []), True

    def _pending(self, request_id: str, kind: str) -> tuple[Kinds, bool]:
        if request_id in self.in_hand:
            return [], False
        self.asked.setdefault(request_id, kind)
        self.in_hand.add(request_id)
        return [], True

    def _answered(self, request_id: str) -> None:
        self.asked.pop(request_id, None)
        self.in_hand.discard(request_id)


def _request_id(fact: Any) -> str:
    return str(fact.request_id)
