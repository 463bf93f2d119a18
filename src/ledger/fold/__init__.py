"""The state of a partition and how an event changes it: the engine, replay, followers and audits all use this one.

A fold is given every event of its journal in order, `apply(seq, recorded_at_ns, event)`, and stages the new state of
every entity that the event concerns; `entities.install()` makes them current. The engine does so once per turn, replay
once per frame. Applying a journaled event never raises: if it does, the code or the journal is wrong.
"""

from ledger.fold.control import ControlFold, exposure_key, position_kind, twin_key
from ledger.fold.instruments import instrument_of
from ledger.fold.market import BookKey, MarketFold
from ledger.fold.partitions import CONTROL_FACTS, PASSED_ON, PartitionsFold
from ledger.fold.trading import OrderKey, Outcome, PositionKey, TradingFold

__all__ = [
    "CONTROL_FACTS",
    "PASSED_ON",
    "BookKey",
    "ControlFold",
    "MarketFold",
    "OrderKey",
    "Outcome",
    "PartitionsFold",
    "PositionKey",
    "TradingFold",
    "exposure_key",
    "instrument_of",
    "position_kind",
    "twin_key",
]
