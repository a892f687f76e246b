"""What Slack sends to an app, in the shapes of Slack's own samples, signed as Slack signs."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from tests.fakes.slack_blocks import offers
from tests.fakes.slack_state import BOT, BOT_USER, Home, Json, Message, Modal, State

APP = "A0ASSENT"


def signature(secret: str, stamp: int, body: str) -> str:
    """Return `X-Slack-Signature` over a body."""
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256)
    return f"v0={digest.hexdigest()}"


def block_actions(
    state: State, user: str, message: Message, action: Json, trigger: str, response_url: str
) -> Json:
    """Return what a pressed button sends."""
    channel = state.conversations[message.channel]
    return {
        "type": "block_actions",
        **_who(state, user),
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": False,
        },
        "trigger_id": trigger,
        "channel": {"id": channel.id, "name": "directmessage" if channel.user else channel.name},
        "message": {
            "type": "message",
            "user": BOT_USER,
            "bot_id": BOT,
            "app_id": APP,
            "ts": message.ts,
            "team": state.team,
            "text": message.text,
            "blocks": message.blocks,
        },
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [{**_without(action, "confirm", "style"), "action_ts": state.ts()}],
    }


def ephemeral_action(
    state: State, user: str, channel: str, action: Json, trigger: str, response_url: str
) -> Json:
    """Return what a button sends that stands in a message for one person: without the message."""
    return {
        "type": "block_actions",
        **_who(state, user),
        "container": {
            "type": "message",
            "message_ts": state.ts(),
            "channel_id": channel,
            "is_ephemeral": True,
        },
        "trigger_id": trigger,
        "channel": {"id": channel, "name": state.conversations[channel].name},
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [{**_without(action, "confirm", "style"), "block_id": "b1", "action_ts": state.ts()}],
    }


def view_closed(state: State, modal: Modal) -> Json:
    """Return what a modal sends that is closed by hand; after Slack's own sample."""
    return {
        "type": "view_closed",
        **_who(state, modal.user),
        "view": {**modal.view, "id": modal.id, "team_id": state.team, "hash": modal.hash, "bot_id": BOT},
        "is_cleared": False,
    }


def view_submission(state: State, modal: Modal, filled: dict[str, Any]) -> Json:
    """Return what a submitted form sends; `filled` is what its fields hold, by their labels."""
    view = modal.view
    values = {
        block["block_id"]: {
            block["element"]["action_id"]: _filled(block["element"], filled, block["label"]["text"]),
        }
        for block in view["blocks"]
        if block["type"] == "input"
    }
    return {
        "type": "view_submission",
        **_who(state, modal.user),
        "trigger_id": f"{state.next()}.after",
        "view": {
            **view,
            "id": modal.id,
            "team_id": state.team,
            "state": {"values": values},
            "hash": "1700000000.abc",
            "previous_view_id": None,
            "root_view_id": modal.id,
            "app_id": APP,
            "external_id": "",
            "app_installed_team_id": state.team,
            "bot_id": BOT,
        },
        "response_urls": [],
    }


def command(state: State, user: str, channel: str, text: str, trigger: str, response_url: str) -> Json:
    """Return what a typed slash command sends; a form, not JSON."""
    fields = {
        "token": "legacy-token",
        "team_id": state.team,
        "team_domain": "assent",
        "channel_id": channel,
        "channel_name": state.conversations[channel].name,
        "user_id": user,
        "user_name": state.users.get(user, {}).get("name", "somebody"),
        "command": "/assent",
        "text": text,
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger,
    }
    return fields | ({"enterprise_id": state.enterprise} if state.enterprise else {})


def reaction(state: State, user: str, message: Message, emoji: str) -> Json:
    """Return the inner event of an emoji that somebody put on a message."""
    return {
        "type": "reaction_added",
        "user": user,
        "reaction": emoji,
        "item": {"type": "message", "channel": message.channel, "ts": message.ts},
        "item_user": BOT_USER,
        "event_ts": state.ts(),
    }


def _filled(element: Json, filled: dict[str, Any], label: str) -> Json:
    """Return a field as it is sent: with what it was filled with, or with what stood in it at first."""
    kind = element["type"]
    match kind:
        case "users_select":
            held = {"selected_user": filled.get(label, element.get("initial_user"))}
        case "datetimepicker":
            at = filled.get(label)
            held = {"selected_date_time": int(at.timestamp()) if at else element.get("initial_date_time")}
        case "timepicker":
            held = {"selected_time": filled.get(label, element.get("initial_time"))}
        case "static_select":
            first = element.get("initial_option")
            held = {"selected_option": _chosen(element, filled[label]) if label in filled else first}
        case _:
            held = {"value": filled.get(label, element.get("initial_value"))}
    return {"type": kind, **held}


def _chosen(element: Json, label: str | None) -> Json | None:
    """Return what is chosen by its label; Slack sends nothing that it did not offer."""
    if label is None:
        return None
    [found] = [option for option in offers(element) if option["text"]["text"] == label]
    return found


def pane_actions(state: State, pane: Home | Modal, action: Json, trigger: str) -> Json:
    """Return what a button of a home tab or a modal sends: no message, and nowhere to answer."""
    return {
        "type": "block_actions",
        **_who(state, pane.user),
        "container": {"type": "view", "view_id": pane.id},
        "trigger_id": trigger,
        "view": {
            **pane.view,
            "id": pane.id,
            "team_id": state.team,
            "hash": pane.hash,
            "state": {"values": {}},
            "private_metadata": pane.view.get("private_metadata", ""),
            "previous_view_id": None,
            "root_view_id": pane.id,
            "app_id": APP,
            "bot_id": BOT,
        },
        "actions": [{**_without(action, "confirm", "style"), "action_ts": state.ts()}],
    }


def home_opened(state: State, user: str, tab: str = "home") -> Json:
    """Return the inner event of an opened home tab; it has the view that stands there, if one does."""
    home = state.homes.get(user)
    view = {"view": {**home.view, "id": home.id, "hash": home.hash}} if home else {}
    return {
        "type": "app_home_opened",
        "user": user,
        "channel": f"D{user[1:]}CHAT",
        "tab": tab,
        "event_ts": state.ts(),
        **view,
    }


def event(state: State, inner: Json) -> Json:
    """Return what an event sends."""
    return {
        "token": "legacy-token",
        "team_id": state.team,
        "api_app_id": APP,
        "event": inner,
        "type": "event_callback",
        "event_id": f"Ev{state.next():08d}",
        "event_time": int(state.now().timestamp()),
        "authorizations": [
            {
                "enterprise_id": state.enterprise,
                "team_id": state.team,
                "user_id": BOT_USER,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }


def encoded(payload: Json) -> tuple[str, str]:
    """Return (body, content type) as Slack encodes this kind of payload."""
    form = "application/x-www-form-urlencoded"
    if payload.get("type") in ("event_callback", "url_verification"):
        return json.dumps(payload), "application/json"
    if "command" in payload:
        return urlencode(payload), form
    return urlencode({"payload": json.dumps(payload)}), form


def _who(state: State, user: str) -> Json:
    known: Json = state.users.get(user, {})
    enterprise = {"id": state.enterprise, "name": "Assent Org"} if state.enterprise else None
    return {
        "user": {
            "id": user,
            "username": known.get("name", "somebody"),
            "name": known.get("name", "somebody"),
            "team_id": known.get("team_id", state.team),
        },
        "api_app_id": APP,
        "token": "legacy-token",
        "team": {"id": state.team, "domain": "assent"},
        "enterprise": enterprise,
        "is_enterprise_install": False,
    }


def _without(node: Json, *keys: str) -> Json:
    kept: dict[str, Any] = {key: value for key, value in node.items() if key not in keys}
    return kept
