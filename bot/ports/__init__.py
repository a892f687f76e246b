"""What the services need from the world, as Protocols; `bot.app` hands in what fulfils them.

world     time, randomness, the policy in force, who is who
records   what the store keeps and hands out
requests  requests, and counts over them
outbox    what waits to be sent, and what stands where
store     the log, who is known; and Store, which is everything
outside   surfaces, executors, keys; how a send can fail
"""

from bot.ports.outbox import EACH_MAX, ROUNDUP_MAX, Conversations, Outbox, Stands
from bot.ports.outside import (
    Caller,
    Checkpoints,
    Full,
    Gone,
    Later,
    LogTrust,
    Missing,
    Never,
    Notifier,
    Place,
    Shut,
    Signer,
    Turn,
    Unsure,
)
from bot.ports.records import (
    Callback,
    Checkpoint,
    Claimed,
    Committed,
    Conversation,
    Crowd,
    Due,
    Form,
    Letter,
    Link,
    Opening,
    Pairing,
    Posted,
    RegistryEdit,
    Sealed,
    Session,
    Stall,
    Stand,
)
from bot.ports.requests import Reckoning, Requests, Stalls, Watch
from bot.ports.store import Identities, Installations, Log, Pairings, Store
from bot.ports.world import Accounts, Clock, Ids, InForce, Policies, Refusals

__all__ = [
    "EACH_MAX",
    "ROUNDUP_MAX",
    "Accounts",
    "Callback",
    "Caller",
    "Checkpoint",
    "Checkpoints",
    "Claimed",
    "Clock",
    "Committed",
    "Conversation",
    "Conversations",
    "Crowd",
    "Due",
    "Form",
    "Full",
    "Gone",
    "Identities",
    "Ids",
    "InForce",
    "Installations",
    "Later",
    "Letter",
    "Link",
    "Log",
    "LogTrust",
    "Missing",
    "Never",
    "Notifier",
    "Opening",
    "Outbox",
    "Pairing",
    "Pairings",
    "Place",
    "Policies",
    "Posted",
    "Reckoning",
    "Refusals",
    "RegistryEdit",
    "Requests",
    "Sealed",
    "Session",
    "Shut",
    "Signer",
    "Stall",
    "Stalls",
    "Stand",
    "Stands",
    "Store",
    "Turn",
    "Unsure",
    "Watch",
]
