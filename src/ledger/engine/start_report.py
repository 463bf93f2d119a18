"""What a start found, in sentences for a tired person: where it stands, how the last run ended, what is open, what took how long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, final

from msgspec import Struct

from ledger.domain.order_state import is_open
from ledger.fold import MarketFold, Restarted, TradingFold
from ledger.journal import Head, JournalDirectory, place_text

_NS: Final = 10**9


@final
class Found(Struct, frozen=True):
    """What the sentences are made of, taken before the new epoch begins."""

    last_run: str
    """How the last run ended."""
    now_ns: int


def last_run(directories: dict[str, JournalDirectory], heads: dict[str, Head]) -> str:
    """How the last run ended, from the heads that its stop wrote and those that are on disk."""
    clean = all(directories[name].stopped == head for name, head in heads.items())
    return "the last run stopped cleanly" if clean else "the last run ended without a clean stop"


def sentences(
    recovered: dict[str, Restarted], found: Found, why_no_index: str, *, uses_snapshots: bool
) -> Iterator[str]:
    """One sentence a line; nothing in them is a fault, faults are told apart."""
    trading, market = recovered["trading"].fold, recovered["market"].fold
    assert isinstance(trading, TradingFold)
    assert isinstance(market, MarketFold)
    if not any(each.head.seq for each in recovered.values()):
        yield "a new journal"
        return
    yield f"{_places(recovered)}; {_recorded(recovered, found)}{found.last_run}"
    yield _state(trading, market)
    for name, each in recovered.items():
        yield _took(name, each, uses_snapshots)
        if uses_snapshots:
            yield from each.notes
    if uses_snapshots and why_no_index:
        yield f"the index is not used: {why_no_index}; closed orders stay in memory until the follower has made one"


def _places(recovered: dict[str, Restarted]) -> str:
    return " and ".join(
        place_text(name, each.fold.partition, each.head.seq) for name, each in recovered.items()
    )


def _recorded(recovered: dict[str, Restarted], found: Found) -> str:
    newest = max(each.head.recorded_at_ns for each in recovered.values())
    stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(newest // _NS))
    return f"last recorded {stamp}, {_age((found.now_ns - newest) / _NS)} ago; "


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0, seconds):.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def _state(trading: TradingFold, market: MarketFold) -> str:
    opened = [state for state in trading.orders if is_open(state)]
    unconfirmed = sum(1 for state in opened if state.unconfirmed)
    holding = sum(1 for state in trading.positions if state.qty)
    cases = trading.facts.cases_open() + market.facts.cases_open()
    gaps = sum(len(state[2]) for fold in (trading, market) for state in fold.facts.sources)
    aside = sum(1 for seq in trading.quarantine if seq)
    parts = [
        _count(len(opened), "open order"),
        f"{unconfirmed:,} of them unconfirmed",
        f"{_count(len(trading.positions), 'position')} ({holding:,} not flat)",
        _count(cases, "open case"),
        _count(gaps, "source gap"),
    ]
    if aside:
        parts.append(f"{aside:,} entities set aside")
    return ", ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _took(name: str, each: Restarted, uses_snapshots: bool) -> str:
    folding = each.seconds - each.snapshot_seconds
    rate = f", {each.events / folding:,.0f}/s" if each.events > 10_000 and folding > 0 else ""
    after = f"recovered {each.events:,} {name} events in {folding:.2f} s{rate}"
    if each.from_seq:
        place = place_text(name, each.fold.partition, each.from_seq)
        return f"{after}, after the snapshot {place} in {each.snapshot_seconds:.2f} s"
    return after + (", from the beginning: no snapshot" if uses_snapshots and each.events else "")
