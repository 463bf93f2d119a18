"""The doors: ROUTER sockets that take commands, reports, market data and queries, and answer each input."""

from ledger.ingress.answers import AnswersStatistics
from ledger.ingress.doors import DOORS, Door, DoorStatistics, Engine, bind_doors, serve_door

__all__ = [
    "DOORS",
    "AnswersStatistics",
    "Door",
    "DoorStatistics",
    "Engine",
    "bind_doors",
    "serve_door",
]
