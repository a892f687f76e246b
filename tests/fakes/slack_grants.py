"""Slack's OAuth, as far as an install goes: codes and refresh tokens, each good once."""

import base64

from tests.fakes.slack_blocks import Refused
from tests.fakes.slack_state import BOT_USER, CLIENT_ID, CLIENT_SECRET, Json, State

LIFE = 43200  # seconds that a rotating token lives


def grant(state: State, refresh: str, whole_org: bool) -> Json:
    """Return what a code is traded for: the workspace's token; with `refresh` one that rotates."""
    org = {"id": state.enterprise, "name": "Assent Org"} if state.enterprise else None
    rotation = {"refresh_token": refresh, "expires_in": LIFE} if refresh else {}
    return {
        "access_token": state.token,
        "token_type": "bot",
        "scope": ",".join(sorted(state.scopes)),
        "bot_user_id": BOT_USER,
        "app_id": "A0ASSENT",
        "team": None if whole_org else {"id": state.team, "name": "Assent"},
        "enterprise": org,
        "is_enterprise_install": whole_org,
        "authed_user": {"id": "U0ANA"},
        **rotation,
    }


def trade(state: State, arguments: Json) -> Json:
    """Trade a code or a refresh token."""
    renews = arguments.get("grant_type") == "refresh_token"
    key = arguments.get("refresh_token" if renews else "code", "")
    if key not in state.grants:
        raise Refused("invalid_refresh_token" if renews else "invalid_code", key)
    return state.grants.pop(key)


def check_client(authorization: str) -> None:
    """Refuse anybody but our app."""
    kind, _, encoded = authorization.partition(" ")
    said = base64.b64decode(encoded).decode() if kind == "Basic" else ""
    if said != f"{CLIENT_ID}:{CLIENT_SECRET}":
        raise Refused("invalid_client_id", "oauth.v2.access")
