"""`ledger journal`: what is on disk can be listed, printed, copied beside its owner, cut behind a base, and continued."""

from __future__ import annotations

import csv
import io
import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.errors import Corrupt
from ledger.fold import TradingFold, base, load_base
from ledger.journal import JournalReader, KnownOffset, note_offset, open_readonly, verify
from ledger.testing import Child
from running_engine import SETTINGS, Clock, Ids, Running, accepted, fill, replayed, running

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "journal" / "golden"
READER = runpy.run_path(str(ROOT / "journal" / "reader.py"))["main"]
SMALL = msgspec.structs.replace(SETTINGS, segment_bytes_max=1 << 16)


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN / "format-1", tmp_path / "golden"))


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_export_prints_every_event_of_the_golden_journal(golden: Path, typed: Any) -> None:
    rows = lines(typed.good("journal", "export", "--data", golden, "--json"))
    expected = json.loads((golden / "expected.json").read_text())["journals"]
    for name in ("trading", "market"):
        mine = [row for row in rows if row["place"].startswith(name)]
        assert len(mine) == expected[name]["events"]
        kinds: dict[str, int] = {}
        for row in mine:
            kinds[row["type"]] = kinds.get(row["type"], 0) + 1
        assert kinds == expected[name]["kinds"]
    filled = next(row for row in rows if row["type"] == "OrderFilled")
    assert "." in filled["event"]["px"]


def test_csv_holds_the_same_events(golden: Path, typed: Any) -> None:
    as_json = lines(typed.good("journal", "export", "--data", golden))
    as_csv = list(csv.DictReader(io.StringIO(typed.good("journal", "export", "--data", golden, "--csv"))))
    assert [row["place"] for row in as_csv] == [row["place"] for row in as_json]
    assert json.loads(as_csv[3]["event"]) == as_json[3]["event"]


def test_events_are_chosen_by_place_type_symbol_and_text(golden: Path, typed: Any) -> None:
    whole = lines(typed.good("journal", "export", "--data", golden))
    some = lines(
        typed.good("journal", "export", "--data", golden, "--from", "trading/0:5", "--to", "trading/0:9")
    )
    assert [row["place"] for row in some] == [f"trading/0:{seq}" for seq in range(5, 10)]
    fills = lines(typed.good("journal", "export", "--data", golden, "--type", "OrderFilled"))
    assert fills == [row for row in whole if row["type"] == "OrderFilled"]
    symbol = fills[0]["symbol"]
    of_symbol = lines(typed.good("journal", "export", "--data", golden, "--symbol", symbol))
    assert of_symbol == [row for row in whole if row["symbol"] == symbol]
    printed = typed.good("journal", "cat", "--data", golden, "--type", "OrderFilled")
    assert printed.splitlines()[0].startswith(fills[0]["place"] + "  2")
    code, _, err = typed("journal", "cat", "--data", golden, "--type", "OrderEaten")
    assert (code, "no event" in err) == (2, True)


async def trade(one: Running, start: int, count: int) -> None:
    for number in range(start, start + count):
        name = f"c{number}"
        await one.ask("commands", one.order(name))
        await one.ask("reports", accepted(2 * number + 1, name), fill(2 * number + 2, name, 40))
    await one.settle()


async def test_a_drop_keeps_the_whole_state_behind_a_base(tmp_path: Path, typed: Any, capsys: Any) -> None:
    data, clock, ids = tmp_path / "data", Clock(), Ids()
    async with running(data, settings=SMALL, clock=clock, new_id=ids) as one:
        await one.define("AAPL")
        first = one.order("first")
        (answered,) = await one.ask("commands", first)
        await trade(one, 0, 300)
    before = replayed(data)
    listed = typed.json("journal", "ls", "--data", data)
    sealed = [row for row in listed if row["sealed"] and row["segment"].startswith("trading")]
    assert len(sealed) >= 2
    place = sealed[1]["last"]
    note_offset(data, KnownOffset("desk", "trading", 0, 3))
    code, _, err = typed("journal", "drop", "--before", place, "--data", data)
    assert (code, "desk is at trading/0:3" in err) == (2, True)
    shutil.rmtree(data / "offsets")
    dropped = typed.json("journal", "drop", "--before", place, "--data", data)
    assert dropped["base"] == sealed[0]["last"]
    assert not Path(sealed[0]["file"]).exists()
    assert replayed(data) == before
    report = verify(data)
    assert report.ok, report.problems
    assert READER([str(data)]) == 0
    capsys.readouterr()
    assert typed.json("journal", "ls", "--data", data)[0]["digest"] == dropped["digest"]
    code, _, err = typed("replay", "--data", data, "--to-seq", "trading/0:1")
    assert (code, "before the base" in err) == (2, True)
    async with running(data, settings=SMALL, clock=clock, new_id=ids) as one:
        (again,) = await one.ask("commands", first)
        assert (again.seq, again.repeated) == (answered.seq, True)
        code, _, err = typed("journal", "drop", "--before", place, "--data", data)
        assert (code, f"then: ledger journal drop --before {place} --data {data}" in err) == (2, True)
        (gone,) = await one.rows("order", symbol="AAPL", client_order_id="c0")
        assert gone["cum_qty"] == "40"
        await trade(one, 300, 5)
        live = one.digests()
    assert replayed(data) == live
    assert verify(data).ok


@pytest.mark.parametrize(("schema", "readable"), [(1, True), (2, False), (3, False)])
async def test_a_base_of_an_older_state_schema_is_upcast_and_its_digest_not_compared(
    tmp_path: Path, typed: Any, monkeypatch: pytest.MonkeyPatch, schema: int, readable: bool
) -> None:
    data, clock, ids = tmp_path / "data", Clock(), Ids()
    async with running(data, settings=SMALL, clock=clock, new_id=ids) as one:
        await one.define("AAPL")
        await trade(one, 0, 300)
    before = replayed(data)
    listed = typed.json("journal", "ls", "--data", data)
    place = [row["last"] for row in listed if row["sealed"] and row["segment"].startswith("trading")][1]
    with monkeypatch.context() as patch:
        patch.setattr(base, "BASE_SCHEMA", schema)
        patch.setattr(TradingFold, "digest", lambda _fold: 7)  # as states with fewer fields have another
        typed.good("journal", "drop", "--before", place, "--data", data)
    directory = open_readonly(data).journal("trading", 0)
    fold = TradingFold()
    if not readable:
        with pytest.raises(Corrupt, match="digest" if schema == base.BASE_SCHEMA else "schema 3"):
            load_base(directory, fold, check_digest=True)
        return
    assert load_base(directory, fold, check_digest=True)
    assert replayed(data) == before


async def test_a_changed_base_is_damage_that_verify_and_a_start_name(tmp_path: Path, typed: Any) -> None:
    data = tmp_path / "data"
    async with running(data, settings=SMALL) as one:
        await one.define("AAPL")
        await trade(one, 0, 300)
    listed = [row for row in typed.json("journal", "ls", "--data", data) if row["sealed"]]
    typed.good("journal", "drop", "--before", f"trading/0:{int(listed[0]['last'][10:]) + 1}", "--data", data)
    (base,) = data.glob("trading/0/base/*.base")
    content = bytearray(base.read_bytes())
    content[len(content) // 2] ^= 1
    base.write_bytes(content)
    report = verify(data)
    assert [problem.file for problem in report.problems] == [str(base)]
    assert "not the one that the manifest names" in report.problems[0].what
    code, _, err = typed("replay", "--data", data)
    assert (code, str(base) in err) == (1, True)
    assert READER([str(data)]) == 1
    base.unlink()
    assert not verify(data).ok


def test_nothing_is_dropped_where_no_segment_lies_before_the_place(golden: Path, typed: Any) -> None:
    code, _, err = typed("journal", "drop", "--before", "trading/0:9", "--data", golden)
    assert (code, "no sealed segment" in err) == (2, True)


@pytest.mark.slow
def test_a_hot_copy_is_whole_and_goes_on_only_under_a_lineage_of_its_own(
    tmp_path: Path, ledger: Child, typed: Any, spawned: Any
) -> None:
    trading = spawned("simulate", "--orders", 4000, "--data", ledger.data, "--json")
    with JournalReader(ledger.data, "trading", 0) as reader:
        while reader.settled().seq < 1000:
            assert trading.poll() is None
    copy = tmp_path / "copy"
    copied = typed.json("journal", "copy", copy, "--data", ledger.data)
    assert copied["ok"]
    assert copied["beside"]
    assert trading.wait(60) == 0
    code, _, err = typed("journal", "copy", copy, "--data", ledger.data)
    assert (code, "not empty" in err) == (2, True)
    with Child(copy) as second, pytest.raises(Exception, match="--new-lineage"):
        second.start()
    before = typed.json("replay", "--data", copy)
    ledger.stop()
    assert typed.json("replay", "--data", ledger.data)["lineage"] == before["lineage"]
    with Child(copy) as heir:
        about = heir.start("--new-lineage")
        assert about["lineage"] != before["lineage"]
        assert heir.stop() == 0
    after = typed.json("replay", "--data", copy, "--to-seq", before["journals"]["trading"][0]["head"])
    assert after["journals"]["trading"][0]["digest"] == before["journals"]["trading"][0]["digest"]
    assert after["orders"] == before["orders"]
    report = verify(copy)
    assert report.ok, report.problems
    assert READER([str(copy)]) == 0
    parent = copy / "parents" / before["lineage"]
    assert verify(parent).ok
    manifest = open_readonly(copy).journal("trading", 0).manifest
    assert manifest.parent is not None
    assert manifest.parent.lineage == before["lineage"]
    with Child(copy) as heir:
        heir.start()
        assert heir.stop() == 0
