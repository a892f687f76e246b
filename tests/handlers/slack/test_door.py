"""Forged, unsigned, old and other workspaces' calls: 401, and nothing is stored (SECURITY 20)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import aiohttp
from multidict import CIMultiDict

from handlers.slack import TheOne
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_payloads import encoded, signature
from tests.fakes.slack_state import Fault
from tests.fakes.slack_views import CardView
from tests.world import World

ANA = "U0ANA"
Headers = dict[str, str]


def unsigned(headers: Headers) -> Headers:
    return {"Content-Type": headers["Content-Type"]}


def without_time(headers: Headers) -> Headers:
    return {name: value for name, value in headers.items() if name != "X-Slack-Request-Timestamp"}


def other_secret(headers: Headers) -> Headers:
    stamp = int(headers["X-Slack-Request-Timestamp"])
    return headers | {"X-Slack-Signature": signature("another secret", stamp, "")}


def other_time(headers: Headers) -> Headers:
    return headers | {"X-Slack-Request-Timestamp": str(int(headers["X-Slack-Request-Timestamp"]) + 1)}


def no_number(headers: Headers) -> Headers:
    return headers | {"X-Slack-Request-Timestamp": "now"}


def huge_number(headers: Headers) -> Headers:
    return headers | {"X-Slack-Request-Timestamp": "9" * 5000}


def empty(headers: Headers) -> Headers:
    return headers | {"X-Slack-Signature": ""}


def letters(headers: Headers) -> Headers:
    return headers | {"X-Slack-Signature": "v0=ä"}


SPOILT = (unsigned, without_time, other_secret, other_time, no_number, huge_number, empty, letters)


async def test_a_call_that_slack_did_not_sign_is_401_and_nothing_is_stored(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    body, content_type = encoded(slack.pressed(card, "Approve", ANA))
    before = await world.audit()
    for spoilt in SPOILT:
        answer = await slack.deliver(body, spoilt(slack.headers(body, content_type)))
        assert answer.status == 401, spoilt
    assert await world.audit() == before
    assert (await world.agent.sees(request_))["state"] == "pending"


async def test_two_signatures_or_two_times_are_none(world: World, slack: FakeSlack, card: CardView) -> None:
    body, content_type = encoded(slack.pressed(card, "Approve", ANA))
    good = slack.headers(body, content_type)
    for name, other in (("X-Slack-Signature", "v0=0"), ("X-Slack-Request-Timestamp", "1")):
        for twice in ((good[name], other), (other, good[name]), (good[name], good[name])):
            rest = [(key, value) for key, value in good.items() if key != name]
            headers = CIMultiDict([*rest, *((name, value) for value in twice)])
            assert (await slack.deliver(body, headers)).status == 401, (name, twice)


async def test_other_bytes_than_were_signed_are_401(world: World, slack: FakeSlack, card: CardView) -> None:
    body, content_type = encoded(slack.pressed(card, "Deny", ANA))
    headers = slack.headers(body, content_type)
    assert (await slack.deliver(body.replace("deny", "approve"), headers)).status == 401


async def test_a_signature_is_good_for_five_minutes_either_way(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    body, content_type = encoded(slack.pressed(card, "View full", ANA))
    for seconds, status in ((-301, 401), (-300, 200), (300, 200), (301, 401)):
        signed_at = world.clock.now() + timedelta(seconds=seconds)
        slack.state.now = lambda at=signed_at: at  # type: ignore[misc]
        assert (await slack.deliver(body, slack.headers(body, content_type))).status == status, seconds


async def test_another_workspaces_call_is_401_and_nothing_is_stored(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    before = await world.audit()
    changes: list[dict[str, Any]] = [{"team": {"id": "T0OTHER"}}, {"enterprise": {"id": "E0OTHER"}}]
    for change in changes:
        answer = await slack.send(slack.pressed(card, "Approve", ANA) | change)
        assert answer.status == 401, change
    assert await world.audit() == before
    assert (await world.agent.sees(request_))["state"] == "pending"


async def test_a_slack_connect_member_in_our_channel_is_refused(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    click = slack.pressed(card, "Approve", ANA)
    click["user"]["team_id"] = "T0OTHER"
    assert (await slack.send(click)).status == 200
    assert "our own Slack workspace" in await slack.whisper(ANA)
    assert (await world.agent.sees(request_))["state"] == "pending"


NONSENSE = (
    ("", "application/json"),
    ("{", "application/json"),
    ("[]", "application/json"),
    ("null", "application/json"),
    ("payload=%7B", "application/x-www-form-urlencoded"),
    ("payload=[]", "application/x-www-form-urlencoded"),
    ("payload=%7B%7D", "application/x-www-form-urlencoded"),
    ("{}", "text/plain; charset=nonsense"),
    ("ssl_check=1", "application/x-www-form-urlencoded"),
    ("[" * 100_000, "application/json"),
)


async def test_nonsense_is_refused_politely_signed_or_not(world: World, slack: FakeSlack) -> None:
    for body, content_type in NONSENSE:
        answer = await slack.deliver(body, slack.headers(body, content_type))
        assert answer.status in (400, 401), body[:20]
        assert (await slack.deliver(body, {"Content-Type": content_type})).status == 401


async def test_bytes_that_are_no_text_are_401(world: World, slack: FakeSlack) -> None:
    headers = slack.headers("", "application/json")
    async with (
        aiohttp.ClientSession() as http,
        http.post(slack.app, data=b"\xff\xfe", headers=headers) as answer,
    ):
        assert answer.status == 401


async def test_slack_verifies_the_address(world: World, slack: FakeSlack) -> None:
    challenge = {
        "type": "url_verification",
        "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
    }
    answer = await slack.send(challenge)
    assert answer.status == 200
    assert challenge["challenge"] in answer.text
    body = json.dumps(challenge)
    assert (await slack.deliver(body, {"Content-Type": "application/json"})).status == 401


async def test_while_slack_does_not_say_which_workspace_is_ours_nothing_gets_in(
    world: World, slack: FakeSlack, request_: dict[str, Any], card: CardView
) -> None:
    workspaces = world.running.parts.workspaces
    assert isinstance(workspaces, TheOne)
    workspaces.workspace._installation = None
    slack.goes_wrong("auth.test", Fault(status=500))
    assert (await slack.send(slack.pressed(card, "Approve", ANA))).status == 503
    assert (await world.agent.sees(request_))["state"] == "pending"
