"""`ledger verify` as a person types it: beside a running engine, on a copy, one segment, a directory of segments."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from running_engine import SETTINGS, Clock, Ids, accepted, fill, running

SMALL = replace(SETTINGS, segment_bytes_max=64 * 1024)


def damage(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


async def test_a_running_journal_a_copy_and_its_segments(tmp_path: Path, typed: Any) -> None:
    live, copy, carried = tmp_path / "live", tmp_path / "copy", tmp_path / "carried"
    async with running(live, settings=SMALL, clock=Clock(), new_id=Ids()) as one:
        await one.define("AAPL")
        for number in range(60):
            name = f"order-{number:04d}"
            await one.ask("commands", one.order(name), one.order(f"{name}-b"))
            await one.ask("reports", accepted(3 * number + 1, name), fill(3 * number + 2, name, 10))
        await one.settle()
        code, out, err = typed("verify", live)
        assert (code, out.strip().splitlines()[-1]) == (0, "ok")
        assert "living owner" in err
        assert typed("journal", "copy", copy, "--data", live)[0] == 0
    segments = sorted((live / "trading" / "0" / "segments").glob("*.lmdb"))
    assert len(segments) > 1
    for place in (live, copy, live / "trading" / "0", segments[0], segments[0].parent):
        code, out, err = typed("verify", place)
        assert (code, out.strip().splitlines()[-1]) == (0, "ok"), (place, out, err)
        assert "trading/0:" in out
    shutil.copytree(segments[0].parent, carried)
    code, out, _ = typed("verify", carried)
    assert (code, out.strip().splitlines()[-1]) == (0, "ok"), out

    damage(carried / segments[0].name, b"order-0003", b"order-9003")
    for place in (carried, carried / segments[0].name):
        code, out, _ = typed("verify", place)
        assert code == 1
        assert segments[0].name in out
        assert "trading/0:" in out
        assert "next: " in out
    (carried / segments[0].name).unlink()
    code, out, _ = typed("verify", carried)
    assert code == 1, out
