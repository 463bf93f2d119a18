"""What a bust or correction makes of its position: folded again from what counts, in the same turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.domain import position
from ledger.domain.adjustments import Adjustment
from ledger.domain.context import PARTITION_SHIFT
from ledger.domain.enums import FillStanding
from ledger.domain.events import FillBusted, FillCorrected, OrderFilled
from ledger.fold import fills_of_position

if TYPE_CHECKING:
    from ledger.engine.partition import Partition


def with_positions(partition: Partition, events: list[Any]) -> list[Any]:
    """Beside each bust or correction that counts, the position as it is without what is gone."""
    out: list[Any] = []
    for event in events:
        out.append(event)
        if type(event) in (FillBusted, FillCorrected) and event.known and event.strategy_id:
            out.append(_restated(partition, event, out))
    return out


def _restated(partition: Partition, event: FillBusted | FillCorrected, before: list[Any]) -> Any:
    fold, context = partition.trading, partition.context
    place = (event.strategy_id, event.symbol)
    state = fold.positions.get(place)
    now, seq = context.now_ns, context.next_seq
    counted: dict[int, position.EffectiveFill | Adjustment] = {}
    for adjusted, change in fold.operations.adjustments.states.items():
        if adjusted[:2] == place:
            counted[context.partition << PARTITION_SHIFT | adjusted[2]] = change
    root = (event.exchange, event.account, event.symbol, event.trade_date, event.root)
    gone_at = 0
    for key, fill in fills_of_position(fold, *place):
        if fill.standing is FillStanding.EFFECTIVE:
            counted[fill.fill_id] = _effective(fill, fill.recorded_at_ns)
            if key == root:
                gone_at = fill.fill_id
    for index, earlier in enumerate(
        before[:-1]
    ):  # the fill that an orphan waited for comes in this very turn
        if type(earlier) is OrderFilled and earlier.strategy_id == place[0]:
            state = position.evolve(state, earlier, seq + index, now)
            gone_at = context.id_of(index)
            counted[gone_at] = _effective(earlier, now)
    assert state is not None, f"{place} has no position"
    assert gone_at, f"{event.root} of {place} is not among the position's fills"
    gone = counted.pop(gone_at)
    assert type(gone) is position.EffectiveFill
    instead = None
    if type(event) is FillCorrected:
        instead = position.EffectiveFill(
            event.side, event.qty, event.px, event.fee, event.fee_ccy, gone.recorded_at_ns
        )
        counted[gone_at] = instead
    ordered = [counted[number] for number in sorted(counted)]
    return position.restated(state, ordered, gone, instead, seq + len(before) - 1)


def _effective(fill: Any, recorded_at_ns: int) -> position.EffectiveFill:
    return position.EffectiveFill(fill.side, fill.qty, fill.px, fill.fee, fill.fee_ccy, recorded_at_ns)
