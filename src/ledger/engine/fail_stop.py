"""After the first storage error: the state as it is durable, from which reads are served until the next start."""

from __future__ import annotations

from pathlib import Path

from ledger.engine.open_frame import OpenJournal
from ledger.engine.recovery import recover
from ledger.fold import MarketFold, TradingFold


def refold(
    data: Path,
    open_trading: OpenJournal,
    open_market: OpenJournal,
    partition: int,
    *,
    use_index: bool = False,
) -> tuple[TradingFold, MarketFold]:
    """Both folds at their durable heads, settled or not, and not beyond: what a failed sync left may yet be gone.

    Raises Corrupt, StorageError, Unavailable where the journal cannot even be read.
    """
    ends = {"trading": open_trading.durable_seq, "market": open_market.durable_seq}
    found = recover(data, partition, passivates=use_index, use_index=use_index, wal=True, ends=ends)
    trading, market = found.trading.fold, found.market.fold
    assert isinstance(trading, TradingFold)
    assert isinstance(market, MarketFold)
    return trading, market
