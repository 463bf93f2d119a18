"""The doors: ROUTER sockets that take commands, reports, market data and queries, and answer each input."""

from ledger.ingress.answers import AnswersStatistics
from ledger.ingress.command_sub import COMMAND_SUB, CommandSub, bind_command_sub
from ledger.ingress.doors import DOORS, Door, DoorStatistics, Engine, bind_doors, serve_door

__all__ = [
    "COMMAND_SUB",
    "DOORS",
    "AnswersStatistics",
    "CommandSub",
    "Door",
    "DoorStatistics",
    "Engine",
    "bind_command_sub",
    "bind_doors",
    "serve_door",
]
