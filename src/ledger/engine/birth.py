"""What a new journal begins with: the risk section of the configuration, as the limits of the whole firm.

It is journaled once and never read again, so that replay reads no configuration and a later edit changes nothing
behind anybody's back.
"""

from __future__ import annotations

from ledger.config import Settings
from ledger.domain.limit import RiskLimit
from ledger.domain.values import parse_decimal


def risk_at_birth(settings: Settings) -> RiskLimit | None:
    """The limits that a new journal begins with; None where the configuration sets none."""
    risk = settings.risk
    if risk == type(risk)():
        return None

    def scaled(text: str) -> int | None:
        return parse_decimal(text, 8) if text else None

    return RiskLimit(
        scaled(risk.max_order_qty),
        scaled(risk.max_order_notional),
        scaled(risk.px_collar),
        scaled(risk.max_position),
        risk.max_open_orders or None,
        scaled(risk.max_gross_notional),
        risk.duplicate_window_ms or None,
        risk.messages_per_second or None,
        risk.mark_age_max_ms,
    )
