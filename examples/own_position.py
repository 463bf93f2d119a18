"""Your own position: an average price as a fraction, so that nothing is ever rounded.

`pytest examples/own_position.py` shows that it is right to the last unit, whatever is filled, busted or corrected."""

from fractions import Fraction
from math import copysign

from ledger.domain.enums import Side
from ledger.domain.events import OrderFilled, PositionRestated
from ledger.testing.position_contract import PositionContract
from ledger.testing.shown import ShownPosition


class MyPosition:
    def __init__(self):
        self.qty = self.cash = 0
        self.cost = Fraction(0)
        self.fees = {}

    def take(self, event):
        if isinstance(
            event, PositionRestated
        ):  # beside a bust or a correction: what the position is without it
            self.qty, self.cash, self.cost = int(event.qty), int(event.cash), Fraction(int(event.cost))
            self.fees = {currency: int(amount) for currency, amount in event.fees.items()}
        elif isinstance(event, OrderFilled):
            self._trade(event.qty if event.side is Side.BUY else -event.qty, event.px)
            self.fees[event.fee_ccy] = self.fees.get(event.fee_ccy, 0) + event.fee

    def _trade(self, change, px):
        self.cash -= change * px
        held = abs(self.qty)
        if self.qty * change < 0:  # closes: the share of the cost goes, never more than all of it
            closed = min(held, abs(change))
            self.cost -= self.cost * closed / held
            change_opens = abs(change) - closed
        else:
            change_opens = abs(change)
        self.qty += change
        self.cost += int(copysign(1, change)) * change_opens * px

    def shown(self):
        cost = round(self.cost)
        fees = tuple(sorted((currency, amount) for currency, amount in self.fees.items() if amount))
        return ShownPosition(self.qty, cost, self.cash + cost, self.cash, fees)


class TestMyPosition(PositionContract):
    def begin(self):
        return MyPosition()
