"""Seeded strategies: the orders, cancels and replaces of a simulation, and a few commands that must be refused.

Everything follows from the seed but the ids, which also name the run, so that the same seed can be simulated twice
on one ledger. Prices and quantities are scaled integers throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final, final

from msgspec import Struct

from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.enums import OrderType, Side, TimeInForce
from ledger.testing.books import Books, OrderRecord

EXCHANGE: Final = "SIM"


@final
class Market(Struct, frozen=True):
    """An instrument of the simulation, with the price around which it trades; integers at its scales."""

    symbol: str
    price_scale: int
    qty_scale: int
    tick: int
    lot: int
    around: int


INSTRUMENTS: Final = (
    Market("SIM.SHARE", 4, 0, 100, 1, 1_812_500),
    Market("SIM.BOND", 2, 0, 5, 10, 9_985),
    Market("SIM.COIN", 2, 8, 1, 1000, 6_168_599),
)
STRATEGIES: Final = 4
WRONG_ONE_IN: Final = 40
"""Of so many orders one is made to be refused."""


@final
class Intent(Struct, frozen=True):
    """A command and what must become of it: 0 is acknowledged, else the code of its refusal."""

    command: SubmitOrder | CancelOrder | ReplaceOrder
    expected: int = 0


@final
class Strategies:
    """What the strategies of one run want next, from what they know (the books)."""

    def __init__(
        self,
        seed: int,
        run: str,
        books: Books,
        new_id: Callable[[], bytes],
        markets: tuple[Market, ...] = INSTRUMENTS,
    ) -> None:
        """`markets`: what they trade."""
        self._markets = markets
        self._random = Random(f"strategies {seed}")
        self._run = run
        self._books = books
        self._new_id = new_id
        self._numbers = 0
        self.names = tuple(f"SIM-{run}-{index}" for index in range(STRATEGIES))

    def intents(self, orders: int) -> list[Intent]:
        """The next commands: `orders` new orders among cancels and replaces of what rests."""
        random = self._random
        wanted = [self._order() for _ in range(orders)]
        resting = self._books.resting()
        for record in random.sample(resting, min(len(resting), orders // 2)):
            wanted.append(self._cancel(record) if random.random() < 0.4 else self._replace(record))
        ended = self._books.ended()
        if ended and random.random() < 0.3:
            wanted.append(self._cancel(random.choice(ended), int(Code.TOO_LATE_TO_CANCEL)))
        random.shuffle(wanted)
        return wanted

    def _id(self) -> str:
        self._numbers += 1
        return f"{self._run}-{self._numbers}"

    def _order(self) -> Intent:
        random = self._random
        market = random.choice(self._markets)
        terms: dict[str, Any] = {
            "client_order_id": self._id(),
            "strategy_id": random.choice(self.names),
            "symbol": market.symbol,
            "exchange": EXCHANGE,
            "side": random.choice((Side.BUY, Side.SELL)),
            "order_type": OrderType.LIMIT,
            "qty": market.lot * random.randint(1, 400),
            "px": self._px(market),
            "time_in_force": random.choice((TimeInForce.DAY, TimeInForce.GTC)),
        }
        if random.random() < 0.1:
            terms |= {"order_type": OrderType.MARKET, "px": None, "time_in_force": TimeInForce.DAY}
        expected = self._spoil(terms, market) if random.randrange(WRONG_ONE_IN) == 0 else 0
        return Intent(SubmitOrder(self._new_id(), **terms), expected)

    def _px(self, market: Market) -> int:
        return market.around // market.tick * market.tick + market.tick * self._random.randint(-50, 50)

    def _spoil(self, terms: dict[str, Any], market: Market) -> int:
        """Make the order wrong in one way; the code that must come back."""
        wrong = self._random.randrange(4)
        if wrong == 0:
            terms["strategy_id"] = f"{terms['strategy_id']}-none"
            return int(Code.UNKNOWN_STRATEGY)
        if wrong == 1:
            terms["qty"] = -terms["qty"]
            return int(Code.QTY_NOT_POSITIVE)
        if wrong == 2:
            terms["symbol"] = "SIM.NONE"
            return int(Code.UNKNOWN_SYMBOL)
        terms |= {"order_type": OrderType.LIMIT, "px": None}
        return int(Code.PX_REQUIRED)

    def _cancel(self, record: OrderRecord, expected: int = 0) -> Intent:
        command = CancelOrder(self._new_id(), record.symbol, self._id(), record.client_order_id)
        return Intent(command, expected)

    def _replace(self, record: OrderRecord) -> Intent:
        market = next(each for each in self._markets if each.symbol == record.symbol)
        qty = record.cum + market.lot * self._random.randint(1, 400)
        px = self._px(market)
        if (qty, px) == (record.qty, record.px):
            qty += market.lot
        command = ReplaceOrder(self._new_id(), record.symbol, self._id(), record.current_id, qty, px)
        return Intent(command)
