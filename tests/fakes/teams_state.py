"""A tenant of Teams as data: people, teams, chats, messages, and how it misbehaves."""

import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
TENANT = "11111111-2222-3333-4444-555555555555"
APP_ID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
APP_SECRET = "fake-client-secret"
BOT = f"28:{APP_ID}"
# As Microsoft's page on rate limits says, for one bot in one conversation; and for one app in one tenant.
CONVERSATION_LIMITS = ((7, 1), (60, 30), (1800, 3600))
TENANT_LIMITS = ((30, 1),)


@dataclass
class Message:
    """A message as it stands; `own` is what single people see instead, after a click of theirs."""

    conversation: str
    id: str
    text: str
    summary: str
    content: Json | None
    thread: str | None
    own: dict[str, Json] = field(default_factory=dict)
    seen: bool = False
    deleted: bool = False


@dataclass
class Conversation:
    """A channel, a group chat or somebody's personal chat with the bot."""

    id: str
    kind: str  # channel, groupChat, personal
    name: str
    team: str | None = None
    user: str | None = None
    bot: bool = True
    messages: list[Message] = field(default_factory=list)


@dataclass
class Team:
    """A team: its id is that of its General channel."""

    id: str
    name: str
    bot: bool = True


@dataclass(frozen=True)
class Fault:
    """How the next call of a verb goes wrong: post, update, member, channels, chat, token."""

    status: int = 0
    code: str = ""
    retry_after: str | int | None = None
    drop: bool = False  # act, then hang up
    slow: float = 0.0  # seconds
    body: str | None = None


@dataclass
class State:
    """Everything the fake knows."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    users: dict[str, Json] = field(default_factory=dict)  # by their 29: id
    teams: dict[str, Team] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    faults: defaultdict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    calls: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    sent: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    tokens: list[str] = field(default_factory=list)  # given out, the last one is good
    counter: int = 1_700_000_000_000

    def next(self) -> str:
        """Return an id never given before."""
        self.counter += 1
        return str(self.counter)

    def message(self, conversation: str, id: str) -> Message | None:
        """Return a message that still stands."""
        chat = self.conversations.get(conversation)
        found = [m for m in chat.messages if m.id == id and not m.deleted] if chat else []
        return found[0] if found else None

    def too_fast(self, conversation: str) -> int | None:
        """Count a call; return after how many seconds Teams would take it, None when it does."""
        now = self.now()
        waits = []
        for about, limits in ((conversation, CONVERSATION_LIMITS), ("", TENANT_LIMITS)):
            for calls, seconds in limits:
                recent = [at for at in self.sent[about] if now - at < timedelta(seconds=seconds)]
                if len(recent) >= calls:
                    waits.append((recent[-calls] + timedelta(seconds=seconds) - now).total_seconds())
        if waits:
            return max(1, round(max(waits)))
        self.sent[conversation].append(now)
        self.sent[""].append(now)
        return None


def object_id(name: str) -> str:
    """Return somebody's id in Entra."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def account(name: str) -> str:
    """Return somebody as the directory names them."""
    return f"{TENANT}/{object_id(name)}"


def member(name: str, **differs: Any) -> Json:
    """Return what Teams says of a full member of the tenant; after Microsoft's own sample."""
    return {
        "id": f"29:1{name}",
        "aadObjectId": object_id(name),
        "name": name.title(),
        "givenName": name.title(),
        "surname": "Example",
        "email": f"{name}@example.com",
        "userPrincipalName": f"{name}@example.com",
        "tenantId": TENANT,
        "userRole": "user",
        **differs,
    }
