"""The enumerations of orders, fills and books; each number is what the journal stores, each name what people see.

Numbers follow FIX where FIX has one digit for it (Side 54, OrdType 40, TimeInForce 59); others are ours. A number
is never given a second meaning.
"""

from enum import IntEnum


class Side(IntEnum):
    """FIX 54. Short sales are SELL with a `SideFlag`."""

    BUY = 1
    SELL = 2


class SideFlag(IntEnum):
    """How a sale is marked; FIX 54 = 5 and 6."""

    NONE = 0
    SHORT = 5
    SHORT_EXEMPT = 6


class OrderType(IntEnum):
    """FIX 40; PEG is FIX `P`."""

    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LIMIT = 4
    TRAILING_STOP = 5
    PEG = 16


class TimeInForce(IntEnum):
    """FIX 59."""

    DAY = 0
    GTC = 1
    OPG = 2
    IOC = 3
    FOK = 4
    GTD = 6
    CLS = 7


class Liquidity(IntEnum):
    """What the fill did to the venue's book; the seed's `liquidity_flag`."""

    UNKNOWN = 0
    MAKER = 1
    TAKER = 2
    AUCTION = 3


class CancelReason(IntEnum):
    """Why an order was canceled at the venue."""

    USER = 0
    IOC_REMAINDER = 1
    FOK_KILL = 2
    STP = 3
    HALT = 4
    DISCONNECT = 5
    VENUE = 6
    ADMIN = 7


class CancelRejectReason(IntEnum):
    """FIX 102, as far as the engine tells them apart."""

    TOO_LATE = 0
    UNKNOWN_ORDER = 1
    BROKER = 2
    ALREADY_PENDING = 3
    DUPLICATE_ID = 6
    OTHER = 99


class Closed(IntEnum):
    """How an order ended, apart from being filled; OPEN is not ended."""

    OPEN = 0
    CANCELED = 1
    EXPIRED = 2
    REJECTED = 3


class Origin(IntEnum):
    """Whether the venue said it or the engine concluded it (a local expiry)."""

    VENUE = 0
    LOCAL = 1


class RequestKind(IntEnum):
    """What an outstanding request asks of the venue."""

    CANCEL = 1
    REPLACE = 2


class RequestState(IntEnum):
    """SENT: by us; PENDING: the venue said that it has it."""

    SENT = 1
    PENDING = 2


class OrderStatus(IntEnum):
    """FIX 39, own view unless said otherwise; derived, never stored."""

    NEW = 0
    PARTIALLY_FILLED = 1
    FILLED = 2
    DONE_FOR_DAY = 3
    CANCELED = 4
    PENDING_CANCEL = 6
    REJECTED = 8
    SUSPENDED = 9
    PENDING_NEW = 10
    EXPIRED = 12
    PENDING_REPLACE = 14


class Phase(IntEnum):
    """Where an order's life stands, as the columns of `order_table`; derived, never stored."""

    NONE = 0
    """Not known to us."""
    PEND = 1
    """Submitted, and nothing has shown that the venue has it."""
    LIVE = 2
    FULL = 3
    """Filled to its quantity, not closed."""
    CXL = 4
    EXP = 5
    REJ = 6


class FillStanding(IntEnum):
    """What an execution id stands for."""

    EFFECTIVE = 1
    """A fill that counts."""
    BUSTED = 2
    """A fill that counts no longer."""
    ALIAS = 3
    """The id of a bust or a correction; it names the fill that it is about."""
    ORPHAN_BUST = 4
    """Busted before the fill itself came."""
    ORPHAN_CORRECT = 5
    """Corrected before the fill itself came."""


class Severity(IntEnum):
    """Of an anomaly; CRITICAL opens a case that only an operator closes."""

    INFO = 1
    WARN = 2
    CRITICAL = 3


class BookStatus(IntEnum):
    """EMPTY until a snapshot, LIVE while the source's sequence is unbroken, STALE otherwise."""

    EMPTY = 0
    LIVE = 1
    STALE = 2


class TradingPhase(IntEnum):
    """Of a symbol at a venue; only CONTINUOUS judges a crossed book."""

    CONTINUOUS = 0
    PRE_OPEN = 1
    AUCTION = 2
    HALTED = 3
    CLOSED = 4


class BookSource(IntEnum):
    """The continuity rule of a feed's deltas."""

    SPOT = 0
    """`first_update == last_update_before + 1` (Binance spot)."""
    FUTURES = 1
    """`prev_update == last_update_before` (Binance USD-M)."""
    COUNTED = 2
    """Each message's number is one more (ITCH, Coinbase)."""
    UNNUMBERED = 3
    """No number; a checksum or nothing guards it (Kraken)."""


class BookFault(IntEnum):
    """What decide found wrong with a book message; decided once, so that replay needs no instrument and no checksum."""

    NONE = 0
    NEGATIVE_SIZE = 1
    """A size below zero, or nothing of an order: the message is set aside."""
    CHECKSUM = 2
    """The book after the message is not the venue's."""
    ORDER_UNDERFLOW = 3
    """More was taken from an order than rests there: the message is set aside."""
    UNKNOWN_ORDER = 4
    """A message about an order that cannot be in the book, or that is there already: it is set aside."""
    CROSSED = 5
    """The book would stay crossed, and has been for longer than book.crossed_max_ms: only a snapshot cures it."""


class OrderAction(IntEnum):
    """What happened to an order that rests in a venue's book, anybody's (ITCH, LOBSTER)."""

    ADDED = 1
    REDUCED = 2
    """Part of it was canceled; its place in the queue stays."""
    EXECUTED = 3
    DELETED = 4
    """All that was left of it was canceled."""


class AdjustReason(IntEnum):
    """Why a position was changed without a fill."""

    CORP_ACTION = 1
    TRANSFER = 2
    FUNDING = 3
    OPENING_BALANCE = 4
    MANUAL = 5


class TradingState(IntEnum):
    """What a scope may do."""

    ACTIVE = 0
    REDUCING = 1
    """Only orders that reduce a position."""
    HALTED = 2
    """No new order."""


class ConflictResolution(IntEnum):
    """Which of two executions with one id is right."""

    KEEP = 1
    """The first, which stands."""
    CORRECT = 2
    """Neither as it stands: the terms that the operator gives."""


class SessionEnd(IntEnum):
    """How a session ended."""

    CLOSED = 1
    """By its user or an operator."""
    EXPIRED = 2
    """Not renewed for its whole time to live."""
    LOST = 3
    """Neither message nor heartbeat came for session.timeout."""


class TimerKind(IntEnum):
    """What a due time is about."""

    TIME_IN_FORCE = 1
    """A DAY order at the close, or a GTD order at its expiry, plus the grace: it expires here."""
    ACK = 2
    """The venue has not acknowledged an order."""
    IOC = 3
    """An IOC or FOK order has no outcome."""
    GTC_AGE = 4
    """A GTC order is old."""
    SESSION_LOST = 5
    SESSION_EXPIRED = 6
    SESSION_ENDS = 7
    """An absolute session reaches its limit soon."""
