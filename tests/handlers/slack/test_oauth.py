"""The app is installed by OAuth: from npm's `emulate`, which is not ours, and through our fake's refusals."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from handlers.slack.installing import RETURN
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import CLIENT_ID, CLIENT_SECRET, SIGNING_SECRET, Fault
from tests.fixtures.emulate import emulated_slack
from tests.fixtures.policy import BUNDLE, write_policy
from tests.world import OPERATOR, World, a_world

SEED = f"""\
slack:
  team: {{name: Assent, domain: assent}}
  users: [{{name: ana, real_name: Ana, email: ana@example.com}}]
  channels: [{{name: ops, topic: Operations}}]
  oauth_apps:
    - client_id: "{CLIENT_ID}"
      client_secret: {CLIENT_SECRET}
      name: Assent
      redirect_uris: ["http://assent.test{RETURN}"]
"""


def settings(api_url: str) -> dict[str, Any]:
    return {
        "slack_client_id": CLIENT_ID,
        "slack_client_secret": CLIENT_SECRET,
        "slack_signing_secret": SIGNING_SECRET,
        "slack_api_url": api_url,
    }


class Browser:
    """Somebody's browser: it keeps cookies, and follows redirects only when told to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}

    async def get(self, url: str) -> tuple[int, str, str]:
        """Return status, `Location` and text; our own public address leads to the test's server."""
        here = url.replace("http://assent.test", self.world.url)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        async with self.world.http.get(here, headers=sent, allow_redirects=False) as answer:
            self.cookies |= {name: morsel.value for name, morsel in answer.cookies.items()}
            return answer.status, answer.headers.get("Location", ""), await answer.text()


async def a_leave(world: World) -> str:
    installing = world.running.parts.installing
    assert installing is not None
    return await installing.leave(OPERATOR)


async def returning(world: World, browser: Browser, code: str = "code-1") -> tuple[int, str]:
    """Open a fresh leave, and come back from Slack with a code."""
    status, location, _ = await browser.get(await a_leave(world))
    assert status == 302
    state = parse_qs(urlsplit(location).query)["state"][0]
    status, _, text = await browser.get(f"http://assent.test{RETURN}?code={code}&state={state}")
    return status, text


async def test_the_app_is_installed_from_a_real_oauth_server_and_posts_its_first_card(
    sqlite_url: str, tmp_path: Path
) -> None:
    with emulated_slack(SEED, tmp_path) as origin:
        channel = await api(origin, "conversations.list", "any-token")
        ops = next(one["id"] for one in channel["channels"] if one["name"] == "ops")
        policy = write_policy(tmp_path / "policy", BUNDLE.replace('slack: "#ops"', f'slack: "{ops}"'))
        async with a_world(sqlite_url, tmp_path, policy, **settings(f"{origin}/api/")) as world:
            browser = Browser(world)
            status, authorize, _ = await browser.get(await a_leave(world))
            assert (status, urlsplit(authorize).path) == (302, "/oauth/v2/authorize")
            status, text = await consented(browser, authorize)
            assert status == 200
            assert "Assent is installed in Assent" in text
            await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=3)
            await world.settle()
            posted = await api(origin, "conversations.history", "any-token", channel=ops)
            [card] = [one for one in posted["messages"] if one.get("metadata")]
            assert "Run a database migration" in json.dumps(card["blocks"])


async def consented(browser: Browser, authorize: str) -> tuple[int, str]:
    """Choose a user on the server's own page, and come back to ours."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(authorize))
    async with browser.world.http.get(authorize) as page:
        form = await page.text()
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    fields = {name: value.replace("&amp;", "&") for name, value in fields.items()}
    submit = browser.world.http.post(
        f"{origin}/oauth/v2/authorize/callback", data=fields, allow_redirects=False
    )
    async with submit as answer:
        back = answer.headers["Location"]
    status, _, text = await browser.get(back)
    return status, text


async def api(origin: str, method: str, token: str, **arguments: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{origin}/api/{method}", data=arguments) as answer,
    ):
        return await answer.json()


# ── what must not install ────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def open_world(slack: FakeSlack, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world that is installed nowhere yet."""
    async with a_world(
        sqlite_url, tmp_path, write_policy(tmp_path / "policy"), **settings(slack.api_url)
    ) as made:
        slack.app = f"{made.url}/slack/events"
        slack.state.now = made.clock.now
        yield made


async def installed(world: World) -> list[str]:
    return sorted(await world.running.parts.store.installations())


async def test_with_a_leave_and_a_code_the_workspace_is_installed(
    open_world: World, slack: FakeSlack
) -> None:
    slack.grants("code-1")
    status, text = await returning(open_world, Browser(open_world))
    assert (status, await installed(open_world)) == (200, ["T0ASSENT"])
    assert "installed in Assent" in text


async def test_without_a_leave_nobody_begins(open_world: World) -> None:
    browser = Browser(open_world)
    for query in ("", "?leave=", "?leave=guess"):
        assert (await browser.get(f"http://assent.test/slack/install{query}"))[0] == 404
    assert browser.cookies == {}


async def test_a_leave_is_good_for_ten_minutes(open_world: World, slack: FakeSlack) -> None:
    for seconds, status in ((599, 302), (600, 404)):
        address = await a_leave(open_world)
        await open_world.advance(seconds=seconds)
        assert (await Browser(open_world).get(address))[0] == status


async def test_a_preview_that_opens_the_link_uses_nothing_up(open_world: World, slack: FakeSlack) -> None:
    slack.grants("code-1")
    address = await a_leave(open_world)
    for _ in range(3):
        assert (await Browser(open_world).get(address))[0] == 302
    browser = Browser(open_world)
    _, location, _ = await browser.get(address)
    state = parse_qs(urlsplit(location).query)["state"][0]
    assert (await browser.get(f"http://assent.test{RETURN}?code=code-1&state={state}"))[0] == 200


async def test_a_leave_is_used_once(open_world: World, slack: FakeSlack) -> None:
    slack.grants("code-1")
    browser = Browser(open_world)
    address = await a_leave(open_world)
    _, location, _ = await browser.get(address)
    state = parse_qs(urlsplit(location).query)["state"][0]
    back = f"http://assent.test{RETURN}?code=code-1&state={state}"
    assert (await browser.get(back))[0] == 200
    slack.grants("code-1")
    assert (await browser.get(back))[0] == 401
    assert (await browser.get(address))[0] == 404


async def test_another_browser_cannot_come_back_with_it(open_world: World, slack: FakeSlack) -> None:
    slack.grants("code-1")
    _, location, _ = await Browser(open_world).get(await a_leave(open_world))
    state = parse_qs(urlsplit(location).query)["state"][0]
    status, _, _ = await Browser(open_world).get(f"http://assent.test{RETURN}?code=code-1&state={state}")
    assert (status, await installed(open_world)) == (400, [])


@pytest.mark.parametrize("query", ["error=access_denied", "code=code-1", "state=guess&code=code-1", ""])
async def test_an_answer_that_is_none_installs_nothing(open_world: World, query: str) -> None:
    status, _, text = await Browser(open_world).get(f"http://assent.test{RETURN}?{query}")
    assert (status, await installed(open_world)) == (400, [])
    assert "was not installed" in text


async def test_a_code_that_slack_does_not_know_installs_nothing(open_world: World, slack: FakeSlack) -> None:
    assert (await returning(open_world, Browser(open_world), "guess"))[0] == 401
    assert await installed(open_world) == []
    slack.state.refusals.clear()


async def test_while_slack_does_not_answer_nothing_is_installed(open_world: World, slack: FakeSlack) -> None:
    slack.grants("code-1")
    slack.goes_wrong("oauth.v2.access", Fault(status=500))
    assert (await returning(open_world, Browser(open_world)))[0] in (401, 503)
    assert await installed(open_world) == []


async def test_the_token_is_nowhere_in_the_database_or_the_log(
    open_world: World, slack: FakeSlack, sqlite_url: str
) -> None:
    slack.grants("code-1", refresh="xoxe-fake-refresh")
    await returning(open_world, Browser(open_world))
    [sealed] = (await open_world.running.parts.store.installations()).values()
    held = open_world.running.parts.keys.unseal(sealed).decode()
    assert slack.state.token in held
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    for part in file.parent.glob(f"{file.name}*"):
        data = part.read_bytes()
        assert slack.state.token.encode() not in data
        assert b"xoxe-fake-refresh" not in data
        assert CLIENT_SECRET.encode() not in data
    await open_world.audit()
