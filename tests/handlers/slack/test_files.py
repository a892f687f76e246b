"""Files to one person; and the fake refuses what Slack refuses of them."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bot.ports import Later, Never
from handlers.slack import Workspace
from handlers.slack.files import send_file
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Fault


async def refused(slack: FakeSlack, call: Any) -> str:
    """Return with which error Slack refuses a call, which thereby counts as expected."""
    with pytest.raises(SlackApiError) as caught:
        await call
    slack.state.refusals.clear()
    return str(caught.value.response["error"])


async def test_a_file_stands_in_its_persons_direct_messages_and_nowhere_else(
    slack: FakeSlack, workspace: Workspace
) -> None:
    ana = slack.add_user("ana")
    await send_file(workspace, ana, "log.jsonl", b"{}\n" * 1000, "For you alone.", "what it shows")
    file = slack.file(ana, "log.jsonl")
    assert (file.content, file.alt, file.comment) == (b"{}\n" * 1000, "what it shows", "For you alone.")
    assert file.channel == slack.chat(ana).conversation.id
    assert not slack.channel("#ops").conversation.messages


async def test_what_slack_does_not_take_is_later_or_never(slack: FakeSlack, workspace: Workspace) -> None:
    ana = slack.add_user("ana")
    slack.goes_wrong("files.getUploadURLExternal", Fault(retry_after=30))
    with pytest.raises(Later):
        await send_file(workspace, ana, "a.txt", b"a", "")
    slack.goes_wrong("files.completeUploadExternal", Fault(status=500))
    with pytest.raises(Later):
        await send_file(workspace, ana, "a.txt", b"a", "")
    with pytest.raises(Never, match="does not know that person"):
        await send_file(workspace, "U0NOBODY", "a.txt", b"a", "")
    slack.state.refusals.clear()


async def test_the_fake_takes_no_file_that_slack_would_not(slack: FakeSlack, workspace: Workspace) -> None:
    client, chat = workspace.client, slack.add_channel("#elsewhere", bot=False)

    async def leave() -> Any:
        return await client.files_getUploadURLExternal(filename="a.txt", length=3)

    assert (
        await refused(slack, client.files_getUploadURLExternal(filename="", length=3)) == "invalid_arguments"
    )
    assert (
        await refused(slack, client.files_getUploadURLExternal(filename="a", length=0)) == "invalid_arguments"
    )
    one = await leave()
    named: Any = [{"id": one["file_id"]}]
    share = client.files_completeUploadExternal
    assert await refused(slack, share(files=[{"id": "F0NONE"}], channel_id=chat)) == "file_not_found"
    assert await refused(slack, share(files=named, channel_id=chat)) == "file_update_failed"
    async with aiohttp.ClientSession() as session:
        async with session.post(one["upload_url"], data=b"four") as answer:
            assert answer.status == 400
        slack.state.refusals.clear()
        async with session.post(one["upload_url"], data=b"abc") as answer:
            assert answer.status == 200
    assert await refused(slack, share(files=named, channel_id="C0NONE")) == "channel_not_found"
    assert await refused(slack, share(files=named, channel_id=chat)) == "not_in_channel"
    await share(files=named, channel_id=slack.channel("#ops").conversation.id)
    assert await refused(slack, share(files=named, channel_id=chat)) == "file_not_found"
    slack.channel("#ops").conversation.messages[0].seen = True
    slack.state.scopes.discard("files:write")
    assert await refused(slack, leave()) == "missing_scope"
