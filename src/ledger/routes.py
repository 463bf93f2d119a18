"""Which partitions a message or a question is for, and one answer of several: the same for doors, clients and commands.

A symbol's orders, positions and books are in one partition. Partition 0 decides what holds for all; a kill switch, a
mass cancel and the confirmation of a restart are for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

Row = dict[str, Any]
EVERYWHERE: Final = frozenset(("MassCancel", "EngageKillSwitch", "ReleaseKillSwitch", "ConfirmRecovery"))
"""For each partition."""
ANYWHERE: Final = frozenset(("CloseCase", "ReleaseEntity", "ResumePartition"))
"""About one partition, or something of it, which only the sender can name."""
NAMED: Final = frozenset(("CloseCase", "ResumePartition"))
"""Of those, the ones that name it as `partition`."""
ASKED_OF_ZERO: Final = frozenset(
    (
        "instruments",
        "strategies",
        "limits",
        "kills",
        "trading_states",
        "sessions",
        "calendars",
        "endpoints",
        "projections",
    )
)
_SUMMED: Final = (
    "orders",
    "orders_open",
    "fills",
    "positions",
    "books",
    "anomalies",
    "anomalies_open",
    "source_gaps",
    "quarantined",
)


def _home_of(symbol: str, partitions: int) -> int:
    from ledger.journal import partition_of  # with one partition nobody needs LMDB to show something

    return partition_of(symbol, partitions)


def decided_by_zero(kind: type[Struct]) -> bool:
    """Whether partition 0 decides such a command for all."""
    name = kind.__name__
    if name in EVERYWHERE or name in ANYWHERE:
        return False
    return name == "DefineInstrument" or "symbol" not in kind.__struct_fields__


def partitions_for(
    name: str,
    symbol: str | None,
    partitions: int,
    *,
    key: tuple[str, str] = ("", ""),
    partition: int = 0,
) -> range:
    """The partitions that a command or fact of this type is sent to, partition 0 where it names no symbol; `key`: (kind, key) of a ReleaseEntity; `partition`
    as the message names it. One that the ledger does not have is answered by the last that it has."""
    if partitions == 1:
        return range(1)
    if name in EVERYWHERE:
        return range(partitions)
    if name in NAMED:
        number = max(0, min(partition, partitions - 1))
        return range(number, number + 1)
    if name == "ReleaseEntity":
        symbol = symbol_of_entity(*key) or None
    elif name == "DefineInstrument":
        symbol = None
    number = _home_of(symbol, partitions) if symbol else 0
    return range(number, number + 1)


def symbol_of_entity(kind: str, key: str) -> str:
    """The symbol that an entity set aside belongs to; "" for none."""
    if kind == "order":
        return key.partition("/")[0]
    return key.rpartition("/")[2] if kind in ("book", "position") else ""


def partitions_asked(what: str, filters: Mapping[str, Any], partitions: int) -> range:
    """The partitions that a question is put to."""
    if partitions == 1 or what in ASKED_OF_ZERO:
        return range(1)
    symbol, order_id = filters.get("symbol"), str(filters.get("order_id") or "")
    number = order_id.partition("-")[0]
    if symbol:
        one = _home_of(str(symbol), partitions)
    elif number.isdigit() and int(number) < partitions:
        one = int(number)
    else:
        return range(partitions)
    return range(one, one + 1)


def merged_head(rows: Sequence[Row]) -> Row:
    """What a ledger says of itself, of what its partitions say."""
    first = rows[0]
    if len(rows) == 1:
        return first
    late = next((row for row in rows if not row["ready"]), None)
    return {
        **first,
        "ready": late is None,
        "why": "" if late is None else late["why"],
        "journals": {
            name: [part for row in rows for part in row["journals"][name]] for name in first["journals"]
        },
        **{name: sum(row[name] for row in rows) for name in _SUMMED},
        "control_versions": [row["control_version"] for row in rows],
    }
