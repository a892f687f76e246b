"""The tables. SQLModel declares them; the statements on them are SQLAlchemy Core (`bot/ports/`: Store).

Everything is written under the lock of `log_head`, so what is read under it stays true until the commit.
"""

# Without `from __future__ import annotations`: both libraries would parse each annotation once more.

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, MetaData, Table, UniqueConstraint, text
from sqlalchemy.ext.declarative import DeferredReflection
from sqlmodel import Field, SQLModel

from storage.columns import Instant, Line, Whole

NAMES = {
    "ix": "%(table_name)s_by_%(column_0_N_name)s",
    "uq": "%(table_name)s_one_%(column_0_N_name)s",
    "pk": "%(table_name)s_key",
}
# An index's condition is named for SQLite alone; storage/postgres.py takes it from there.
IS_DUE = text("due_at IS NOT NULL")
IS_ALERT = text("kind = 'alert'")  # few, but looked for among all that waits


class Row(DeferredReflection, SQLModel):
    """A row of ours, which declares its table and is never made: no mapper, no validator.

    Both libraries are told to build those later, which nobody asks for; at once, they took half of this
    module's time.
    """

    model_config = {"defer_build": True}
    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMES)


class RequestRow(Row, table=True):
    """A request: `document` is the whole of it, the columns are what is searched for."""

    __tablename__ = "requests"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("agent", "idempotency_key"),
        UniqueConstraint("grant_id"),
        Index("requests_due", "due_at", sqlite_where=IS_DUE),
        Index("requests_by_agent", "agent", "state", "created_at", "id"),
        Index("requests_by_state", "state", "created_at", "id"),
        Index("requests_by_digest", "digest", "state"),
    )
    id: str = Field(sa_type=Line, primary_key=True)
    version: int = Field(sa_type=Whole)
    state: str = Field(sa_type=Line)
    agent: str = Field(sa_type=Line)
    created_at: datetime = Field(sa_type=Instant)
    due_at: datetime | None = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    digest: str = Field(sa_type=Line)
    grant_id: str = Field(sa_type=Line)
    idempotency_key: str | None = Field(sa_type=Line)
    body_digest: str | None = Field(sa_type=Line)
    document: bytes


class StallRow(Row, table=True):
    """A request whose deadline could not be passed; set aside while its own `due_at` is `until_at`."""

    __tablename__ = "stalls"
    request_id: str = Field(sa_type=Line, primary_key=True)
    until_at: datetime = Field(sa_type=Instant)
    at: datetime = Field(sa_type=Instant)


class ReviewRow(Row, table=True):
    """Who reviewed what, for history pages; the document holds the reviews themselves."""

    __tablename__ = "reviews"
    request_id: str = Field(sa_type=Line, primary_key=True)
    position: int = Field(sa_type=Whole, primary_key=True)
    person: str = Field(sa_type=Line, index=True)
    verdict: str = Field(sa_type=Line)
    stage: str | None = Field(sa_type=Line)
    at: datetime = Field(sa_type=Instant)


class WaitRow(Row, table=True):
    """Whom a pending request waits for: its open stage's approvers, whom escalations added, and deputies.

    `delegation:NAME` stands for either side of a delegation that nobody has used yet.
    """

    __tablename__ = "waits"
    __table_args__: ClassVar[Any] = (Index("waits_soonest", "reference", "expires_at", "request_id"),)
    request_id: str = Field(sa_type=Line, primary_key=True)
    reference: str = Field(sa_type=Line, primary_key=True)
    expires_at: datetime = Field(sa_type=Instant)


class EntryRow(Row, table=True):
    """A leaf of the audit log; triggers refuse to change or delete it."""

    __tablename__ = "entries"
    sequence: int = Field(sa_type=Whole, primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(sa_type=Line)
    at: datetime = Field(sa_type=Instant)
    request_id: str | None = Field(sa_type=Line, index=True)
    body: bytes
    leaf: bytes


class PrivateRow(Row, table=True):
    """What an entry only commits to, until it is erased; `person` is whose it is."""

    __tablename__ = "private"
    sequence: int = Field(sa_type=Whole, primary_key=True, sa_column_kwargs={"autoincrement": False})
    field: str = Field(sa_type=Line, primary_key=True)
    salt: bytes
    value: bytes  # UTF-8, so that a NUL in somebody's words is kept
    person: str | None = Field(sa_type=Line, index=True)


class HeadRow(Row, table=True):
    """The log's end, and the lock that every writer takes first; one row."""

    __tablename__ = "log_head"
    id: int = Field(sa_type=Whole, primary_key=True, sa_column_kwargs={"autoincrement": False})
    size: int = Field(sa_type=Whole)
    frontier: bytes


class CheckpointRow(Row, table=True):
    """A signed root of the log; triggers refuse to change or delete it."""

    __tablename__ = "checkpoints"
    size: int = Field(sa_type=Whole, primary_key=True, sa_column_kwargs={"autoincrement": False})
    root: bytes
    note: str = Field(sa_type=Line)
    at: datetime = Field(sa_type=Instant)


class OutboxRow(Row, table=True):
    """Something to be sent. Claiming it sets `token` and moves `due_at` to the end of the lease."""

    __tablename__ = "outbox"
    __table_args__: ClassVar[Any] = (
        Index("outbox_by_address", "address", "rank", "due_at", "id"),
        Index("outbox_alerts", "event", sqlite_where=IS_ALERT),
        {"sqlite_autoincrement": True},  # an id is never used again, as a late sender may still name it
    )
    id: int | None = Field(default=None, sa_type=Whole, primary_key=True)
    kind: str = Field(sa_type=Line)
    address: str = Field(sa_type=Line)
    event: str = Field(sa_type=Line)
    rank: int = Field(sa_type=Whole)
    request_id: str | None = Field(sa_type=Line, index=True)
    callback_id: int | None = Field(sa_type=Whole)
    due_at: datetime = Field(sa_type=Instant, index=True)
    first_due_at: datetime = Field(sa_type=Instant)
    attempts: int = Field(sa_type=Whole)
    token: str | None = Field(sa_type=Line)
    problem: str = Field(sa_type=Line)


class LetterRow(Row, table=True):
    """A dead letter: an outbox row, under its id, that was given up."""

    __tablename__ = "letters"
    id: int = Field(sa_type=Whole, primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(sa_type=Line)
    address: str = Field(sa_type=Line)
    event: str = Field(sa_type=Line)
    request_id: str | None = Field(sa_type=Line)
    callback_id: int | None = Field(sa_type=Whole)
    attempts: int = Field(sa_type=Whole)
    problem: str = Field(sa_type=Line)
    at: datetime = Field(sa_type=Instant, index=True)


class CallbackRow(Row, table=True):
    """What an executor is to be told, numbered for each executor."""

    __tablename__ = "callbacks"
    __table_args__: ClassVar[Any] = (UniqueConstraint("executor", "sequence"),)
    id: int = Field(sa_type=Whole, primary_key=True, sa_column_kwargs={"autoincrement": False})
    executor: str = Field(sa_type=Line)
    sequence: int = Field(sa_type=Whole)
    kind: str = Field(sa_type=Line)
    request_id: str = Field(sa_type=Line, index=True)
    at: datetime = Field(sa_type=Instant)


class PostedRow(Row, table=True):
    """A card that stands somewhere."""

    __tablename__ = "posted"
    __table_args__: ClassVar[Any] = (Index("posted_by_place", "place", "message"),)
    request_id: str = Field(sa_type=Line, primary_key=True)
    address: str = Field(sa_type=Line, primary_key=True)
    place: str = Field(sa_type=Line)
    message: str = Field(sa_type=Line)
    version: int = Field(sa_type=Whole)


class StandRow(Row, table=True):
    """How a request is shown at an address (`bot.ports.Form`), and whose message that is."""

    __tablename__ = "stands"
    __table_args__: ClassVar[Any] = (
        Index("stands_by_form", "address", "form", "at"),
        Index("stands_by_leader", "leader", "address"),
    )
    request_id: str = Field(sa_type=Line, primary_key=True)
    address: str = Field(sa_type=Line, primary_key=True)
    form: str = Field(sa_type=Line)
    leader: str = Field(sa_type=Line)
    stamp: str = Field(sa_type=Line)
    at: datetime = Field(sa_type=Instant)


class CounterRow(Row, table=True):
    """Numbers kept beside the rows they count: an agent's pending requests, an executor's last callback."""

    __tablename__ = "counters"
    name: str = Field(sa_type=Line, primary_key=True)
    value: int = Field(sa_type=Whole)


class UseRow(Row, table=True):
    """One use of an allow-limit."""

    __tablename__ = "uses"
    __table_args__: ClassVar[Any] = (Index("uses_by_bucket", "bucket", "at"),)
    id: int | None = Field(default=None, sa_type=Whole, primary_key=True)
    rule: str = Field(sa_type=Line)
    bucket: str = Field(sa_type=Line)
    at: datetime = Field(sa_type=Instant)


class RegistryHeadRow(Row, table=True):
    """How often the registry was edited; one row."""

    __tablename__ = "registry_head"
    id: int = Field(sa_type=Whole, primary_key=True, sa_column_kwargs={"autoincrement": False})
    version: int = Field(sa_type=Whole)


class AgentRow(Row, table=True):
    """A registered agent."""

    __tablename__ = "agents"
    name: str = Field(sa_type=Line, primary_key=True)
    document: bytes


class ExecutorRow(Row, table=True):
    """A registered executor."""

    __tablename__ = "executors"
    name: str = Field(sa_type=Line, primary_key=True)
    document: bytes


class KeyRow(Row, table=True):
    """A credential, by the SHA-256 of its secret."""

    __tablename__ = "keys"
    id: str = Field(sa_type=Line, primary_key=True)
    hash: str = Field(sa_type=Line, unique=True)
    document: bytes


class FreezeRow(Row, table=True):
    """A freeze in force."""

    __tablename__ = "freezes"
    pattern: str = Field(sa_type=Line, primary_key=True)
    document: bytes


class SessionRow(Row, table=True):
    """A signed-in browser, by the SHA-256 of its cookie."""

    __tablename__ = "sessions"
    hash: str = Field(sa_type=Line, primary_key=True)
    person: str = Field(sa_type=Line)
    created_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant, index=True)
    csrf: str = Field(sa_type=Line)


class LinkRow(Row, table=True):
    """A one-time sign-in link, by the SHA-256 of its token."""

    __tablename__ = "links"
    hash: str = Field(sa_type=Line, primary_key=True)
    person: str = Field(sa_type=Line)
    expires_at: datetime = Field(sa_type=Instant)


class InstallationRow(Row, table=True):
    """Where a surface's app is installed: a Slack workspace or organisation, with its sealed credentials."""

    __tablename__ = "installations"
    place: str = Field(sa_type=Line, primary_key=True)
    sealed: bytes
    at: datetime = Field(sa_type=Instant)


class LeaveRow(Row, table=True):
    """Leave to install a surface's app once, by the SHA-256 of its token."""

    __tablename__ = "leaves"
    hash: str = Field(sa_type=Line, primary_key=True)
    expires_at: datetime = Field(sa_type=Instant)


class ConversationRow(Row, table=True):
    """A chat in which a surface's app is installed: `url` is where that surface is reached for it."""

    __tablename__ = "conversations"
    id: str = Field(sa_type=Line, primary_key=True)
    kind: str = Field(sa_type=Line)
    url: str = Field(sa_type=Line)
    account: str | None = Field(sa_type=Line, index=True)
    name: str | None = Field(sa_type=Line)
    at: datetime = Field(sa_type=Instant)


class PostingRow(Row, table=True):
    """A card that is being, or was, posted where nobody can search; without a message nobody knows."""

    __tablename__ = "postings"
    request_id: str = Field(sa_type=Line, primary_key=True)
    place: str = Field(sa_type=Line, primary_key=True)
    message: str | None = Field(sa_type=Line)
    at: datetime = Field(sa_type=Instant)


class AbsenceRow(Row, table=True):
    """Somebody's absence; the latest they spoke of."""

    __tablename__ = "absences"
    person: str = Field(sa_type=Line, primary_key=True)
    document: bytes


class QuietRow(Row, table=True):
    """Somebody's quiet hours."""

    __tablename__ = "quiet_hours"
    person: str = Field(sa_type=Line, primary_key=True)
    document: bytes


class AccountRow(Row, table=True):
    """A chat account that a person tied to themselves."""

    __tablename__ = "accounts"
    surface: str = Field(sa_type=Line, primary_key=True)
    account: str = Field(sa_type=Line, primary_key=True)
    document: bytes


class PairingRow(Row, table=True):
    """A chat account on its way to a person, by the SHA-256 of its token; an account has one at a time."""

    __tablename__ = "pairings"
    __table_args__: ClassVar[Any] = (UniqueConstraint("surface", "account"),)
    hash: str = Field(sa_type=Line, primary_key=True)
    surface: str = Field(sa_type=Line)
    account: str = Field(sa_type=Line)
    shown: str = Field(sa_type=Line)
    expires_at: datetime = Field(sa_type=Instant)
    browser: str | None = Field(sa_type=Line)
    person: str | None = Field(sa_type=Line)
    code: str | None = Field(sa_type=Line)
    tries: int = Field(sa_type=Whole)


METADATA = Row.metadata


def table(row: type[Row]) -> Table:
    """Return the table that a row class declares."""
    return METADATA.tables[str(row.__tablename__)]


REQUESTS, REVIEWS, WAITS = table(RequestRow), table(ReviewRow), table(WaitRow)
ENTRIES, PRIVATE, HEAD, CHECKPOINTS = table(EntryRow), table(PrivateRow), table(HeadRow), table(CheckpointRow)
OUTBOX, LETTERS, CALLBACKS, POSTED = table(OutboxRow), table(LetterRow), table(CallbackRow), table(PostedRow)
COUNTERS, USES, REGISTRY_HEAD = table(CounterRow), table(UseRow), table(RegistryHeadRow)
AGENTS, EXECUTORS, KEYS, FREEZES = table(AgentRow), table(ExecutorRow), table(KeyRow), table(FreezeRow)
SESSIONS, LINKS = table(SessionRow), table(LinkRow)
INSTALLATIONS, LEAVES = table(InstallationRow), table(LeaveRow)
ABSENCES, QUIET_HOURS = table(AbsenceRow), table(QuietRow)
ACCOUNTS, PAIRINGS = table(AccountRow), table(PairingRow)
CONVERSATIONS, POSTINGS = table(ConversationRow), table(PostingRow)
STANDS, STALLS = table(StandRow), table(StallRow)
