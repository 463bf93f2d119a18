"""The doors: ROUTER sockets that take commands, reports, market data and queries, and answer each input."""

from ledger.ingress.answers import AnswersStatistics
from ledger.ingress.doors import DOORS, Door, DoorStatistics, Engine, bind_doors, serve_door
from ledger.ingress.rights import RIGHTS, Key, Keyring
from ledger.ingress.zap import Gate, GateStatistics

__all__ = [
    "DOORS",
    "RIGHTS",
    "AnswersStatistics",
    "Door",
    "DoorStatistics",
    "Engine",
    "Gate",
    "GateStatistics",
    "Key",
    "Keyring",
    "bind_doors",
    "serve_door",
]
