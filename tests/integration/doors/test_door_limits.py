"""What a door and a client do at their limits: unread answers, lost answers, refused drafts, cancelled waits."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import zmq

from answering_engine import AnsweringEngine
from ledger.client import InDoubtError, RefusedError, open_client
from ledger.client.conversation import Body, Conversation, Unanswered
from ledger.domain.codes import Code
from ledger.domain.events import StrategyDefined
from ledger.egress import Publisher, bind_publishers
from ledger.wire import Answer, Committed, FactCommitted, Refused, Unavailable, answer_json
from ledger.zmq_trio import TrioSocket
from open_doors import open_doors

ID = b"0" * 16
MESSAGES = 30
ELEMENTS = 5000


@contextmanager
def subscribed(context: zmq.Context[Any], endpoint: str) -> Generator[TrioSocket]:
    socket = TrioSocket(context.socket(zmq.SUB))
    socket.raw.subscribe(b"")
    socket.raw.connect(endpoint)
    yield socket
    socket.close()


class CountingEngine(AnsweringEngine):
    def __init__(self, wanted: int) -> None:
        super().__init__()
        self.wanted = wanted
        self.reached = trio.Event()

    def run_now(self) -> None:
        """Whatever is handed in is answered when the test says so."""

    def submit_nowait(self, *args: Any, **options: Any) -> None:
        super().submit_nowait(*args, **options)
        self.wanted -= 1
        if not self.wanted:
            self.reached.set()


async def test_a_client_that_reads_no_large_answers_costs_a_bounded_number_of_bytes() -> None:
    engine = CountingEngine(MESSAGES)
    context: zmq.Context[Any] = zmq.Context()
    bad = msgspec.msgpack.encode([1] * ELEMENTS)
    async with open_doors(engine, batch_max=ELEMENTS, client_answer_bytes_max=1_000_000) as doors:
        client = context.socket(zmq.DEALER)
        client.setsockopt(zmq.RCVHWM, 1)
        client.setsockopt(zmq.RCVBUF, 4096)
        client.connect(doors.endpoints["commands"])
        for _ in range(MESSAGES):
            client.send(bad)
        with trio.fail_after(20):
            await engine.reached.wait()
        answers = doors.doors["commands"].statistics().answers
        answer_bytes = ELEMENTS * 80
        assert answer_bytes > 64 * 1024
        assert answers.sent * answer_bytes < 8_000_000
        assert answers.kept_bytes <= 1_000_000
        assert answers.sent + answers.dropped >= MESSAGES - 3
        # The others are served meanwhile, and the one that begins to read gets what was kept.
        other = TrioSocket(context.socket(zmq.DEALER))
        other.raw.connect(doors.endpoints["commands"])
        await other.send_multipart([msgspec.msgpack.encode([[11, ID, "S", "c", "o"]])])
        with trio.fail_after(5):
            assert len(await other.recv_many()) == 1
        other.close()
        client.close(linger=0)
    context.destroy(linger=0)


async def test_a_cancelled_receive_takes_no_message_with_it() -> None:
    context: zmq.Context[Any] = zmq.Context()
    left, right = TrioSocket(context.socket(zmq.PAIR)), TrioSocket(context.socket(zmq.PAIR))
    left.raw.bind("inproc://pair")
    right.raw.connect("inproc://pair")
    await left.send_multipart([b"once"])
    with trio.CancelScope() as scope:
        scope.cancel()
        await right.recv_many()
    assert scope.cancelled_caught
    with trio.fail_after(5):
        assert await right.recv_many() == [[b"once"]]
    left.close()
    right.close()
    context.destroy(linger=0)


def conversation() -> Conversation:
    return Conversation(
        batch_max=10, window=4, message_bytes_max=10_000, resend_after=1.0, random=lambda: 0.5
    )


def answered(talk: Conversation, answer: Answer, now: float) -> None:
    talk.take(msgspec.msgpack.encode([answer]), now)


@pytest.mark.parametrize("code", [Code.JOURNAL_READ_ONLY, Code.COMMAND_ID_EXPIRED, Code.SESSION_CLOSED])
def test_a_resend_that_is_refused_leaves_in_doubt_what_became_of_the_first(code: Code) -> None:
    talk = conversation()
    parcel = talk.put([Body(ID, b"\x01")], now=0.0, timeout=30.0)
    assert talk.outgoing(0.0)
    assert talk.tick(1.1)  # no answer: over a new connection
    assert talk.outgoing(1.1)
    answered(talk, Refused(ID, code, "no"), 1.2)
    assert parcel.results == [Unanswered.IN_DOUBT]


def test_a_refusal_of_the_only_copy_is_an_answer_and_so_is_one_of_the_bytes_themselves() -> None:
    talk = conversation()
    refused = Refused(ID, Code.JOURNAL_READ_ONLY, "no")
    parcel = talk.put([Body(ID, b"\x01")], now=0.0, timeout=30.0)
    talk.outgoing(0.0)
    answered(talk, refused, 0.1)
    assert parcel.results == [refused]
    malformed = Refused(ID, Code.MALFORMED, "no")
    parcel = talk.put([Body(ID, b"\x01")], now=1.0, timeout=30.0)
    talk.outgoing(1.0)
    assert talk.tick(3.0)
    talk.outgoing(3.0)
    answered(talk, malformed, 3.1)
    assert parcel.results == [malformed]


def test_a_commit_answers_also_what_was_in_doubt() -> None:
    talk = conversation()
    committed = Committed(ID, 0, 5, 5, repeated=True)
    parcel = talk.put([Body(ID, b"\x01")], now=0.0, timeout=30.0)
    talk.outgoing(0.0)
    assert talk.tick(1.1)
    talk.outgoing(1.1)
    answered(talk, committed, 1.2)
    assert parcel.results == [committed]


@pytest.mark.parametrize("lost", [False, True])
def test_an_overload_until_the_timeout_is_a_refusal_only_if_no_answer_was_lost(lost: bool) -> None:
    talk = conversation()
    parcel = talk.put([Body(("s", 1, 1), b"\x01")], now=0.0, timeout=5.0)
    talk.outgoing(0.0)
    if lost:
        assert talk.tick(1.1)
        talk.outgoing(1.1)
    overloaded = Unavailable("s", 1, 1, 60_000)
    answered(talk, overloaded, 1.2)
    talk.tick(5.1)
    assert parcel.results == [Unanswered.IN_DOUBT if lost else overloaded]


def test_no_more_messages_than_the_window_are_out_even_if_nobody_waits_for_them_any_more() -> None:
    talk, now, out = conversation(), 0.0, 0
    for number in range(1000):
        parcel = talk.put([Body(("s", 1, number), b"\x01")], now=now, timeout=0.2)
        while talk.outgoing(now):
            out += 1
        assert out <= 4
        now += 0.25
        if talk.tick(now):
            out = 0
        assert parcel.results == [Unanswered.IN_DOUBT if parcel.items[0].sent else Unanswered.NOT_SENT]
    assert talk.statistics().messages > 20


def test_a_late_answer_frees_its_place_and_the_same_id_may_be_sent_again() -> None:
    talk = conversation()
    for number in range(4):
        talk.put([Body(bytes([number]) * 16, b"\x01")], now=0.0, timeout=0.2)
        assert talk.outgoing(0.0)
    talk.tick(0.3)
    again = talk.put([Body(b"\x00" * 16, b"\x01")], now=0.3, timeout=5.0)
    assert talk.outgoing(0.3) is None
    answered(talk, Committed(b"\x01" * 16, 0, 5), 0.4)
    assert talk.outgoing(0.4) is not None
    answered(talk, Committed(b"\x00" * 16, 0, 6), 0.5)
    assert again.results == [Committed(b"\x00" * 16, 0, 6)]
    assert talk.next_due() is not None  # two are still out


async def test_a_stopped_journal_does_not_deny_an_order_whose_answer_it_never_gave() -> None:
    class Failing(AnsweringEngine):
        def _commit(self, message: Any) -> Answer:
            answer = super()._commit(message)
            return Refused(message.command_id, Code.JOURNAL_READ_ONLY, "stopped") if self.stopped else answer

        stopped = False

    engine = Failing()
    async with (
        open_doors(engine) as doors,
        open_client(doors.commands, timeout=10, resend_after=0.1) as client,
    ):
        engine.holding = True
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _stop() -> None:
                while not engine.held:
                    await trio.sleep(0.005)
                engine.forget_replies()
                engine.holding, engine.stopped = False, True

            with pytest.raises(InDoubtError):
                await client.define_strategy(strategy_id="S1", account="A1")
        with pytest.raises(RefusedError):
            await client.define_strategy(strategy_id="S2", account="A1")


async def test_a_fact_that_the_client_refuses_uses_up_no_number() -> None:
    engine = AnsweringEngine()
    good = {"symbol": "S", "exchange": "E", "client_order_id": "c"}
    async with open_doors(engine) as doors, open_client(doors.commands) as client:
        first = await client.report_accepted(**good)  # type: ignore[typeddict-item]
        with pytest.raises(ValueError, match="event_time_ns"):
            await client.report_accepted(**good, event_time_ns=-1)  # type: ignore[typeddict-item]
        accepted = {"type": "ReportAccepted", **good}
        with pytest.raises(TypeError, match="float"):
            await client.send_facts([accepted, {**accepted, "venue_cum": 0.5}])
        second = await client.report_accepted(**good)  # type: ignore[typeddict-item]
    assert isinstance(first, FactCommitted)
    assert (first.source_seq, second.source_seq) == (1, 2)


FILL = {
    "symbol": "S",
    "exchange": "E",
    "client_order_id": "c",
    "execution_id": "x",
    "trade_date": "2026-11-20",
    "side": "BUY",
    "qty": "1",
    "px": "1",
}


async def test_a_refused_fact_is_answered_with_its_number_so_that_its_sender_does_not_wait() -> None:
    engine = AnsweringEngine(rows={"instruments": [{"symbol": "S", "price_scale": 2, "qty_scale": 0}]})
    options = {"source": "gw", "source_epoch": 7}
    async with open_doors(engine) as doors, open_client(doors.commands, **options) as client:
        with trio.fail_after(5), pytest.raises(RefusedError, match=r"fee.*'abc' is not a decimal") as refused:
            await client.report_fill(**FILL, fee="abc")  # type: ignore[typeddict-item]
        assert refused.value.key == ("gw", 7, 1)
        fill = {"type": "ReportFill", **FILL}
        with trio.fail_after(5):
            outcomes = await client.send_facts([fill, {**fill, "fee": "abc"}, fill])
    assert [type(outcome) for outcome in outcomes] == [FactCommitted, RefusedError, FactCommitted]


def test_the_text_form_of_a_refusal_names_the_command_or_the_fact() -> None:
    assert answer_json(Refused(ID, Code.MALFORMED, "no"))["command_id"] == str(uuid.UUID(bytes=ID))
    fact = answer_json(Refused(b"", Code.MALFORMED, "no", source="gw", source_epoch=4, source_seq=77))
    assert (fact["source"], fact["source_epoch"], fact["source_seq"]) == ("gw", 4, 77)
    assert "command_id" not in fact


async def test_publishing_after_the_sockets_are_closed_is_silence() -> None:
    context: zmq.Context[Any] = zmq.Context()
    bound = bind_publishers(context)
    publisher = Publisher(
        bound["order_events_pub"][0], bound["market_data_pub"][0], partition=0, position_row=lambda *_: {}
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(publisher.run)
        with subscribed(context, bound["order_events_pub"][1]) as subscriber:
            with trio.fail_after(5):
                while not publisher.statistics().sent:
                    publisher.publish("trading", 1, 1, [StrategyDefined("S", "A")], [], 1, {})
                    await trio.lowlevel.checkpoint()
            assert (await subscriber.recv_many())[0][0] == b"control|"
        nursery.cancel_scope.cancel()
    publisher.publish("trading", 1, 2, [StrategyDefined("S", "A")], [], 2, {})
    context.destroy(linger=0)


async def test_a_ledger_that_comes_back_on_other_ports_is_found_without_waiting_for_a_resend(
    tmp_path: Path,
) -> None:
    engine, ended = AnsweringEngine(), trio.Event()

    async def first_life(task_status: trio.TaskStatus[str]) -> None:
        async with open_doors(engine, directory=tmp_path) as doors:
            task_status.started(doors.endpoints["commands"])
            await ended.wait()

    async with trio.open_nursery() as nursery:
        old = await nursery.start(first_life)
        async with open_client(tmp_path, timeout=60, resend_after=60) as client:
            await client.define_strategy(strategy_id="S1", account="A1")
            ended.set()
            nursery.start_soon(partial(client.define_strategy, strategy_id="S2", account="A1"))
            door = client._doors["commands"]
            with trio.fail_after(10):
                while door.conversation._losses < 2:  # it has dialed the old port again, where nobody listens
                    await trio.sleep(0.005)
            async with open_doors(engine, directory=tmp_path) as again:
                assert again.endpoints["commands"] != old
                with trio.fail_after(10):
                    await client.define_strategy(strategy_id="S3", account="A1")
    assert [command.strategy_id for command in engine.applied] == ["S1", "S2", "S3"]
