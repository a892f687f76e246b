"""Requests and cards to show, and a directory to know people by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import cast

from bot.core.card import Card, card
from bot.core.policy import Bundle, Directory
from bot.core.terms import (
    Action,
    AgentName,
    Digest,
    Display,
    Effect,
    GrantId,
    GroupName,
    Json,
    Parameter,
    Person,
    PersonName,
    Plan,
    Registry,
    Request,
    RequestId,
    Resource,
    Reversibility,
    Roster,
    RuleId,
    Stage,
    State,
    Subject,
)
from bot.ports import InForce
from handlers.render import Renderer
from tests.fixtures.clock import NOON

RENDERER = Renderer(Path(__file__).parents[3] / "templates")
PAGE = "https://assent.test/requests/req_1"
ID = RequestId("req_" + "0" * 32)
PLAN = Plan(
    effect=Effect.REQUIRE_APPROVAL,
    rules=(RuleId("prod-migrate"),),
    bundle=Digest("b" * 64),
    reason=None,
    title="Run a database migration",
    reversibility=Reversibility.REVERSIBLE,
    parameters=(Parameter("env", Display.TEXT), Parameter("sql", Display.CODE)),
    executor=None,
    approve_within=timedelta(minutes=30),
    execute_within=timedelta(minutes=5),
    report_within=timedelta(minutes=15),
    stages=(Stage("dba", ("group:dba",), 1),),
)


def a_request(parameters: Mapping[str, Json] | None = None, **changes: Json) -> Request:
    """Return a pending request."""
    request = Request(
        id=ID,
        version=1,
        state=State.PENDING,
        action=Action("db.migrate", {"env": "prod", "sql": "SELECT 1"} if parameters is None else parameters),
        resource=Resource("database", "orders"),
        context=None,
        subject=Subject(AgentName("deployer"), None),
        owner=PersonName("ed"),
        justification=None,
        summary=None,
        digest=Digest("9f2a61c0" + "0" * 56),
        plan=PLAN,
        grant_id=GrantId("e" * 32),
        created_at=NOON,
        expires_at=NOON + timedelta(minutes=30),
        stage_opened_at=NOON,
    )
    return replace(request, **changes)


def a_card(parameters: Mapping[str, Json] | None = None, **changes: Json) -> Card:
    """Return the card of such a request."""
    return card(a_request(parameters, **changes), NOON, PAGE)


@dataclass
class Known:
    """Policies and accounts that consist of a directory."""

    people: dict[PersonName, Person]

    def current(self) -> InForce:
        accounts = {("slack", account): name for name, p in self.people.items() for account in p.slack}
        directory = Directory(self.people, Digest("d" * 64), accounts)
        return InForce(cast(Bundle, None), directory)

    async def person(self, surface: str, account: str) -> PersonName | None:
        return self.current().directory.by_account(surface, account)

    async def held(self, person: PersonName, surface: str) -> tuple[str, ...]:
        known = self.people.get(person)
        return known.slack if known and surface == "slack" else ()

    async def roster(self, request: Request, registry: Registry) -> Roster:
        raise AssertionError("nobody decides here")

    async def members(self, group: GroupName) -> frozenset[PersonName] | None:
        raise AssertionError("nobody decides here")


def knowing(**accounts: str) -> Known:
    """Return policies whose directory has these people with these Slack accounts."""
    people = {
        PersonName(name): Person(PersonName(name), slack=(account,)) for name, account in accounts.items()
    }
    return Known(people)
