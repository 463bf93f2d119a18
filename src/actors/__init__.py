"""An actor runtime on trio: entities that run in turns, services that may wait; see README.md beside this file."""

from actors.address import Address, AddressError, check_address, format_address, parse_address
from actors.dispatcher import Addressed, Behaviour, Dispatcher, DispatcherStatistics, ReplyTo
from actors.entities import Entities, Store
from actors.faults import Fault, Overloaded, Stopped, UnknownActor, UnknownMessage
from actors.mailbox import Mailbox
from actors.reply import Reply
from actors.service import Receiver, ServiceBehaviour, ServiceState, ServiceStatistics, serve_each
from actors.supervision import (
    Decision,
    OnFault,
    Strategy,
    Supervisor,
    Verdict,
    escalate_only,
    resume_with_fault,
)
from actors.system import EntityBehaviour, System, SystemStatistics, open_system

__all__ = [
    "Address",
    "AddressError",
    "Addressed",
    "Behaviour",
    "Decision",
    "Dispatcher",
    "DispatcherStatistics",
    "Entities",
    "EntityBehaviour",
    "Fault",
    "Mailbox",
    "OnFault",
    "Overloaded",
    "Receiver",
    "Reply",
    "ReplyTo",
    "ServiceBehaviour",
    "ServiceState",
    "ServiceStatistics",
    "Stopped",
    "Store",
    "Strategy",
    "Supervisor",
    "System",
    "SystemStatistics",
    "UnknownActor",
    "UnknownMessage",
    "Verdict",
    "check_address",
    "escalate_only",
    "format_address",
    "open_system",
    "parse_address",
    "resume_with_fault",
    "serve_each",
]
