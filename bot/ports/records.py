"""What the store keeps and hands out, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.errors import Unreadable
from bot.core.terms import (
    Absence,
    Agent,
    CallbackKind,
    Entry,
    Executor,
    ExecutorName,
    Freeze,
    Key,
    Linked,
    PersonName,
    Quiet,
    Request,
    RequestId,
    Send,
)


@dataclass(frozen=True, slots=True)
class Committed:
    """What stands after a commit; `replayed` when an idempotency key had already made this request."""

    request: Request | None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """A request that is due, or why it cannot be read; `due_at` is what its row says, not its document."""

    request_id: RequestId
    due_at: datetime
    request: Request | Unreadable


@dataclass(frozen=True, slots=True)
class Stall:
    """A request whose deadline cannot be passed, with what is written and told of that the first time."""

    due: Due
    entry: Entry
    alert: Send


@dataclass(frozen=True, slots=True)
class Claimed:
    """An outbox row that is ours to send until `lease_until`; `token` proves it."""

    id: int
    token: str
    send: Send
    request_id: RequestId | None
    callback_id: int | None
    attempts: int
    first_due_at: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Callback:
    """What an executor is to be told; `sequence` grows by one per executor."""

    id: int
    executor: ExecutorName
    sequence: int
    kind: CallbackKind
    request_id: RequestId
    at: datetime


@dataclass(frozen=True, slots=True)
class Posted:
    """A card that stands somewhere: `place` and `message` are the surface's own ids."""

    request_id: RequestId
    address: str
    place: str
    message: str
    version: int  # of the request it shows


class Form(StrEnum):
    """How a request is shown at an address."""

    CARD = "card"  # on a card of its own
    ALIKE = "alike"  # it waits behind an identical one, on whose card it is counted
    ROUNDUP = "roundup"  # as a line of a roundup


@dataclass(frozen=True, slots=True)
class Stand:
    """How a request is shown at an address; `leader` is the request under which that message is kept.

    The leader is the request itself for a card of its own and for the roundup that it opened. `posted` is the
    message, once it stands; `stamp` what it shows beside the leader: identical requests, a roundup's lines.
    """

    form: Form
    leader: RequestId
    posted: Posted | None
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Crowd:
    """An address is crowded by `cards` new ones since `since`; a roundup begun since then takes `lines`."""

    cards: int
    lines: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that was given up; an admin may send it again."""

    id: int
    kind: str
    address: str
    request_id: RequestId | None
    attempts: int
    problem: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person in a browser; stored under the SHA-256 of its cookie."""

    hash: str
    person: PersonName
    created_at: datetime
    expires_at: datetime
    csrf: str


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time sign-in link; stored under the SHA-256 of its token."""

    hash: str
    person: PersonName
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Pairing:
    """A chat account on its way to being linked; stored under the SHA-256 of its one-time token.

    `browser` is the session that opened the link, the only one that may confirm it; then `person` is its
    person, and `code` what stands for what the account must type. Each wrong code takes a try.
    """

    hash: str
    surface: str
    account: str
    shown: str
    expires_at: datetime
    browser: str | None = None
    person: PersonName | None = None
    code: str | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """An audit entry with its place in the log, the exact bytes of its leaf and the leaf's hash."""

    sequence: int
    kind: str
    at: datetime
    request_id: RequestId | None
    body: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """A private field of an entry with its salt; gone once erased."""

    sequence: int
    field: str
    salt: bytes
    value: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed note over the log's first `size` entries."""

    size: int
    root: bytes
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RegistryEdit:
    """A change to the registry: each part present is inserted or replaced, together with `entry`."""

    entry: Entry
    agents: tuple[Agent, ...] = ()
    executors: tuple[Executor, ...] = ()
    keys: tuple[Key, ...] = ()
    freeze: Freeze | None = None
    unfreeze: str | None = None  # the pattern to lift
    absence: Absence | None = None
    back: PersonName | None = None  # whose absence is over
    quiet: Quiet | None = None
    loud: PersonName | None = None  # whose quiet hours are over
    linked: Linked | None = None
    unlinked: tuple[str, str] | None = None  # surface and account
    expected: int | None = None  # the registry's version it was decided on; `Stale` if that has moved on


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat in which a surface's app is installed, by the surface's own ids.

    `kind` is `team`, `group` or `personal`, `url` where the surface is reached for it, `account` whose
    personal chat it is, `name` what a team is called.
    """

    id: str
    kind: str
    url: str
    account: str | None = None
    name: str | None = None
