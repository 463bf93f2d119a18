"""How the settings of due times stand in EngineStarted, under the names that the configuration has."""

from __future__ import annotations

from ledger.domain.timers import TimeRules
from ledger.engine.operator_turns import REQUIRE_CONFIRMATION

_MS = 10**6
_S = 10**9


def time_settings(rules: TimeRules, require_confirmation: bool) -> dict[str, int | str | bool]:
    """The settings by name, in their own units."""
    return {
        "order.ack_timeout_ms": rules.ack_timeout_ns // _MS,
        "order.tif_grace_ms": rules.tif_grace_ns // _MS,
        "order.ioc_timeout_ms": rules.ioc_timeout_ns // _MS,
        "order.gtc_max_days": rules.gtc_max_days,
        "session.ttl_s": rules.session_ttl_ns // _S,
        "session.expiry": "absolute" if rules.session_absolute else "sliding",
        "session.timeout_ms": rules.session_timeout_ns // _MS,
        "session.warn_before_s": rules.session_warning_ns // _S,
        "session.cancel_on_disconnect": rules.cancel_on_disconnect,
        REQUIRE_CONFIRMATION: require_confirmation,
    }
