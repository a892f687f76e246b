"""What Teams sends: activities, read once, here. The token proves nothing in them but their `serviceUrl`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.errors import ForeignButton, Malformed
from bot.core.terms import Digest, Json, RequestId
from bot.ports import Conversation
from handlers.teams.chats import GROUP, PERSONAL, TEAM
from handlers.teams.connector import base
from handlers.teams.seal import Seal

MENTION = re.compile(r"<at[^>]*>.*?</at>", re.DOTALL)
BLANK = re.compile(r"[\s\u00a0]+")
BY_HAND = (None, "manual")  # what a press says of itself; a card's `refresh` says "automatic"
BY_A_PERSON = ("message", "invoke")  # what somebody does themselves; who installs may be somebody else
NOT_OURS = (
    "Nothing was done: this button does not carry our seal for this conversation. Either somebody else made "
    "this card, or it was copied from elsewhere, or it is older than our seals. Write `inbox` to me for a "
    "card of ours, and tell an admin of this one."
)
UNPRESSED = "Nothing was done: a card of ours does nothing by itself, and nobody pressed this button."


@dataclass(frozen=True, slots=True)
class Clicker:
    """Who sent an activity, as it says; `where` is the conversation, `url` how Teams is asked about it."""

    id: str
    object_id: str | None
    role: str | None
    is_agentic: bool
    url: str
    where: str


@dataclass(frozen=True, slots=True)
class Click:
    """A pressed button; `words` are those of its form.

    `message` is the one in which it was pressed, kept under the request `leader` if it is one of ours.
    """

    clicker: Clicker
    message: str | None
    is_personal: bool
    verb: str
    request_id: RequestId
    leader: RequestId
    digest: Digest
    words: str | None
    command: str | None  # what a button below an answer runs


@dataclass(frozen=True, slots=True)
class Typed:
    """A line somebody wrote to us, in their personal chat or where others read along."""

    clicker: Clicker
    line: str
    mentions: tuple[tuple[str, str], ...]  # how each stands in the line, and whose id in Teams it is
    is_personal: bool


def tenants(body: Mapping[str, Json]) -> set[str]:
    """Return every tenant that an activity names for itself, in lower case."""
    conversation, channel_data = _part(body, "conversation"), _part(body, "channelData")
    named = (
        conversation.get("tenantId"),
        _part(channel_data, "tenant").get("id"),
        _part(body, "from").get("tenantId"),
        _part(body, "recipient").get("tenantId"),
    )
    return {str(one).lower() for one in named if one is not None}


def click(body: Mapping[str, Json], seal: Seal) -> Click:
    """Read an `adaptiveCard/action`.

    Raises `ForeignButton` for a button that we did not write for that conversation, or that nobody pressed:
    Teams runs a card's `refresh` for whoever sees it.
    """
    by, value = clicker(body), _part(body, "value")
    action = _part(value, "action")
    data, verb = _part(action, "data"), str(action.get("verb") or "")
    if not seal.holds(verb, data, base(by.where)):
        raise ForeignButton(NOT_OURS)
    if value.get("trigger") not in BY_HAND:
        raise ForeignButton(UNPRESSED)
    request, digest, command = data.get("request"), data.get("digest"), data.get("command")
    if verb != "run" and not (isinstance(request, str) and isinstance(digest, str) and request and digest):
        raise Malformed("This button belongs to no request.")
    words, message, leader = data.get(f"{verb}_words"), body.get("replyToId"), data.get("leader")
    return Click(
        clicker=by,
        message=message if isinstance(message, str) and message else None,
        is_personal=_part(body, "conversation").get("conversationType") == PERSONAL,
        verb=verb,
        request_id=RequestId(str(request)),
        leader=RequestId(leader if isinstance(leader, str) else str(request)),
        digest=Digest(str(digest)),
        words=words if isinstance(words, str) else None,
        command=command if isinstance(command, str) else None,
    )


def typed(body: Mapping[str, Json]) -> Typed:
    """Read a message; what it says to mention us is no part of the line."""
    us = _part(body, "recipient").get("id")
    text, others = str(body.get("text") or ""), []
    for shown, mentioned in _mentions(body):
        if mentioned == us:
            text = text.replace(shown, " ")
        elif shown in text:
            others.append((BLANK.sub(" ", shown), mentioned))
    line = BLANK.sub(" ", text).strip()
    if not others:
        line = BLANK.sub(" ", MENTION.sub(" ", line)).strip()
    is_personal = _part(body, "conversation").get("conversationType") == PERSONAL
    return Typed(clicker(body), line.removeprefix("/").strip(), tuple(others), is_personal)


def clicker(body: Mapping[str, Json]) -> Clicker:
    """Read who sent it; raises `Malformed` when it does not say."""
    sender = _part(body, "from")
    account, object_id, role = sender.get("id"), sender.get("aadObjectId"), sender.get("role")
    where = _part(body, "conversation").get("id")
    if not (isinstance(account, str) and account and isinstance(where, str) and where):
        raise Malformed("This activity says neither who sent it nor where.")
    return Clicker(
        id=account,
        object_id=object_id.lower() if isinstance(object_id, str) and object_id else None,
        role=None if role is None else str(role),
        is_agentic=any(name.lower().startswith("agentic") for name in sender),
        url=str(body["serviceUrl"]),
        where=where,
    )


def sent_by(body: Mapping[str, Json]) -> str:
    """Return the object id of whoever sent it, `?` when it does not say: installs may come from nobody."""
    object_id = _part(body, "from").get("aadObjectId")
    return object_id.lower() if isinstance(object_id, str) and object_id else "?"


def conversation(body: Mapping[str, Json], tenant: str) -> Conversation | None:
    """Return the conversation that an activity comes from as we remember it; None when it names none."""
    about, team = _part(body, "conversation"), _part(_part(body, "channelData"), "team")
    chat, kind, url = about.get("id"), about.get("conversationType"), str(body["serviceUrl"])
    if isinstance(team.get("id"), str):
        name = team.get("name")
        return Conversation(team["id"], TEAM, url, None, name if isinstance(name, str) else None)
    if not isinstance(chat, str) or not chat:
        return None
    if kind == PERSONAL:
        object_id = _part(body, "from").get("aadObjectId") if body.get("type") in BY_A_PERSON else None
        account = f"{tenant}/{object_id.lower()}" if isinstance(object_id, str) and object_id else None
        return Conversation(base(chat), PERSONAL, url, account)
    return Conversation(base(chat), GROUP, url) if kind == "groupChat" else None


def left(body: Mapping[str, Json]) -> bool:
    """Say whether it tells that we ourselves were removed."""
    us = _part(body, "recipient").get("id")
    if body.get("type") == "installationUpdate":
        return str(body.get("action", "")).startswith("remove")
    changed = body.get("membersRemoved")
    return isinstance(changed, list) and any(
        isinstance(member, dict) and us is not None and member.get("id") == us for member in changed
    )


def renamed_team(body: Mapping[str, Json]) -> str | None:
    """Return the team of which channels were made, renamed or deleted, when that is what it tells."""
    channel_data = _part(body, "channelData")
    team = _part(channel_data, "team").get("id")
    changed = str(channel_data.get("eventType", "")).startswith(("channel", "team"))
    return team if changed and isinstance(team, str) else None


def _mentions(body: Mapping[str, Json]) -> list[tuple[str, str]]:
    entities = body.get("entities")
    found = []
    for entity in entities if isinstance(entities, list) else ():
        if not isinstance(entity, dict) or entity.get("type") != "mention":
            continue
        shown, mentioned = entity.get("text"), _part(entity, "mentioned").get("id")
        if isinstance(shown, str) and shown and isinstance(mentioned, str):
            found.append((shown, mentioned))
    return found


def _part(whole: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    part = whole.get(name)
    return part if isinstance(part, dict) else {}
