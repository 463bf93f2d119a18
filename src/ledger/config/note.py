"""What is said about a setting, beside its type: class, sentence, unit, range, and what is refused with which cure.

Every leaf of the settings tree carries exactly one `Note`. The reader, `explain`, the errors and
config/REFERENCE.md all come from it, so a limit or a sentence stands in one place.
"""

from __future__ import annotations

import enum
from typing import final

import msgspec


class Effect(enum.StrEnum):
    """What a setting does today (DOMAIN.md 4.7)."""

    ACTS = "acts"
    DERIVED = "derived"
    """Computed from other settings when it is not given; a given value is checked against them."""
    ADVISORY = "advisory"
    """Read, explained, changes nothing here: it belongs to a server or to people."""
    PLANNED = "planned"
    """Read and explained; refused when it is switched on, until its part exists."""


PORT = r"(\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"

FORMS: dict[str, tuple[str, str]] = {
    "size": (r"[1-9]\d*(b|kb|mb|gb|tb)", 'a size such as "8gb"'),
    "age": (r"[1-9]\d* days?", 'an age such as "90 days"'),
    "months": (r"[1-9]\d* MONTHS?", 'a period such as "1 MONTH"'),
    "endpoint": (r"tcp://[^:/\s]+:" + PORT, 'an endpoint such as "tcp://127.0.0.1:5555"'),
    "address": (r"[^:/\s]+:" + PORT, 'an address such as "kafka1:9092"'),
    "save": (r"[1-9]\d* [1-9]\d*", 'seconds and changes such as "900 1"'),
    "limit": (
        r"|\d{1,10}(\.\d{1,8})?",
        'a number of at most 8 digits after the point, such as "2500.5", or "" for no limit',
    ),
    "name": (r"\S{1,64}", "a name of 1 to 64 characters without white space"),
    "user": (r"\S{0,64}", "a name of at most 64 characters without white space"),
    "book key": (
        r"[^{}\s]*\{symbol\}[^{}\s]*\{side\}[^{}\s]*",
        'a key with {symbol} and {side}, such as "orderbook:{symbol}:{side}"',
    ),
    "position key": (
        r"[^{}\s]*\{strategy\}[^{}\s]*\{symbol\}[^{}\s]*",
        'a key with {strategy} and {symbol}, such as "position:{strategy}:{symbol}"',
    ),
    "session key": (
        r"[^{}\s]*\{session_id\}[^{}\s]*",
        'a key with {session_id}, such as "session:{session_id}"',
    ),
}
"""Texts with a shape: the name -> (pattern of the whole text, what was expected, for the error)."""


@final
class Refused(msgspec.Struct, frozen=True):
    """A value that is known and not supported: the seed's number and the cure, for the error."""

    seed: str
    cure: str


@final
class Note(msgspec.Struct, frozen=True):
    effect: Effect
    text: str
    unit: str = ""
    seed: str = ""
    least: int | None = None
    most: int | None = None
    form: str = ""
    """A key of FORMS."""
    not_yet: tuple[object, ...] = ()
    """Values that are valid and refused until their part exists."""
    most_now: int | None = None
    """The largest value whose part exists today."""
    fixed_now: bool = False
    """Only the default is taken today: the part that reads it does not exist yet."""
    refused: dict[str, Refused] = {}
    one_or_many: bool = False
    """A list that may also be written as its only item."""
    outcome: bool = False
    """Decisions depend on it, so it belongs to the digest that EngineStarted records."""
    server_key: str = ""
    """The server's own setting, where the key is not a client's to set."""


@final
class OneKeyMaps(msgspec.Struct, frozen=True):
    """Marks a section that may also be written as a list of one-key maps, as the seed does (S-5)."""


def acts(
    text: str,
    unit: str = "",
    *,
    seed: str = "",
    least: int | None = None,
    most: int | None = None,
    form: str = "",
    not_yet: tuple[object, ...] = (),
    most_now: int | None = None,
    refused: dict[str, Refused] | None = None,
    outcome: bool = False,
) -> Note:
    """A setting that the running engine or a command obeys."""
    return Note(
        Effect.ACTS,
        text,
        unit,
        seed,
        least,
        most,
        form,
        not_yet,
        most_now,
        refused=refused or {},
        outcome=outcome,
    )


def derived(
    text: str,
    unit: str = "",
    *,
    seed: str = "",
    least: int | None = None,
    form: str = "",
    refused: dict[str, Refused] | None = None,
) -> Note:
    """A setting that is computed from others when it is not given."""
    return Note(Effect.DERIVED, text, unit, seed, least, form=form, refused=refused or {})


def advisory(
    text: str,
    unit: str = "",
    *,
    seed: str = "",
    least: int | None = None,
    form: str = "",
    refused: dict[str, Refused] | None = None,
    server_key: str = "",
) -> Note:
    """A setting that is read and explained, and changes nothing on this side."""
    return Note(
        Effect.ADVISORY,
        text,
        unit,
        seed,
        least,
        form=form,
        refused=refused or {},
        server_key=server_key,
    )


def planned(
    text: str,
    unit: str = "",
    *,
    seed: str = "",
    least: int | None = None,
    most: int | None = None,
    form: str = "",
    fixed_now: bool = False,
    one_or_many: bool = False,
    refused: dict[str, Refused] | None = None,
    outcome: bool = False,
) -> Note:
    """A setting whose part does not exist yet; read, checked and explained."""
    return Note(
        Effect.PLANNED,
        text,
        unit,
        seed,
        least,
        most,
        form,
        fixed_now=fixed_now,
        one_or_many=one_or_many,
        refused=refused or {},
        outcome=outcome,
    )


def switch(text: str, *, seed: str = "") -> Note:
    """The switch of a planned part: false today; true is refused until the part exists."""
    return Note(Effect.PLANNED, text, seed=seed, not_yet=(True,))
