"""What open orders load their scopes with leaves them when the order ends, whoever says so."""

from __future__ import annotations

import pytest

from ledger.domain.enums import Origin
from ledger.domain.scope import EVERYTHING
from ledger.fold import TradingFold
from told_journal import Script


@pytest.mark.parametrize("origin", list(Origin))
def test_an_expired_order_loads_nothing(origin: Origin) -> None:
    """Also one whose own timer expired it: the venue has said nothing."""
    script = Script()
    script.limit()
    for name in ("gone", "open"):
        script.submit(name)
        script.accept(name)
    script.expire("gone", origin)
    fold = TradingFold()
    for seq, event in enumerate(script.events, 1):
        fold.apply(seq, seq, event)
    kept = fold.control.exposures.states[EVERYTHING]
    assert (kept.open_orders, kept.order_notional, kept.version) == (1, 10**11, len(script.events))


def test_an_order_that_was_filled_while_it_was_set_aside_loads_nothing_once_it_is_released() -> None:
    script = Script()
    script.limit()
    for name in ("held", "open"):
        script.submit(name)
        script.accept(name)
    script.set_aside("held")
    script.fill("held", "x1", 100)
    script.release("held")
    fold = TradingFold()
    for seq, event in enumerate(script.events, 1):
        fold.apply(seq, seq, event)
    assert fold.control.exposures.states[EVERYTHING].open_orders == 1
