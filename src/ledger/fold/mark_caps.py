"""How wide and how old a price may be to count as a mark: the spread as this start says, the age as the firm's limits do."""

from __future__ import annotations

from ledger.domain.limit import MARK_AGE_MAX_MS
from ledger.domain.mark_policy import Caps, caps_of
from ledger.domain.scope import EVERYTHING
from ledger.fold.trading import TradingFold


def mark_caps(fold: TradingFold) -> Caps:
    """The caps as journaled up to here."""
    firm = fold.control.limits.states.get(EVERYTHING)
    age_ms = firm.mark_age_max_ms if firm is not None else None
    return caps_of(fold.started, MARK_AGE_MAX_MS if age_ms is None else age_ms)
