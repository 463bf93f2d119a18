"""After the first storage error: the state as it is durable, from which reads are served until the next start."""

from __future__ import annotations

from pathlib import Path

from ledger.engine.open_frame import OpenJournal
from ledger.engine.recovery import replay
from ledger.fold import MarketFold, TradingFold


def refold(
    data: Path, open_trading: OpenJournal, open_market: OpenJournal, partition: int
) -> tuple[TradingFold, MarketFold]:
    """Both folds at their durable heads, settled or not, and not beyond: what a failed sync left may yet be gone.

    Raises Corrupt, StorageError, Unavailable where the journal cannot even be read.
    """
    trading = replay(data, "trading", partition, to_seq=open_trading.durable_seq, wal=True).fold
    market = replay(data, "market", partition, to_seq=open_market.durable_seq).fold
    assert isinstance(trading, TradingFold)
    assert isinstance(market, MarketFold)
    return trading, market
