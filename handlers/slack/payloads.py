"""What Slack sends when somebody clicks, reacts, submits a form or types a command: read once, here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from bot.core.errors import Malformed
from bot.core.terms import Digest, Json, RequestId, Verdict
from handlers.slack.identity import Clicker

OPEN = "open"  # the button of a list, which is no card
ASK, DELEGATE = "ask", "delegate"  # forms beside those for verdicts


@dataclass(frozen=True, slots=True)
class Pane:
    """A home tab, or a modal that shows a request, where a button was pressed instead of on a message."""

    id: str
    is_home: bool
    request_id: RequestId | None  # of a modal


@dataclass(frozen=True, slots=True)
class Said:
    """A pressed button of a home tab; `line` is the command that it stands for, `trigger` opens a window."""

    clicker: Clicker
    pane: Pane
    line: str
    trigger: str


@dataclass(frozen=True, slots=True)
class Click:
    """A pressed button of a card. `trigger` opens one form, within 3 seconds.

    `word` is what was chosen behind the dots. A message has a `response_url`, a pane has none. A card that
    is `alone` stands in a message that only the clicker sees, so nothing but their click renews it.
    """

    clicker: Clicker
    request_id: RequestId
    digest: Digest
    trigger: str
    response_url: str
    word: str = ""
    pane: Pane | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Carried:
    """What a form carries from the click that opened it, and back."""

    request_id: RequestId
    digest: Digest
    what: str  # a verdict, `ask` or `delegate`
    response_url: str
    pane: str = ""  # the modal beneath, which shows the request
    alone: bool = False  # as in `Click`

    def packed(self) -> str:
        """Return it as the form's `private_metadata`."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Form:
    """A submitted form."""

    clicker: Clicker
    carried: Carried
    words: str | None  # or the `U…` of who was chosen


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji that somebody put on a message."""

    clicker: Clicker
    emoji: str
    channel: str
    message: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A slash command; `line` is what follows it, with Slack's marks. `trigger` opens one window."""

    clicker: Clicker
    line: str
    response_url: str
    trigger: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """A pressed button of an answer; `line` is the command that it stands for."""

    clicker: Clicker
    line: str
    response_url: str
    trigger: str  # opens one form, within 3 seconds


def click(body: Mapping[str, Json]) -> Click:
    """Read a `block_actions` payload. Raises `Malformed` for a button that is not one of ours."""
    action, word = body["actions"][0], ""
    value = str(action.get("value", ""))
    if chosen := action.get("selected_option"):
        word, _, value = str(chosen.get("value", "")).partition(" ")
    request_id, _, digest = value.partition(" ")
    if not request_id or not digest:
        raise Malformed("This button belongs to no request.")
    return Click(
        clicker=clicker(body),
        request_id=RequestId(request_id),
        digest=Digest(digest),
        trigger=str(body["trigger_id"]),
        response_url="" if "view" in body else str(body["response_url"]),
        word=word,
        pane=pane(body),
        alone=action["action_id"] != OPEN and body.get("container", {}).get("is_ephemeral") is True,
    )


def pane(body: Mapping[str, Json]) -> Pane | None:
    """Read in which pane a button was pressed; None on a message."""
    view = body.get("view")
    if not view:
        return None
    shown = view.get("private_metadata") or None
    return Pane(str(view["id"]), view["type"] == "home", RequestId(shown) if shown else None)


def said(body: Mapping[str, Json]) -> Said:
    """Read a `block_actions` payload of a home tab; raises `Malformed` for a button on a message."""
    found = pane(body)
    if found is None:
        raise Malformed("This button belongs to no home tab.")
    return Said(clicker(body), found, str(body["actions"][0].get("value", "")), str(body["trigger_id"]))


def reaction(event: Mapping[str, Json]) -> Reaction:
    """Read a `reaction_added` event; it says nothing of the team its user belongs to."""
    on = event["item"]
    where = str(on.get("channel", "")), str(on.get("ts", ""))
    return Reaction(Clicker(str(event["user"]), None), str(event["reaction"]), *where)


def form(body: Mapping[str, Json]) -> Form:
    """Read a `view_submission` payload; raises `Malformed` for a form that is not one of ours."""
    view = body["view"]
    try:
        packed = json.loads(view["private_metadata"])
        what = packed["what"]
        carried = Carried(**{**packed, "what": what if what in (ASK, DELEGATE) else Verdict(what).value})
        words = _filled(view["state"]["values"]["reason"]["words"])
    except (ValueError, LookupError, TypeError) as error:
        raise Malformed("This form is of another version; open it again.") from error
    return Form(clicker=clicker(body), carried=carried, words=words)


def _filled(element: Mapping[str, Json]) -> str | None:
    """Read what was typed or who was chosen; raises `KeyError` for anything else."""
    found = element["selected_user"] if element.get("type") == "users_select" else element["value"]
    return None if found is None else str(found)


def typed(body: Mapping[str, Json]) -> Typed:
    """Read a slash command; its payload says nothing of the team its user belongs to."""
    line, trigger = str(body.get("text", "")), str(body["trigger_id"])
    return Typed(Clicker(str(body["user_id"]), None), line, str(body["response_url"]), trigger)


def pressed(body: Mapping[str, Json]) -> Pressed:
    """Read a `block_actions` payload of an answer's button."""
    line = str(body["actions"][0].get("value", ""))
    return Pressed(clicker(body), line, str(body["response_url"]), str(body["trigger_id"]))


def clicker(body: Mapping[str, Json]) -> Clicker:
    """Read who it was."""
    # An empty team is a team that is not ours.
    return Clicker(str(body["user"]["id"]), str(body["user"].get("team_id", "")))
