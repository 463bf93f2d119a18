"""The frame: what one sync makes durable, chained by hash to the frame before it.

The bytes are fixed by journal/FORMAT.md. The chain hash covers header and payload, the header repeats the key and the
hash of the previous frame: a changed byte, a moved frame, a missing frame and a frame of another journal all show.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Final, final

import msgspec

from ledger.journal.errors import Corrupt

FORMAT: Final = 1
"""Version of the frame and of the layout on disk."""
FRAME_BYTES_MAX: Final = 8 * 1024 * 1024
"""No frame is longer, header and hash included."""
HASH_BYTES: Final = 32

_HEADER = struct.Struct(">BBHIQQqQQII32s")
HEADER_BYTES: Final = _HEADER.size
OVERHEAD_BYTES: Final = HEADER_BYTES + HASH_BYTES
PAYLOAD_BYTES_MAX: Final = FRAME_BYTES_MAX - OVERHEAD_BYTES
_KEY = struct.Struct(">Q")
_SEQ_MAX: Final = 2**63 - 1
_LEAPING: Final = frozenset({"market"})


@final
class Head(msgspec.Struct, frozen=True, gc=False):
    """Where a journal ends: the last event's place, its frame's chain hash and time."""

    epoch: int
    seq: int
    chain_hash: bytes
    recorded_at_ns: int


@final
class FrameDraft(msgspec.Struct, frozen=True, gc=False):
    """A frame that has no place in the chain yet."""

    epoch: int
    first_seq: int
    count: int
    """Number of events; their seqs are first_seq .. first_seq + count - 1."""
    recorded_at_ns: int
    payload: bytes
    """A msgpack array of `count` events; opaque here."""
    market_epoch: int = 0
    market_seq: int = 0
    """The place in the market journal up to which these events may have seen marks; 0, 0: none."""

    @property
    def last_seq(self) -> int:
        return self.first_seq + self.count - 1


@final
class Frame(msgspec.Struct, frozen=True, gc=False):
    """A frame in its chain, as it is stored."""

    epoch: int
    first_seq: int
    count: int
    recorded_at_ns: int
    market_epoch: int
    market_seq: int
    payload: bytes
    previous_hash: bytes
    chain_hash: bytes

    @property
    def last_seq(self) -> int:
        return self.first_seq + self.count - 1

    @property
    def head(self) -> Head:
        """Where the journal ends if this frame is its last."""
        return Head(self.epoch, self.first_seq + self.count - 1, self.chain_hash, self.recorded_at_ns)

    @property
    def bytes_count(self) -> int:
        """Length of the stored value in bytes."""
        return OVERHEAD_BYTES + len(self.payload)


@final
class Source(msgspec.Struct, frozen=True):
    """Whose bytes are being read: names the file and the journal in errors."""

    file: str
    journal: str
    partition: int

    def place(self, seq: int) -> str:
        return place_text(self.journal, self.partition, seq)

    def corrupt(self, seq: int, what: str) -> Corrupt:
        hint = "keep the file, put the segment back from a copy, then: ledger verify"
        return Corrupt(self.file, self.place(seq), what, hint)


def place_text(journal: str, partition: int, seq: int) -> str:
    """A place as people write it: `trading/0:123`."""
    return f"{journal}/{partition}:{seq}"


def genesis(lineage: str, journal: str, partition: int) -> Head:
    """The head of a journal that has no frame yet; its hash ties every later frame to this lineage and partition."""
    text = f"ledger journal format {FORMAT}\nlineage {lineage}\njournal {journal}\npartition {partition}\n"
    return Head(0, 0, blake2b(text.encode("ascii"), digest_size=HASH_BYTES).digest(), 0)


def key_of(seq: int) -> bytes:
    """The LMDB key of the frame whose first event is `seq`."""
    return _KEY.pack(seq)


def seq_of(key: bytes) -> int:
    """The seq that a key names; 0 where it is no key of ours."""
    return _KEY.unpack(key)[0] if len(key) == 8 else 0


def chain_frame(previous_hash: bytes, draft: FrameDraft) -> Frame:
    """The draft as the frame that follows `previous_hash`; costs one hash of the payload."""
    assert 0 < draft.count < 2**32, draft.count
    assert len(draft.payload) <= PAYLOAD_BYTES_MAX, f"{len(draft.payload)} bytes of payload in one frame"
    header = _header(draft, previous_hash)
    digest = blake2b(header, digest_size=HASH_BYTES)
    digest.update(draft.payload)
    return Frame(
        draft.epoch,
        draft.first_seq,
        draft.count,
        draft.recorded_at_ns,
        draft.market_epoch,
        draft.market_seq,
        draft.payload,
        previous_hash,
        digest.digest(),
    )


def encode_frame(frame: Frame) -> bytes:
    """The stored value: header, payload, chain hash."""
    return b"".join((_header(frame, frame.previous_hash), frame.payload, frame.chain_hash))


def decode_frame(key: bytes, value: bytes, source: Source) -> Frame:
    """The frame stored under `key`, its hash and its fields checked (its place in the chain: `why_not_next`).

    Raises Corrupt with the place and what is wrong.
    """
    if len(value) < OVERHEAD_BYTES:
        raise source.corrupt(seq_of(key), f"{len(value)} bytes are too few for a frame")
    (
        version,
        flags,
        key_id,
        count,
        epoch,
        first_seq,
        recorded_at_ns,
        market_epoch,
        market_seq,
        length,
        reserved,
        previous,
    ) = _HEADER.unpack_from(value)
    chain_hash = value[-HASH_BYTES:]
    if blake2b(memoryview(value)[:-HASH_BYTES], digest_size=HASH_BYTES).digest() != chain_hash:
        raise source.corrupt(seq_of(key), "the frame's hash does not match its bytes")
    if version != FORMAT or flags or key_id or reserved:
        what = f"frame format {version}, flags {flags}, key id {key_id}: a newer ledger wrote this; read it with that one"
        raise source.corrupt(seq_of(key), what)
    if key != value[16:24]:
        raise source.corrupt(seq_of(key), f"the frame of seq {first_seq} is stored here: it was moved")
    if length != len(value) - OVERHEAD_BYTES or not count or not 0 < first_seq <= _SEQ_MAX:
        raise source.corrupt(first_seq, f"impossible header: {length} bytes, {count} events")
    payload = value[HEADER_BYTES:-HASH_BYTES]
    return Frame(
        epoch, first_seq, count, recorded_at_ns, market_epoch, market_seq, payload, previous, chain_hash
    )


def why_not_next(journal: str, previous: Head, frame: Frame | FrameDraft) -> str | None:
    """Why `frame` cannot follow `previous` in the order of the journal; None: it can. The hash is not looked at."""
    expected = previous.seq + 1
    if frame.first_seq != expected:
        if frame.first_seq < expected:
            return f"seq {frame.first_seq} again after {previous.seq}"
        if journal not in _LEAPING or frame.epoch <= previous.epoch:
            return f"seq {expected} to {frame.first_seq - 1} missing"
    if frame.epoch < previous.epoch:
        return f"epoch {frame.epoch} after epoch {previous.epoch}"
    if frame.recorded_at_ns < previous.recorded_at_ns:
        return f"recorded_at_ns {frame.recorded_at_ns} before its predecessor's {previous.recorded_at_ns}"
    return None


def check_next(previous: Head, frame: Frame, source: Source) -> None:
    """Raises Corrupt unless `frame`, already decoded, continues the chain that ends at `previous`."""
    why = why_not_next(source.journal, previous, frame)
    if why is not None:
        raise source.corrupt(frame.first_seq, why)
    if frame.previous_hash != previous.chain_hash:
        raise source.corrupt(frame.first_seq, f"does not chain from the frame that ends at {previous.seq}")


def _header(frame: Frame | FrameDraft, previous_hash: bytes) -> bytes:
    return _HEADER.pack(
        FORMAT,
        0,
        0,
        frame.count,
        frame.epoch,
        frame.first_seq,
        frame.recorded_at_ns,
        frame.market_epoch,
        frame.market_seq,
        len(frame.payload),
        0,
        previous_hash,
    )
