"""Configuration: one strict tree of settings, where each value came from, and what is refused with which cure.

`load` reads the layers; `Settings` is what the rest of the program gets. Outsiders import nothing behind this door.
"""

from ledger.config.adopt import Adopted, Change, adopt
from ledger.config.derived import Pool, RetentionRow, pools, retention
from ledger.config.errors import ConfigError, Notice, Origin, Problem
from ledger.config.explain import Explained, explain, explain_json, explain_text
from ledger.config.load import Loaded, load
from ledger.config.reference import reference_text
from ledger.config.settings import Settings

__all__ = [
    "Adopted",
    "Change",
    "ConfigError",
    "Explained",
    "Loaded",
    "Notice",
    "Origin",
    "Pool",
    "Problem",
    "RetentionRow",
    "Settings",
    "adopt",
    "explain",
    "explain_json",
    "explain_text",
    "load",
    "pools",
    "reference_text",
    "retention",
]
