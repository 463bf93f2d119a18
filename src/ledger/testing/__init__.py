"""What proves a ledger from outside: a seeded venue, strategies, and books so simple that they can be trusted."""

from ledger.testing.books import Books, Told
from ledger.testing.child import Child, kill_named
from ledger.testing.instructions import Instruction, instruction_of
from ledger.testing.proof import Found, Recorder, look_up
from ledger.testing.simulation import OutwardDoor, Simulated, TradingDoor, run_name, simulate
from ledger.testing.strategies import INSTRUMENTS, Market, Strategies
from ledger.testing.venue import Venue

__all__ = [
    "INSTRUMENTS",
    "Books",
    "Child",
    "Found",
    "Instruction",
    "Market",
    "OutwardDoor",
    "Recorder",
    "Simulated",
    "Strategies",
    "Told",
    "TradingDoor",
    "Venue",
    "instruction_of",
    "kill_named",
    "look_up",
    "run_name",
    "simulate",
]
