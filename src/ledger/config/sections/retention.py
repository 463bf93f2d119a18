"""The seed's section on retention, and the `persistence` and `backup` sections that its contents promise."""

from typing import Annotated, Literal, final

import msgspec

from ledger.config.note import acts, planned, switch

UNTIL_HOT = "Age until which it stays in the hot tier."
UNTIL_WARM = "Age until which it stays in the warm tier, counted from the beginning."
UNTIL_COLD = "Age until which it stays in the archive, counted from the beginning."


@final
class HotStorage(msgspec.Struct, frozen=True):
    """The tier of newest segments."""

    location: Annotated[str, planned("Directory.", "path")] = "/var/lib/hft/hot"
    retention_days: Annotated[
        int, planned("Default of data without a policy; a policy wins.", "days", seed="S-45", least=1)
    ] = 7
    storage_type: Annotated[str, planned("Kind of disk; for people.")] = "nvme_ssd"


@final
class WarmStorage(msgspec.Struct, frozen=True):
    """The tier of sealed segments."""

    location: Annotated[str, planned("Directory.", "path")] = "/var/lib/hft/warm"
    retention_days: Annotated[
        int, planned("Default of data without a policy; a policy wins.", "days", seed="S-45", least=1)
    ] = 90
    storage_type: Annotated[str, planned("Kind of disk; for people.")] = "ssd"


@final
class ColdStorage(msgspec.Struct, frozen=True):
    """The archive."""

    location: Annotated[str, planned("Bucket.", "url")] = "s3://hft-data-archive"
    retention_years: Annotated[
        int, planned("Default of data without a policy; a policy wins.", "years", seed="S-45 S-48", least=1)
    ] = 7
    compression: Annotated[
        Literal["zstd", "none"], planned("Applied to each segment before encryption.", seed="S-47")
    ] = "zstd"
    encryption: Annotated[bool, planned("AES-256-GCM for each segment, after compression.", seed="S-47")] = (
        True
    )
    key_file: Annotated[
        str, planned("File of the encryption key; the manifest names only its id.", "path", seed="S-47")
    ] = ""
    object_lock: Annotated[
        Literal["none", "compliance"],
        planned("Whether the bucket refuses deletion before the end.", seed="S-47"),
    ] = "none"


@final
class TickPolicy(msgspec.Struct, frozen=True):
    """Books, quotes and market trades."""

    hot_days: Annotated[int, planned(UNTIL_HOT, "days", seed="S-45", least=1)] = 7
    warm_days: Annotated[int, planned(UNTIL_WARM, "days", seed="S-45", least=1)] = 30
    archive_years: Annotated[int, planned(UNTIL_COLD, "years", seed="S-45", least=1)] = 1


@final
class OrderPolicy(msgspec.Struct, frozen=True):
    """Orders."""

    hot_days: Annotated[int, planned(UNTIL_HOT, "days", seed="S-45", least=1)] = 30
    warm_days: Annotated[int, planned(UNTIL_WARM, "days", seed="S-45", least=1)] = 365
    archive_years: Annotated[int, planned(UNTIL_COLD, "years", seed="S-45 S-46 S-48", least=1)] = 7


@final
class TradePolicy(msgspec.Struct, frozen=True):
    """Own executions."""

    hot_days: Annotated[int, planned(UNTIL_HOT, "days", seed="S-38 S-45", least=1)] = 30
    warm_days: Annotated[int, planned(UNTIL_WARM, "days", seed="S-45", least=1)] = 365
    archive_years: Annotated[int, planned(UNTIL_COLD, "years", seed="S-45 S-46 S-48", least=1)] = 7


@final
class Policies(msgspec.Struct, frozen=True):
    """Retention by kind of data; the audit log has the longer of orders and executions."""

    tick_data: TickPolicy = TickPolicy()
    order_data: OrderPolicy = OrderPolicy()
    trade_data: TradePolicy = TradePolicy()


@final
class DataRetention(msgspec.Struct, frozen=True):
    """How long what is kept where; tiers are ages that add up from the beginning."""

    enabled: Annotated[bool, switch("Whether segments move through the tiers.", seed="S-45")] = False
    legal_hold: Annotated[bool, switch("Whether nothing at all is deleted.", seed="S-46")] = False
    hot_storage: HotStorage = HotStorage()
    warm_storage: WarmStorage = WarmStorage()
    cold_storage: ColdStorage = ColdStorage()
    retention_policies: Policies = Policies()


@final
class Persistence(msgspec.Struct, frozen=True):
    """Durability of the journal; promised by the seed's contents, absent from its text."""

    answer_after: Annotated[
        Literal["sync"], acts("When an answer leaves: only after its frame is synced.", seed="S-2")
    ] = "sync"
    snapshot_interval_events: Annotated[
        int,
        acts("Events between two snapshots of the follower.", "events", seed="S-2", least=1000),
    ] = 200_000
    index_max_lag_events: Annotated[
        int,
        acts(
            "How far the index may be behind before new orders are answered OVERLOADED.",
            "events",
            seed="S-2",
            least=1000,
        ),
    ] = 1_000_000


@final
class Backup(msgspec.Struct, frozen=True):
    """Copies of the journal elsewhere; promised by the seed's contents, absent from its text."""

    enabled: Annotated[bool, switch("Whether sealed segments are copied continuously.", seed="S-2")] = False
    location: Annotated[
        str, planned("Directory or bucket of the copies; empty: cold_storage.location.", "url", seed="S-2")
    ] = ""
    interval_s: Annotated[
        int,
        planned("Longest time between two copies: the loss if the site is lost.", "s", seed="S-2", least=1),
    ] = 60
    with_snapshots: Annotated[
        bool, planned("Whether snapshots are copied as well, for a faster restore.", seed="S-2")
    ] = True
    restore_drill_days: Annotated[
        int, planned("Days after which a restore must be rehearsed again.", "days", seed="S-2", least=1)
    ] = 30
    rpo_s: Annotated[
        int,
        planned(
            "Loss allowed if the site is lost; an alert tells of a longer one.", "s", seed="S-2", least=1
        ),
    ] = 300
    rto_s: Annotated[
        int, planned("Time allowed for a restore; the drill compares.", "s", seed="S-2", least=1)
    ] = 3600
