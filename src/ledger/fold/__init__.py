"""The state of a partition and how an event changes it: the engine, replay, followers and audits all use this one.

A fold is given every event of its journal in order, `apply(seq, recorded_at_ns, event)`, and puts the new state of
every entity that the event concerns; `entities.install()` makes them stand, `discard()` undoes them. The engine does so
once per turn, replay once per frame. Applying a journaled event never raises: if it does, the code or the journal is wrong.
"""

from ledger.fold.base import BASE_SCHEMA, before_base, cut_base, load_base
from ledger.fold.closed import (
    HASHED,
    KINDS,
    ClosedStates,
    is_closed,
    item_bytes,
    item_hash,
    key_bytes,
    listing_keys,
    outcome_range,
    version_of,
)
from ledger.fold.control import ControlFold, exposure_key, position_kind, twin_key
from ledger.fold.covered import Covered
from ledger.fold.facts import Apply
from ledger.fold.fingerprint import fingerprint
from ledger.fold.frames import apply_frame, check_stopped
from ledger.fold.history import fills_of_position, known_fills, known_orders
from ledger.fold.instruments import instrument_of, redefined
from ledger.fold.mark_caps import mark_caps
from ledger.fold.market import BookKey, MarketFold
from ledger.fold.operations import CLOCK, warning_key
from ledger.fold.partitions import CONTROL_FACTS, PASSED_ON, PartitionsFold
from ledger.fold.parts import (
    Part,
    books,
    instruments,
    levels_and_trades,
    orders_and_positions,
    positions_and_sessions,
    whole,
)
from ledger.fold.passivation import Passivation
from ledger.fold.restart import Restarted, open_index, restart, why_not
from ledger.fold.snapshots import dump_fold, load_fold
from ledger.fold.trading import OrderKey, Outcome, PositionKey, TradingFold

__all__ = [
    "BASE_SCHEMA",
    "CLOCK",
    "CONTROL_FACTS",
    "HASHED",
    "KINDS",
    "PASSED_ON",
    "Apply",
    "BookKey",
    "ClosedStates",
    "ControlFold",
    "Covered",
    "MarketFold",
    "OrderKey",
    "Outcome",
    "Part",
    "PartitionsFold",
    "Passivation",
    "PositionKey",
    "Restarted",
    "TradingFold",
    "apply_frame",
    "before_base",
    "books",
    "check_stopped",
    "cut_base",
    "dump_fold",
    "exposure_key",
    "fills_of_position",
    "fingerprint",
    "instrument_of",
    "instruments",
    "is_closed",
    "item_bytes",
    "item_hash",
    "key_bytes",
    "known_fills",
    "known_orders",
    "levels_and_trades",
    "listing_keys",
    "load_base",
    "load_fold",
    "mark_caps",
    "open_index",
    "orders_and_positions",
    "outcome_range",
    "position_kind",
    "positions_and_sessions",
    "redefined",
    "restart",
    "twin_key",
    "version_of",
    "warning_key",
    "whole",
    "why_not",
]
