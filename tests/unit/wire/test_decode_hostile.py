"""Bytes made to hurt: what they cost to refuse stays near their own size, and what passes can be journaled."""

from __future__ import annotations

import json
import random
import tracemalloc

import msgspec
import pytest

from ledger.domain.codes import Code
from ledger.domain.facts import MARKET_DATA, REPORTS
from ledger.wire import Batch, Malformed, decode_batch, text_type

BATCH_MAX = 1000
MIB = 1024 * 1024
ID = "01938f6e-0000-7000-8000-000000000001"


def packed_array(count: int, element: bytes) -> bytes:
    return b"\xdd" + count.to_bytes(4, "big") + element * count


HOSTILE = {
    "two million packed integers": packed_array(2 * MIB, b"\x01"),
    "a packed array of two million empty arrays": b"\x91" + packed_array(2 * MIB, b"\x90"),
    "packed ids that are arrays": b"\x91\x94\x0a" + packed_array(2 * MIB, b"\x90") + b"\x01\x01",
    "a packed count without elements": b"\xdd\xff\xff\xff\xff",
    "packed depth": b"\x91" * MIB,
    "a million text integers": b"[" + b"1," * MIB + b"1]",
    "a million empty objects": b"[" + b"{}," * MIB + b"{}]",
    "a million nulls after one object": b'[{"type":"CancelOrder"}' + b",null" * MIB + b"]",
    "text ids that are arrays": b'{"type":"X","command_id":[' + b"[]," * MIB + b"[]]}",
    "sixty thousand objects of an unknown type": b"[" + b'{"type":"Nope"},' * (MIB // 16) + b"{}]",
    "depth in a field": b'{"type":"CancelOrder","symbol":' + b"[" * MIB,
    "text depth": b"[" * MIB,
    "text depth in an object": b'{"type":' + b"[" * MIB,
    "megabytes of digits": b'{"type":"CancelOrder","source_seq":' + b"9" * 2 * MIB + b"}",
    "nothing": b"",
    "a blank": b" ",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("door", ["commands", "reports", "market", "query"])
def test_refusing_costs_no_more_memory_than_a_few_times_the_message(name: str, door: str) -> None:
    payload = HOSTILE[name]
    decode_batch(b"{}", door, batch_max=BATCH_MAX)  # makes the decoders
    decode_batch(b"\x91\x90", door, batch_max=BATCH_MAX)
    tracemalloc.start()
    try:
        batch = decode_batch(payload, door, batch_max=BATCH_MAX)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(batch.inputs) == 1
    assert type(batch.inputs[0]) is Malformed
    assert peak < 8 * len(payload) + 100_000


def text_batch(*messages: object) -> Batch:
    return decode_batch(json.dumps(messages).encode(), "commands", batch_max=BATCH_MAX)


def test_a_batch_of_the_limit_passes_and_one_more_is_refused_whole_in_both_forms() -> None:
    message = {"type": "CancelOrder", "command_id": ID, "symbol": "{" * 30, "client_order_id": "c"}
    message["orig_client_order_id"] = "o"
    assert len(text_batch(*[message] * BATCH_MAX).inputs) == BATCH_MAX
    (refused,) = text_batch(*[message] * (BATCH_MAX + 1)).inputs[:1]
    assert type(refused) is Malformed
    packed = [[11, b"0" * 16, "S", "c", "o"]]
    at_limit = msgspec.msgpack.encode(packed * BATCH_MAX)
    assert len(decode_batch(at_limit, "commands", batch_max=BATCH_MAX).inputs) == BATCH_MAX
    above = msgspec.msgpack.encode(packed * (BATCH_MAX + 1))
    (refused,) = decode_batch(above, "commands", batch_max=BATCH_MAX).inputs
    assert refused.detail == "1001 messages in one batch; send 1000 at most"


def test_one_bad_element_keeps_its_place_and_its_ids_in_both_forms() -> None:
    cancel = [11, b"1" * 16, "S", "c", "o"]
    packed = msgspec.msgpack.encode([cancel, [11, b"2" * 16, 5, "c", "o"], 7, [99], cancel])
    first, second, third, fourth, fifth = decode_batch(packed, "commands", batch_max=9).inputs
    assert first == fifth
    assert (second.command_id, second.code) == (b"2" * 16, Code.MALFORMED)
    assert (type(third), fourth.code) == (Malformed, Code.UNSUPPORTED)
    good = {"type": "CancelOrder", "command_id": ID, "symbol": "S", "client_order_id": "c"}
    good["orig_client_order_id"] = "o"
    inputs = text_batch(good, {**good, "symbol": 5}, 7, good).inputs
    assert [type(item) is Malformed for item in inputs] == [False, True, True, False]
    assert inputs[1].command_id.hex() == ID.replace("-", "")


def test_text_that_is_no_text_spoils_its_own_element_only() -> None:
    good = msgspec.msgpack.encode([11, b"1" * 16, "S", "c", "o"])
    bad = good.replace(b"\xa1S", b"\xa1\xff")
    first, second, third = decode_batch(b"\x93" + good + bad + good, "commands", batch_max=9).inputs
    assert (type(second), second.command_id) == (Malformed, b"1" * 16)
    assert first == third
    (alone,) = decode_batch(b'{"type":"CancelOrder","symbol":"\xff"}', "commands", batch_max=9).inputs
    assert type(alone) is Malformed


def test_no_change_of_a_message_makes_the_decoder_raise() -> None:
    chance = random.Random(7)
    patches = [
        b"\xff\xfe",
        b"\xd9\xff",
        b"\xc7\x05\x01",
        b"\\ud800",
        b"9" * 30,
        b"1e400",
        b"\xcf" + b"\xff" * 8,
    ]
    messages = [
        msgspec.msgpack.encode([[10, b"1" * 16, "c", "S", "A", "E", 1, 2, 100, 1005]]),
        msgspec.msgpack.encode([[61, "m", 1, 2, "A", "E", 1, 2, [[1, 2]], [[3, 4]]]]),
        b'[{"type":"ReportFill","source":"g","source_epoch":1,"source_seq":77,"px":"10.05"}]',
    ]
    for _ in range(1500):
        payload = bytearray(chance.choice(messages))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(payload))
            payload[at : at + chance.randint(0, 3)] = chance.choice([*patches, b"", bytes([at % 256])])
        for door in ("commands", "reports", "market", "query"):
            assert decode_batch(bytes(payload), door, batch_max=9).inputs is not None


def test_a_bad_fact_keeps_the_number_its_sender_gave_it() -> None:
    packed = msgspec.msgpack.encode([[30, "gw", 4, 77, 0, "E", "c"]])
    text = b'{"type":"ReportAccepted","source":"gw","source_epoch":4,"source_seq":77,"symbol":0}'
    for payload in (packed, text):
        (bad,) = decode_batch(payload, "reports", batch_max=9).inputs
        assert (bad.source, bad.source_epoch, bad.source_seq) == ("gw", 4, 77)


def whole_numbers() -> list[tuple[str, type, str]]:
    found: list[tuple[str, type, str]] = []
    for door, kinds in (("reports", REPORTS), ("market", MARKET_DATA)):
        for kind in kinds:
            for field in msgspec.structs.fields(text_type(kind)):
                try:
                    msgspec.convert(1, field.type)
                except msgspec.ValidationError:
                    continue
                found.append((door, kind, field.name))
    return found


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_no_whole_number_of_a_text_fact_passes_64_bits_since_no_frame_could_hold_it(number: int) -> None:
    fields = whole_numbers()
    assert ("reports", REPORTS[0], "source_seq") in fields
    for door, kind, name in fields:
        payload = json.dumps({"type": kind.__name__, name: number}).encode()
        (refused,) = decode_batch(payload, door, batch_max=9).inputs
        assert type(refused) is Malformed
        sure = msgspec.structs.fields(text_type(kind))
        annotation = next(field.type for field in sure if field.name == name)
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(str(number).encode(), type=annotation)


def test_a_query_is_taken_at_every_door_in_both_forms() -> None:
    packed = msgspec.msgpack.encode([[150, "q1", "endpoints"]])
    for door in ("commands", "reports", "market", "query"):
        (query,) = decode_batch(packed, door, batch_max=9).inputs
        (same,) = decode_batch(b'{"type":"Query","id":"q1","what":"endpoints"}', door, batch_max=9).inputs
        assert query == same
        assert query.what == "endpoints"
