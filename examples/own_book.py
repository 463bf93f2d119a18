"""Your own builder of an order book: dicts, and the rules by which numbered deltas continue a snapshot.

`pytest examples/own_book.py` gives it feeds that lose messages, repeat them and send snapshots that are behind."""

from ledger.domain.enums import BookSource
from ledger.domain.facts import BookSnapshot
from ledger.testing.book_contract import BookContract
from ledger.testing.shown import ShownBook


class MyBook:
    def __init__(self):
        self.sides, self.last, self.live, self.fresh, self.kept = ({}, {}), 0, False, False, {}

    def take(self, fact):
        if isinstance(fact, BookSnapshot):
            if self.live and fact.last_update <= self.last:
                return  # behind what we have
            self.sides, self.last = (dict(fact.bids), dict(fact.asks)), fact.last_update
            self.live = self.fresh = True
            kept, self.kept = self.kept, {}
            for number in sorted(kept):
                self._delta(kept[number])
        else:
            self._delta(fact)

    def _delta(self, fact):
        if self.live and self._is_old(fact):
            return
        if not self.live or not self._continues(fact):
            self.live = False
            self.kept[fact.last_update] = fact  # for the next snapshot
            return
        for side, levels in zip(self.sides, (fact.bids, fact.asks), strict=True):
            for px, qty in levels:
                side[px] = qty
                if not qty:
                    del side[px]
        self.last, self.fresh = fact.last_update, False

    def _is_old(self, fact):
        if self.fresh and fact.continuity is BookSource.FUTURES:
            return fact.last_update < self.last  # the one with the snapshot's own number is needed
        return fact.last_update <= self.last

    def _continues(self, fact):
        if fact.continuity is BookSource.FUTURES:
            return fact.first_update <= self.last if self.fresh else fact.prev_update == self.last
        return fact.first_update <= self.last + 1 if self.fresh else fact.first_update == self.last + 1

    def shown(self):
        bids, asks = self.sides
        good = self.live and bids and asks and max(bids) <= min(asks)
        return ShownBook(self.live, bids, asks, self.last, max(bids) + min(asks) if good else None)


class TestMyBook(BookContract):
    def begin(self):
        return MyBook()
