"""Sessions: opened, kept alive, closed, expired, lost; an order needs an open one, a cancel none."""

from __future__ import annotations

from ledger.domain import commands as c
from ledger.domain.codes import Code
from ledger.domain.enums import SessionEnd, Severity
from ledger.domain.operator_commands import CloseSession, OpenSession, TouchSession
from ledger.domain.operator_events import SessionClosed
from ledger.domain.timers import TimeRules
from ledger.wire import Committed, Refused
from operations_engine import S, desk, settings

PATIENT = settings(TimeRules(session_timeout_ns=3600 * S, session_ttl_ns=7200 * S))


async def test_an_order_must_name_a_session_that_is_open(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        refused = await it.order("c1", session_id="s1")
        assert (type(refused), refused.code) == (Refused, Code.SESSION_CLOSED)
        await it.tell(OpenSession(it.id(), "s1", "ann"))
        assert type(await it.order("c1", session_id="s1")) is Committed
        await it.tell(CloseSession(it.id(), "s1"))
        assert (await it.order("c2", session_id="s1")).code == Code.SESSION_CLOSED


async def test_a_cancel_is_never_refused_for_its_session(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.order("c1")
        cancel = c.CancelOrder(it.id(), "AAPL", "x1", "c1", session_id="never-opened")
        assert type(await it.tell(cancel)) is Committed


async def test_a_session_belongs_to_one_user_while_it_is_open(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        opened = await it.tell(OpenSession(it.id(), "s1", "ann"))
        again = await it.tell(OpenSession(it.id(), "s1", "ann"))
        assert (again.seq, again.repeated) == (opened.seq, True)
        assert (await it.tell(OpenSession(it.id(), "s1", "bob"))).code == Code.NOT_AUTHORISED


async def test_touches_are_journaled_at_most_every_thirty_seconds(tmp_path, mock_clock) -> None:
    async with desk(tmp_path, PATIENT) as it:
        await it.tell(OpenSession(it.id(), "s1", "ann"))
        for _ in range(9):
            await it.at(mock_clock, 10)
            await it.tell(TouchSession(it.id(), "s1"))
        assert it.names().count("SessionTouched") == 3


async def test_a_silent_session_is_lost_and_says_so_in_the_journal(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.tell(OpenSession(it.id(), "s1", "ann"))
        await it.at(mock_clock, 29)
        await it.tell(TouchSession(it.id(), "s1"))
        await it.at(mock_clock, 29)
        assert "SessionClosed" not in it.names()
        await it.at(mock_clock, 2)
        last = it.journal()[-1]
        assert (type(last), last.how) == (SessionClosed, SessionEnd.LOST)
        assert (await it.rows("sessions"))[0]["state"] == "LOST"


async def test_orders_keep_a_session_alive(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.define()
        await it.tell(OpenSession(it.id(), "s1", "ann"))
        for number in range(4):
            await it.at(mock_clock, 20)
            await it.order(f"c{number}", session_id="s1")
        assert "SessionClosed" not in it.names()


async def test_an_absolute_session_expires_however_busy_it_is(tmp_path, mock_clock) -> None:
    absolute = settings(TimeRules(session_ttl_ns=60 * S, session_absolute=True))
    async with desk(tmp_path, absolute) as it:
        await it.tell(OpenSession(it.id(), "s1", "ann"))
        for _ in range(7):
            await it.at(mock_clock, 10)
            await it.tell(TouchSession(it.id(), "s1"))
        closed = [each for each in it.journal() if type(each) is SessionClosed]
        assert [each.how for each in closed] == [SessionEnd.EXPIRED]


async def test_after_a_restart_a_session_has_its_whole_timeout_again(tmp_path, mock_clock) -> None:
    async with desk(tmp_path) as it:
        await it.tell(OpenSession(it.id(), "s1", "ann"))
    mock_clock.jump(3600)
    async with desk(tmp_path, run=2) as it:
        await it.at(mock_clock, 29)
        assert "SessionClosed" not in it.names()
        await it.at(mock_clock, 2)
        assert it.names()[-1] == "SessionClosed"


async def test_with_cancel_on_disconnect_a_lost_session_has_its_orders_cancelled_and_no_others(
    tmp_path, mock_clock
) -> None:
    rules = TimeRules(session_timeout_ns=10 * S, cancel_on_disconnect=True)
    async with desk(tmp_path, settings(rules)) as it:
        await it.define()
        await it.tell(OpenSession(it.id(), "s1", "ann"))
        await it.tell(OpenSession(it.id(), "s2", "bob"))
        await it.order("c1", session_id="s1")
        await it.order("c2", session_id="s2")
        await it.order("c3")
        await it.at(mock_clock, 6)
        await it.tell(TouchSession(it.id(), "s2"))
        await it.at(mock_clock, 5)
        lost = it.names().index("SessionClosed")
        assert it.names()[lost - 1 : lost + 2] == ["TimerFired", "SessionClosed", "MassCancelRequested"]
        assert it.names()[-2:] == ["CancelRequested", "MassCancelCompleted"]
        asked = [event for event in it.journal() if type(event).__name__ == "CancelRequested"]
        assert [event.order for event in asked] == ["c1"]


async def test_the_end_of_an_absolute_session_is_warned_of_once_and_cancels_nothing(
    tmp_path, mock_clock
) -> None:
    """DOMAIN 1.13: an absolute limit warns before, never cancels orders and never refuses a cancel."""
    rules = TimeRules(
        session_ttl_ns=100 * S, session_absolute=True, session_warning_ns=40 * S, cancel_on_disconnect=True
    )

    def warnings(it) -> list:
        return [each for each in it.journal() if getattr(each, "kind", "") == "SESSION_ENDS"]

    async with desk(tmp_path, settings(rules)) as it:
        await it.define()
        await it.tell(OpenSession(it.id(), "s1", "ann"))
        await it.order("c1", session_id="s1")
        for seconds in (20, 20, 19):
            await it.at(mock_clock, seconds)
            await it.tell(TouchSession(it.id(), "s1"))
        assert warnings(it) == []
        await it.at(mock_clock, 2)
        (warning,) = warnings(it)
        assert warning.severity is Severity.INFO
        assert "session s1 of ann ends 40 s from now" in warning.detail
        await it.tell(TouchSession(it.id(), "s1"))
    async with desk(tmp_path, settings(rules), run=2) as it:
        for _ in range(2):
            await it.at(mock_clock, 18)
            await it.tell(TouchSession(it.id(), "s1"))
        assert "SessionClosed" not in it.names()
        await it.at(mock_clock, 4)
        assert it.journal()[-1].how is SessionEnd.EXPIRED
        assert len(warnings(it)) == 1
        assert "MassCancelRequested" not in it.names()
        cancel = c.CancelOrder(it.id(), "AAPL", "x1", "c1", session_id="s1")
        assert type(await it.tell(cancel)) is Committed
        await it.tell(OpenSession(it.id(), "s1", "ann"))
        for _ in range(4):
            await it.at(mock_clock, 16)
            await it.tell(TouchSession(it.id(), "s1"))
        assert len(warnings(it)) == 2, "another opening of it ends too"


async def test_a_session_that_slides_or_ends_sooner_is_not_warned_of(tmp_path, mock_clock) -> None:
    for number, rules in enumerate(
        (
            TimeRules(session_ttl_ns=100 * S, session_warning_ns=40 * S),
            TimeRules(session_ttl_ns=100 * S, session_warning_ns=0, session_absolute=True),
            TimeRules(session_ttl_ns=100 * S, session_warning_ns=100 * S, session_absolute=True),
        )
    ):
        async with desk(tmp_path / str(number), settings(rules)) as it:
            await it.tell(OpenSession(it.id(), "s1", "ann"))
            for _ in range(6):
                await it.at(mock_clock, 20)
                await it.tell(TouchSession(it.id(), "s1"))
            assert not [each for each in it.journal() if getattr(each, "kind", "") == "SESSION_ENDS"]
