"""Captures of venues, read exactly and sent through the market door; or checked without any ledger."""

from ledger.feeds import binance, kraken, lobster
from ledger.feeds.capture import CaptureError, files
from ledger.feeds.check import Checked, Difference
from ledger.feeds.check_quotes import check_binance
from ledger.feeds.check_rows import check_lobster
from ledger.feeds.check_sums import check_kraken
from ledger.feeds.run import Fed, MarketDoor, feed
from ledger.feeds.terms import Recording, Terms

__all__ = [
    "CaptureError",
    "Checked",
    "Difference",
    "Fed",
    "MarketDoor",
    "Recording",
    "Terms",
    "binance",
    "check_binance",
    "check_kraken",
    "check_lobster",
    "feed",
    "files",
    "kraken",
    "lobster",
]
