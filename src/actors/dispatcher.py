"""One task that runs the turns of many entities, in the order in which their messages arrived.

An entity holds no task: waking a parked task costs more than most turns. Senders submit envelopes, each a batch of
messages, and the dispatcher is woken once for all that wait. Each message is one turn: its behaviour runs, and what it
put stands, or, if it raised, is undone. After `turns_max` turns the other tasks of the program get theirs.

The owner of the entities is called at the edges of a batch (`before_batch`, `after_batch`), so that work which is
cheaper for many turns than for one, such as a sync, is done once; and it can hold back turns (`pause`, `resume`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias, final

import msgspec
import trio

from actors.address import Address
from actors.entities import Entities
from actors.faults import Overloaded, Stopped, unknown_message
from actors.supervision import OnFault, resume_with_fault

Behaviour: TypeAlias = Callable[[Any], object]
ReplyTo: TypeAlias = Callable[[Sequence[object]], None]


@final
class DispatcherStatistics(msgspec.Struct, frozen=True):
    """What a dispatcher has done since it was made."""

    turns: int
    """Messages whose turn has ended, faults included."""
    batches: int
    """Runs of turns between two looks at the rest of the program."""
    queued: int
    """Messages taken whose turn has not ended."""
    faults: int
    """Turns that raised and changed nothing."""
    overloaded: int
    """Messages refused because the queue was full."""
    paused: bool
    """Whether the owner holds turns back."""


@final
class Addressed(msgspec.Struct, frozen=True):
    """A message to the entity at an address, with the behaviour of its kind. Any dispatcher can take it."""

    address: Address
    message: object
    behaviour: Callable[[Address, Any], object]


class _Envelope:
    """One sender's batch, and how far it has come."""

    __slots__ = ("answers", "count", "remaining", "reply")

    def __init__(self, messages: Sequence[object], reply: ReplyTo | None) -> None:
        self.remaining = iter(messages)
        self.count = len(messages)
        self.answers: list[object] = []
        self.reply = reply


class _Behaviours(dict[type, Behaviour]):
    """Behaviours by message type, with one for all other types."""

    def __init__(self, behaviours: Mapping[type, Behaviour] | Behaviour) -> None:
        super().__init__({Addressed: _receive_addressed})
        if callable(behaviours):
            self._other = behaviours
        else:
            self._other: Behaviour = unknown_message
            self.update(behaviours)

    def __missing__(self, _message_type: type) -> Behaviour:
        return self._other


@final
class Dispatcher:
    """Runs turns over entities. All methods belong to the thread that runs trio; none but `run` and waits block."""

    def __init__(
        self,
        entities: Entities,
        behaviours: Mapping[type, Behaviour] | Behaviour,
        *,
        limit: int,
        reserved: int = 0,
        turns_max: int = 256,
        on_fault: OnFault = resume_with_fault,
        before_batch: Callable[[], None] | None = None,
        after_batch: Callable[[], None] | None = None,
    ) -> None:
        """`behaviours`: one per exact message type, or one for all. It is synchronous and returns the answer.

        `limit`: messages that may wait; `reserved`: how many more may wait if they are urgent.
        `on_fault(message, error)` is called after the turn's states were undone; it returns the answer, and what it
        puts stands as the outcome, or it raises, which ends the dispatcher.
        """
        if limit < 1 or reserved < 0 or turns_max < 1:
            raise ValueError(
                f"limit and turns_max start at 1, reserved at 0: {limit=} {turns_max=} {reserved=}"
            )
        self._behaviours = _Behaviours(behaviours)
        self._entities = entities
        self._limit, self._reserved, self._turns_max = limit, reserved, turns_max
        self._on_fault = on_fault
        self._before_batch, self._after_batch = before_batch, after_batch
        self._queue: deque[_Envelope] = deque()
        self._current: _Envelope | None = None
        self._parked: trio.lowlevel.Task | None = None
        self._room = trio.lowlevel.ParkingLot()
        self._idle = trio.lowlevel.ParkingLot()
        self._started = self._stopping = self._ended = self._paused = False
        self._escalated: BaseException | None = None
        self._turns = self._batches = self._queued = self._faults = self._overloaded = 0

    def submit_nowait(
        self, messages: Sequence[object], reply: ReplyTo | None = None, *, urgent: bool = False
    ) -> None:
        """Queue a batch of one sender; all of it, or nothing and Overloaded. Stopped after `stop`.

        `reply` is called once, with one answer for each message, right after the last one's turn and before
        `after_batch`; it must not raise (that ends the dispatcher). An urgent batch may also use the reserved room;
        it does not overtake. The sequence must not change until the reply. A batch above the limit never fits.
        """
        if self._stopping:
            raise Stopped("this dispatcher has been stopped")
        count = len(messages)
        room = self._limit + self._reserved if urgent else self._limit
        if self._queued + count > room:
            self._overloaded += count
            raise Overloaded(f"{count} messages do not fit: {self._queued} of {room} wait already")
        self._queued += count
        self._queue.append(_Envelope(messages, reply))
        if self._parked is not None and not self._paused:
            self._unpark()

    def pause(self) -> None:
        """Hold back turns, from the next one on; `after_batch` is still called for those that ran."""
        self._paused = True

    def resume(self) -> None:
        """Let turns go on."""
        self._paused = False
        if self._parked is not None and self._has_turns():
            self._unpark()

    def stop(self) -> None:
        """Take no more messages; `run` returns after those that wait (not while paused)."""
        self._stopping = True
        if self._parked is not None and not self._paused:
            self._unpark()

    @property
    def idle(self) -> bool:
        """Whether no message waits and no turn runs."""
        return self._queued == 0 and self._current is None and not self._queue

    async def wait_idle(self) -> None:
        """Return when no message waits; Stopped when `run` ended before."""
        while not self.idle:
            await self._check_running()
            await self._idle.park()

    async def wait_room(self, count: int) -> None:
        """Return when `count` messages fit into the queue, unless another sender takes the room first.

        ValueError if so many can never fit, Stopped when `run` has ended.
        """
        if count > self._limit:
            raise ValueError(f"{count} messages never fit into a queue of {self._limit}")
        while self._queued + count > self._limit:
            await self._check_running()
            await self._room.park()

    def statistics(self) -> DispatcherStatistics:
        """Counts since the start; those of a batch are added as its envelopes end."""
        return DispatcherStatistics(
            turns=self._turns,
            batches=self._batches,
            queued=self._queued,
            faults=self._faults,
            overloaded=self._overloaded,
            paused=self._paused,
        )

    @trio.lowlevel.enable_ki_protection
    def run_now(self) -> None:
        """Run a batch at once, in the caller's task, while `run` waits for its own: a turn of trio's loop less.

        For a sender that has submitted all that it had; not from within a turn. Never raises: a fault that is
        escalated ends `run`, which raises it.
        """
        if not self._started or self._ended or not self._has_turns():
            return
        try:
            self._run_batch()
        except BaseException as error:
            self._escalated = error
            self.pause()
        self._tell_waiting()
        if self._parked is not None and (self._escalated is not None or (self._stopping and self.idle)):
            self._unpark()

    @trio.lowlevel.enable_ki_protection  # Ctrl-C waits for a checkpoint: it never cuts a turn in two
    async def run(self) -> None:
        """Run turns until stopped or cancelled, or until a fault is escalated, which this raises.

        After that nothing waiting is answered, and `submit_nowait` raises Stopped. One call per dispatcher.
        """
        if self._started:
            raise RuntimeError("this dispatcher has been run before")
        self._started = True
        try:
            while True:
                if self._escalated is not None:
                    raise self._escalated
                if self._has_turns():
                    self._run_batch()
                    self._tell_waiting()
                if self._has_turns():
                    await trio.lowlevel.checkpoint()
                elif self._stopping and self.idle:
                    return
                else:
                    self._parked = trio.lowlevel.current_task()
                    await trio.lowlevel.wait_task_rescheduled(self._abort)
        finally:
            self._stopping = self._ended = True
            self._room.unpark_all()
            self._idle.unpark_all()

    def _tell_waiting(self) -> None:
        self._room.unpark_all()
        if self.idle:
            self._idle.unpark_all()

    async def _check_running(self) -> None:
        if self._ended:
            await trio.lowlevel.checkpoint()  # where its fault cancels us, that is to be seen, not this
            raise Stopped("this dispatcher has ended")

    def _has_turns(self) -> bool:
        return not self._paused and (self._current is not None or bool(self._queue))

    def _unpark(self) -> None:
        assert self._parked is not None
        trio.lowlevel.reschedule(self._parked)
        self._parked = None

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._parked = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _run_batch(self) -> None:
        if self._before_batch is not None:
            self._before_batch()
        left = self._turns_max
        while left > 0 and not self._paused:
            if self._current is None:
                if not self._queue:
                    break
                self._current = self._queue.popleft()
            left -= self._run_turns(self._current, left)
        self._batches += 1
        if self._after_batch is not None:
            self._after_batch()

    def _run_turns(self, envelope: _Envelope, turns_max: int) -> int:
        behaviours, answers = self._behaviours, envelope.answers
        changes = self._entities.changes
        before = len(answers)
        for message in islice(envelope.remaining, turns_max):
            try:
                answer = behaviours[type(message)](message)
            except Exception as error:
                answer = self._fault(message, error)
            if changes:
                changes.clear()  # `Entities.install`, without a call for every turn
            answers.append(answer)
            if self._paused:
                break
        turns = len(answers) - before
        self._turns += turns
        self._queued -= turns
        if len(answers) == envelope.count:
            self._current = None
            if envelope.reply is not None:
                envelope.reply(answers)
        return turns

    def _fault(self, message: object, error: Exception) -> object:
        self._entities.discard()
        self._faults += 1
        try:
            return self._on_fault(message, error)
        except BaseException:
            self._entities.discard()
            raise


def _receive_addressed(addressed: Addressed) -> object:
    return addressed.behaviour(addressed.address, addressed.message)
