"""Rules over a whole configuration: what cannot stand together, what is not built yet, what an operator should know.

A rule yields findings; a finding that refuses becomes a problem, the others notices. `cure` is the value that
`ledger config adopt` writes instead, so the rule that refuses a value and the command that mends it cannot differ.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, final

import msgspec

from ledger.config.mapping import SOCKETS, endpoint
from ledger.config.note import Effect, Note
from ledger.config.reading import Given
from ledger.config.schema import leaves
from ledger.config.settings import Settings


@final
class Keep(msgspec.Struct, frozen=True):
    """The cure of a finding that changes nothing."""


@final
class Drop(msgspec.Struct, frozen=True):
    """The cure of a finding that leaves the key out."""


KEEP = Keep()
DROP = Drop()


@final
class Finding(msgspec.Struct, frozen=True):
    """What a rule has to say about one setting."""

    path: str
    text: str
    seed: str = ""
    refuse: bool = False
    cure: Any = KEEP
    beside: tuple[str, ...] = ()
    """Settings that contradict this one: where they were written is shown if this one was not."""


@final
class Configured(msgspec.Struct, frozen=True):
    """What rules look at: all settings, and which of them somebody wrote."""

    settings: Settings
    values: Mapping[str, object]
    given: Mapping[str, Given]

    def wrote(self, path: str) -> bool:
        """Whether that setting was given, not left at its default."""
        return path in self.given


Rule = Callable[[Configured], Iterator[Finding]]


def not_built_yet(configured: Configured) -> Iterator[Finding]:
    """Planned values that were switched on."""
    for path, leaf in leaves().items():
        value = configured.values[path]
        note = leaf.note
        if value in note.not_yet:
            text = f"{value_text(value)} is planned, its part does not exist yet; take {value_text(leaf.default)}"
        elif note.most_now is not None and isinstance(value, int) and value > note.most_now:
            text = f"more than {note.most_now} is planned, its part does not exist yet; take {note.most_now}"
        elif note.fixed_now and value != leaf.default:
            text = (
                f"planned: only {value_text(leaf.default)} is taken until its part exists; leave the key out"
            )
        else:
            continue
        yield Finding(path, text, note.seed, refuse=True, cure=leaf.default)


def planned_without_effect(configured: Configured) -> Iterator[Finding]:
    """One notice for everything given whose part does not exist yet."""
    paths = [
        path
        for path, given in configured.given.items()
        if given.origin.layer > 1
        and leaves()[path].note.effect is Effect.PLANNED
        and given.value is not False
    ]
    if paths:
        text = f"{len(paths)} given settings are planned: read and checked, without effect until their part exists"
        yield Finding(paths[0], text + " (ledger config explain shows them)")


def server_settings(configured: Configured) -> Iterator[Finding]:
    """Settings that only the server's own configuration can change (S-37)."""
    for path in configured.given:
        note: Note = leaves()[path].note
        if note.seed == "S-37" and note.effect is Effect.ADVISORY:
            yield Finding(
                path,
                f"a setting of the server itself, ignored here; its key there: {note.server_key}",
                "S-37",
            )


def doors_on_loopback(configured: Configured) -> Iterator[Finding]:
    """Doors beyond loopback need CURVE keys (S-43)."""
    doors = configured.settings.doors
    sockets = configured.settings.message_queues.zeromq.sockets
    if doors.curve.enabled:
        return
    names = {"market_data_pub": sockets.market_data_pub, "order_events_pub": sockets.order_events_pub}
    for name, socket in names.items():
        place = endpoint(socket.endpoint)
        if not is_loopback(place.host):
            cure = f"tcp://127.0.0.1:{place.port}"
            yield Finding(f"{SOCKETS}{name}.endpoint", _off_loopback(place.host, cure), "S-43", True, cure)
    if not is_loopback(doors.host) and not _moved_host(configured):
        yield Finding("doors.host", _off_loopback(doors.host, "127.0.0.1"), "S-43", True, "127.0.0.1")


def _moved_host(configured: Configured) -> bool:
    origin = configured.given["doors.host"].origin if configured.wrote("doors.host") else None
    names = ("market_data_pub", "order_events_pub")
    sources = [configured.given.get(f"{SOCKETS}{name}.endpoint") for name in names]
    return any(source is not None and source.origin == origin for source in sources)


def _off_loopback(host: str, cure: str) -> str:
    return (
        f"{host} reaches beyond this machine and anyone there could trade: needs doors.curve keys "
        f"(`ledger keys new`); take {cure}"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address; a name other than localhost counts as beyond."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def doors_and_sockets(configured: Configured) -> Iterator[Finding]:
    """The seed's sockets against the doors (S-40, S-41, S-42)."""
    zeromq = configured.settings.message_queues.zeromq
    if not zeromq.enabled:
        text = "the doors are how the engine is reached and cannot be switched off; take true"
        yield Finding("message_queues.zeromq.enabled", text, "S-41", True, True)
    for name in ("market_data_hwm", "order_events_hwm"):
        if configured.wrote(f"doors.{name}") and getattr(configured.settings.doors, name) >= 1_000_000:
            text = "a slow subscriber may hold this many messages in memory, and loses the rest; catch-up from a seq repairs it"
            yield Finding(f"doors.{name}", text, "S-42")
    yield from _command_sub(configured)


def _command_sub(configured: Configured) -> Iterator[Finding]:
    sub = configured.settings.message_queues.zeromq.sockets.command_sub
    if sub.enabled and configured.settings.doors.curve.enabled:
        text = "takes commands from anybody who reaches it, whatever keys the doors ask for; take false"
        yield Finding(SOCKETS + "command_sub.enabled", text, "S-40", True, False)
    path = SOCKETS + "command_sub.endpoint"
    if not configured.wrote(path):
        return
    place = endpoint(sub.endpoint)
    base = configured.settings.doors.base_port
    ours = {base + 2, base + 7} if base else set[int]()
    if base and place.port not in ours:
        text = f"commands come in at port {base + 2} (doors.base_port + 2), not {place.port}"
        yield Finding(path, text, "S-40", True, f"tcp://127.0.0.1:{base + 2}")
    if not sub.enabled:
        text = "commands come in at the acknowledged door `commands`; the lossy SUB socket stays off"
        yield Finding(path, text, "S-40")


def sizes_that_fit(configured: Configured) -> Iterator[Finding]:
    """Sizes of the journal that need room inside each other."""
    journal = configured.settings.journal
    if not journal.data.strip():
        yield Finding("journal.data", "expected a directory, found nothing", refuse=True)
    if journal.trading.wal_bytes % 4096:
        yield Finding("journal.trading.wal_bytes", "expected whole pages of 4096 bytes", refuse=True)
    for name, log in {"trading": journal.trading, "market": journal.market}.items():
        # LMDB needs room for its own pages beside the frames; past the map a commit fails.
        if log.map_size_bytes < log.segment_bytes_max + log.segment_bytes_max // 4:
            text = f"must be at least 1.25 times segment_bytes_max ({log.segment_bytes_max})"
            beside = (f"journal.{name}.segment_bytes_max",)
            yield Finding(f"journal.{name}.map_size_bytes", text, refuse=True, beside=beside)


SECRETS = {
    "postgresql.connection.password_file": "projections.postgres.enabled",
    "postgresql.connection.ssl.cert_file": "projections.postgres.enabled",
    "postgresql.connection.ssl.key_file": "projections.postgres.enabled",
    "postgresql.connection.ssl.ca_file": "projections.postgres.enabled",
    "timescaledb.connection.password_file": "projections.timescale.enabled",
    "timescaledb.connection.ca_file": "projections.timescale.enabled",
    "redis.connection.standalone.password_file": "projections.redis.enabled",
    "questdb.server.password_file": "projections.questdb.enabled",
    "data_retention.cold_storage.key_file": "data_retention.enabled",
}
"""Files that must be readable, by the switch that makes them matter."""


def secrets_readable(configured: Configured) -> Iterator[Finding]:
    """Secret files of what is switched on."""
    for path, enabled in SECRETS.items():
        name = str(configured.values[path])
        if not name or not configured.values[enabled]:
            continue
        why = _unreadable(name)
        if why:
            text = f"cannot read {name}: {why}; mend the file, or switch {enabled} off"
            yield Finding(path, text, refuse=True)


def _unreadable(name: str) -> str:
    """Why the file cannot be read, empty if it can; opening it is the only honest test."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        return error.strerror or "unknown error"
    try:
        os.read(descriptor, 1)
    except OSError as error:
        return error.strerror or "unknown error"
    finally:
        os.close(descriptor)
    return ""


OWN_RULES: tuple[Rule, ...] = (
    not_built_yet,
    doors_on_loopback,
    doors_and_sockets,
    sizes_that_fit,
    secrets_readable,
    server_settings,
    planned_without_effect,
)


def found_by(rules: Iterable[Rule], configured: Configured) -> list[Finding]:
    """Everything that the rules have to say, in their order."""
    return [finding for rule in rules for finding in rule(configured)]


def value_text(value: object) -> str:
    """A value as YAML would have it, on one line."""
    if value is None:
        return "null"
    return msgspec.json.encode(value).decode()
