"""The Web API methods that we call: what they need and what they take."""

import json
from typing import Any

from aiohttp import web

from tests.fakes.slack_blocks import Refused
from tests.fakes.slack_state import Json

# After slack-ruby/slack-api-ref: what a bot token needs, beside what depends on the kind of conversation.
SCOPES: dict[str, set[str]] = {
    "apps.connections.open": set(),  # with the app's token, not the bot's
    "auth.test": set(),
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.history": set(),
    "conversations.open": {"im:write"},
    "files.completeUploadExternal": {"files:write"},
    "files.getUploadURLExternal": {"files:write"},
    "oauth.v2.access": set(),  # with the app's client id and secret
    "users.conversations": set(),
    "users.info": {"users:read"},
    "usergroups.users.list": {"usergroups:read"},
    "views.open": set(),
    "views.publish": set(),
    "views.push": set(),
    "views.update": set(),
}
ARGUMENTS: dict[str, set[str]] = {
    "apps.connections.open": set(),
    "auth.test": set(),
    "chat.postEphemeral": {"channel", "user", "text", "blocks", "thread_ts"},
    "chat.postMessage": {
        "channel", "text", "blocks", "metadata", "thread_ts", "unfurl_links", "unfurl_media", "parse",
    },
    "chat.update": {"channel", "ts", "text", "blocks", "parse"},
    "conversations.history": {"channel", "oldest", "limit", "include_all_metadata", "cursor"},
    "conversations.open": {"users"},
    "files.completeUploadExternal": {"files", "channel_id", "initial_comment"},
    "files.getUploadURLExternal": {"filename", "length", "alt_txt"},
    "oauth.v2.access": {"client_id", "client_secret", "code", "redirect_uri", "grant_type", "refresh_token"},
    "users.conversations": {"types", "exclude_archived", "limit", "cursor", "team_id"},
    "users.info": {"user"},
    "usergroups.users.list": {"usergroup", "team_id"},
    "views.open": {"trigger_id", "view"},
    "views.publish": {"user_id", "view", "hash"},
    "views.push": {"trigger_id", "view"},
    "views.update": {"view_id", "view", "hash"},
}  # fmt: skip


async def arguments_of(request: web.Request) -> Json:
    """Return what a call was given, however it was encoded."""
    if request.content_type == "application/json":
        body = await request.json()
    else:
        body = {name: str(value) for name, value in (await request.post()).items()}
    given = {**request.query, **body}
    for name in ("view", "blocks", "metadata", "files"):
        if isinstance(given.get(name), str):
            given[name] = json.loads(given[name])
    return {name: value for name, value in given.items() if value not in (None, "")}


def page_of(things: list[Any], arguments: Json) -> tuple[list[Any], str]:
    """Return one page of a list, and the cursor of the next."""
    start, size = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 100)
    if size > 1000:
        raise Refused("invalid_limit", str(size))
    end = start + size
    return things[start:end], str(end) if end < len(things) else ""


def next_page(cursor: str) -> Json:
    """Return a cursor as Slack gives it."""
    return {"response_metadata": {"next_cursor": cursor}}
