"""A Slack workspace as data: people, channels, messages, forms, and how it misbehaves."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

Json = dict[str, Any]
TEAM = "T0ASSENT"
BOT_USER = "U0BOT"
BOT = "B0BOT"
TOKEN = "xoxb-fake-token"
APP_TOKEN = "xapp-fake-token"
CLIENT_ID, CLIENT_SECRET = "12345.67890", "fake-client-secret"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
MANIFEST = Path(__file__).parents[2] / "manifest.yml"


@dataclass
class Message:
    """A message as it stands; `shown` are all its blocks over time."""

    channel: str
    ts: str
    text: str
    blocks: list[Json]
    metadata: Json | None
    thread_ts: str | None
    bot: str = BOT
    shown: list[list[Json]] = field(default_factory=list)
    seen: bool = False
    deleted: bool = False
    files: list["Upload"] = field(default_factory=list)


@dataclass
class Conversation:
    """A channel, or somebody's direct messages with the bot."""

    id: str
    name: str
    members: set[str]
    private: bool = False
    archived: bool = False
    user: str | None = None
    messages: list[Message] = field(default_factory=list)


@dataclass
class Whisper:
    """A message that one person alone sees."""

    user: str
    channel: str
    text: str
    blocks: list[Json]
    seen: bool = False


@dataclass
class Upload:
    """A file on its way: announced, then sent, then shared in one conversation."""

    id: str
    name: str
    length: int
    alt: str
    content: bytes | None = None
    channel: str | None = None
    comment: str = ""


@dataclass
class Trigger:
    """Leave to open one form within three seconds."""

    user: str
    at: float  # of the event loop's clock: real seconds, whatever the test's clock says
    used: bool = False
    on: "Modal | None" = None  # in which something was pressed


@dataclass
class ResponseUrl:
    """Leave to answer one interaction: five times, within half an hour."""

    user: str
    channel: str
    at: datetime
    uses: int = 0
    original: "Whisper | None" = None  # the message for one person in which something was pressed


@dataclass
class Modal:
    """A form that somebody has open."""

    id: str
    user: str
    view: Json
    seen: bool = False
    closed: bool = False
    errors: dict[str, str] = field(default_factory=dict)
    hash: str = ""
    beneath: "Modal | None" = None


@dataclass
class Home:
    """Somebody's home tab with the app."""

    id: str
    user: str
    view: Json = field(default_factory=dict)
    hash: str = ""
    seen: bool = False


@dataclass(frozen=True)
class Fault:
    """How the next call of a method goes wrong."""

    error: str = ""  # Slack's error code, with HTTP 200
    status: int = 0  # an HTTP status with a page instead of JSON
    retry_after: int | None = None  # 429
    drop: bool = False  # act, then hang up
    slow: float = 0.0  # seconds
    body: str = "<html>upstream connect error</html>"
    content_type: str = "text/html"


@dataclass
class State:
    """Everything the fake knows."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    scopes: set[str] = field(default_factory=set)
    token: str = TOKEN
    team: str = TEAM
    enterprise: str | None = None
    users: dict[str, Json] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    usergroups: dict[str, list[str]] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    whispers: list[Whisper] = field(default_factory=list)
    modals: list[Modal] = field(default_factory=list)
    homes: dict[str, Home] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    faults: defaultdict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    calls: list[tuple[str, Json]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    one_a_second: bool = False
    grants: dict[str, Json] = field(default_factory=dict)  # what a code, or a refresh token, is traded for
    counter: int = 0

    def next(self) -> int:
        """Return a number never given before."""
        self.counter += 1
        return self.counter

    def ts(self) -> str:
        """Return the id of a new message."""
        return f"{int(self.now().timestamp())}.{self.next():06d}"

    def message(self, channel: str, ts: str) -> Message | None:
        """Return a message that still stands."""
        conversation = self.conversations.get(channel)
        found = [m for m in conversation.messages if m.ts == ts and not m.deleted] if conversation else []
        return found[0] if found else None


def scopes_of_manifest() -> set[str]:
    """Return the bot's scopes as manifest.yml asks for them."""
    manifest = YAML(typ="safe").load(MANIFEST)
    return set(manifest["oauth_config"]["scopes"]["bot"])


def member(user: str, name: str, team: str, **differs: Any) -> Json:
    """Return what users.info says of a full member; after Slack's own sample."""
    return {
        "id": user,
        "team_id": team,
        "name": name,
        "deleted": False,
        "real_name": name.title(),
        "tz": "Europe/Paris",
        "profile": {"real_name": name.title(), "display_name": name, "team": team},
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": False,
        "is_app_user": False,
        "is_email_confirmed": True,
        "updated": 1700000000,
        **differs,
    }
