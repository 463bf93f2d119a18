"""The sanity band of an instrument, from its definition as text to what the market journal says of a price."""

from __future__ import annotations

from typing import Any

from ledger.domain import facts as f
from ledger.domain.enums import Side
from ledger.wire import Committed, decode_batch
from operations_engine import desk


async def define(it: Any, px_max: str) -> Any:
    text = (
        '{"type":"DefineInstrument","command_id":"%s","symbol":"AAPL","exchange":"XNAS","price_scale":4,'
        '"px_min":"1.00","px_max":"%s"}'
    )
    uuid = it.id().hex()
    (command,) = decode_batch((text % (uuid, px_max)).encode(), "commands", batch_max=1).inputs
    return await it.tell(command)


async def test_the_band_is_journaled_holds_over_a_start_and_can_be_moved(tmp_path, mock_clock) -> None:
    numbers = iter(range(1, 100))

    async def print_at(it: Any, px: int) -> int:
        """How many bad prices are recorded after it."""
        fact = f.MarketTrade("feed", 1, next(numbers), "AAPL", "XNAS", px, 1, Side.BUY)
        await it.ask("market", fact)
        return len(await it.rows("anomalies", kind="BOOK_BAD_PRICE"))

    async with desk(tmp_path) as it:
        assert type(await define(it, "500")) is Committed
        assert await print_at(it, 5_000_000) == 0
        assert await print_at(it, 5_000_001) == 1
        assert await print_at(it, 9_999) == 2
        (row,) = await it.rows("instruments")
        assert (row["px_min"], row["px_max"]) == ("1", "500")
    async with desk(tmp_path, run=2) as it:
        assert await print_at(it, 5_000_001) == 3
        assert type(await define(it, "600")) is Committed
        assert await print_at(it, 5_000_001) == 3
        (book,) = await it.rows("book", symbol="AAPL")
        assert book["last_trade"]["px"] == "500.0001"
