"""The keys of test files."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.core.policy.grammar import GROUP, INSTANT, PERSON
from bot.core.policy.problems import Report
from bot.core.policy.records import Key, Many, Named, Record
from bot.core.policy.shapes import IDENTIFIER, NAME, Choice, Flag, Span, Text, Whole
from bot.core.policy.tree import Node, plain
from bot.core.terms import Effect, Json, State, Verdict

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)  # a Monday


class Free:
    """Any mapping: parameters and context are judged when they are planned."""

    def read(self, node: Node, report: Report) -> Json:
        if not isinstance(node.value, dict):
            raise report.fault(node.place, "expected a mapping")
        return plain(node)

    def schema(self) -> dict[str, Json]:
        return {"type": "object"}


class Moment:
    """An instant with a zone."""

    def read(self, node: Node, report: Report) -> datetime:
        text = Text(INSTANT, "an instant such as 2026-12-24T09:00Z", 40).read(node, report)
        try:
            read = datetime.fromisoformat(text)
        except ValueError as error:
            raise report.fault(node.place, f"there is no such instant: {error}") from error
        if read.tzinfo is None:
            raise report.fault(node.place, "this instant has no zone; end it in Z or an offset")
        return read.astimezone(UTC)

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "format": "date-time"}


def noon_or(moment: datetime | None) -> datetime:
    """Return the case's instant, or the one that stands for any."""
    return moment or NOON


IDENT = Text(IDENTIFIER, "an identifier", 200)
AGENT = Record(
    "an agent",
    {
        "owner": Key(PERSON, "who owns it", required=True),
        "acts_for": Key(Many(PERSON), "whom it may act for; default its owner"),
        "executes": Key(Flag(), "whether it is its own executor; default false"),
    },
)
RESOURCE = Record("a resource", {"type": Key(IDENT, "its type", True), "id": Key(IDENT, "its id", True)})
REVIEW = Record(
    "a review",
    {
        "by": Key(PERSON, "who reviews", required=True),
        "verdict": Key(Choice(Verdict), "what they say", required=True),
        "after": Key(Span(), "how long after the request was made; default PT1M"),
        "reason": Key(Text(), "why"),
        "refused": Key(Flag(), "whether the review must be refused; default false"),
    },
)
EXPECT = Record(
    "an expectation",
    {
        "effect": Key(Choice(Effect), "what the policy says"),
        "rules": Key(Many(Text(NAME, "a rule's id", 100)), "exactly the rules that made the plan"),
        "stages": Key(Many(Text(NAME, "a stage's name", 100)), "exactly the stages, in order"),
        "state": Key(Choice(State), "where the request stands in the end"),
        "refused": Key(Flag(), "whether the ask is refused at the door; default false"),
    },
)
CASE = Record(
    "a case",
    {
        "name": Key(Text(longest=200), "what it shows, as a sentence", required=True),
        "action": Key(IDENT, "the action's name", required=True),
        "parameters": Key(Free(), "its parameters; default none"),
        "resource": Key(RESOURCE, "what it is done to"),
        "agent": Key(IDENT, "one of `agents`; default the first"),
        "on_behalf_of": Key(PERSON, "for whom"),
        "justification": Key(Text(), "why"),
        "context": Key(Free(), "what the agent adds"),
        "approve_within": Key(Span(), "the agent's own deadline"),
        "now": Key(Moment(), "when; default Monday 2026-01-05T12:00Z"),
        "away": Key(Named("a person", PERSON), "who is away, and who stands in for them"),
        "used": Key(Named("a rule", Whole(0, 1_000_000)), "how often each limit was used already"),
        "reviews": Key(Many(REVIEW), "what people say, in order"),
        "after": Key(Span(), "when to look at the state; default after the last review"),
        "expect": Key(EXPECT, "what should come of it", required=True),
    },
)
TEST = Record(
    "a test file",
    {
        "agents": Key(Named("an agent", AGENT), "the agents that ask", required=True),
        "groups": Key(
            Named("a group", Many(GROUP)), "who is in the groups that only Slack or a calendar knows"
        ),
        "cases": Key(Many(CASE, empty="there are no cases"), "the cases", required=True),
    },
)
