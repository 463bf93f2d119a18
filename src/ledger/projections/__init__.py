"""Projections: processes that follow the journal into databases, exactly once in effect, and never slow the engine.

The core contract is small (`offset`, `apply`); fencing, rebuilding and being audited are further, optional parts of
it (`contract.py`). A runner reads the settled journal, folds it, builds rows, gives them to one sink in bounded
batches, and goes on from the sink's own offset after any end. `ledger.testing.projection_contract` judges every sink.
"""

from ledger.projections.building import Builders
from ledger.projections.contract import (
    Audited,
    Batch,
    Fencing,
    Filling,
    Gathering,
    Offset,
    Picked,
    Preparing,
    Projection,
    Rebuildable,
    Row,
    Sampled,
    Step,
)
from ledger.projections.errors import Fenced, Misplaced, Poison, SinkDown
from ledger.projections.feed import Feed, Fold
from ledger.projections.parking import Parked, Parking
from ledger.projections.runner import Runner

__all__ = [
    "Audited",
    "Batch",
    "Builders",
    "Feed",
    "Fenced",
    "Fencing",
    "Filling",
    "Fold",
    "Gathering",
    "Misplaced",
    "Offset",
    "Parked",
    "Parking",
    "Picked",
    "Poison",
    "Preparing",
    "Projection",
    "Rebuildable",
    "Row",
    "Runner",
    "Sampled",
    "SinkDown",
    "Step",
]
