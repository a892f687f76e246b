"""A storm in one Slack channel: how others fare, how fast clicks are acknowledged, how fast cards go up."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from bench.figures import Figure, at_least, at_most, percentile
from bench.filling import AT_ONCE
from bench.ground import HOST, Ground, bundle, directory, lay
from bench.processes import BenchBroken, Server, free_port, serving
from bench.run import Run
from bench.wire import Line, line, request
from bot.app.parts import parts
from bot.core.action import read_ask
from tests.fakes import slack_payloads as payloads
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Conversation

STORM, USER = "#storm", "U0P0"
QUIET = 20  # channels that have nothing to do with the storm
ASKS_A_SECOND, CLICKS_A_SECOND = 5, 50
CARD_GOAL, CLICK_GOAL, PACE_GOAL = 5.0, 0.3, 0.9  # seconds, seconds, cards a second
RULE = """\
  - {{id: quiet-{number}, match: {{action: batch.end, params.region: q{number}}}, effect: require_approval,
     stages: [{{name: dba, approvers: [group:dba]}}], show: [{{slack: "#quiet-{number}"}}]}}
"""


@dataclass(frozen=True, slots=True)
class Weather:
    """The server in the storm, the fake Slack before it, and what waits there."""

    slack: FakeSlack
    server: Server
    ground: Ground
    waiting: list[tuple[str, str]]  # request and digest
    storm: Conversation


async def measure(run: Run) -> list[Figure]:
    """Let the storm break loose, and measure in it."""
    count, seconds = run.scale.few, run.scale.seconds * 4
    async with _weather(run, count) as weather:
        began, stood = time.perf_counter(), len(weather.storm.messages)
        cards = await _others(weather, seconds)
        spent = weather.server.processor_time
        clicks = await _clicks(weather, seconds)
        spent = weather.server.processor_time - spent
        pace = (len(weather.storm.messages) - stood) / (time.perf_counter() - began)
        refused = [one for one in weather.slack.state.refusals if "ratelimited" in one]
        run.say(
            f"{count:,} waited for {STORM}; others' first card p50 {percentile(cards, 0.5) * 1000:.0f} ms, "
            f"click p50 {percentile(clicks, 0.5) * 1000:.1f} ms, {spent / len(clicks) * 1000:.1f} ms of "
            f"processor; Slack refused {len(refused)} calls"
        )
    seen = f"{len(clicks):,} clicks at {CLICKS_A_SECOND}/s, {count:,} pending"
    return [
        at_most(CARD_GOAL, "others' first card in a storm, p99", percentile(cards, 0.99), " s"),
        at_most(
            CLICK_GOAL * 1000, "click → acknowledgement, p99", percentile(clicks, 0.99) * 1000, " ms", seen
        ),
        at_least(PACE_GOAL, "cards a second in one channel, of Slack's 1", pace, "/s"),
    ]


async def _others(weather: Weather, seconds: float) -> list[float]:
    """Ask for other channels, and return after how long each card stood."""
    connection = await line(HOST, weather.ground.settings.port)
    stood = []
    for number in range(int(seconds * ASKS_A_SECOND)):
        asked = await _asked(weather, connection, number)
        stood.append(asyncio.create_task(_card(weather, asked, number % QUIET)))
        await asyncio.sleep(1 / ASKS_A_SECOND)
    return list(await asyncio.gather(*stood))


async def _asked(weather: Weather, connection: Line, number: int) -> str:
    # Each in a context of its own: identical ones would share a card.
    action = {"name": "batch.end", "parameters": {"region": f"q{number % QUIET}"}}
    body = {"action": action, "context": {"number": number}}
    status, told = await connection.call(
        request("POST", "/v1/requests", weather.ground.agent_key, json.dumps(body).encode())
    )
    if status != 202:
        raise BenchBroken(f"asking answered {status}: {told}")
    return str(told["id"])


async def _card(weather: Weather, request_id: str, channel: int) -> float:
    """Wait for a request's card."""
    began = time.perf_counter()
    held = weather.slack.channel(f"#quiet-{channel}").conversation.messages
    while not any(one.metadata and one.metadata["event_payload"]["request"] == request_id for one in held):
        await asyncio.sleep(0.005)
        if time.perf_counter() - began > 60:
            raise BenchBroken("a card of another channel never came")
    return time.perf_counter() - began


async def _clicks(weather: Weather, seconds: float) -> list[float]:
    """Click at a steady rate, whether or not the last click was answered, and return how long each took."""
    pressed, loop = [], asyncio.get_running_loop()
    async with aiohttp.ClientSession() as http:
        begin = loop.time()
        for number in range(int(seconds * CLICKS_A_SECOND)):
            await asyncio.sleep(max(begin + number / CLICKS_A_SECOND - loop.time(), 0))
            pressed.append(asyncio.create_task(_click(weather, http, *weather.waiting.pop())))
        return list(await asyncio.gather(*pressed))


async def _click(weather: Weather, http: aiohttp.ClientSession, request_id: str, digest: str) -> float:
    slack, card = weather.slack, weather.storm.messages[0]
    action = {"type": "button", "action_id": "approve", "block_id": "act", "value": f"{request_id} {digest}"}
    call = payloads.block_actions(
        slack.state, USER, card, action, "1.2.trigger", f"{slack.origin}/response/1"
    )
    body, content_type = payloads.encoded(call)
    headers = slack.headers(body, content_type)
    began = time.perf_counter()
    async with http.post(slack.app, data=body.encode(), headers=headers) as answer:
        text = await answer.text()
    took = time.perf_counter() - began
    if answer.status != 200:
        raise BenchBroken(f"a click answered {answer.status}: {text[:200]}")
    return took


@asynccontextmanager
async def _weather(run: Run, count: int) -> AsyncIterator[Weather]:
    slack = FakeSlack()
    slack.expected.append(re.compile(""))  # also what is still on its way when it stops
    await slack.start()
    slack.add_user("p0", USER)
    slack.add_channel(STORM)
    for number in range(QUIET):
        slack.state.conversations[f"C0QUIET{number:03d}"] = Conversation(
            f"C0QUIET{number:03d}", f"quiet-{number}", {"U0BOT"}
        )
    ground = await lay(run.fresh("storm"), run.sqlite("storm"), free_port())
    (ground.settings.policy / "bundle.yaml").write_text(_policy(), "utf-8")
    people = directory().replace("p0: {", f"p0: {{slack: [{slack.account(USER)}], ")
    (ground.settings.policy / "directory.yaml").write_text(people, "utf-8")
    waiting = await _filled(run, ground, count)
    slack.app = f"http://{HOST}:{ground.settings.port}/slack/events"
    own = ground.environment | {
        "ASSENT_SLACK_BOT_TOKEN": slack.state.token,
        "ASSENT_SLACK_SIGNING_SECRET": slack.signing_secret,
        "ASSENT_SLACK_API_URL": slack.api_url,
    }
    # Its first answer is awaited by blocking calls, during which the fake here says nothing; nobody asks it.
    try:
        with serving("bot", ("serve",), ground.settings.port, own, log=run.log("storm")) as server:
            storm = slack.channel(STORM).conversation
            while not storm.messages:  # noqa: ASYNC110  # the server's doing
                await asyncio.sleep(0.01)
            yield Weather(slack, server, ground, waiting, storm)
    finally:
        for conversation in slack.state.conversations.values():
            conversation.messages.clear()
        slack.state.refusals.clear()
        slack.state.whispers.clear()
        await slack.stop()


def _policy() -> str:
    alarm = "  - {id: alarm, match: {action: alarm.set}, effect: require_approval,\n"
    # The bench measures cards at Slack's pace; a real storm is rounded up after a dozen.
    text = bundle().replace("defaults: {", "defaults: {roundup_after: 1000000, ", 1)
    at = text.index(alarm)
    text = text[:at] + text[at:].replace("show: [{web: inbox}]", f'show: [{{slack: "{STORM}"}}]', 1)
    return text + "".join(RULE.format(number=number) for number in range(QUIET))


async def _filled(run: Run, ground: Ground, count: int) -> list[tuple[str, str]]:
    """Make so many requests whose card is to stand in the one channel."""
    # Each for another region: identical ones would share a card.
    body = '{"action": {"name": "alarm.set", "parameters": {"region": "eu-%d"}}}'
    made: list[tuple[str, str]] = []
    with run.progress("storm: requests", count) as step:
        async with parts(ground.settings) as opened:
            agent, registry, by = await opened.knowing.agent(ground.agent_key)
            for done in range(0, count, AT_ONCE):
                few = min(AT_ONCE, count - done)
                asks = (read_ask((body % number).encode()) for number in range(done, done + few))
                submitted = (opened.intake.submit(agent, registry, asked, None, by) for asked in asks)
                for one in await asyncio.gather(*submitted):
                    assert one.request is not None
                    made.append((one.request.id, one.request.digest))
                step(few)
    return made
