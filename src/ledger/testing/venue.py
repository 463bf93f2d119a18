"""The seeded venue of a simulation: an honest one, or a nasty one, which tells the same things badly and does worse."""

from __future__ import annotations

from typing import final

from ledger.domain.commands import CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.facts import OrderReport
from ledger.testing.delivery import Delivery
from ledger.testing.honest_venue import HonestVenue
from ledger.testing.mischief import Mischief


@final
class Venue:
    """Takes acknowledged commands, gives facts; the same seed and commands give the same facts.

    A nasty one busts, corrects, overfills, fills what is over, splits, crosses, contradicts itself and speaks of orders
    that nobody sent (`mischief`); it tells all that twice, late, out of order, with holes in its numbers and on
    a second line (`delivery`).
    """

    def __init__(
        self,
        seed: int,
        run: str,
        markets: dict[str, tuple[int, int]],
        *,
        nasty: bool = False,
        claimants: tuple[str, ...] = (),
        partitions: int = 1,
    ) -> None:
        """`markets` are (lot, price around which it trades) by symbol; unknown orders name one of `claimants` or none."""
        self._core = HonestVenue(seed, run, markets)
        self._core.partitions = partitions
        self._mischief = Mischief(self._core, seed, claimants) if nasty else None
        self._delivery = Delivery(self._core, seed) if nasty else None

    def take(self, command: SubmitOrder | CancelOrder | ReplaceOrder) -> None:
        """A command that the ledger acknowledged reaches the venue."""
        self._core.take(command)

    def facts(self, trades: int) -> list[OrderReport]:
        """What is told since the last time, after `trades` more executions of resting orders."""
        self._core.trade(trades)
        if self._mischief is not None:
            self._mischief.happen(1 + trades // 3)
        facts = self._core.told()
        return facts if self._delivery is None else self._delivery.deliver(facts)

    def rest(self) -> list[OrderReport]:
        """What a nasty venue still held back."""
        return [] if self._delivery is None else self._delivery.rest()
