"""What a ledger says of itself: its journals, their heads and digests, and how much it holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from ledger.domain.order_state import is_open
from ledger.fold import MarketFold, TradingFold
from ledger.views import Row

VERSION: Final = "0.1.0"


def head_row(
    *,
    lineage: str,
    data: Path,
    trading: TradingFold,
    market: MarketFold,
    places: dict[str, tuple[int, int, int]],
    settled: dict[str, int],
    ready: bool,
    why: str,
) -> Row:
    """What a ledger says of itself: `places` are (epoch, head seq, recorded_at_ns) by journal."""
    journals: dict[str, list[Row]] = {}
    for name, fold in (("trading", trading), ("market", market)):
        epoch, seq, recorded_at_ns = places[name]
        journals[name] = [
            {
                "partition": fold.partition,
                "epoch": epoch,
                "head": f"{name}/{fold.partition}:{seq}",
                "settled": f"{name}/{fold.partition}:{settled[name]}",
                "digest": f"{fold.digest():032x}",
                "recorded_at": _iso(recorded_at_ns),
            }
        ]
    return {
        "lineage": lineage,
        "data": str(data),
        "version": VERSION,
        "ready": ready,
        "why": why,
        "journals": journals,
        "orders": len(trading.orders) + trading.away.get("order", 0),
        "orders_open": sum(1 for state in trading.orders if is_open(state)),
        "fills": len(trading.fills) + trading.away.get("fill", 0),
        "positions": len(trading.positions),
        "books": len(market.books),
        "anomalies": trading.facts.counts["anomalies"] + market.facts.counts["anomalies"],
        "anomalies_open": trading.facts.cases_open() + market.facts.cases_open(),
        "source_gaps": sum(len(state[2]) for fold in (trading, market) for state in fold.facts.sources),
        "control_version": trading.partitions.control_version,
        "quarantined": sum(1 for seq in trading.quarantine if seq),
    }


def _iso(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"
