"""A child that writes a journal until it is killed; a line `SEQ CHAIN` for each frame that was acknowledged.

python journal_writer.py DIR JOURNAL SEED [--commit MODE] [--frames N] [--file-bytes-max B] [--segment-bytes-max B] [--event-s S]
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import threading
from collections.abc import Sequence

from journals import START_NS, events, make_commit
from ledger.journal import Frame, FrameDraft, Head, StorageError, WriterThread, create_or_open

SEGMENT_BYTES_MAX = 128 * 1024
EVENT_S = 100.0
"""From one day into the next now and then, so that both kinds of roll are on the way."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("journal")
    parser.add_argument("seed", type=int)
    parser.add_argument("--commit", default="lmdb")
    parser.add_argument("--wal-bytes", type=int, default=64 * 1024)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--file-bytes-max", type=int)
    parser.add_argument("--segment-bytes-max", type=int, default=SEGMENT_BYTES_MAX)
    parser.add_argument("--event-s", type=float, default=EVENT_S)
    chosen = parser.parse_args()
    if chosen.file_bytes_max:
        resource.setrlimit(resource.RLIMIT_FSIZE, (chosen.file_bytes_max, chosen.file_bytes_max))
    data = create_or_open(chosen.directory, partitions=1, command="test")
    commit = make_commit(
        chosen.commit,
        data.journal(chosen.journal, 0),
        segment_bytes_max=chosen.segment_bytes_max,
        wal_bytes=chosen.wal_bytes,
    )
    head = commit.open()
    print(f"{head.seq} {head.chain_hash.hex()}", flush=True)
    gate = threading.Semaphore(1 if chosen.journal == "trading" else 32)
    failed: list[Exception] = []

    def on_durable(head: Head, frames: Sequence[Frame]) -> None:
        print(f"{head.seq} {head.chain_hash.hex()}", flush=True)
        for _ in frames:
            gate.release()

    def on_failed(error: Exception) -> None:
        failed.append(error)
        gate.release()

    wait_s = 0.0 if chosen.journal == "trading" else 0.002
    writer = WriterThread(commit, on_durable=on_durable, on_failed=on_failed, group_wait_s=wait_s)
    seeded = random.Random(chosen.seed)
    seq, epoch = head.seq + 1, head.epoch + 1
    for _ in range(chosen.frames):
        gate.acquire()
        if failed:
            break
        count = seeded.choice((1, 1, 5, 40))
        try:
            at_ns = START_NS + seq * int(chosen.event_s * 10**9)
            writer.submit(
                FrameDraft(epoch, seq, count, at_ns, events(seq, count, seeded.choice((0, 60, 900))))
            )
        except StorageError:
            break
        seq += count
    writer.close(30)
    commit.close()
    data.close(None if failed else {(chosen.journal, 0): commit.head})
    if failed:
        print(f"failed: {failed[0]!r}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
