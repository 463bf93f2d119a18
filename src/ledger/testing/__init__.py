"""What proves a ledger from outside: a seeded venue, strategies, and books so simple that they can be trusted."""

from ledger.testing.books import Books
from ledger.testing.simulation import Simulated, TradingDoor, run_name, simulate
from ledger.testing.strategies import INSTRUMENTS, Market, Strategies
from ledger.testing.venue import Venue

__all__ = [
    "INSTRUMENTS",
    "Books",
    "Market",
    "Simulated",
    "Strategies",
    "TradingDoor",
    "Venue",
    "run_name",
    "simulate",
]
