"""What happens after a fault: go on, start again after a pause, stop, or let it bring the system down.

A service that raises is started again, each time after a longer pause, until it has failed too often inside a window;
then it escalates. An error that must never be survived (storage, corruption) is named in `escalates`. Deciding is pure:
time and randomness come in as arguments, so a simulation can replay it.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeAlias, final

import msgspec

from actors.faults import Fault

DOUBLINGS_MAX = 64  # more would overflow a float before the longest pause could cut it

OnFault: TypeAlias = Callable[[object, Exception], object]
"""Called with the message and the error of a turn; returns the answer, or raises to end the dispatcher."""


class Decision(enum.Enum):
    """What to do about a service that raised."""

    RESTART = "restart"
    STOP = "stop"
    ESCALATE = "escalate"


def restart_always(_error: BaseException) -> Decision:
    """The default: any error may be a passing one."""
    return Decision.RESTART


@final
class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """How one service is supervised."""

    max_restarts: int = 5
    """Restarts allowed inside the window; the next fault gets the decision `exhausted`. 0: never restart."""
    window_s: float = 60.0
    """Length of the window that ends now, in seconds."""
    backoff_first_s: float = 0.1
    """Pause before the first restart of a window; each further one is twice as long."""
    backoff_max_s: float = 10.0
    """The longest pause, before jitter."""
    jitter: float = 0.2
    """Up to this share of the pause is added at random, so that neighbours do not restart in step."""
    escalates: tuple[type[BaseException], ...] = ()
    """Errors that always escalate, also inside an exception group; asked before `classify`."""
    classify: Callable[[BaseException], Decision] = restart_always
    """Decides about every other error."""
    exhausted: Decision = Decision.ESCALATE
    """STOP or ESCALATE: what to do after too many restarts."""

    def __post_init__(self) -> None:
        """ValueError for numbers that mean nothing."""
        if min(self.max_restarts, self.window_s, self.backoff_first_s, self.backoff_max_s, self.jitter) < 0:
            raise ValueError(f"no number of a strategy is negative: {self}")
        if self.exhausted is Decision.RESTART:
            raise ValueError("a strategy that is exhausted can only STOP or ESCALATE")


@final
class Verdict(msgspec.Struct, frozen=True):
    """One decision; `delay_s` is the pause before a restart, else 0."""

    decision: Decision
    delay_s: float = 0.0


@final
class Supervisor:
    """Counts the faults of one service and decides about each."""

    __slots__ = ("_random", "_recent", "_strategy", "restarts")

    def __init__(self, strategy: Strategy, random: Callable[[], float]) -> None:
        """`random` returns a number in [0, 1)."""
        self._strategy = strategy
        self._random = random
        self._recent: deque[float] = deque()
        #: Restarts granted so far, inside the window or before it.
        self.restarts = 0

    def decide(self, error: BaseException, now_s: float) -> Verdict:
        """The verdict about this fault; a restart is counted as granted. `now_s` never goes back."""
        strategy, recent = self._strategy, self._recent
        if is_or_holds(error, strategy.escalates):
            return Verdict(Decision.ESCALATE)
        decision = strategy.classify(error)
        if decision is not Decision.RESTART:
            return Verdict(decision)
        while recent and recent[0] <= now_s - strategy.window_s:
            recent.popleft()
        if len(recent) >= strategy.max_restarts:
            return Verdict(strategy.exhausted)
        doublings = min(len(recent), DOUBLINGS_MAX)
        pause_s = min(strategy.backoff_first_s * 2.0**doublings, strategy.backoff_max_s)
        recent.append(now_s)
        self.restarts += 1
        return Verdict(Decision.RESTART, pause_s * (1 + strategy.jitter * self._random()))


def resume_with_fault(_message: object, error: Exception) -> object:
    """Let the dispatcher go on; the answer is the fault, which an ask raises."""
    return Fault(error)


def escalate_only(*escalates: type[BaseException]) -> OnFault:
    """An `on_fault` for dispatchers: these errors end the dispatcher, any other is answered as a Fault."""

    def on_fault(message: object, error: Exception) -> object:
        if is_or_holds(error, escalates):
            raise error
        return resume_with_fault(message, error)

    return on_fault


def is_or_holds(error: BaseException, types: tuple[type[BaseException], ...]) -> bool:
    """Whether the error, or one inside the exception group that it is, has one of these types."""
    return any(isinstance(each, types) for each in _leaves(error))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            yield from _leaves(each)  # pyright: ignore[reportUnknownArgumentType]
