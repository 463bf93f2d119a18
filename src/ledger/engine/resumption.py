"""Suspended facts whose symbol is defined: decided again, oldest first, each as a turn of its own.

The engine runs them between its batches, so that a symbol for which very many wait does not make one frame of all.
A new fact for a symbol of which some still wait is put behind them. What was suspended for another reason (digits
that the instrument has not, an order that was set aside) stays so: a definition mends none of that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from msgspec.structs import replace

import actors
from ledger.domain.events import FactResumed, FactSuspended
from ledger.domain.facts import MARKET_DATA, REPORTS, Fact
from ledger.engine.fault import fault_events
from ledger.wire import Misfit, read, text_type

if TYPE_CHECKING:
    from ledger.engine.partition import Partition

_packed: Final = msgspec.msgpack.Decoder(Fact)
_TEXT_KINDS: Final = {kind.__name__: kind for kind in (*REPORTS, *MARKET_DATA)}
_TRADING: Final = "trading"
_MARKET: Final = "market"
SET_ASIDE: Final = "is set aside after a fault"
BEHIND: Final = "earlier facts of its symbol wait to be decided"


def not_defined(symbol: str) -> str:
    """The reason for which a fact of an unknown symbol is suspended."""
    return f"symbol {symbol!r} is not defined"


class _Type(msgspec.Struct):
    type: str


@final
class Resumption:
    """The suspended facts that wait for their turn."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self.symbols: dict[str, int] = {}
        """Facts that still wait, by symbol; a symbol without any is not in it."""
        self._waiting: deque[tuple[str, int, FactSuspended]] = deque()
        for (
            symbol
        ) in partition.trading.instruments.states:  # a crash may have come between definition and resumption
            self.defined(symbol)

    def defined(self, symbol: str) -> None:
        """The symbol is defined: what waited for that gets a turn."""
        self._take(symbol, lambda reason: reason in (BEHIND, not_defined(symbol)))

    def released(self, symbol: str) -> None:
        """An entity of the symbol was released: what was suspended because it was set aside gets a turn."""
        self._take(symbol, lambda reason: reason.endswith(SET_ASIDE))

    def _take(self, symbol: str, waits: Callable[[str], bool]) -> None:
        partition = self._partition
        for journal, fold in ((_TRADING, partition.trading), (_MARKET, partition.market)):
            for seq, event in sorted(fold.facts.waiting(symbol), key=_seq_of):
                if waits(event.reason):
                    self._add(journal, seq, event)

    def suspended(self, journal: str, seq: int, event: FactSuspended) -> None:
        """A new fact was put behind those that wait."""
        self._add(journal, seq, event)

    def _add(self, journal: str, seq: int, event: FactSuspended) -> None:
        self._waiting.append((journal, seq, event))
        self.symbols[event.symbol] = self.symbols.get(event.symbol, 0) + 1

    def run(self, entities: actors.Entities, turns_max: int) -> None:
        """Decide some of them, as many as a batch has turns and the open frames have room."""
        partition = self._partition
        while self._waiting and turns_max and not (partition.open_trading.full or partition.open_market.full):
            turns_max -= 1
            journal, seq, event = self._waiting.popleft()
            left = self.symbols[event.symbol] - 1
            self.symbols[event.symbol] = left
            if not left:
                del self.symbols[event.symbol]
            fold = partition.trading if journal == _TRADING else partition.market
            if fold.facts.suspended.get(seq) is not event:
                continue  # the symbol was defined twice, and this one has had its turn
            self._turn(journal, seq, event, entities)

    def _turn(self, journal: str, seq: int, event: FactSuspended, entities: actors.Entities) -> None:
        partition = self._partition
        fact = self.read(event)
        if fact is None:
            return
        context = partition.context
        context.actor, context.received_at_ns = event.actor, event.received_at_ns
        context.told_by, context.told_ns = event.actor, event.received_at_ns
        try:
            partition.facts.decide_again(fact, seq)
        except Exception as error:
            entities.discard()
            partition.forget_turn()
            commit = partition.commit_trading if journal == _TRADING else partition.commit_market
            commit([FactResumed(seq)])
            partition.commit_trading(fault_events(partition, fact, error))
        entities.install()

    def read(self, event: FactSuspended) -> Any:
        """The fact as it can be decided now; None where its text does not fit the instrument."""
        instrument = self._partition.trading.instruments.states[event.symbol]
        if event.raw[:1] != b"{":
            return _as_kept(_packed.decode(event.raw), event)
        kind = _TEXT_KINDS[msgspec.json.decode(event.raw, type=_Type).type]
        text = msgspec.json.decode(event.raw, type=text_type(kind))
        try:
            return _as_kept(read(kind, text, (instrument.price_scale, instrument.qty_scale)), event)
        except Misfit:
            return None


def _as_kept(fact: Any, event: FactSuspended) -> Any:
    """The fact with the symbol that was found for it, and under the name that its sender has here."""
    if fact.symbol == event.symbol:
        return fact
    return replace(fact, symbol=event.symbol, source=event.source)


def _seq_of(item: tuple[int, FactSuspended]) -> int:
    return item[0]
