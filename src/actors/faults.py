"""What can go wrong between actors, as types."""

from __future__ import annotations

from typing import Any, final

import msgspec


class Overloaded(Exception):
    """The queue has no room for what was submitted; nothing of it was taken. Try again later, or with less at once."""


class Stopped(Exception):
    """The actor or dispatcher has ended and takes no message; an ask that it had not answered ends with this too."""


class UnknownActor(LookupError):
    """Nobody lives at this address: no service was started there, and its kind has no dispatcher."""


class UnknownMessage(TypeError):
    """The dispatcher has no behaviour for a message of this type."""


@final
class Fault(msgspec.Struct, frozen=True):
    """The answer of a turn that raised, when its supervisor lets the dispatcher go on; an ask raises `error`."""

    error: Exception


def unknown_message(message: Any) -> object:
    """The behaviour of message types that have none: raises UnknownMessage."""
    raise UnknownMessage(f"no behaviour for messages of type {type(message).__qualname__}")
