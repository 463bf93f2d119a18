"""The golden journal once more, as its owner leaves it who dies before the last segment is settled: frames in the wal."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from ledger.journal import JournalReader, WalCommit, create_or_open

WAL_BYTES = 20 * 4096  # both files are needed


def make_wal(golden: Path, directory: Path) -> None:
    """Write `golden` into `directory`, in the place of what was there, with the frames of its last segment in a wal."""
    with tempfile.TemporaryDirectory() as temporary:
        living, made = Path(temporary) / "living", Path(temporary) / "made"
        shutil.copytree(golden, living)
        partition = living / "trading" / "0"
        *_, kept, last = sorted((partition / "segments").glob("*.lmdb"))
        with JournalReader(living, "trading", 0) as reader:
            frames = list(reader.frames(int(last.stem)))
        last.unlink()
        kept.with_suffix(".json").unlink()
        manifest = partition / "manifest.json"
        whole = manifest.read_text()
        manifest.write_text(json.dumps({**json.loads(whole), "stopped": None}))
        data = create_or_open(living, partitions=1)
        commit = WalCommit(data.journal("trading", 0), wal_bytes=WAL_BYTES, settle_wait_s=3600)
        commit.open()
        commit.commit(frames)
        shutil.copytree(living, made)  # what a kill at this moment leaves
        commit.close()
        data.close()
        (made / "trading" / "0" / "manifest.json").write_text(whole)
        for leftover in (*made.rglob("*-lock"), *made.rglob("lock")):
            leftover.unlink()
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(made, directory)
