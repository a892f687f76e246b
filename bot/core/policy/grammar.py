"""The keys of policy files, each declared once: what parses is what the JSON Schema says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from bot.core.policy.matching import Match, Where
from bot.core.policy.model import Kind, Otherwise, Per
from bot.core.policy.records import Key, Located, Many, Named, Record
from bot.core.policy.shapes import IDENTIFIER, NAME, Choice, Flag, Scalar, Span, Text, Whole
from bot.core.terms import Display, Effect, ReasonRule, Reversibility

PARAMETER_NAME = re.compile(r"[A-Za-z0-9_\-]{1,100}")
REFERENCE = re.compile(r"(group|person):[A-Za-z0-9_][A-Za-z0-9._\-]{0,99}")
SEPARATE = re.compile(r"requester|on_behalf_of|agent_owner|" + REFERENCE.pattern)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?")
SLACK_ACCOUNT = re.compile(r"[TE][A-Za-z0-9]{1,30}/[UW][A-Za-z0-9_]{1,30}")
TEAMS_ACCOUNT = re.compile(r"[0-9A-Za-z._\-]{1,64}/[0-9A-Za-z._\-]{1,64}")
FEED = re.compile(  # plain http only to this machine: whoever can change a feed says who is on call
    r"https://[^\s/]+/\S+|http://(localhost|127\.0\.0\.1)(:\d+)?/\S+"
    r"|([A-Za-z0-9_][A-Za-z0-9._\-]*/)*[A-Za-z0-9_][A-Za-z0-9._\-]*\.ics"
)
FEED_WORDS = "https://… of an iCalendar, or an .ics file beside the bundle"
QUORUM_MAX = 50  # people; more is a typing error


class Shown(StrEnum):
    """The values of a parameter's `show`."""

    PLAIN = "plain"
    REDACTED = "redacted"


class Requested(StrEnum):
    """The values of `justification.requester`."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class Additional(StrEnum):
    """The values of an action's `additional`."""

    REFUSE = "refuse"
    SHOW = "show"


PERSON = Text(NAME, "a person's name", 100)
GROUP = Text(NAME, "a group's name", 100)
CONDITION = Located(Text(what="a condition", longest=1000))
REFERENCE_TEXT = Text(REFERENCE, "group:NAME or person:NAME", 120)
REFERENCES = Many(Located(REFERENCE_TEXT), or_one=True, empty="this list is empty: nobody could act on it")
APPROVERS = Many(
    Located(REFERENCE_TEXT), empty="nobody is an approver: an empty list means no, not everybody"
)
SEPARATION = Many(
    Located(Text(SEPARATE, "requester, on_behalf_of, agent_owner, group:NAME or person:NAME", 120))
)
PLACES = Many(Where())
SPAN = Span()

PARAMETER = Record(
    "a parameter",
    {
        "type": Key(Choice(Kind), "its type", required=True),
        "title": Key(Text(longest=100), "how cards call it; default its name"),
        "optional": Key(Flag(), "whether it may be left out; default false"),
        "values": Key(Many(Scalar(), empty="no value would be allowed"), "the values of an enum"),
        "min": Key(Scalar(numeric=True), "the smallest number"),
        "max": Key(Scalar(numeric=True), "the largest number; of text its characters, of a list its members"),
        "of": Key(Choice(Kind), "what a list holds; default string"),
        "render": Key(
            Choice(Display, (Display.TEXT, Display.CODE, Display.DIFF)), "how it is shown; default text"
        ),
        "show": Key(Choice(Shown), "redacted: cards show a keyed commitment; default plain"),
    },
)
ACTION = Record(
    "an action",
    {
        "title": Key(Text(longest=200), "what cards call it", required=True),
        "executor": Key(Text(NAME, "an executor's name", 100), "who runs it: the only audience of its grant"),
        "reversibility": Key(Choice(Reversibility), "whether it can be undone; default irreversible"),
        "params": Key(Named("a parameter", PARAMETER, PARAMETER_NAME), "its typed parameters; default none"),
        "additional": Key(
            Choice(Additional), "show: unknown parameters are shown as uninspectable; default refuse"
        ),
    },
)
GROUP_RECORD = Record(
    "a group",
    {
        "members": Key(Many(Located(PERSON), empty="this group would be empty"), "who is in it"),
        "slack_usergroup": Key(
            Text(re.compile(r"S[A-Z0-9]{1,30}"), "the id of a Slack user group"), "where to read it"
        ),
        "oncall": Key(Text(FEED, FEED_WORDS, 500), "the iCalendar whose present shift is the group"),
        "fallback": Key(GROUP, "who stands in when this group cannot meet its quorum"),
    },
)
CALENDAR = Record(
    "a calendar",
    {
        "from": Key(Text(INSTANT, "an instant such as 2026-12-18T00:00"), "its first instant", required=True),
        "to": Key(
            Text(INSTANT, "an instant such as 2027-01-04T08:00"), "the instant it is over", required=True
        ),
        "tz": Key(
            Text(what="a time zone such as Europe/Paris", longest=60),
            "the zone of both, unless they carry one",
        ),
    },
)
STAGE = Record(
    "a stage",
    {
        "name": Key(Text(NAME, "a stage's name", 100), "its name, unique in its rule", required=True),
        "approvers": Key(APPROVERS, "who may review: the union of these", required=True),
        "quorum": Key(Whole(1, QUORUM_MAX), "how many different people must approve; default 1"),
        "deny": Key(Whole(1, QUORUM_MAX), "how many different people must deny to end it; default 1"),
        "within": Key(SPAN, "when it escalates, counted from its opening"),
        "when": Key(CONDITION, "the stage is needed only if this holds"),
    },
)
STAGES = Many(Located(STAGE), empty="an empty list of stages: nobody could approve")
ESCALATION = Record(
    "an escalation",
    {
        "after": Key(SPAN, "how long after the request was made", required=True),
        "remind": Key(REFERENCES, "whom to remind"),
        "add": Key(REFERENCES, "whom to add as approvers of the open stage"),
    },
)
LIMIT = Record(
    "a limit",
    {
        "max": Key(Whole(1, 1_000_000), "how many may be allowed in a window", required=True),
        "per": Key(Choice(Per), "what is counted apart; default agent"),
        "window": Key(SPAN, "the sliding window", required=True),
    },
)
JUSTIFICATION = Record(
    "a justification",
    {
        "requester": Key(Choice(Requested), "whether the ask must carry one; default optional"),
        "reviewer": Key(Choice(ReasonRule), "when a reviewer must give a reason; default optional"),
    },
)
SHARED: Mapping[str, Key] = {
    "approve_within": Key(SPAN, "clock 1: collect the reviews"),
    "execute_within": Key(SPAN, "clock 2: redeem the grant after approval"),
    "report_within": Key(SPAN, "clock 3: the executor's outcome is overdue after this"),
    "separation": Key(SEPARATION, "who else may not review"),
    "stages": Key(STAGES, "the steps of approval, one after another"),
    "show": Key(PLACES, "where to show the request"),
    "reactions": Key(Flag(), "whether emoji reactions count as reviews; default false"),
    "reveal_reviewers": Key(Flag(), "whether the agent learns who reviewed; default false"),
}
DEFAULTS = Record(
    "defaults",
    {
        "unknown_action": Key(Choice(Otherwise), "an action no catalog entry names; default deny"),
        "no_match": Key(Choice(Otherwise), "an action no rule matches; default require_approval"),
        "alert": Key(PLACES, "where admins are alerted, beside the message to each of them; default nowhere"),
        "roundup_after": Key(
            Whole(1, 1_000_000),
            "new cards a minute in one place; further requests are lines of one message there; default 12",
        ),
        **SHARED,
    },
)
RULE = Record(
    "a rule",
    {
        "id": Key(Text(NAME, "a rule's id", 100), "its id, unique in the bundle", required=True),
        "match": Key(Match(), "what it matches", required=True),
        "during": Key(Text(NAME, "a calendar's name", 100), "it matches only within this calendar"),
        "when": Key(CONDITION, "it matches only if this CEL condition holds"),
        "effect": Key(Choice(Effect), "what it says", required=True),
        "reason": Key(Text(longest=500), "why, in words for people and agents"),
        "limit": Key(LIMIT, "how many it allows; past it approval is required"),
        "justification": Key(JUSTIFICATION, "who must give reasons"),
        "escalate": Key(Many(ESCALATION), "reminders and additions while it waits"),
        **SHARED,
    },
)
BUNDLE = Record(
    "a bundle",
    {
        "defaults": Key(DEFAULTS, "what holds where no rule says otherwise"),
        "actions": Key(Named("an action", ACTION, IDENTIFIER), "the catalog"),
        "groups": Key(Named("a group", GROUP_RECORD), "who belongs together"),
        "calendars": Key(Named("a calendar", CALENDAR), "spans of time"),
        "rules": Key(Many(RULE), "the rules; their order means nothing"),
    },
)
PERSON_RECORD = Record(
    "a person",
    {
        "email": Key(
            Text(re.compile(r"[^@\s]+@[^@\s]+"), "an e-mail address", 254),
            "for people to read; it proves nothing",
        ),
        "title": Key(Text(longest=100), "how cards call them; default their name"),
        "slack": Key(
            Many(Text(SLACK_ACCOUNT, "a Slack account such as T0ABC/U0ABC"), or_one=True),
            "accounts: team/member",
        ),
        "teams": Key(
            Many(Text(TEAMS_ACCOUNT, "a Teams account: tenant/oid"), or_one=True), "accounts: tenant/oid"
        ),
        "groups": Key(Many(GROUP), "groups they are in"),
        "admin": Key(Flag(), "runs Assent; may review no more than anybody; default false"),
        "auditor": Key(Flag(), "reads everything, changes nothing; default false"),
        "break_glass": Key(Flag(), "may break the glass; default false"),
        "deputies": Key(Many(Located(PERSON)), "who may stand in for them"),
    },
)
DIRECTORY = Named("a person", PERSON_RECORD)
