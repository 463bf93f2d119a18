"""The doors: ROUTER sockets that take commands, reports, market data and queries, and answer each input."""

from ledger.ingress.answers import AnswersStatistics
from ledger.ingress.command_sub import COMMAND_SUB, CommandSub, bind_command_sub
from ledger.ingress.doors import DOORS, Door, DoorStatistics, Engine, bind_doors, serve_door
from ledger.ingress.rights import RIGHTS, Key, Keyring
from ledger.ingress.zap import Gate, GateStatistics

__all__ = [
    "COMMAND_SUB",
    "DOORS",
    "RIGHTS",
    "AnswersStatistics",
    "CommandSub",
    "Door",
    "DoorStatistics",
    "Engine",
    "Gate",
    "GateStatistics",
    "Key",
    "Keyring",
    "bind_command_sub",
    "bind_doors",
    "serve_door",
]
