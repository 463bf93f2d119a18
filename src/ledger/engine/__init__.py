"""Commands and venue facts in, durable events out: turns, recovery, queries."""

from ledger.engine.engine import Engine, EngineSettings, Publisher, head_row
from ledger.engine.queries import BadQuery, Views
from ledger.engine.recovery import Replayed, replay

__all__ = ["BadQuery", "Engine", "EngineSettings", "Publisher", "Replayed", "Views", "head_row", "replay"]
