"""A signed statement convicts whoever rewrites the journal; the state at a place or a time is the fold up to it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger.codec import decode_events, encode_events
from ledger.journal import FrameDraft, JournalReader, LmdbCommit, chain_frame, create_or_open, verify
from ledger.signing import new_key, write_pair
from running_engine import START_NS, accepted, fill, running

GOLDEN = Path(__file__).resolve().parents[3] / "journal" / "golden"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return write_pair(tmp_path / "keys", "signing", new_key())[0]


async def made(data: Path, names: tuple[str, ...] = ("a", "b", "c")) -> None:
    async with running(data) as one:
        await one.define("AAPL")
        for number, name in enumerate(names):
            await one.ask("commands", one.order(name))
            await one.ask("reports", accepted(2 * number + 1, name), fill(2 * number + 2, name, 10))
        await one.settle()


def rewrite(data: Path, to: Path) -> None:
    """The same journal with one fill changed and a chain that is whole again, in every manifest's eyes."""
    shutil.copytree(data, to)
    for path in (to / "trading/0/segments").iterdir():
        path.unlink()
    shutil.rmtree(to / "trading/0/wal", ignore_errors=True)
    manifest = json.loads((to / "trading/0/manifest.json").read_text())
    (to / "trading/0/manifest.json").write_text(json.dumps(manifest | {"stopped": None}))
    opened = create_or_open(to, partitions=1)
    commit = LmdbCommit(opened.journal("trading", 0), segment_bytes_max=1 << 20, map_size_bytes=1 << 28)
    head = commit.open()
    with JournalReader(data, "trading", 0) as reader:
        for frame in reader.frames():
            events = [
                type(event)(**{**{name: getattr(event, name) for name in event.__struct_fields__}, "qty": 11})
                if type(event).__name__ == "OrderFilled" and event.order == "a"
                else event
                for event in decode_events(frame.payload)
            ]
            draft = FrameDraft(
                frame.epoch,
                frame.first_seq,
                frame.count,
                frame.recorded_at_ns,
                encode_events(events),
                frame.market_epoch,
                frame.market_seq,
            )
            chained = chain_frame(head.chain_hash, draft)
            commit.commit([chained])
            head = chained.head
    commit.close()
    opened.close({("trading", 0): head})


async def test_a_journal_rewritten_with_a_whole_chain_is_caught(
    tmp_path: Path, key: Path, typed: Any
) -> None:
    data = tmp_path / "data"
    await made(data)
    statement = typed.json("attest", "--key", key, "--data", data)["file"]
    good = typed.json("verify", data, "--against", statement)
    assert (good["ok"], len(good["problems"])) == (True, 0)
    rewrite(data, tmp_path / "rewritten")
    assert verify(tmp_path / "rewritten").ok, "the rewrite is to be seen by the statement only"
    code, out, _ = typed("verify", tmp_path / "rewritten", "--against", statement, "--json")
    (problem,) = json.loads(out)["problems"]
    assert code == 1
    assert "another history" in problem["what"]
    assert problem["next"]


async def test_a_statement_holds_after_more_was_written(tmp_path: Path, key: Path, typed: Any) -> None:
    data = tmp_path / "data"
    await made(data)
    statement = typed.json("attest", "--key", key, "--data", data)["file"]
    async with running(data) as one:
        await one.ask("commands", one.order("later"))
        await one.settle()
    pub = key.with_suffix(".pub")
    assert typed.json("verify", data, "--against", statement, "--public-key", pub)["ok"]


async def test_a_shorter_journal_is_caught(tmp_path: Path, key: Path, typed: Any) -> None:
    data, old = tmp_path / "data", tmp_path / "old"
    await made(data)
    shutil.copytree(data, old)
    async with running(data) as one:
        await one.ask("commands", one.order("later"))
        await one.settle()
    statement = typed.json("attest", "--key", key, "--data", data)["file"]
    code, out, _ = typed("verify", old, "--against", statement, "--json")
    assert code == 1
    assert {"trading", "market"} >= {it["place"].split("/")[0] for it in json.loads(out)["problems"]}
    assert "shorter" in out


async def test_a_changed_statement_or_another_key_is_refused(tmp_path: Path, key: Path, typed: Any) -> None:
    data = tmp_path / "data"
    await made(data)
    statement = Path(typed.json("attest", "--key", key, "--data", data)["file"])
    _, other = write_pair(tmp_path / "keys", "other", new_key())
    code, _, err = typed("verify", data, "--against", statement, "--public-key", other)
    assert (code, "not by the key" in err) == (2, True)
    changed = json.loads(statement.read_text())
    changed["attestation"]["heads"][0]["seq"] -= 1
    statement.write_text(json.dumps(changed))
    code, _, err = typed("verify", data, "--against", statement)
    assert (code, "does not hold" in err) == (2, True)


def test_the_state_at_a_place_is_the_fold_up_to_it(tmp_path: Path, typed: Any) -> None:
    data = tmp_path / "golden"
    shutil.copytree(GOLDEN / "format-1", data)
    expected = json.loads((data / "expected.json").read_text())
    head = expected["journals"]["trading"]["head"]
    at = typed.json("at", f"trading/0:{head}", "--orders", "--positions", "--data", data)
    assert at["orders"] == expected["orders"] if "orders" in expected else at["orders"]
    assert f"trading/0:{head}" in at["places"]
    early = typed.json("at", "trading/0:3", "--orders", "--data", data)
    assert early["orders"] == []
    code, _, err = typed("at", "trading/0:99999999", "--data", data)
    assert (code, "the journal ends at" in err) == (2, True)
    code, _, err = typed("at", "yesterday", "--data", data)
    assert (code, "ISO time" in err) == (2, True)


async def test_a_time_is_one_cut_of_both_journals(tmp_path: Path, typed: Any) -> None:
    data = tmp_path / "data"
    async with running(data) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("before"))
        await one.settle()
        one.clock.now_ns = START_NS + 10 * 10**9
        await one.ask("commands", one.order("after"))
        await one.settle()
    moment = datetime.fromtimestamp((START_NS + 5 * 10**9) / 1e9, UTC).isoformat()
    at = typed.json("at", moment, "--orders", "--data", data)
    assert [row["client_order_id"] for row in at["orders"]] == ["before"]
    assert at["at_ns"] // 10**9 == (START_NS + 5 * 10**9) // 10**9
