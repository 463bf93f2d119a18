"""From the configuration to what the engine is told; the engine itself knows no configuration."""

from __future__ import annotations

from ledger.config import Settings
from ledger.domain.context import OrderRules
from ledger.domain.timers import TimeRules
from ledger.engine import EngineSettings
from ledger.engine.birth import risk_at_birth


def engine_settings(settings: Settings) -> EngineSettings:
    """What the engine takes from the configuration."""
    journal, engine, order = settings.journal, settings.engine, settings.order
    return EngineSettings(
        segment_bytes_max=journal.trading.segment_bytes_max,
        map_size_bytes=journal.trading.map_size_bytes,
        market_sync_s=journal.market.sync_interval_ms / 1000,
        turns_max=engine.turns_max,
        queue_max=engine.queue_max,
        queue_reserved=engine.queue_reserved,
        frame_bytes_max=engine.frame_bytes_max,
        idempotence_window_ns=engine.idempotence_window_s * 10**9,
        clock_step_max_ns=settings.clock.max_step_ms * 10**6,
        rules=OrderRules(order.max_outstanding_replaces, order.replace_unacked, order.replace_filled),
        commit=journal.trading.commit,
        wal_bytes=journal.trading.wal_bytes,
        loop_sync_s=engine.loop_sync_max_us / 1e6,
        risk=risk_at_birth(settings),
        times=time_rules(settings),
        require_confirmation=settings.recovery.require_confirmation,
        passivates=settings.recovery.follower,
        index_lag_max=settings.persistence.index_max_lag_events if settings.recovery.follower else 0,
        crossed_max_ns=settings.book.crossed_max_ms * 10**6,
        mark_spread_max_bp=settings.book.mark_spread_max_bp,
    )


def time_rules(settings: Settings) -> TimeRules:
    """The due times that the configuration asks for."""
    order, session = settings.order, settings.session
    return TimeRules(
        ack_timeout_ns=order.ack_timeout_ms * 10**6,
        tif_grace_ns=order.tif_grace_ms * 10**6,
        ioc_timeout_ns=order.ioc_timeout_ms * 10**6,
        gtc_max_days=order.gtc_max_days,
        session_ttl_ns=session.ttl_s * 10**9,
        session_absolute=session.expiry == "absolute",
        session_timeout_ns=session.timeout_ms * 10**6,
        session_warning_ns=session.warn_before_s * 10**9,
        cancel_on_disconnect=session.cancel_on_disconnect,
    )
