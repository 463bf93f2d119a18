"""A snapshot holds all that a fold keeps: a store that was forgotten would be empty after the next start."""

from __future__ import annotations

import pytest

from ledger.fold import MarketFold, TradingFold
from ledger.fold.snapshots import stores_of

FOUND_AGAIN = {"exposure-asked": "from the orders", "book": "has a form of its own, level by level"}


@pytest.mark.parametrize("kind", [TradingFold, MarketFold])
def test_every_store_of_a_fold_is_in_its_snapshots(kind: type[TradingFold] | type[MarketFold]) -> None:
    fold = kind()
    kept = {store.kind for store in stores_of(fold)}
    assert set(fold.entities.kinds()) - kept <= FOUND_AGAIN.keys()
