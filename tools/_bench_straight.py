"""The straight line: what an engine of plain functions and dicts would cost for the same inputs and the same events.

Idempotence, validation, order and position arithmetic are here (books in `_bench_straight_books`); actors, turns, gates, frames
that can be dropped, anomalies and everything that this load does not need are not. The events must be equal to the
engine's to the last byte, which the bench checks.
"""

from __future__ import annotations

import re
from typing import Any, Final

from _bench_load import EXCHANGE, STRATEGIES, SYMBOLS_MAX, TICK, strategy_name, symbol_name
from _bench_result import WorkNotDone
from ledger.domain.commands import CancelOrder, SubmitOrder
from ledger.domain.enums import OrderType, Side, SideFlag, TimeInForce
from ledger.domain.events import (
    CancelRequested,
    OrderAccepted,
    OrderFilled,
    OrderSubmitted,
)
from ledger.domain.facts import ReportAccepted, ReportFill

ACTOR: Final = "local"
RECEIVED_AT_NS: Final = 1
_ID: Final = re.compile(r"[!-9;-z~]{1,50}").fullmatch
_SUPPORTED: Final = (OrderType.LIMIT, OrderType.MARKET, OrderType.STOP, OrderType.STOP_LIMIT)
_LIMIT, _BUY, _DAY, _NO_FLAG = OrderType.LIMIT, Side.BUY, TimeInForce.DAY, SideFlag.NONE
_WINDOW_MS: Final = 7 * 86_400_000
_COMMITTED, FACT_COMMITTED = 200, 203
# An order in a list, because that is the fastest thing to change.
_ID_AT, _STRATEGY, _ACCOUNT, _SIDE, _QTY, _CUM, _COST, _ACKED, _CLOSED = range(9)
_FEES, _FILLS, _CANCELS, _VENUE_ID, _AT, _VERSION = range(9, 15)


class Sources:
    """The next number of each sender."""

    def __init__(self) -> None:
        self._next: dict[str, tuple[int, int]] = {}

    def judge(self, fact: Any) -> None:
        source, epoch, seq = fact.source, fact.source_epoch, fact.source_seq
        known = self._next.get(source)
        if known is not None and known != (epoch, seq):
            raise WorkNotDone(f"{source} {seq} is not the next")
        self._next[source] = (epoch, seq + 1)


class Orders:
    """Orders, fills and positions."""

    journal = "trading"

    def __init__(self, base_seq: int) -> None:
        self.seq = base_seq
        self.now_ns = 0
        self.orders: dict[tuple[str, str], list[Any]] = {}
        self.positions: dict[tuple[str, str], list[Any]] = {}
        self.fills: dict[tuple[str, str, str, str, str], tuple[Any, ...]] = {}
        self._outcomes: dict[bytes, tuple[int, Any]] = {}
        self._request_ids: dict[tuple[str, str], tuple[str, str]] = {}
        self._numbers: dict[int, tuple[str, str]] = {}
        self._venue_ids: dict[tuple[str, str], tuple[str, str]] = {}
        self._sources = Sources()
        self._instruments = {symbol_name(i): (EXCHANGE, TICK, 1) for i in range(SYMBOLS_MAX)}
        self._accounts = {strategy_name(i): f"ACC{i % 4}" for i in range(STRATEGIES)}
        self._rules = {
            SubmitOrder: self._submit,
            CancelOrder: self._cancel,
            ReportAccepted: self._ack,
            ReportFill: self._fill,
        }

    def take(self, inputs: list[Any], answers: list[Any]) -> list[Any]:
        """The events of one message's inputs; an answer for each goes into `answers`."""
        rules = self._rules
        return [rules[type(item)](item, answers) for item in inputs]

    def _new_id(self, command_id: bytes) -> None:
        if command_id in self._outcomes:
            raise WorkNotDone("a command_id came again")
        age_ms = self.now_ns // 1_000_000 - int.from_bytes(command_id[:6], "big")
        if command_id[6] >> 4 != 7 or not -5_000 <= age_ms <= _WINDOW_MS:
            raise WorkNotDone("a command_id is out of its window")

    def _submit(self, command: SubmitOrder, answers: list[Any]) -> OrderSubmitted:
        command_id, symbol, name = command.command_id, command.symbol, command.client_order_id
        self._new_id(command_id)
        key = (symbol, name)
        exchange, tick, lot = self._instruments[symbol]
        account = self._accounts[command.strategy_id]
        kind, qty, px = command.order_type, command.qty, command.px
        if (
            _ID(name) is None
            or key in self.orders
            or key in self._request_ids
            or command.exchange != exchange
            or kind not in _SUPPORTED
            or command.reduce_only
            or command.side_flag is not _NO_FLAG
            or (command.post_only and kind is not _LIMIT)
            or command.expire_ts
            or qty <= 0
            or qty % lot
            or kind is not _LIMIT
            or px is None
            or px <= 0
            or px % tick
            or command.display_qty > qty
        ):
            raise WorkNotDone("a sound order was refused")
        seq = self.seq = self.seq + 1
        event = OrderSubmitted(
            name,
            command.strategy_id,
            account,
            symbol,
            exchange,
            command.side,
            kind,
            qty,
            px,
            command.stop_px,
            command.time_in_force,
            command_id,
            ACTOR,
            RECEIVED_AT_NS,
            command.side_flag,
            command.expire_ts,
            command.display_qty,
            command.post_only,
            command.reduce_only,
            command.algo_id,
            command.trader_id,
            command.session_id,
            command.on_behalf_of,
        )
        self.orders[key] = [
            seq, command.strategy_id, account, command.side, qty, 0, 0, False, False, 0, 0, (), "", self.now_ns, seq
        ]  # fmt: skip
        self._numbers[seq] = key
        self._outcomes[command_id] = (seq, event)
        answers.append((_COMMITTED, command_id, 0, seq, seq, False))
        return event

    def _cancel(self, command: CancelOrder, answers: list[Any]) -> CancelRequested:
        command_id, symbol, name = command.command_id, command.symbol, command.client_order_id
        self._new_id(command_id)
        key, request = (symbol, command.orig_client_order_id), (symbol, name)
        order = self.orders[key]
        if (
            _ID(name) is None
            or request in self.orders
            or request in self._request_ids
            or order[_CLOSED]
            or order[_CUM] >= order[_QTY]
            or order[_CANCELS]
        ):
            raise WorkNotDone("a sound cancel was refused")
        seq = self.seq = self.seq + 1
        event = CancelRequested(
            symbol,
            key[1],
            order[_STRATEGY],
            EXCHANGE,
            name,
            key[1],
            command_id,
            ACTOR,
            RECEIVED_AT_NS,
            command.session_id,
            command.on_behalf_of,
        )
        order[_CANCELS], order[_AT], order[_VERSION] = (name,), self.now_ns, seq
        self._request_ids[request] = key
        self._outcomes[command_id] = (seq, event)
        answers.append((_COMMITTED, command_id, 0, seq, order[_ID_AT], False))
        return event

    def _ack(self, fact: ReportAccepted, answers: list[Any]) -> OrderAccepted:
        self._sources.judge(fact)
        key = (fact.symbol, fact.client_order_id)
        order = self.orders[key]
        if order[_ACKED] or order[_CLOSED]:
            raise WorkNotDone("an order was accepted twice")
        seq = self.seq = self.seq + 1
        event = OrderAccepted(
            fact.symbol,
            key[1],
            order[_STRATEGY],
            EXCHANGE,
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.event_time_ns,
            RECEIVED_AT_NS,
            ACTOR,
            fact.venue_order_id,
            fact.venue_cum,
        )
        order[_ACKED], order[_VENUE_ID], order[_AT], order[_VERSION] = (
            True,
            fact.venue_order_id,
            self.now_ns,
            seq,
        )
        self._venue_ids[(EXCHANGE, fact.venue_order_id)] = key
        answers.append(
            (FACT_COMMITTED, fact.source, fact.source_epoch, fact.source_seq, "trading", 0, seq, False)
        )
        return event

    def _fill(self, fact: ReportFill, answers: list[Any]) -> OrderFilled:
        self._sources.judge(fact)
        symbol, name, qty, px, fee = fact.symbol, fact.client_order_id, fact.qty, fact.px, fact.fee
        order = self.orders[(symbol, name)]
        execution = (EXCHANGE, order[_ACCOUNT], symbol, fact.trade_date, fact.execution_id)
        cum = order[_CUM] + qty
        if (
            execution in self.fills
            or qty <= 0
            or order[_SIDE] is not fact.side
            or not order[_ACKED]
            or cum > order[_QTY]
        ):
            raise WorkNotDone("a sound fill was set aside")
        seq = self.seq = self.seq + 1
        event = OrderFilled(
            symbol,
            name,
            order[_STRATEGY],
            EXCHANGE,
            fact.source,
            fact.source_epoch,
            fact.source_seq,
            fact.event_time_ns,
            RECEIVED_AT_NS,
            ACTOR,
            order[_ID_AT],
            name,
            order[_ACCOUNT],
            fact.side,
            fact.execution_id,
            fact.trade_date,
            qty,
            px,
            fee,
            fact.fee_ccy,
            fact.liquidity,
            fact.venue_order_id,
            fact.venue_cum,
            fact.venue_leaves,
            fact.contra,
        )
        self.fills[execution] = (name, order[_STRATEGY], seq, fact.side, qty, px, fee, fact.fee_ccy)
        order[_CUM], order[_COST] = cum, order[_COST] + qty * px
        order[_FEES] += fee
        order[_FILLS] += 1
        order[_AT], order[_VERSION] = self.now_ns, seq
        self._move(order[_STRATEGY], symbol, qty if fact.side is _BUY else -qty, px, fee, seq)
        answers.append(
            (FACT_COMMITTED, fact.source, fact.source_epoch, fact.source_seq, "trading", 0, seq, False)
        )
        return event

    def _move(self, strategy: str, symbol: str, signed: int, px: int, fee: int, seq: int) -> None:
        place = (strategy, symbol)
        position = self.positions.get(place)
        if position is None:
            position = self.positions[place] = [0, 0, 0, 0, 0, 0, 0, 0]
        qty, cost, realized, cash, fees, fills, _, _ = position
        left = qty + signed
        if qty * signed >= 0:
            cost += signed * px
        elif left * qty <= 0:
            realized += qty * px - cost
            cost = left * px
        else:
            removed = _half_even(cost * signed, -qty)
            realized -= signed * px + removed
            cost -= removed
        position[:] = [left, cost, realized, cash - signed * px, fees + fee, fills + 1, self.now_ns, seq]


def _half_even(dividend: int, divisor: int) -> int:
    if divisor < 0:
        dividend, divisor = -dividend, -divisor
    quotient = dividend // divisor
    twice_rest = 2 * (dividend - quotient * divisor)
    return quotient if twice_rest < divisor or (twice_rest == divisor and not quotient & 1) else quotient + 1
