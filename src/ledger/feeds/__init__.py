"""Captures of venues, read exactly and sent through the market door; or checked without any ledger."""

from ledger.feeds.binance import Terms, facts, inspect
from ledger.feeds.capture import CaptureError, files
from ledger.feeds.check import Checked, Difference, check
from ledger.feeds.run import Fed, MarketDoor, feed, instrument

__all__ = [
    "CaptureError",
    "Checked",
    "Difference",
    "Fed",
    "MarketDoor",
    "Terms",
    "check",
    "facts",
    "feed",
    "files",
    "inspect",
    "instrument",
]
