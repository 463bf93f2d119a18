"""Instruments and strategies: what must be known before anything can be traded, and what of it may change.

An instrument's scales and a strategy's account are fixed for life: journaled numbers mean what they say by them.
"""

from __future__ import annotations

from typing import Final

from ledger.domain.codes import Code
from ledger.domain.commands import DefineInstrument, DefineStrategy
from ledger.domain.context import Context, Instrument, Rejection, Strategy
from ledger.domain.events import InstrumentDefined, StrategyDefined
from ledger.domain.identifiers import RESERVED, fault_of_name
from ledger.domain.outcome import Repeated

SCALE_MAX: Final = 12


def decide_instrument(
    state: Instrument | None, command: DefineInstrument, context: Context
) -> list[InstrumentDefined] | Rejection | Repeated:
    """InstrumentDefined; Repeated, with the seq of its last definition, if the instrument is exactly so already."""
    fault = _fault_of_instrument(command)
    if fault:
        return Rejection(Code.MALFORMED, fault)
    if command.spot_base_fee:
        return Rejection(Code.UNSUPPORTED, "spot_base_fee is not supported: leave it out")
    if state is not None:
        scales = (state.price_scale, state.qty_scale)
        if (command.price_scale, command.qty_scale) != scales:
            detail = (
                f"price_scale and qty_scale of {command.symbol} are {scales[0]} and {scales[1]} for good:"
                " define a new symbol"
            )
            return Rejection(Code.UNSUPPORTED, detail)
        if _terms(command) == _terms(state) and _band(command) == _band(state):
            return Repeated(0, state.version)
    return [
        InstrumentDefined(
            *_terms(command),
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
            command.px_min,
            command.px_max,
        )
    ]


_Terms = tuple[str, str, int, int, int, int, int, str, bool, bool, str]


def _terms(it: DefineInstrument | InstrumentDefined | Instrument) -> _Terms:
    return (
        it.symbol,
        it.exchange,
        it.price_scale,
        it.qty_scale,
        it.tick,
        it.lot,
        it.multiplier,
        it.quote_ccy,
        it.allow_negative_px,
        it.spot_base_fee,
        it.calendar,
    )


def _band(it: DefineInstrument | InstrumentDefined | Instrument) -> tuple[int | None, int | None]:
    return it.px_min, it.px_max


def _fault_of_instrument(command: DefineInstrument) -> str:
    fault = fault_of_name("symbol", command.symbol, 32) or fault_of_name("exchange", command.exchange, 20)
    fault = fault or fault_of_name("quote_ccy", command.quote_ccy, 20)
    if fault:
        return fault
    for field, scale in (("price_scale", command.price_scale), ("qty_scale", command.qty_scale)):
        if not 0 <= scale <= SCALE_MAX:
            return f"{field} {scale} of {command.symbol} is not 0 to {SCALE_MAX}"
    for field, step in (("tick", command.tick), ("lot", command.lot), ("multiplier", command.multiplier)):
        if step <= 0:
            return f"{field} {step} of {command.symbol} is not positive"
    lowest, highest = _band(command)
    if lowest is not None and highest is not None and lowest > highest:
        return f"px_min of {command.symbol} is above its px_max: no price could be believed"
    return ""


def evolve_instrument(
    state: Instrument | None, event: InstrumentDefined, seq: int, recorded_at_ns: int
) -> Instrument:
    """The instrument after `event`: its terms, all of them."""
    return Instrument(*_terms(event), seq, *_band(event))


def decide_strategy(
    state: Strategy | None, command: DefineStrategy, context: Context
) -> list[StrategyDefined] | Rejection | Repeated:
    """StrategyDefined; Repeated, with the seq of its definition, if the strategy is exactly so already."""
    fault = fault_of_name("strategy_id", command.strategy_id, 50, "/") or fault_of_name(
        "account", command.account, 32
    )
    if not fault and command.strategy_id in RESERVED:
        fault = f"strategy_id {command.strategy_id} is the engine's own: choose another"
    if fault:
        return Rejection(Code.MALFORMED, fault)
    if state is not None:
        if state.account == command.account:
            return Repeated(0, state.version)
        detail = (
            f"strategy {command.strategy_id} belongs to account {state.account} for good:"
            f" define another strategy for account {command.account}"
        )
        return Rejection(Code.UNSUPPORTED, detail)
    return [
        StrategyDefined(
            command.strategy_id,
            command.account,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
        )
    ]


def evolve_strategy(
    state: Strategy | None, event: StrategyDefined, seq: int, recorded_at_ns: int
) -> Strategy:
    """The strategy after `event`."""
    return Strategy(event.strategy_id, event.account, seq)
