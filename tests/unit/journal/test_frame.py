"""The frame's bytes are those of FORMAT.md, and nothing else is taken for a frame."""

import re
from hashlib import blake2b
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journals import START_NS, draft, frames_after
from ledger.journal import (
    FRAME_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    Corrupt,
    FrameDraft,
    Source,
    chain_frame,
    decode_frame,
    encode_frame,
    genesis,
    key_of,
    partition_of,
)
from ledger.journal.frame import check_next

FORMAT_MD = Path(__file__).parents[3] / "journal" / "FORMAT.md"
LINEAGE = "01234567-89ab-4cde-8f01-23456789abcd"
TRADING = Source("f.lmdb", "trading", 0)
MARKET = Source("f.lmdb", "market", 0)
GENESIS = genesis(LINEAGE, "trading", 0)
U64 = st.integers(0, 2**64 - 1)


def rehashed(value: bytes) -> bytes:
    return value[:-32] + blake2b(value[:-32], digest_size=32).digest()


def test_the_worked_example_of_the_format_page_is_what_is_written() -> None:
    text = FORMAT_MD.read_text()
    block = text.split("## Worked example")[1].split("```")[1]
    lines = [re.split(r"\s{4,}", line)[0] for line in block.strip().splitlines()]
    frame = chain_frame(
        GENESIS.chain_hash, FrameDraft(1, 1, 2, START_NS, bytes.fromhex("929201a1619202a162"))
    )
    assert bytes.fromhex("".join(lines)) == encode_frame(frame)
    assert GENESIS.chain_hash.hex() in text


def test_a_symbol_lives_where_the_format_page_says() -> None:
    assert [partition_of("AAPL", n) for n in (1, 3, 4)] == [0, 2, 0]
    assert [partition_of("BTCUSDT", n) for n in (1, 3, 4)] == [0, 2, 2]


@given(
    epoch=U64,
    first_seq=st.integers(1, 2**62),
    count=st.integers(1, 2**32 - 1),
    at_ns=st.integers(-(2**63), 2**63 - 1),
    place=st.tuples(U64, U64),
    payload=st.binary(max_size=300),
)
def test_what_is_encoded_decodes_to_itself(
    epoch: int, first_seq: int, count: int, at_ns: int, place: tuple[int, int], payload: bytes
) -> None:
    frame = chain_frame(bytes(32), FrameDraft(epoch, first_seq, count, at_ns, payload, *place))
    value = encode_frame(frame)
    assert decode_frame(key_of(first_seq), value, TRADING) == frame
    assert len(value) == frame.bytes_count


def test_every_flipped_bit_of_a_frame_is_found_and_located() -> None:
    frame = chain_frame(GENESIS.chain_hash, draft(1, 3))
    value = encode_frame(frame)
    for index in range(len(value)):
        for bit in range(8):
            damaged = bytearray(value)
            damaged[index] ^= 1 << bit
            with pytest.raises(Corrupt) as caught:
                decode_frame(key_of(1), bytes(damaged), TRADING)
            assert caught.value.place == "trading/0:1"


def test_a_frame_under_the_key_of_another_is_found() -> None:
    first, second = frames_after(GENESIS, [2, 2])
    with pytest.raises(Corrupt, match="was moved"):
        decode_frame(key_of(first.first_seq), encode_frame(second), TRADING)


@pytest.mark.parametrize("index", [0, 1, 3, 55])
def test_a_frame_of_a_later_format_is_refused_even_with_a_good_hash(index: int) -> None:
    value = bytearray(encode_frame(chain_frame(GENESIS.chain_hash, draft(1))))
    value[index] = 2
    with pytest.raises(Corrupt, match="newer ledger"):
        decode_frame(key_of(1), rehashed(bytes(value)), TRADING)


@pytest.mark.parametrize(("index", "byte"), [(7, 0), (51, 99)])
def test_an_impossible_header_is_refused_even_with_a_good_hash(index: int, byte: int) -> None:
    value = bytearray(encode_frame(chain_frame(GENESIS.chain_hash, draft(1))))
    value[index] = byte
    with pytest.raises(Corrupt, match="impossible"):
        decode_frame(key_of(1), rehashed(bytes(value)), TRADING)


@pytest.mark.parametrize("length", [0, 1, 119])
def test_too_few_bytes_are_no_frame(length: int) -> None:
    with pytest.raises(Corrupt, match="too few"):
        decode_frame(key_of(1), bytes(length), TRADING)


def test_the_largest_frame_is_eight_mebibytes_and_no_larger_one_is_made() -> None:
    largest = chain_frame(bytes(32), FrameDraft(1, 1, 1, 0, bytes(PAYLOAD_BYTES_MAX)))
    assert len(encode_frame(largest)) == FRAME_BYTES_MAX
    with pytest.raises(AssertionError):
        chain_frame(bytes(32), FrameDraft(1, 1, 1, 0, bytes(PAYLOAD_BYTES_MAX + 1)))


@pytest.mark.parametrize(
    ("source", "after", "what"),
    [
        (TRADING, draft(5), "seq 3 to 4 missing"),
        (TRADING, draft(5, epoch=9), "seq 3 to 4 missing"),
        (MARKET, draft(5), "seq 3 to 4 missing"),
        (MARKET, draft(5, epoch=9), None),
        (MARKET, draft(2, epoch=9), "seq 2 again"),
        (TRADING, draft(3), None),
        (TRADING, draft(3, epoch=0), "epoch 0 after epoch 1"),
        (TRADING, draft(3, at_ns=START_NS), "before its predecessor's"),
        (TRADING, draft(3, at_ns=START_NS + 1), None),
    ],
)
def test_only_a_frame_in_order_may_follow(source: Source, after: FrameDraft, what: str | None) -> None:
    previous = chain_frame(GENESIS.chain_hash, draft(1, 2)).head
    frame = chain_frame(previous.chain_hash, after)
    if what is None:
        check_next(previous, frame, source)
    else:
        with pytest.raises(Corrupt, match=what):
            check_next(previous, frame, source)


def test_a_frame_of_another_chain_may_not_follow() -> None:
    previous = chain_frame(GENESIS.chain_hash, draft(1, 2)).head
    stranger = chain_frame(genesis(LINEAGE, "market", 0).chain_hash, draft(3))
    with pytest.raises(Corrupt, match="does not chain"):
        check_next(previous, stranger, TRADING)


def test_genesis_differs_by_lineage_journal_and_partition() -> None:
    other = LINEAGE.replace("0", "1")
    heads = [genesis(LINEAGE, "trading", 0), genesis(LINEAGE, "trading", 1), genesis(LINEAGE, "market", 0)]
    assert len({head.chain_hash for head in [*heads, genesis(other, "trading", 0)]}) == 4
