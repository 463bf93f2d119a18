"""The scope and the reason of a command that changes risk, as its options give them."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from typing import Annotated, Final, final

from cyclopts import Parameter

from ledger.errors import Rejected

_CURE: Final = (
    "one of --all, --account, --strategy, --symbol, --exchange, --trader, --session; or strategy and symbol"
)


@final
@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ScopeOptions:
    """The options of every command that is about a scope."""

    everything: Annotated[bool, Parameter(name="--all", help="Every order of the firm.", negative=())] = False
    account: Annotated[str, Parameter(name="--account", help="Only this account.")] = ""
    strategy: Annotated[
        str, Parameter(name="--strategy", help="Only this strategy; with --symbol: in it.")
    ] = ""
    symbol: Annotated[str, Parameter(name="--symbol", help="Only this symbol.")] = ""
    exchange: Annotated[str, Parameter(name="--exchange", help="Only this exchange.")] = ""
    trader: Annotated[str, Parameter(name="--trader", help="Only orders of this trader_id.")] = ""
    session: Annotated[str, Parameter(name="--session", help="Only orders of this session.")] = ""

    @property
    def named(self) -> dict[str, str]:
        """What was given, by the kind of scope."""
        given = {
            "ACCOUNT": self.account,
            "STRATEGY": self.strategy,
            "SYMBOL": self.symbol,
            "EXCHANGE": self.exchange,
            "TRADER": self.trader,
            "SESSION": self.session,
        }
        return {scope: name for scope, name in given.items() if name}

    def one(self) -> tuple[str, str]:
        """(scope, name) as commands have them; raises Rejected unless exactly one is meant."""
        named = self.named
        if self.everything and not named:
            return "ALL", ""
        if not self.everything and set(named) == {"STRATEGY", "SYMBOL"}:
            return "STRATEGY_SYMBOL", f"{self.strategy}/{self.symbol}"
        if self.everything or len(named) != 1:
            raise Rejected("name one scope" if not named else "more than one scope is named", _CURE)
        return next(iter(named.items()))


NO_SCOPE: Final = ScopeOptions()


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
