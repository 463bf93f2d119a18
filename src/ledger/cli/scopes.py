"""The scope and the reason of a command that changes risk, as its options give them."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated, Final

from cyclopts import Parameter

from ledger.errors import Rejected

All = Annotated[bool, Parameter(name="--all", help="Every order of the firm.", negative=())]
Account = Annotated[str, Parameter(name="--account", help="Only this account.")]
Strategy = Annotated[str, Parameter(name="--strategy", help="Only this strategy; with --symbol: in it.")]
Symbol = Annotated[str, Parameter(name="--symbol", help="Only this symbol.")]
Exchange = Annotated[str, Parameter(name="--exchange", help="Only this exchange.")]
Trader = Annotated[str, Parameter(name="--trader", help="Only orders of this trader_id.")]
Session = Annotated[str, Parameter(name="--session", help="Only orders of this session.")]
_CURE: Final = (
    "one of --all, --account, --strategy, --symbol, --exchange, --trader, --session; or strategy and symbol"
)


def scope_of(
    *,
    everything: bool = False,
    account: str = "",
    strategy: str = "",
    symbol: str = "",
    exchange: str = "",
    trader: str = "",
    session: str = "",
) -> tuple[str, str]:
    """(scope, name) as commands have them; raises Rejected unless exactly one is meant."""
    given = {
        "ACCOUNT": account,
        "STRATEGY": strategy,
        "SYMBOL": symbol,
        "EXCHANGE": exchange,
        "TRADER": trader,
        "SESSION": session,
    }
    named = {scope: name for scope, name in given.items() if name}
    if everything and not named:
        return "ALL", ""
    if not everything and set(named) == {"STRATEGY", "SYMBOL"}:
        return "STRATEGY_SYMBOL", f"{strategy}/{symbol}"
    if everything or len(named) != 1:
        raise Rejected("name one scope" if not named else "more than one scope is named", _CURE)
    return next(iter(named.items()))


def scope_words(scope: str, name: str) -> str:
    """The scope as a sentence has it."""
    return "the firm" if scope == "ALL" else f"{scope.lower().replace('_', '+')} {name}"


def reason_for(what: str, reason: str) -> str:
    """The reason as given or asked for at a terminal; raises Rejected without one."""
    if not reason and sys.stdin.isatty():
        print("reason: ", end="", file=sys.stderr, flush=True)
        reason = sys.stdin.readline()
    if not reason.strip():
        raise Rejected(f"{what} needs a reason", 'add --reason "why"')
    return reason.strip()


def operator() -> str:
    """Who types, as the journal shall have it."""
    return getpass.getuser()
