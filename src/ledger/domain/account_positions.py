"""A position as a venue or custodian reports it for an account, beside ours: a difference is a POSITION_BREAK.

Nothing is concluded from such a report: which fill, bust or adjustment is missing only facts can say. The break is a
case; it ends when an operator closes it, with the missing fact or an adjustment behind him.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger.domain.anomalies import Anomaly
from ledger.domain.context import Context
from ledger.domain.events import AnomalyRecorded
from ledger.domain.facts import ReportPosition
from ledger.domain.outcome import anomaly


def decide_position(
    held: Mapping[str, int], fact: ReportPosition, context: Context, open_cases: Iterable[AnomalyRecorded]
) -> list[AnomalyRecorded]:
    """POSITION_BREAK where the account's position is another one; [] where it agrees, or exactly this break stands open.

    `held` is what each strategy holds of the symbol for the account, those of nobody among them.
    """
    ours = sum(held.values())
    if ours == fact.qty:
        return []
    parts = ", ".join(f"{name} {context.qty_text(qty)}" for name, qty in sorted(held.items()) if qty)
    what = (
        f"account {fact.account} holds {context.qty_text(fact.qty)} of {fact.symbol} as {fact.exchange or fact.source}"
        f" reports it, {context.qty_text(ours)} here ({parts or 'nothing'})"
    )
    kind = Anomaly.POSITION_BREAK
    if any((case.kind, case.symbol, case.detail) == (kind, fact.symbol, what) for case in open_cases):
        return []
    return [anomaly(context, kind, what, symbol=fact.symbol)]
