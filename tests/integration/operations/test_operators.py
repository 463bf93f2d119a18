"""An operator's answers: cases closed, entities released, conflicts resolved, a recovery confirmed."""

from __future__ import annotations

from ledger.domain import commands as c
from ledger.domain import facts as f
from ledger.domain.codes import Code
from ledger.domain.enums import ConflictResolution, OrderStatus, Side
from ledger.domain.operator_commands import CloseCase, ConfirmRecovery, ReleaseEntity, ResolveExecConflict
from ledger.domain.order_state import status
from ledger.wire import Committed, Refused
from operations_engine import TODAY, desk, settings


async def case_seq(it, kind: str) -> int:
    (row,) = await it.rows("anomalies", open="true", kind=kind)
    return int(row["place"].partition(":")[2])


async def test_a_case_stays_open_until_an_operator_closes_it(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1", qty=10)
        await it.fill("c1", "x1", 11, 100_000)
        seq = await case_seq(it, "OVERFILL")
        close = CloseCase(it.id(), seq, "agreed with the broker")
        assert type(await it.tell(close)) is Committed
        assert await it.rows("anomalies", open="true") == []
        assert (await it.rows("head"))[0]["anomalies_open"] == 0
        again = await it.tell(CloseCase(it.id(), seq, "again"))
        assert again.repeated
        assert (await it.tell(CloseCase(it.id(), 999, "none"))).code == Code.MALFORMED


async def test_a_market_case_is_closed_in_the_market_journal_too(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        quotes = [f.Quote("feed", 1, seq, "AAPL", "XNAS", 1, 1, 2, 1) for seq in (1, 5)]
        await it.ask("market", *quotes)
        seq = await case_seq(it, "SOURCE_GAP")
        first = await it.tell(CloseCase(it.id(), seq, "known outage", "market"))
        assert await it.rows("anomalies", open="true") == []
        assert (await it.tell(CloseCase(it.id(), seq, "again", "market"))).seq == first.seq
    async with desk(tmp_path, run=2) as it:
        assert await it.rows("anomalies", open="true") == []


async def quarantined(it, monkeypatch) -> None:
    """Order c1 is set aside: its code raises on a cancel report."""
    from ledger.domain import order_reports

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    await it.define()
    await it.order("c1", qty=100)
    await it.say(f.ReportAccepted, "c1", "v1")
    with monkeypatch.context() as patch:
        patch.setitem(order_reports._MAKERS, f.ReportSuspended, broken)
        await it.say(f.ReportSuspended, "c1")
    assert (await it.rows("head"))[0]["quarantined"] == 1


async def test_a_released_order_applies_the_fills_that_it_held(tmp_path, mock_clock, monkeypatch) -> None:
    async with desk(tmp_path) as it:
        await quarantined(it, monkeypatch)
        await it.fill("c1", "x1", 30, 100_000, fee=5, fee_ccy="USD")
        await it.fill("c1", "x2", 20, 101_000)
        state = it.fold.orders.get(("AAPL", "c1"))
        assert (state.cum, it.position().qty) == (0, 50)
        released = await it.tell(ReleaseEntity(it.id(), "order", "AAPL/c1", "fixed in 0.1.1"))
        state = it.fold.orders.get(("AAPL", "c1"))
        assert (state.cum, state.cum_cost, state.fees) == (50, 30 * 100_000 + 20 * 101_000, (("USD", 5),))
        assert state.version == released.seq
        assert it.position().qty == 50
        assert (await it.rows("head"))[0]["quarantined"] == 0


async def test_what_was_suspended_for_it_is_decided_again(tmp_path, mock_clock, monkeypatch) -> None:
    async with desk(tmp_path) as it:
        await quarantined(it, monkeypatch)
        await it.say(f.ReportCanceled, "c1")
        assert status(it.fold.orders.get(("AAPL", "c1"))) is OrderStatus.NEW
        await it.tell(ReleaseEntity(it.id(), "order", "AAPL/c1", "fixed"))
        await it.settle()
        assert status(it.fold.orders.get(("AAPL", "c1"))) is OrderStatus.CANCELED


async def test_only_what_is_set_aside_is_released(tmp_path, mock_clock, monkeypatch) -> None:
    async with desk(tmp_path) as it:
        await quarantined(it, monkeypatch)
        release = ReleaseEntity(it.id(), "order", "AAPL/c1", "fixed")
        assert type(await it.tell(release)) is Committed
        assert (await it.tell(release)).repeated
        assert (await it.tell(ReleaseEntity(it.id(), "order", "AAPL/c1", "fixed"))).code == Code.MALFORMED


async def conflict(it) -> ResolveExecConflict:
    await it.define()
    await it.order("c1", qty=100)
    await it.fill("c1", "x1", 40, 100_000)
    await it.fill("c1", "x1", 50, 100_000)
    seq = await case_seq(it, "EXEC_ID_CONFLICT")
    return ResolveExecConflict(
        it.id(), seq, "AAPL", "XNAS", "ACC", TODAY, "x1", ConflictResolution.KEEP, "broker says 40"
    )


async def test_an_operator_keeps_the_first_of_two_executions(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        command = await conflict(it)
        await it.tell(command)
        assert it.position().qty == 40
        assert await it.rows("anomalies", open="true") == []


async def test_an_operator_corrects_the_first_of_two_executions(tmp_path, mock_clock) -> None:
    from msgspec.structs import replace

    async with desk(tmp_path) as it:
        command = replace(await conflict(it), resolution=ConflictResolution.CORRECT, qty=50, px=100_000)
        await it.tell(command)
        assert (it.position().qty, it.fold.orders.get(("AAPL", "c1")).cum) == (50, 50)
        assert await it.rows("anomalies", open="true") == []
        assert it.names()[-4:] == [
            "ExecConflictResolved",
            "FillCorrected",
            "PositionRestated",
            "CaseClosed",
        ]


async def test_a_restart_takes_no_new_order_before_it_is_confirmed(tmp_path, mock_clock) -> None:
    careful = settings(require_confirmation=True)
    async with desk(tmp_path, careful) as it:
        await it.define()
        assert type(await it.order("c1")) is Committed  # a first start has recovered nothing
    async with desk(tmp_path, careful, run=2) as it:
        refused = await it.order("c2")
        assert (type(refused), refused.code) == (Refused, Code.JOURNAL_READ_ONLY)
        assert "ledger confirm" in refused.detail
        assert type(await it.tell(c.CancelOrder(it.id(), "AAPL", "x1", "c1"))) is Committed
        await it.fill("c1", "x1", 1, 100_000)
        assert type(await it.tell(ConfirmRecovery(it.id(), "compared with the venue"))) is Committed
        assert type(await it.order("c2", side=Side.SELL)) is Committed
        assert (await it.tell(ConfirmRecovery(it.id(), "again"))).repeated
    async with desk(tmp_path, careful, run=3) as it:
        assert (await it.order("c3")).code == Code.JOURNAL_READ_ONLY
