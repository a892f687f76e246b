"""docs/slack.md leads to the first card: what stands there to be typed, typed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from bot.cli.chapters import CHAPTERS
from bot.cli.parser import parser_of
from tests.fakes.slack import FakeSlack
from tests.world import a_world

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "slack.md").read_text("utf-8").partition("![The first card")[0]
DIRECTORY, SHOW = re.findall(r"```yaml\n *(.*)\n *```", GUIDE)
SETTINGS = re.findall(r"^ *(ASSENT_[A-Z_]+)=", GUIDE, re.MULTILINE)
TYPED = re.findall(r"python -m bot ([^#\n]*)", GUIDE)


async def test_the_guide_leads_to_the_first_card_which_you_can_decide(
    slack: FakeSlack, sqlite_url: str, tmp_path: Path
) -> None:
    policy = tmp_path / "policy"
    shutil.copytree(ROOT / "examples" / "policy", policy)
    directory, bundle = (policy / name for name in ("directory.yaml", "bundle.yaml"))
    directory.write_text(re.sub(r"(?m)^ana: .*$", DIRECTORY, directory.read_text("utf-8")), "utf-8")
    bundle.write_text(re.sub(r"(?m)^  show: .*$", f"  {SHOW}", bundle.read_text("utf-8")), "utf-8")
    channel = re.search(r'"(#.*?)"', SHOW)
    account = re.search(r"\[(T\w+)/(U\w+)\]", DIRECTORY)
    assert channel
    assert account
    slack.state.team = account[1]
    slack.add_user("ana", account[2])
    slack.add_channel(channel[1])
    told = {
        "ASSENT_SLACK_BOT_TOKEN": slack.state.token,
        "ASSENT_SLACK_SIGNING_SECRET": slack.signing_secret,
        "ASSENT_PUBLIC_URL": None,
    }
    assert list(told) == SETTINGS
    settings = {name.removeprefix("ASSENT_").lower(): value for name, value in told.items() if value}
    async with a_world(sqlite_url, tmp_path, policy, slack_api_url=slack.api_url, **settings) as world:
        slack.app, slack.state.now = f"{world.url}/slack/events", world.clock.now
        body = re.search(r"-d '(\{.*\})'", GUIDE)
        assert body
        ask = json.loads(body[1])
        request = await world.agent.asks(ask["action"]["name"], **ask["action"]["parameters"])
        await world.settle()
        card = slack.channel(channel[1]).card("Run a database migration")
        assert ask["action"]["parameters"]["sql"] in card.text
        await card.press("Approve", account[2])
        assert (await world.agent.sees(request))["state"] == "approved"
        await world.settle()
        assert card.thread


def test_what_the_guide_has_one_type_is_there_to_be_typed() -> None:
    assert [line.split()[0] for line in TYPED] == ["agents", "serve"]
    for line in TYPED:
        assert parser_of(CHAPTERS).parse_args(line.split())
