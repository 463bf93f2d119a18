"""Which projections there are: name, module, and whether the configuration runs it.

A module has `make(settings, partition) -> Projection`. One's own is named in `projections.own` and needs no line here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from ledger.config import Settings
from ledger.errors import Rejected
from ledger.extras import missing_extra
from ledger.projections.contract import Projection

SINKS: Final = {
    "postgres": "ledger.projections.postgres",
    "redis": "ledger.projections.redis",
    "questdb": "ledger.projections.questdb",
}
"""Those of this program; each is also the name of its switch, `projections.NAME`."""


def modules(settings: Settings) -> dict[str, str]:
    """Every projection that can be run, with its module. Raises Rejected where `projections.own` cannot be read."""
    found: dict[str, str] = dict(SINKS)
    for entry in settings.projections.own:
        name, equals, module = entry.partition("=")
        if not (name and equals and module) or name in SINKS:
            raise Rejected(f"projections.own: {entry!r} is not NAME=MODULE with a name of its own")
        found[name] = module
    return found


def enabled(settings: Settings) -> list[str]:
    """Those that `serve` runs."""
    switches = settings.projections
    return [name for name in modules(settings) if name not in SINKS or bool(getattr(switches, name).enabled)]


def batch_events(settings: Settings, name: str) -> int:
    """How many events one batch of it may have."""
    return int(getattr(getattr(settings.projections, name, None), "batch_events", 5000))


def make(settings: Settings, name: str, partition: int) -> Projection:
    """The sink, not connected yet. Raises Rejected where there is none of that name or it cannot be loaded."""
    found = modules(settings)
    if name not in found:
        raise Rejected(f"there is no projection {name!r}", f"one of {', '.join(found)}")
    try:
        module = import_module(found[name])
    except ImportError as error:
        missing = missing_extra(error, f"projection {name}")
        if missing is not None:
            raise missing from error
        raise Rejected(
            f"projection {name}: {error}",
            "the module must be importable: PYTHONPATH names its directory",
        ) from error
    return cast("Projection", module.make(settings, partition))
