"""Your own book-keeping of orders, from the stream's events: what is filled, what can still trade, what it cost.

`pytest examples/own_orders.py` feeds it with a nasty venue's histories and compares it with the ledger."""

from ledger.domain import events as e
from ledger.testing.order_contract import OrderContract
from ledger.testing.shown import ShownOrder

ENDS = (e.OrderCanceled, e.OrderExpired, e.OrderRejected)


class Order:
    def __init__(self, qty):
        self.qty, self.fills, self.ended = qty, {}, ""

    @property
    def cum(self):
        return sum(qty for qty, _px in self.fills.values())

    @property
    def leaves(self):
        return 0 if self.ended else max(0, self.qty - self.cum)


class MyOrders:
    def __init__(self):
        self._orders = {}

    def take(self, event):
        kind = type(event)
        if kind is e.OrderSubmitted:
            self._orders[event.client_order_id] = Order(event.qty)
        elif (order := self._orders.get(getattr(event, "order", ""))) is not None:
            self._change(order, event, kind)

    def _change(self, order, event, kind):
        if kind is e.OrderFilled:
            order.fills[event.trade_date, event.execution_id] = (event.qty, event.px)
        elif kind is e.FillCorrected and event.known:
            order.fills[event.trade_date, event.root] = (event.qty, event.px)
        elif kind is e.FillBusted and event.known:
            leaves = order.leaves
            del order.fills[event.trade_date, event.root]
            if not event.reinstated and not order.ended:  # the venue does not give the quantity back
                order.qty = min(order.qty, order.cum + leaves)
        elif kind in (e.OrderReplaced, e.OrderRestated):
            order.qty = order.qty if event.qty is None else event.qty
        if kind in ENDS:
            order.ended = "canceled" if order.cum else kind.__name__
        elif kind in (e.OrderFilled, e.OrderAccepted) and order.ended == "OrderRejected":
            order.ended = ""  # a reject may be wrong, a fill cannot be

    def orders(self):
        return {
            name: ShownOrder(
                order.qty, order.cum, order.leaves, sum(q * px for q, px in order.fills.values())
            )
            for name, order in self._orders.items()
        }


class TestMyOrders(OrderContract):
    def begin(self):
        return MyOrders()
