"""The one record of an execution: OrderFilled, of a known order or of none."""

from __future__ import annotations

from ledger.domain import events as e
from ledger.domain import facts as f
from ledger.domain.context import Context
from ledger.domain.enums import Side
from ledger.domain.identifiers import UNALLOCATED
from ledger.domain.order_state import OrderState


def filled_event(state: OrderState, fact: f.ReportFill, context: Context) -> e.OrderFilled:
    """A new execution of a known order."""
    terms = state.terms
    head = (terms.symbol, terms.client_order_id, terms.strategy_id, terms.exchange)
    return _filled(head, (terms.order_id, state.client_order_id, terms.account, terms.side), fact, context)


def unattributed_event(fact: f.ReportFill, context: Context, place: tuple[str, str]) -> e.OrderFilled:
    """A new execution that no order explains; `place` is (account, exchange)."""
    account, exchange = place
    head = (fact.symbol, "", fact.strategy_id or UNALLOCATED, exchange)
    return _filled(head, (0, fact.client_order_id, account, fact.side), fact, context)


def _filled(
    head: tuple[str, str, str, str], whose: tuple[int, str, str, Side], fact: f.ReportFill, context: Context
) -> e.OrderFilled:
    """`head`: symbol, order, strategy_id, exchange; `whose`: order_id, client_order_id, account, side."""
    return e.OrderFilled(
        *head,
        fact.source,
        fact.source_epoch,
        fact.source_seq,
        fact.event_time_ns,
        context.received_at_ns,
        context.actor,
        *whose,
        fact.execution_id,
        fact.trade_date,
        fact.qty,
        fact.px,
        fact.fee,
        fact.fee_ccy,
        fact.liquidity,
        fact.venue_order_id,
        fact.venue_cum,
        fact.venue_leaves,
        fact.contra,
    )
