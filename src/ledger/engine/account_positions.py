"""What an account holds of a symbol, over all strategies: looked up for each report of a position, kept nowhere.

A strategy belongs to one account, so its positions count whole; what the reserved strategies hold belongs to the
accounts of its fills and adjustments. What names no account is the only account's, where there is only one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.domain.account_positions import decide_position
from ledger.domain.enums import FillStanding, Side
from ledger.domain.events import AnomalyRecorded
from ledger.domain.identifiers import RESERVED
from ledger.fold import TradingFold, fills_of_position

if TYPE_CHECKING:
    from ledger.domain.facts import ReportPosition
    from ledger.engine.partition import Partition


def decide_account_position(partition: Partition, fact: ReportPosition) -> list[Any]:
    """What a reported position becomes; `context.instrument` is its symbol's."""
    fold = partition.trading
    partition.current = ("control", f"account/{fact.account}/{fact.symbol}")
    held = held_by(fold, fact.account, fact.symbol)
    return [*decide_position(held, fact, partition.context, _open_cases(fold))]


def held_by(fold: TradingFold, account: str, symbol: str) -> dict[str, int]:
    """Quantity by strategy; reads the executions of the reserved ones, so its time grows with those."""
    held: dict[str, int] = {}
    only = {strategy.account for strategy in fold.strategies} <= {account}
    accounts = (account, "") if only else (account,)
    for (strategy_id, of), state in fold.positions.states.items():
        if of != symbol:
            continue
        if strategy_id in RESERVED:
            held[strategy_id] = _reserved(fold, strategy_id, accounts, symbol)
            continue
        strategy = fold.strategies.get(strategy_id)
        if strategy is not None and strategy.account == account:
            held[strategy_id] = state.qty
    return held


def _reserved(fold: TradingFold, strategy_id: str, accounts: tuple[str, ...], symbol: str) -> int:
    total = 0
    for key, fill in fills_of_position(fold, strategy_id, symbol):
        if key[1] in accounts and fill.standing is FillStanding.EFFECTIVE:
            total += fill.qty if fill.side is Side.BUY else -fill.qty
    for adjusted, change in fold.operations.adjustments.states.items():
        if adjusted[:2] == (strategy_id, symbol) and change.account in accounts:
            total += change.dqty
    return total


def _open_cases(fold: TradingFold) -> list[AnomalyRecorded]:
    facts = fold.facts
    return [case for seq, case in facts.cases.states.items() if facts.is_open_case(seq)]
