"""Reports that name no symbol, as FIX's cancel reject does not: the one order that they can mean, by its ids there.

With one partition the order is looked for at once. With several such a report goes to partition 0, which keeps it,
asks every partition which orders it can mean, and assigns it to the one that has the only one; that partition takes it
from partition 0's journal, once. None or several: it stays with partition 0 as it came, for an operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from msgspec import Struct

from ledger.domain.events import FactResumed, FactSuspended
from ledger.domain.facts import Fact
from ledger.domain.partition_events import FactAssigned
from ledger.engine.resumption import BEHIND
from ledger.fold import OrderKey, TradingFold

if TYPE_CHECKING:
    from ledger.engine.partition import Partition

LOOKED_FOR: Final = "it names no symbol: its order is looked for in every partition"
"""The reason for which partition 0 keeps a report until all partitions have said what it can mean."""
IDS: Final = ("exchange", "client_order_id", "venue_order_id")
_packed: Final = msgspec.msgpack.Decoder(Fact)


class _Ids(Struct):
    exchange: str = ""
    client_order_id: str = ""
    venue_order_id: str = ""


def orders_meant(
    fold: TradingFold, exchange: str, client_order_id: str, venue_order_id: str
) -> tuple[set[OrderKey], bool]:
    """(the orders of this partition that a report with these ids can mean, whether the venue's own id says so)."""
    if venue_order_id:
        key = fold.order_of_venue_id.get((exchange, venue_order_id))
        if key is not None:
            return {key}, True
    found: set[OrderKey] = set()
    if client_order_id:
        for symbol in fold.instruments.states:
            key = fold.find_order(symbol, client_order_id)
            state = fold.orders.get(key) if key is not None else None
            if key is not None and state is not None and state.terms.exchange == exchange:
                found.add(key)
    return found, False


def symbol_of_order(fold: TradingFold, report: Any) -> tuple[str, str]:
    """(symbol, "") of the order that a report or its text means; ("", why) where that is not exactly one."""
    ids = [str(getattr(report, name, "")) for name in IDS]
    found, _ = orders_meant(fold, *ids)
    return (found.pop()[0], "") if len(found) == 1 else ("", _why_not(len(found), *ids))


def _why_not(found: int, exchange: str, client_order_id: str, venue_order_id: str) -> str:
    many = f"{found} orders" if found else "no order"
    return (
        f"it names no symbol, and {many} of {exchange} can be meant by {venue_order_id or client_order_id!r}"
    )


@final
class FactFound(Struct, frozen=True, gc=False):
    """An input of partition 0 to itself: every partition has said which orders a kept report can mean."""

    seq: int
    """Of its FactSuspended."""
    symbols: tuple[str, ...]
    """Of each order."""


@final
class Unnamed:
    """The reports without a symbol that partition 0 keeps while their orders are looked for; none with one partition."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self.waiting: dict[int, FactSuspended] = {}
        """By seq of the FactSuspended."""
        for seq, event in partition.trading.facts.waiting(""):  # a start goes on looking
            self.suspended(seq, event)

    def suspended(self, seq: int, event: FactSuspended) -> None:
        """A report was kept; it is looked for if that is why."""
        if event.reason == LOOKED_FOR:
            self.waiting[seq] = event

    def asked(self) -> dict[int, dict[str, str]]:
        """The ids that each kept report names, by the seq of its FactSuspended."""
        return {seq: ids_of(event) for seq, event in self.waiting.items()}

    def reason(self, report: Any) -> str:
        """Why a report without a symbol is kept here."""
        if self._partition.routing is not None:
            return LOOKED_FOR
        return symbol_of_order(self._partition.trading, report)[1]

    def found(self, message: FactFound) -> None:
        """The turn in which all have answered: the report goes to its only order, or stays for an operator."""
        partition = self._partition
        event = self.waiting.get(message.seq)
        if event is None or partition.read_only:
            return
        context, journal = partition.context, partition.open_trading
        context.now_ns, context.next_seq = journal.now(), journal.next_seq
        if len(message.symbols) == 1:
            assigned = FactAssigned(
                message.seq,
                message.symbols[0],
                event.source,
                event.source_epoch,
                event.source_seq,
                event.raw,
                event.received_at_ns,
                event.actor,
            )
            partition.commit_trading([assigned])
            self.assigned(assigned)
        else:
            ids = ids_of(event)
            why = _why_not(len(message.symbols), *(ids[name] for name in IDS))
            context.next_seq += 1
            kept = partition.facts.suspended_again(event, event.symbol, event.source, why)
            partition.commit_trading([FactResumed(message.seq), *kept])
        del self.waiting[message.seq]

    def assigned(self, event: FactAssigned) -> None:
        """Partition 0 found the order: if it is ours, the report is kept as one whose turn comes, in this turn.

        The sender's numbers are partition 0's business, so elsewhere it goes by another name.
        """
        partition = self._partition
        if partition.routing is None or not partition.routing.is_home(event.symbol):
            return
        facts, journal = partition.facts, partition.open_trading
        source = event.source if partition.trading.partition == 0 else f"{event.source}@0"
        partition.context.next_seq = journal.next_seq
        events = facts.suspended_again(event, event.symbol, source, BEHIND)
        if facts.resumption.read(events[0]) is None:
            events = facts.suspended_again(
                event, event.symbol, source, f"its numbers do not fit {event.symbol}"
            )
        partition.commit_trading(events)
        facts.queue_behind(journal, events)


def ids_of(event: FactSuspended) -> dict[str, str]:
    """The ids that a kept report names, as it came."""
    if event.raw[:1] == b"{":
        return msgspec.structs.asdict(msgspec.json.decode(event.raw, type=_Ids))
    fact = _packed.decode(event.raw)
    return {name: str(getattr(fact, name, "")) for name in IDS}
