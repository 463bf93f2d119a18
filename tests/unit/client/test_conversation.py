"""The client's logic without sockets and with a clock of the test's own: windows, resends, pauses, timeouts."""

from __future__ import annotations

import msgspec
import pytest

from ledger.client.conversation import Body, Conversation, Parcel, Unanswered
from ledger.domain.codes import Code
from ledger.wire import Answer, Committed, Refused, encode_answers

ID = b"%016d"


def bodies(first: int, count: int, *, json: bool = False) -> list[Body]:
    return [
        Body(ID % number, (b"%d" if json else b"\xc4\x10" + ID) % number, json)
        for number in range(first, first + count)
    ]


def sent(payload: bytes | None) -> list[int]:
    """The numbers of the messages in a payload."""
    if payload is None:
        return []
    found = msgspec.json.decode(payload) if payload[:1] == b"[" else msgspec.msgpack.decode(payload)
    return [int(part) for part in found]


def committed(*numbers: int) -> bytes:
    return answered([Committed(ID % number, 0, number) for number in numbers])


def answered(answers: list[Answer]) -> bytes:
    return encode_answers(answers, json=False, single=False)


def conversation(*, batch_max: int = 2, window: int = 2, message_bytes_max: int = 1000) -> Conversation:
    return Conversation(
        batch_max=batch_max,
        window=window,
        message_bytes_max=message_bytes_max,
        resend_after=1.0,
        random=lambda: 0.0,
    )


def put(talk: Conversation, first: int, count: int, now: float = 0.0, timeout: float = 30.0) -> Parcel:
    return talk.put(bodies(first, count), now=now, timeout=timeout)


def test_messages_leave_in_order_until_the_window_is_full() -> None:
    talk = conversation()
    put(talk, 1, 7)
    assert [sent(talk.outgoing(0)) for _ in range(3)] == [[1, 2], [3, 4], []]
    talk.take(committed(1, 2), 0.1)
    assert [sent(talk.outgoing(0.1)) for _ in range(2)] == [[5, 6], []]


def test_a_message_has_one_form_and_a_limited_size() -> None:
    talk = conversation(batch_max=10, window=10, message_bytes_max=40)
    talk.put([*bodies(1, 1), *bodies(2, 2, json=True), *bodies(4, 3)], now=0, timeout=30)
    assert [sent(talk.outgoing(0)) for _ in range(5)] == [[1], [2, 3], [4, 5], [6], []]


@pytest.mark.parametrize("count", [1, 15, 16, 300, 65_536])
def test_a_payload_is_an_array_whatever_its_length(count: int) -> None:
    talk = conversation(batch_max=100_000, message_bytes_max=10_000_000)
    put(talk, 1, count)
    assert sent(talk.outgoing(0)) == list(range(1, count + 1))


def test_answers_are_matched_by_id_in_any_order() -> None:
    talk = conversation()
    first, second = put(talk, 1, 2), put(talk, 3, 2)
    talk.outgoing(0)
    talk.outgoing(0)
    talk.take(committed(4, 3), 0.1)
    assert (first.left, second.left) == (2, 0)
    assert [result.seq for result in second.results if isinstance(result, Committed)] == [3, 4]


def test_an_answer_without_id_belongs_to_its_place_beside_the_others() -> None:
    talk = conversation()
    parcel = put(talk, 1, 2)
    talk.outgoing(0)
    malformed = Refused(b"", Code.MALFORMED, "what?")
    talk.take(answered([malformed, Committed(ID % 2, 0, 2)]), 0.1)
    assert parcel.results == [malformed, Committed(ID % 2, 0, 2)]


def test_silence_has_everything_sent_again_first_to_last_over_a_new_connection() -> None:
    talk = conversation(window=3)
    put(talk, 1, 6)
    for _ in range(3):
        talk.outgoing(0)
    talk.take(committed(3), 0.5)
    assert not talk.tick(1.4)
    assert talk.tick(1.5)
    assert [sent(talk.outgoing(1.5)) for _ in range(4)] == [[1, 2], [4, 5], [6], []]
    assert talk.statistics().resent == 5


def test_patience_doubles_while_nothing_is_heard_and_is_back_after_an_answer() -> None:
    talk = conversation()
    put(talk, 1, 1, timeout=1000)
    now, pauses = 0.0, list[float]()
    for _ in range(7):
        talk.outgoing(now)
        before = now
        while not talk.tick(now):
            now += 0.25
        pauses.append(now - before)
    assert pauses == [1, 2, 4, 8, 16, 32, 32]
    talk.outgoing(now)
    talk.take(committed(1), now)
    put(talk, 2, 1, now)
    talk.outgoing(now)
    assert not talk.tick(now + 0.9)
    assert talk.tick(now + 1)


def test_one_missing_answer_is_asked_for_although_others_arrive() -> None:
    talk = conversation(batch_max=1, window=10)
    put(talk, 1, 1)
    talk.outgoing(0)
    now, number = 0.0, 2
    while not talk.tick(now):
        put(talk, number, 1, now)
        talk.outgoing(now)
        talk.take(committed(number), now)
        number += 1
        now += 0.5
    assert now == 4.0
    assert sent(talk.outgoing(now)) == [1]


def test_a_lost_connection_is_made_again_after_a_pause_that_grows() -> None:
    talk = conversation()
    put(talk, 1, 1)
    pauses: list[float] = []
    now = 0.0
    for _ in range(4):
        talk.outgoing(now)
        talk.disconnected(now)
        assert talk.outgoing(now) is None
        before = now
        while not talk.tick(now):
            due = talk.next_due()
            assert due is not None
            now = due
        pauses.append(round(now - before, 3))
    assert pauses == [0.01, 0.02, 0.04, 0.08]


def test_lost_connections_make_nobody_wait_longer_for_an_answer() -> None:
    """A ledger that is killed and starts again refuses connections for a while; a question that its new life does not
    hear is asked again after the pause that was set, not after half a minute."""
    talk = conversation()
    put(talk, 1, 1, timeout=1000)
    now = 0.0
    for _ in range(6):
        talk.disconnected(now)
        while not talk.tick(now):
            now += 0.01
    assert sent(talk.outgoing(now)) == [1]
    assert not talk.tick(now + 0.99)
    assert talk.tick(now + 1)


def test_what_is_refused_for_now_is_sent_again_after_the_pause_asked_for() -> None:
    talk = conversation()
    parcel = put(talk, 1, 2)
    talk.outgoing(0)
    talk.take(answered([Refused(ID % 1, Code.OVERLOADED, "full", 100), Committed(ID % 2, 0, 2)]), 0.0)
    assert parcel.left == 1
    talk.tick(0.09)
    assert talk.outgoing(0.09) is None
    talk.tick(0.1)
    assert sent(talk.outgoing(0.1)) == [1]
    talk.take(answered([Refused(ID % 1, Code.OVERLOADED, "full", 100)]), 0.1)
    talk.tick(0.29)
    assert talk.outgoing(0.29) is None
    talk.tick(0.31)
    assert sent(talk.outgoing(0.31)) == [1]


def test_a_timeout_says_whether_it_was_sent() -> None:
    talk = conversation(window=1)
    parcel = put(talk, 1, 4, timeout=0.5)
    assert sent(talk.outgoing(0)) == [1, 2]
    talk.tick(0.5)
    assert parcel.results == [Unanswered.IN_DOUBT] * 2 + [Unanswered.NOT_SENT] * 2


def test_a_timeout_while_the_ledger_asks_for_patience_is_its_refusal() -> None:
    talk = conversation()
    parcel = put(talk, 1, 1, timeout=0.5)
    talk.outgoing(0)
    refusal = Refused(ID % 1, Code.OVERLOADED, "full", 10_000)
    talk.take(answered([refusal]), 0.0)
    talk.tick(0.6)
    assert parcel.results == [refusal]


def test_an_answer_that_comes_too_late_or_twice_changes_nothing() -> None:
    talk = conversation()
    done: list[str] = []
    parcel = talk.put(bodies(1, 1), now=0, timeout=0.5, on_done=lambda: done.append("done"))
    talk.outgoing(0)
    talk.tick(0.6)
    talk.take(committed(1), 0.7)
    talk.take(committed(1), 0.8)
    assert parcel.results == [Unanswered.IN_DOUBT]
    assert done == ["done"]
    assert talk.statistics().unanswered == 0


def test_bytes_that_are_no_answers_are_counted_and_change_nothing() -> None:
    talk = conversation()
    parcel = put(talk, 1, 1)
    talk.outgoing(0)
    for payload in (b"", b"\x00", b"[", b"[{}]", b'[{"type":"Committed"}]', b"{}", b"\x91\x91\xcc\xff"):
        talk.take(payload, 0.1)
    assert talk.statistics().strange == 7
    assert parcel.left == 1


def test_nothing_to_send_is_done_at_once_and_waits_for_no_time() -> None:
    talk = conversation()
    done: list[str] = []
    assert talk.put([], now=0, timeout=1, on_done=lambda: done.append("done")).left == 0
    assert done == ["done"]
    assert talk.next_due() is None
