"""Scopes: which orders a limit, a kill switch, a trading state or a mass cancel is about.

A scope is a kind and a name: ACCOUNT A1, STRATEGY S1, all orders without a name. STRATEGY_SYMBOL is named
`strategy/symbol`; a strategy holds no `/`, so the first one parts the two.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ledger.domain.identifiers import fault_of_name

ScopeKey = tuple[int, str]
"""(kind, name); the kind as a plain number, because an enumeration's member is slow to hash."""


class Scope(IntEnum):
    """What of an order the name is compared with."""

    ALL = 0
    """Every order of the firm; FIRM is another word for it."""
    FIRM = 0
    ACCOUNT = 1
    STRATEGY = 2
    SYMBOL = 3
    EXCHANGE = 4
    TRADER = 5
    SESSION = 6
    STRATEGY_SYMBOL = 7


ALL: Final = 0
ACCOUNT: Final = 1
STRATEGY: Final = 2
SYMBOL: Final = 3
EXCHANGE: Final = 4
TRADER: Final = 5
SESSION: Final = 6
STRATEGY_SYMBOL: Final = 7

EVERYTHING: Final[ScopeKey] = (ALL, "")
LIMITED: Final = (Scope.ALL, Scope.ACCOUNT, Scope.STRATEGY, Scope.SYMBOL, Scope.STRATEGY_SYMBOL)
"""The scopes that a risk limit may have."""
_NAME_MAX: Final = {ACCOUNT: 32, STRATEGY: 50, SYMBOL: 32, EXCHANGE: 20, TRADER: 256, SESSION: 256}


def scope_key(scope: Scope, name: str) -> ScopeKey:
    """The key under which states of this scope stand."""
    return (int(scope), name)


def scope_text(key: ScopeKey) -> str:
    """The scope as a person reads it: `strategy S1`, `the firm`."""
    kind, name = key
    return "the firm" if kind == ALL else f"{Scope(kind).name.lower().replace('_', '+')} {name}"


def fault_of_scope(scope: Scope, name: str) -> str:
    """ "" for a scope that can be meant, else a sentence that names the fault."""
    kind = int(scope)
    if kind == ALL:
        return f"scope ALL has no name, but {name!r} is given" if name else ""
    if not name:
        return f"scope {scope.name} needs a name"
    if kind == STRATEGY_SYMBOL:
        strategy, slash, symbol = name.partition("/")
        if not slash or not symbol or not strategy:
            return f"name {name!r} is not strategy/symbol, such as S1/AAPL"
        return fault_of_name("strategy", strategy, 50) or fault_of_name("symbol", symbol, 32)
    if kind in (TRADER, SESSION):
        return "" if len(name) <= _NAME_MAX[kind] else f"name has {len(name)} characters, 256 at most"
    return fault_of_name("name", name, _NAME_MAX[kind])


def scopes_of(
    account: str, strategy: str, symbol: str, exchange: str, trader: str, session: str
) -> tuple[ScopeKey, ...]:
    """Every scope that an order is in."""
    return (
        EVERYTHING,
        (ACCOUNT, account),
        (STRATEGY, strategy),
        (SYMBOL, symbol),
        (EXCHANGE, exchange),
        (TRADER, trader),
        (SESSION, session),
        (STRATEGY_SYMBOL, f"{strategy}/{symbol}"),
    )
