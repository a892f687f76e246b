"""The fake Slack refuses what Slack refuses, so that the other tests mean something."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_blocks import Refused, check_message, check_types

OPS = "C0OPSXXXXX"


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Go"), "action_id": "go", **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def rich(*elements: dict[str, Any], kind: str = "rich_text_section") -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": list(elements)}]}


HEADER = {"type": "header", "text": plain("Title")}
BAD: list[list[dict[str, Any]]] = [
    [],
    [HEADER] * 51,
    [{"type": "header", "text": plain("x" * 151)}],
    [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
    [{"type": "section"}],
    [{"type": "section", "text": plain("")}],
    [{"type": "section", "text": plain("x" * 3001)}],
    [{"type": "section", "fields": [plain("x")] * 11}],
    [{"type": "section", "text": plain("x"), "colour": "red"}],
    [{"type": "context", "elements": [plain("x")] * 11}],
    [{**HEADER, "block_id": "a"}, {**HEADER, "block_id": "a"}],
    [{**HEADER, "block_id": "x" * 256}],
    [actions()],
    [actions(button(), button())],
    [actions(button(text=plain("x" * 76)))],
    [actions(button(value="x" * 2001))],
    [actions(button(style="green"))],
    [actions(button(url="javascript:alert(1)"))],
    [actions(button(confirm={"title": plain("x" * 101)}))],
    [rich()],
    [rich({"type": "text", "text": ""})],
    [rich({"type": "text", "text": "x", "style": {"bold": True}}, kind="rich_text_preformatted")],
    [rich({"type": "script", "text": "x"})],
    [{"type": "input", "label": plain("x"), "element": {"type": "plain_text_input"}}],
    [{"type": "carousel"}],
    [rich({"type": "text", "text": "x" * 2800}) for _ in range(4)],
]


@pytest.mark.parametrize("blocks", BAD, ids=lambda blocks: str(blocks)[:60])
def test_bad_blocks_are_refused(blocks: list[dict[str, Any]]) -> None:
    with pytest.raises(Refused):
        check_message(blocks)


def test_slacks_own_types_are_held_to() -> None:
    check_types([HEADER, actions(button())])
    with pytest.raises(Refused):
        check_types([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}])


@pytest.fixture
def client(slack: FakeSlack) -> AsyncWebClient:
    return AsyncWebClient(token=slack.state.token, base_url=slack.api_url, retry_handlers=[])


@pytest.mark.parametrize(
    ("method", "arguments", "code"),
    [
        ("chat.delete", {}, "unknown_method"),
        ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": OPS}, "no_text"),
        ("chat.postMessage", {"channel": OPS, "text": "x" * 4001}, "msg_too_long"),
        ("chat.postMessage", {"channel": OPS, "text": "x", "colour": "red"}, "invalid_arguments"),
        ("chat.postMessage", {"channel": OPS, "text": "x", "blocks": [{"type": "x"}]}, "invalid_blocks"),
        ("chat.postMessage", {"channel": OPS, "text": "x", "thread_ts": "1.1"}, "thread_not_found"),
        ("chat.postMessage", {"channel": OPS, "text": "x", "metadata": {"a": 1}}, "invalid_metadata_format"),
        ("chat.update", {"channel": OPS, "ts": "1.1", "text": "x"}, "message_not_found"),
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("conversations.open", {"users": "U0NOBODY"}, "user_not_found"),
        ("views.open", {"trigger_id": "x", "view": {}}, "invalid_trigger_id"),
    ],
)
async def test_bad_calls_are_refused(
    slack: FakeSlack, client: AsyncWebClient, method: str, arguments: dict[str, Any], code: str
) -> None:
    with pytest.raises(SlackApiError) as raised:
        await client.api_call(method, json=arguments)
    assert raised.value.response["error"] == code
    assert slack.state.refusals
    slack.state.refusals.clear()


async def test_channels_without_the_bot_archived_ones_and_other_tokens_are_refused(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    closed, secret = (
        slack.add_channel("#closed", bot=False),
        slack.add_channel("#hush", bot=False, private=True),
    )
    slack.state.conversations[OPS].archived = True
    for channel, code in ((closed, "not_in_channel"), (secret, "channel_not_found"), (OPS, "is_archived")):
        with pytest.raises(SlackApiError, match=code):
            await client.chat_postMessage(channel=channel, text="x")
    for scope in ("chat:write", "users:read"):
        slack.state.scopes.discard(scope)
    with pytest.raises(SlackApiError, match="missing_scope"):
        await client.users_info(user="U0ANA")
    client.token = "xoxb-other"
    with pytest.raises(SlackApiError, match="invalid_auth"):
        await client.auth_test()
    slack.state.refusals.clear()


async def test_a_message_nobody_looked_at_fails_the_test(slack: FakeSlack, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel=OPS, text="surprise")
    with pytest.raises(AssertionError, match="unexpected in ops: 'surprise'"):
        slack.nothing_else()
    slack.channel("#ops").line("surprise")
    slack.nothing_else()


async def test_an_update_with_text_alone_deletes_the_blocks(slack: FakeSlack, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel=OPS, text="x", blocks=[HEADER])
    await client.chat_update(channel=OPS, ts=str(posted["ts"]), text="y")
    assert slack.state.conversations[OPS].messages[0].blocks == []
    slack.channel("#ops").line("y")
