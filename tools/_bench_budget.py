"""The budget of one input in microseconds: the engine's steps one by one over the same load, in one thread, no disk.

Each step runs alone over all inputs, timed by the CPU time of its thread: decode, the turn (decide, number, fold,
install, answer), of which the fold; encode; the hash chain. What the whole engine costs beyond their sum is the
dispatcher, the gate, the threads and the sync. Checked: as many events as inputs, and the same digest by turn and by
fold.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import trio

from _bench_engine import STEPS, Feeding, settle_memory
from _bench_load import Load, definitions
from _bench_result import Figures, check
from ledger.codec import decode_events, encode_events
from ledger.engine import Engine, EngineSettings
from ledger.engine.partition import Arrival
from ledger.fold import MarketFold, TradingFold
from ledger.journal import FrameDraft, chain_frame, create_or_open, encode_frame
from ledger.wire import decode_batch, encode_messages

EVENTS_A_FRAME: Final = 256
ARRIVAL: Final = Arrival("local", 1)


class BudgetBench:
    """Measures the steps of one load; one call of `round` each."""

    def __init__(
        self, journal: str, load: Load, settings: EngineSettings, figures: Figures, root: Path, seed: int
    ) -> None:
        self._journal = journal
        self._load = load
        self._settings = settings
        self._figures = figures
        self._root = root
        self._definitions = definitions(seed)

    def round(self) -> None:
        """One round of all steps."""
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            data = create_or_open(Path(directory) / "data", partitions=1)
            try:
                trio.run(self._in_trio, Engine(data, 0, self._settings))
            finally:
                gc.unfreeze()
                data.close(None)

    async def _in_trio(self, engine: Engine) -> None:
        engine.open(trio.lowlevel.current_trio_token())
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            await Feeding(engine).all([("commands", self._definitions)])
            await engine.wait_durable()
            self._steps(engine)
            nursery.cancel_scope.cancel()
        engine.close()

    def _steps(self, engine: Engine) -> None:
        """Everything between two checkpoints: nothing of the engine but what is called here runs meanwhile."""
        messages = self._load.messages
        is_trading = self._journal == "trading"
        inputs: list[Any] = []
        for batch in self._timed(
            "decode", lambda: [decode_batch(it, door, batch_max=4096).inputs for door, it in messages]
        ):
            inputs += batch
        partition = engine.partition
        journal = engine.open_trading if is_trading else engine.open_market
        answers = self._timed("turn", lambda: _turns(engine, inputs))
        events, first_seq = list(journal.events), journal.next_seq - len(journal.events)
        journal.events.clear()  # they are measured here, and never written
        count = self._load.inputs
        check(len(answers) == count <= len(events), f"{count} inputs, {len(events)} events")
        batches = [events[at : at + EVENTS_A_FRAME] for at in range(0, len(events), EVENTS_A_FRAME)]
        payloads = self._timed("encode", lambda: [encode_events(batch) for batch in batches])
        self._timed("hash and frame", lambda: _frames(payloads, len(events)))
        decoded = [event for payload in payloads for event in decode_events(payload)]
        fold = _fold_before(engine, is_trading)
        self._timed("of which fold", lambda: _fold(fold, first_seq, journal.now_ns, decoded))
        whole = partition.trading if is_trading else partition.market
        check(fold.digest() == whole.digest(), "folding the events again gives another digest")
        self._figures.count("digests of the budget", 1)
        self._timed("answers", lambda: [encode_messages(answers[at : at + 64]) for at in range(0, count, 64)])

    def _timed(self, step: str, work: Callable[[], Any]) -> Any:
        settle_memory()
        begun = time.thread_time()
        done = work()
        took = time.thread_time() - begun
        self._figures.add(f"budget {STEPS[self._journal]} {step}", "us/input", 1e6 * took / self._load.inputs)
        return done


def _turns(engine: Engine, inputs: list[Any]) -> list[Any]:
    behaviours = engine.partition.behaviours()
    install = engine.partition.trading.entities.install
    behaviours[Arrival](ARRIVAL)
    answers: list[Any] = []
    for item in inputs:
        answers.append(behaviours[type(item)](item))
        install()
    engine.dispatcher.resume()  # the frame has grown past its size, which is not what is measured
    return answers


def _frames(payloads: list[bytes], events: int) -> None:
    previous, seq = b"\0" * 32, 1
    for payload in payloads:
        count = min(EVENTS_A_FRAME, events - seq + 1)
        frame = chain_frame(previous, FrameDraft(1, seq, count, 1, payload, 0, 0))
        encode_frame(frame)
        previous, seq = frame.chain_hash, seq + count


def _fold_before(engine: Engine, is_trading: bool) -> TradingFold | MarketFold:
    """A fold that stands where the engine's stood before the load."""
    fold = (TradingFold if is_trading else MarketFold)(0)
    source = engine.partition.trading if is_trading else engine.partition.market
    if isinstance(fold, TradingFold) and isinstance(source, TradingFold):
        fold.instruments.states.update(source.instruments.states)
        fold.strategies.states.update(source.strategies.states)
        fold.control.kept = source.control.kept
        for kept, made in zip(source.control.stores(), fold.control.stores(), strict=True):
            made.states.update(kept.states)
    return fold


def _fold(fold: TradingFold | MarketFold, seq: int, now_ns: int, events: list[Any]) -> None:
    steps = fold.steps
    for number, event in enumerate(events, seq):
        steps[type(event)](number, now_ns, event)
        fold.entities.install()
