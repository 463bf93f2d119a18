"""Compare the book that a capture gives with the venue's best bid and ask, which Binance ships as a stream of its own.

The streams are independent; wherever both name the same update number, the folded book must show exactly the venue's
best prices and sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from ledger.domain.book_view import Level, best
from ledger.domain.enums import BookStatus
from ledger.domain.facts import MarketTrade, Quote
from ledger.feeds.binance import Fact, facts, inspect_all
from ledger.feeds.check import BookFold, Checked, Difference, found
from ledger.feeds.terms import Terms

REMEMBERED: Final = 65_536
"""Update numbers kept of each stream until the other one names them."""
Best = tuple[Level | None, Level | None]


def check_binance(paths: Sequence[Path], symbol: str = "") -> Checked:
    """Fold the files in their order as one book for each symbol and compare; raises CaptureError."""
    folds: dict[str, _Quoted] = {}
    for path, terms in zip(paths, inspect_all(paths, symbol), strict=True):
        quoted = folds.setdefault(terms.symbol, _Quoted(terms))
        quoted.fold.file = path.name
        for _, fact in facts(path, terms):
            quoted.take(fact)
    return found(quoted.fold for quoted in folds.values())


@final
class _Quoted:
    """One symbol's book beside the venue's best prices."""

    def __init__(self, terms: Terms) -> None:
        self.fold = BookFold(terms)
        self._ours: dict[int, Best] = {}
        self._theirs: dict[int, Best] = {}

    def take(self, fact: Fact) -> None:
        self.fold.take(fact)
        if type(fact) is Quote:
            said = ((fact.bid_px, fact.bid_qty), (fact.ask_px, fact.ask_qty))
            self._compare(fact.source_seq, fact.update, self._ours.pop(fact.update, None), said)
            _remember(self._theirs, fact.update, said)
        elif type(fact) is not MarketTrade:
            self._folded(fact)

    def _folded(self, fact: Fact) -> None:
        book = self.fold.book
        if book is not None and book.status is BookStatus.LIVE:
            shown = best(book)
            self._compare(fact.source_seq, book.last_update, shown, self._theirs.pop(book.last_update, None))
            _remember(self._ours, book.last_update, shown)

    def _compare(self, message: int, update: int, ours: Best | None, theirs: Best | None) -> None:
        if ours is None or theirs is None:
            return
        fold = self.fold
        fold.compared += 1
        if ours == theirs:
            fold.equal += 1
            return
        what = f"best prices at update {update}"
        fold.differs(Difference(fold.file, message, update, what, self._text(ours), self._text(theirs)))

    def _text(self, shown: Best) -> dict[str, str]:
        (bid_px, bid_qty), (ask_px, ask_qty) = self.fold.text(shown[0]), self.fold.text(shown[1])
        return {"bid_px": bid_px, "bid_qty": bid_qty, "ask_px": ask_px, "ask_qty": ask_qty}


def _remember(kept: dict[int, Best], update: int, shown: Best) -> None:
    kept[update] = shown
    if len(kept) > REMEMBERED:
        del kept[next(iter(kept))]
