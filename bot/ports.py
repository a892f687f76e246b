"""What the services need from the world, as Protocols; `bot.app` hands in what fulfils them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bot.core.card import Card, RoundupLine
from bot.core.counts import Counts
from bot.core.errors import Refusal
from bot.core.policy import Bundle, Directory
from bot.core.terms import (
    Absence,
    Agent,
    AgentName,
    CallbackKind,
    Change,
    Digest,
    Entry,
    Executor,
    ExecutorName,
    Freeze,
    GrantId,
    GroupName,
    Key,
    Linked,
    PersonName,
    Quiet,
    Registry,
    Request,
    RequestId,
    Roster,
    Send,
    State,
    Use,
    Verdict,
)


class Clock(Protocol):
    """The instant, aware and in UTC; in production it follows the database's clock."""

    def now(self) -> datetime: ...


class Ids(Protocol):
    """Randomness: everything unguessable comes from here."""

    def request_id(self) -> RequestId: ...
    def grant_id(self) -> GrantId: ...
    def secret(self) -> str:
        """Return 256 random bits, URL-safe."""
        ...

    def salt(self) -> bytes:
        """Return 16 random bytes."""
        ...


# ── policy in force ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class InForce:
    """The last good bundle and directory; `broken_since` is when a newer one first failed to load."""

    bundle: Bundle
    directory: Directory
    broken_since: datetime | None = None
    problem: str | None = None


class Policies(Protocol):
    """The policy folder as it stands; a broken edit leaves the last good one in force."""

    def current(self) -> InForce: ...

    async def roster(self, request: Request, registry: Registry) -> Roster:
        """Resolve the groups of the request's plan, and whom separation bars, as of now."""
        ...

    async def members(self, group: GroupName) -> frozenset[PersonName] | None:
        """Return a group's people, or None while its source does not answer."""
        ...

    async def trial(self) -> InForce:
        """Load the folder as it lies there, without putting it in force; raises `PolicyBroken`."""
        ...


class Accounts(Protocol):
    """Which chat account is whose: as the directory says, else as people have linked them."""

    async def person(self, surface: str, account: str) -> PersonName | None: ...
    async def held(self, person: PersonName, surface: str) -> tuple[str, ...]:
        """Return somebody's accounts on a surface, those of the directory first."""
        ...


# ── the store ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Committed:
    """What stands after a commit; `replayed` when an idempotency key had already made this request."""

    request: Request | None
    replayed: bool = False


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


class Watch(Protocol):
    """Wakes when one request may have changed."""

    async def changed(self, timeout: timedelta) -> bool:
        """Wait for the next commit of that request; False when the time was up first."""
        ...


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


class Requests(Protocol):
    """Requests and the writer."""

    async def get(self, request_id: RequestId) -> Request:
        """Return the request as it stands; raises `Unknown`."""
        ...

    async def by_grant(self, grant_id: GrantId) -> Request:
        """Return the request whose grant has this id; raises `Unknown`."""
        ...

    async def by_key(self, agent: AgentName, key: str) -> Request:
        """Return the request that an agent's idempotency key made; raises `Unknown`."""
        ...

    async def replay_of(self, agent: AgentName, key: str, body: Digest) -> Request:
        """Return what this key made, if it came with the same body; raises `Unknown`, `KeyReused`."""
        ...

    async def commit(self, change: Change) -> Committed:
        """Make the change durable with its audit entries and outbox rows, or nothing of it.

        Raises `Stale` when another change won, `KeyReused`, `TooMany` at the agent's pending cap.
        """
        ...

    async def used(self, uses: Sequence[Use], now: datetime) -> dict[str, int]:
        """Return how often each bucket was used within its window."""
        ...

    async def coded(self, code: str, limit: int) -> list[Request]:
        """Return the requests whose digest begins with `code`, in lowercase hex, newest first."""
        ...

    async def due(self, now: datetime, limit: int) -> list[Request]:
        """Return requests whose `due_at` has come, earliest first."""
        ...

    async def unreviewed(self, limit: int) -> list[Request]:
        """Return requests whose broken glass nobody has reviewed, the one due soonest first."""
        ...

    async def next_due(self) -> datetime | None:
        """Return the earliest instant at which a request or an outbox row is due."""
        ...

    async def next_tick(self) -> datetime | None:
        """Return the earliest instant at which a request is due."""
        ...

    async def of_agent(
        self, agent: AgentName, states: Sequence[State], limit: int, before: tuple[datetime, RequestId] | None
    ) -> list[Request]:
        """Return an agent's requests, newest first, below the cursor."""
        ...

    async def waiting_for(self, references: Sequence[str], limit: int) -> list[Request]:
        """Return pending requests whose open stage names one of the references, soonest deadline first."""
        ...

    async def recent(
        self,
        limit: int,
        before: tuple[datetime, RequestId] | None,
        states: Sequence[State] = (),
        reviewed_by: PersonName | None = None,
        verdicts: Sequence[Verdict] = (),
    ) -> list[Request]:
        """Return requests newest first, for history pages."""
        ...

    async def count_pending(self) -> int: ...

    def watch(self, request_id: RequestId) -> AbstractContextManager[Watch]:
        """Watch one request from now on."""
        ...

    def feed(self) -> AsyncIterator[RequestId]:
        """Yield the id of every request that changes, in any replica, from now on."""
        ...


ROUNDUP_MAX = 30  # lines of a roundup: a message that people still read, and that every surface takes
EACH_MAX = 16  # sends under way to one address: one that never answers must leave places for the others


class Outbox(Protocol):
    """What waits to be sent."""

    async def next_send(self) -> datetime | None:
        """Return the earliest instant at which a row is due."""
        ...

    async def claim(
        self,
        now: datetime,
        limit: int,
        lease: timedelta,
        under_way: Mapping[str, int],
        full: Collection[str],
    ) -> list[Claimed]:
        """Take rows that are due and not under a live lease, approvals first.

        `under_way` counts what this process is sending, by address; nobody gets more than `EACH_MAX` at once.
        An address that is `full` takes nothing new: only cards that stand there are brought up to date.
        """
        ...

    async def finish(self, claimed: Claimed, entry: Entry | None, posted: Posted | None = None) -> None:
        """Mark it sent, with its audit entry and what stands now; a lost lease changes nothing."""
        ...

    async def postpone(
        self, claimed: Claimed, due_at: datetime, problem: str, alerts: Sequence[Send] = ()
    ) -> None:
        """Let it wait after an attempt; an alert that was queued within the hour is not queued again."""
        ...

    async def put_back(self, claimed: Claimed, due_at: datetime) -> None:
        """Let it wait untried: this was no attempt."""
        ...

    async def hand_on(self, claimed: Claimed, sends: Sequence[Send]) -> None:
        """Put others in its place."""
        ...

    async def bury(self, claimed: Claimed, problem: str, entry: Entry, alerts: Sequence[Send]) -> None:
        """Make it a dead letter; an alert that was queued within the hour is not queued again."""
        ...

    async def letters(self, limit: int) -> list[Letter]: ...

    async def redeliver(self, letter_id: int, now: datetime, entry: Entry) -> None:
        """Queue a dead letter again; raises `Unknown`."""
        ...

    async def posted(self, request_id: RequestId) -> list[Posted]: ...
    async def shown_at(self, place: str, message: str) -> list[Posted]:
        """Return for which requests a message stands or stood; none for one that is not ours.

        Several for a card that was handed on.
        """
        ...

    async def callback(self, callback_id: int) -> Callback: ...

    async def executions(
        self, executor: ExecutorName, after: int, limit: int, about: RequestId | None = None
    ) -> list[Callback]:
        """Return the executor's callbacks beyond `after`, in sequence; those `about` one request, or all."""
        ...


class Stands(Protocol):
    """Which request is shown where, and how: decided once, before anything is sent."""

    async def stand(self, request_id: RequestId, address: str) -> Stand | None:
        """Return how a request is shown at an address; None while that is not decided."""
        ...

    async def seat(self, claimed: Claimed, crowd: Crowd, now: datetime) -> Stand:
        """Decide how a request is shown that waits behind none: by its own card, in a crowd by a roundup.

        `ALIKE` if its message is another's: that of the `leader`, which is to be shown instead.
        """
        ...

    async def follow(self, claimed: Claimed, leader: RequestId, now: datetime) -> None:
        """Have the claimed row's request wait behind an identical one, whose card is shown anew instead."""
        ...

    async def hand_over(self, claimed: Claimed, heir: RequestId, now: datetime) -> bool:
        """Give a card to the next identical request, which is then shown; False if that has one already."""
        ...

    async def free(self, claimed: Claimed, heir: RequestId, now: datetime) -> None:
        """Let the next identical request be shown by itself, once; the claimed row stays claimed."""
        ...

    async def pass_on(self, claimed: Claimed, to: RequestId, now: datetime) -> None:
        """Show another at the address in the place of the claimed row's request."""
        ...

    async def put_stamp(self, leader: RequestId, address: str, stamp: str) -> None:
        """Remember what a message shows beside its leader."""
        ...

    async def lines(self, leader: RequestId, address: str) -> list[Request]:
        """Return the requests of a roundup as they stand, in the order in which they came."""
        ...

    async def alike(self, digest: Digest, limit: int) -> list[Request]:
        """Return the pending requests of this digest, oldest first."""
        ...

    async def count_alike(self, digests: Sequence[Digest]) -> Mapping[Digest, int]:
        """Return how many pending requests there are of each digest; none of those of which there is none."""
        ...


class Log(Protocol):
    """The audit log."""

    async def entries(self, start: int, limit: int) -> list[Sealed]: ...
    async def entries_of(self, request_id: RequestId) -> list[Sealed]: ...
    async def leaves(self, start: int, limit: int) -> list[bytes]: ...
    async def openings(self, sequences: Sequence[int]) -> list[Opening]: ...
    async def openings_between(self, first: int, last: int) -> list[Opening]:
        """Return those of the entries between two sequences, these included."""
        ...

    async def erase(self, person: PersonName, entry: Entry) -> int:
        """Erase a person's private fields; return how many."""
        ...

    async def size(self) -> int: ...
    async def checkpoints(self) -> list[Checkpoint]: ...
    async def last_checkpoint(self) -> Checkpoint | None: ...
    async def put_checkpoint(self, checkpoint: Checkpoint, entry: Entry) -> None: ...


class Identities(Protocol):
    """Agents, executors, keys, freezes, sessions and sign-in links."""

    async def registry(self) -> Registry:
        """Return the registry as it is now; the database is asked each time, cheaply."""
        ...

    async def edit(self, edit: RegistryEdit) -> None: ...
    async def amend(self, make: Callable[[Registry], RegistryEdit]) -> None:
        """Edit the registry as it stands; `make` is asked again when another edit came in between.

        Whoever replaces what they have read uses this, or they undo what others did meanwhile. Raises what
        `make` raises.
        """
        ...

    async def put_link(self, link: Link, entry: Entry) -> None: ...
    async def take_link(self, hash: str, now: datetime, session: Session, entry: Entry) -> Session:
        """Trade a link for a session for its person, once; raises `Unknown`. `session.person` is ignored."""
        ...

    async def put_session(self, session: Session, entry: Entry) -> None: ...
    async def session(self, hash: str, now: datetime) -> Session | None: ...
    async def end_session(self, hash: str) -> None: ...
    async def end_sessions(self, person: PersonName, entry: Entry) -> int:
        """End a person's sessions and take their links back; return how many sessions there were."""
        ...


class Pairings(Protocol):
    """Chat accounts on their way to a person."""

    async def put_pairing(self, pairing: Pairing, entry: Entry) -> None:
        """Remember a pairing, in the place of any other of its account."""
        ...

    async def pairing(self, hash: str, now: datetime) -> Pairing | None: ...
    async def pairing_of(self, surface: str, account: str, now: datetime) -> Pairing | None: ...
    async def change_pairing(self, before: Pairing, after: Pairing) -> None:
        """Put one in the other's place; raises `Stale` when it is not as it was."""
        ...

    async def finish_pairing(self, before: Pairing, edit: RegistryEdit) -> None:
        """Forget it and edit the registry, both or neither; raises `Stale` when it is not as it was."""
        ...


class Installations(Protocol):
    """Where a surface's app is installed, and leave to install it."""

    async def installations(self) -> Mapping[str, bytes]:
        """Return every place (`T…`, `E…`) with its sealed credentials."""
        ...

    async def put_installation(self, place: str, sealed: bytes, entry: Entry) -> None: ...
    async def rotate_installation(self, place: str, old: bytes, new: bytes) -> bool:
        """Put new credentials in the place of old ones; False when another replica was first."""
        ...

    async def drop_installation(self, place: str, entry: Entry) -> None: ...
    async def put_leave(self, hash: str, expires_at: datetime, entry: Entry) -> None: ...
    async def has_leave(self, hash: str, now: datetime) -> bool: ...
    async def take_leave(self, hash: str, now: datetime) -> bool:
        """Use a leave, once; False when it was used, is over, or never was."""
        ...


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


class Conversations(Protocol):
    """Chats, and what was posted to them where no search tells."""

    async def conversations(self, kind: str = "", limit: int = 10_000) -> list[Conversation]:
        """Return those of a kind, or all; the one heard of last first."""
        ...

    async def conversation(self, id: str) -> Conversation | None: ...
    async def conversation_of(self, account: str) -> Conversation | None:
        """Return somebody's personal chat, the newest if there are several."""
        ...

    async def put_conversation(self, conversation: Conversation, entry: Entry) -> None:
        """Remember or replace one; `entry` is appended when it is new."""
        ...

    async def drop_conversation(self, id: str, entry: Entry) -> None: ...
    async def begin_posting(self, request_id: RequestId, place: str, now: datetime) -> bool:
        """Note that a card is about to be sent; False when it is not known what became of the last one."""
        ...

    async def end_posting(self, request_id: RequestId, place: str, message: str | None) -> None:
        """Note under which id the card stands; None when it surely was not posted."""
        ...

    async def posting(self, request_id: RequestId, place: str) -> str | None:
        """Return the id of the card that was posted there last."""
        ...


class Reckoning(Protocol):
    """Counts over many requests."""

    async def counts(self, since_at: datetime, until_at: datetime, top: int) -> Counts:
        """Count the requests made in a span; the lists name at most `top`."""
        ...


class Store(
    Requests, Outbox, Stands, Log, Identities, Pairings, Installations, Conversations, Reckoning, Protocol
):
    """Everything that is remembered."""

    async def now(self) -> datetime:
        """Return the database's clock."""
        ...

    async def close(self) -> None: ...


class Refusals(Protocol):
    """The record of what was refused: a flood of one kind is one entry a minute, with its count."""

    async def note(self, entry: Entry, refusal: Refusal, sends: Sequence[Send] = ()) -> None:
        """Put a refusal's own entry on record; `sends` go out with it, and not where it is only counted."""
        ...


# ── the outside ──────────────────────────────────────────────────────────────────────────────────


class Later(Exception):
    """Not now: try again `after` this long."""

    def __init__(self, after: timedelta, problem: str = "") -> None:
        super().__init__(problem or f"again after {after}")
        self.after = after


class Turn(Later):
    """It is to wait for its turn: nothing was tried, for so the surface keeps its pace."""


class Full(Turn):
    """The address takes nothing new before then; what stands there can still be changed."""


class Shut(Later):
    """The whole surface is closed to us, until somebody does what the text says."""


class Never(Exception):
    """It will never work as it stands; the text says why."""


class Missing(Never):
    """The card that should be there is not: somebody deleted it."""


class Unsure(Exception):
    """It was sent, and nobody knows whether it arrived."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a surface puts a card: its own id of a channel, a chat or a person."""

    surface: str
    id: str


class Notifier(Protocol):
    """One surface's outgoing half. Each verb raises only `Later`, `Never` or `Unsure`."""

    async def find(self, address: str, person: PersonName | None) -> Place: ...
    async def post(self, card: Card, place: Place) -> Posted: ...
    async def seek(self, request_id: RequestId, place: Place) -> Posted | None: ...
    async def update(self, card: Card, posted: Posted) -> Posted: ...
    async def round_up(
        self, lines: Sequence[RoundupLine], leader: RequestId, place: Place, posted: Posted | None
    ) -> Posted:
        """Post a roundup, or bring the one that stands (`posted`) up to date: one message for many requests.

        Where more than so many cards a minute would crowd a place, further requests are lines of it: title,
        status, agent, code, deadline, and how many identical ones wait behind it. A line that `waits` has a
        button *Open* that carries the request's id and digest; it shows who presses it, alone and authorised
        as of then, that request's card with its buttons. There is no button that decides several. The message
        is kept, found by `seek`, and returned under the request `leader`, whose version counts for nothing;
        every text on it is shown literally. At most `ROUNDUP_MAX` lines, of which some may be decided.
        """
        ...

    async def reply(self, text: str, posted: Posted) -> None: ...
    async def tell(self, text: str, place: Place) -> None: ...


class Caller(Protocol):
    """Sends a signed callback. Raises only `Later`, `Never`, `Unsure`, and `Gone` for a 410."""

    async def call(
        self, executor: Executor, callback: Callback, request: Request, grant: str | None
    ) -> None: ...


class Gone(Exception):
    """The receiver says that it wants no more callbacks."""


class Checkpoints(Protocol):
    """Where signed checkpoints are kept outside the database."""

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write the note beside its predecessors, durably; raises `OSError`."""
        ...

    def newest(self) -> str | None:
        """Return the note with the largest size, or None when there is none yet."""
        ...


class Signer(Protocol):
    """The server's keys: grants and checkpoints are signed by it, secrets sealed by it, never handed out."""

    def grant(self, request: Request) -> str:
        """Return the request's grant as a compact JWS; the same request gives the same token."""
        ...

    def jwks(self) -> dict[str, object]: ...
    def checkpoint(self, size: int, root: bytes) -> str:
        """Return a signed note over the log's first `size` entries."""
        ...

    def commitment(self, value: bytes) -> str:
        """Return the keyed commitment of a redacted value, lowercase hex."""
        ...

    def webhook_keys(self) -> tuple[str, ...]:
        """Return the public keys of `attest`, newest first, as `whpk_…`."""
        ...

    def attest(self, content: bytes) -> tuple[bytes, ...]:
        """Return the Ed25519 signatures that a callback carries beside its executor's own."""
        ...

    def verifier_keys(self) -> tuple[str, ...]:
        """Return the verifier keys of our checkpoints, newest first, as `name+id+base64`."""
        ...

    def seal(self, secret: bytes) -> bytes: ...
    def unseal(self, sealed: bytes) -> bytes:
        """Raises `ValueError` for what was sealed with other keys."""
        ...
