"""Where the time of one command in flight goes: each step between a client's send and the answer in its hands.

The server is the ledger's own `serve` that notes the time at each step (`_bench_traced.py`), which costs it some
microseconds; the two processes read the same clock. Checked: every command was answered Committed and has all steps.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import zmq

from _bench_client import PATIENT, STOP_S, Context, ask, dealer
from _bench_load import definitions, submits
from _bench_result import Figures, check
from _bench_traced import STEPS
from ledger.wire import Committed, decode_answers, encode_messages

NAMES: Final = {
    ("asked", "woken"): "client to server, and its loop's wake",
    ("woken", "taken"): "receive",
    ("taken", "queued"): "decode and queue",
    ("queued", "turn"): "to the dispatcher",
    ("turn", "turned"): "turn",
    ("turned", "write"): "encode the frame, and to its writer",
    ("write", "sync"): "hash chain",
    ("sync", "synced"): "write and sync",
    ("synced", "send"): "back to the loop, and encode the answer",
    ("send", "sent"): "send",
    ("sent", "told"): "server to client",
}
WARM: Final = 20
"""Messages at first that are not counted."""


class OneBench:
    """Measures one ledger of its own; one call of `round` each."""

    def __init__(self, figures: Figures, root: Path, seed: int, commands: int) -> None:
        self._figures = figures
        self._root = root
        self._definitions = encode_messages(definitions(seed))
        self._payloads = [it[1] for it in submits(seed, commands + WARM, 1, "one-").messages]

    def round(self) -> None:
        """One round."""
        context: Context = zmq.Context()
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            path = Path(directory)
            program = Path(__file__).with_name("_bench_traced.py")
            options = ("--data", str(path / "data"), "--set", "doors.base_port=0", "--set", PATIENT)
            with (path / "log").open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, str(program), str(path / "steps"), *options],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                )
            try:
                noted = self._commands(context, process)
                process.send_signal(signal.SIGTERM)
                check(process.wait(STOP_S) == 0, "serve did not end cleanly")
            finally:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
                context.destroy(linger=0)
            self._add(noted, json.loads((path / "steps").read_text()))

    def _commands(self, context: Context, process: subprocess.Popen[bytes]) -> list[tuple[int, int]]:
        """When each was sent, and answered."""
        assert process.stdout is not None
        ready = process.stdout.readline()
        check(ready.startswith(b"ready "), "serve did not become ready")
        door = json.loads(ready[len(b"ready ") :])["endpoints"]["commands"]
        ask(context, door, self._definitions)
        noted: list[tuple[int, int]] = []
        with dealer(context, door) as socket:
            for payload in self._payloads:
                asked = time.perf_counter_ns()
                socket.send(payload)
                answer = socket.recv()
                noted.append((asked, time.perf_counter_ns()))
                check(type(decode_answers(answer)[0]) is Committed, "a command was refused")
        return noted

    def _add(self, noted: list[tuple[int, int]], messages: list[dict[str, int]]) -> None:
        messages = messages[-len(noted) :]
        whole = [
            {"asked": asked, **message, "told": told}
            for (asked, told), message in zip(noted, messages, strict=True)
            if all(step in message for step in STEPS)
        ][WARM:]
        check(len(whole) > len(noted) // 2, f"{len(noted)} commands, {len(whole)} with all of their steps")
        self._figures.count("commands followed step by step", len(whole))
        for begin, end in pairwise(("asked", *STEPS, "told")):
            self._add_step(f"one command: {NAMES[begin, end]}", whole, begin, end)
        self._add_step("one command: all of it", whole, "asked", "told")

    def _add_step(self, name: str, whole: list[dict[str, Any]], begin: str, end: str) -> None:
        value = statistics.median(it[end] - it[begin] for it in whole) / 1e3
        self._figures.add(name, "us", value, note="median of a round")
