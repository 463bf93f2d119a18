"""The journal of a nasty run: gapless and chained, and any state of it can be stored, loaded and continued."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import uuid_utils
from msgspec import Struct

from engine_door import running_engine
from ledger import codec
from ledger.codec import canonical, decode_events, encode_events
from ledger.domain import order, position
from ledger.domain.context import Instrument, Strategy
from ledger.domain.events import (
    AnomalyRecorded,
    Event,
    FactSuspended,
    FillBusted,
    FillCorrected,
    OrderFilled,
    PositionRestated,
)
from ledger.domain.fill import FillState
from ledger.domain.source import SourceState
from ledger.engine import replay
from ledger.fold import TradingFold
from ledger.journal import Frame, JournalReader
from ledger.testing import simulate

OF_ORDER, OF_POSITION = order.from_canonical, position.from_canonical


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of two starts under a nasty venue."""
    directory = tmp_path_factory.mktemp("nasty") / "data"

    async def run(name: str) -> None:
        async with running_engine(directory) as door:
            new_id = lambda: uuid_utils.uuid7().bytes  # noqa: E731
            await simulate(door, seed=5, orders=300, run=name, new_id=new_id, nasty=True)

    trio.run(run, "a")
    trio.run(run, "b")
    return directory


def frames_of(data: Path) -> list[Frame]:
    with JournalReader(data, "trading", 0) as reader:
        return list(reader.frames())


def events_of(data: Path) -> list[tuple[int, int, Any]]:
    """(seq, recorded_at_ns, event)."""
    return [
        (seq, frame.recorded_at_ns, event)
        for frame in frames_of(data)
        for seq, event in enumerate(decode_events(frame.payload), frame.first_seq)
    ]


def test_frames_are_gapless_chained_and_never_go_back_in_time(data: Path) -> None:
    """I-1."""
    frames = frames_of(data)
    assert len({frame.epoch for frame in frames}) == 2
    assert frames[0].first_seq == 1
    for before, frame in itertools.pairwise(frames):
        assert frame.first_seq == before.last_seq + 1
        assert frame.recorded_at_ns >= before.recorded_at_ns
        assert frame.previous_hash == before.chain_hash
    assert len({frame.chain_hash for frame in frames}) == len(frames)


def test_what_one_fact_made_stands_in_one_frame_side_by_side(data: Path) -> None:
    """I-8: a bust or correction that counts has its restated position right behind it, an anomaly its fact before it."""
    seen = 0
    for frame in frames_of(data):
        events = decode_events(frame.payload)
        for index, event in enumerate(events):
            if isinstance(event, (FillBusted, FillCorrected)) and event.known:
                seen += 1
                restated = events[index + 1]
                assert isinstance(restated, PositionRestated)
                assert restated.ref_seq == frame.first_seq + index
            if isinstance(event, AnomalyRecorded) and event.ref_seq:
                assert frame.first_seq <= event.ref_seq < frame.first_seq + index
    assert seen > 10


# ---- stored states -------------------------------------------------------------------------------------------

STATES: dict[str, Any] = {
    "instruments": lambda it: msgspec.convert(it, Instrument),
    "strategies": lambda it: msgspec.convert(it, Strategy),
    "orders": OF_ORDER,
    "fills": lambda it: msgspec.convert(it, FillState),
    "positions": OF_POSITION,
    "quarantine": int,
    "order_of_id": tuple,
    "order_of_venue_id": tuple,
    "order_of_number": tuple,
}
FACTS: dict[str, Any] = {
    "sources": lambda it: msgspec.convert(it, SourceState),
    "suspended": lambda it: it if isinstance(it, bool) else msgspec.convert(it, FactSuspended),
    "cases": lambda it: msgspec.convert(it, AnomalyRecorded),
}


def stored(fold: TradingFold) -> bytes:
    """Every entity of a fold, as a snapshot would hold it."""
    kinds = {name: getattr(fold, name) for name in STATES} | {
        name: getattr(fold.facts, name) for name in FACTS
    }
    return msgspec.msgpack.encode(
        {
            name: [(key, canonical(state)) for key, state in store.states.items()]
            for name, store in kinds.items()
        }
    )


def loaded(snapshot: bytes) -> TradingFold:
    fold = TradingFold()
    for name, entries in msgspec.msgpack.decode(snapshot).items():
        store = getattr(fold, name) if name in STATES else getattr(fold.facts, name)
        read = STATES.get(name) or FACTS[name]
        for key, state in entries:
            store.put(tuple(key) if isinstance(key, list) else key, read(msgspec.msgpack.decode(state)))
    fold.entities.install()
    return fold


def apply_all(fold: TradingFold, events: list[tuple[int, int, Any]]) -> TradingFold:
    for seq, at, event in events:
        fold.apply(seq, at, event)
        fold.entities.install()
    return fold


def test_a_stored_state_and_the_rest_of_the_journal_give_the_whole(data: Path) -> None:
    """I-3, for states encoded in memory: at the beginning, at the end and at places between."""
    events = events_of(data)
    whole = apply_all(TradingFold(), events)
    for at in (0, 1, len(events) // 7, len(events) // 3, len(events) // 2, len(events) - 1, len(events)):
        snapshot = stored(apply_all(TradingFold(), events[:at]))
        again = loaded(snapshot)
        assert stored(again) == snapshot
        assert apply_all(again, events[at:]).digest() == whole.digest()
        assert stored(again) == stored(whole)


class _OrderFilledOfOld(Struct, frozen=True, array_like=True, tag=1045):
    """A made-up first version of OrderFilled: the fields in one list, prices in text."""

    fields: list[Any]
    px: str


def _upcast(old: _OrderFilledOfOld) -> Event:
    at = OrderFilled.__struct_fields__.index("px")
    return msgspec.convert([45, *old.fields[:at], int(old.px), *old.fields[at:]], OrderFilled)


def test_an_old_version_of_an_event_folds_to_the_same_state(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I-7, with a version that never was."""
    events = events_of(data)
    whole = apply_all(TradingFold(), events)
    old: list[Any] = []
    for _, _, event in events:
        if isinstance(event, OrderFilled):
            fields = list(msgspec.structs.astuple(event))
            px = fields.pop(OrderFilled.__struct_fields__.index("px"))
            event = _OrderFilledOfOld(fields, str(px))
        old.append(event)
    assert any(isinstance(event, _OrderFilledOfOld) for event in old)
    payload = encode_events(old)
    with pytest.raises(msgspec.ValidationError):
        decode_events(payload)
    monkeypatch.setattr(codec, "_decoder_of_all", msgspec.msgpack.Decoder(list[Event | _OrderFilledOfOld]))
    monkeypatch.setitem(codec.UPCASTERS, _OrderFilledOfOld, _upcast)
    now = decode_events(payload)
    assert now == [event for _, _, event in events]
    again = [(seq, at, event) for (seq, at, _), event in zip(events, now, strict=True)]
    assert apply_all(TradingFold(), again).digest() == whole.digest()


@pytest.mark.parametrize("seed", ["0", "12345"])
def test_replay_in_another_process_with_another_hash_seed_is_the_same(data: Path, seed: str) -> None:
    """I-6: and at another time of the wall clock, by the frame and by the event."""
    code = (
        "import sys; from pathlib import Path; from ledger.engine import replay;"
        "print(replay(Path(sys.argv[1]), 'trading', 0).fold.digest())"
    )
    environment = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(data)], env=environment, capture_output=True, text=True, check=True
    )
    by_event = apply_all(TradingFold(), events_of(data)).digest()
    assert int(done.stdout) == by_event == replay(data, "trading", 0).fold.digest()
