"""Positions changed without a fill: what an operator may ask, and the routes by which it reaches positions.

An adjustment says what changes (quantity, cost, cash); what the two money parts do not balance is realised profit. A
transfer is a trade between two strategies of one account, in one record, so that no sum over strategies ever moves.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.codes import Code
from ledger.domain.context import Context, Rejection, Strategy
from ledger.domain.enums import AdjustReason
from ledger.domain.identifiers import RESERVED
from ledger.domain.operator_commands import AdjustPosition, TransferPosition
from ledger.domain.operator_events import PositionAdjusted, PositionTransferred
from ledger.domain.units import INT64_MAX, Money
from ledger.domain.values import to_money

_BALANCED: Final = (AdjustReason.TRANSFER, AdjustReason.OPENING_BALANCE)
"""Reasons that make no profit."""
_DIGITS_MAX: Final = 64


@final
class Adjustment(Struct, frozen=True, array_like=True, gc=False):
    """One position's route of an adjustment or a transfer; also kept, so that a bust can fold the position again."""

    strategy_id: str
    symbol: str
    account: str
    dqty: int
    dcost: int
    dcash: int
    recorded_at_ns: int
    px: int | None = None
    """Of a transfer, which trades at it; None for an adjustment."""


def routes(event: PositionAdjusted | PositionTransferred, recorded_at_ns: int) -> tuple[Adjustment, ...]:
    """What the event means to each position that it concerns."""
    symbol = event.symbol
    if type(event) is PositionAdjusted:
        dcost, dcash = int(event.dcost), int(event.dcash)
        return (
            Adjustment(event.strategy_id, symbol, event.account, event.dqty, dcost, dcash, recorded_at_ns),
        )
    assert type(event) is PositionTransferred
    dqty, px = event.dqty, event.px
    value = dqty * px
    # A reserved strategy has no account of its own: what it gives or takes is the other's account's.
    giver, taker = event.from_account or event.to_account, event.to_account or event.from_account
    return (
        Adjustment(event.from_strategy, symbol, giver, -dqty, -value, value, recorded_at_ns, px),
        Adjustment(event.to_strategy, symbol, taker, dqty, value, -value, recorded_at_ns, px),
    )


def decide_adjustment(
    held: tuple[int, int], command: AdjustPosition, context: Context
) -> list[PositionAdjusted] | Rejection:
    """PositionAdjusted. `held` is the position's (qty, cost); `context.strategy` its strategy, None if unknown."""
    dcost, dcash = _whole(command.dcost), _whole(command.dcash)
    if dcost is None or dcash is None:
        return Rejection(Code.MALFORMED, "dcost and dcash must be whole numbers of at most 64 digits")
    unknown = _unknown(command.symbol, command.strategy_id, context, context.strategy)
    if unknown is not None:
        return unknown
    if not (command.dqty or dcost or dcash):
        return Rejection(Code.NOTHING_TO_CHANGE, "dqty, dcost and dcash are all 0: say what changes")
    fault = _fault_of_balance(held, command, dcost, dcash)
    if fault:
        return Rejection(Code.UNBALANCED_ADJUSTMENT, fault)
    fault = _fault_of_approver(command, context)
    if fault:
        return Rejection(Code.APPROVER_REQUIRED, fault)
    account = context.strategy.account if context.strategy is not None else ""
    return [
        PositionAdjusted(
            command.strategy_id,
            command.symbol,
            account,
            command.reason,
            command.approver,
            command.dqty,
            to_money(dcost),
            to_money(dcash),
            command.ref,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
        )
    ]


def _whole(money: Money) -> int | None:
    if isinstance(money, int):
        return money
    digits = money.removeprefix("-")
    fits = len(digits) <= _DIGITS_MAX and digits.isascii() and digits.isdigit()
    return int(money) if fits else None


def _unknown(symbol: str, strategy_id: str, context: Context, strategy: Strategy | None) -> Rejection | None:
    if context.instrument is None:
        return Rejection(Code.UNKNOWN_SYMBOL, f"symbol {symbol} is not defined: send DefineInstrument first")
    if strategy is None and strategy_id not in RESERVED:
        detail = f"strategy {strategy_id} is not defined: send DefineStrategy first"
        return Rejection(Code.UNKNOWN_STRATEGY, detail)
    return None


def _fault_of_balance(held: tuple[int, int], command: AdjustPosition, dcost: int, dcash: int) -> str:
    qty, cost = held[0] + command.dqty, held[1] + dcost
    name = f"{command.strategy_id}/{command.symbol}"
    if qty == 0 and cost != 0:
        return f"{name} would be flat with a cost of {cost}: dcost must be {-held[1]}"
    if command.reason in _BALANCED and dcost + dcash != 0:
        return f"{command.reason.name} makes no profit, so dcash must be {-dcost}: adjust the rest as MANUAL or FUNDING"
    if command.reason is AdjustReason.FUNDING and (command.dqty or dcost):
        return "FUNDING is cash only: leave dqty and dcost out"
    return ""


def _fault_of_approver(command: AdjustPosition, context: Context) -> str:
    approver = command.approver.strip()
    if not approver:
        return "an adjustment needs an approver: name a second person"
    if approver in (context.actor, command.on_behalf_of.partition(":")[0].strip()):
        return f"{approver} cannot approve what {approver} asks for: name a second person"
    return ""


def decide_transfer(
    held: int,
    command: TransferPosition,
    context: Context,
    strategies: tuple[Strategy | None, Strategy | None],
) -> list[PositionTransferred] | Rejection:
    """PositionTransferred. `held` is the signed quantity of `from_strategy`, `strategies` are (from, to)."""
    giver, taker = strategies
    unknown = _unknown(command.symbol, command.from_strategy, context, giver) or _unknown(
        command.symbol, command.to_strategy, context, taker
    )
    if unknown is not None:
        return unknown
    if command.qty <= 0:
        return Rejection(Code.QTY_NOT_POSITIVE, f"qty {command.qty} of a transfer must be positive")
    if command.qty > min(abs(held), INT64_MAX):
        detail = f"{command.from_strategy} holds {held} of {command.symbol}: it cannot give {command.qty}"
        return Rejection(Code.QTY_TOO_LARGE, detail)
    fault = _fault_of_accounts(command, giver, taker)
    if fault:
        return Rejection(Code.UNBALANCED_ADJUSTMENT, fault)
    return [
        PositionTransferred(
            command.from_strategy,
            command.to_strategy,
            command.symbol,
            command.qty,
            command.px,
            command.qty if held > 0 else -command.qty,
            giver.account if giver is not None else "",
            taker.account if taker is not None else "",
            command.reason,
            command.ref,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
        )
    ]


def _fault_of_accounts(command: TransferPosition, giver: Strategy | None, taker: Strategy | None) -> str:
    if command.from_strategy == command.to_strategy:
        return f"from_strategy and to_strategy are both {command.from_strategy}"
    if giver is not None and taker is not None and giver.account != taker.account:
        return (
            f"{giver.strategy_id} is of account {giver.account}, {taker.strategy_id} of {taker.account}: the broker"
            " moves positions between accounts; adjust both once it has"
        )
    return ""
