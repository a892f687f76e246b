"""A Slack over HTTP that answers and refuses like the real one, and through which tests click.

slack = FakeSlack(clock.now)
await slack.start()
slack.app = "http://127.0.0.1:8080/slack/events"   # where it sends clicks
ana = slack.add_user("ana")
slack.add_channel("#ops")
…
card = slack.channel("#ops").card("Run a migration")
assert card.buttons == ["Approve", "Deny", "Comment", "View full"]
await card.press("Approve", ana)
await slack.stop()                                  # fails when anybody got a message nobody looked at
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp import web

from tests.fakes import slack_payloads as payloads
from tests.fakes.slack_api import Api
from tests.fakes.slack_blocks import check_message, check_types
from tests.fakes.slack_grants import grant
from tests.fakes.slack_socket import Sockets
from tests.fakes.slack_state import (
    BOT_USER,
    SIGNING_SECRET,
    Conversation,
    Fault,
    Home,
    Json,
    Modal,
    ResponseUrl,
    State,
    Trigger,
    Upload,
    Whisper,
    member,
    scopes_of_manifest,
)
from tests.fakes.slack_views import (
    Answer,
    CardView,
    ChannelView,
    Form,
    PaneView,
    block_of,
    buttons_of,
    element_of,
)

PATIENCE = 3.0  # real seconds that a helper waits for what comes after the acknowledgement


class FakeSlack:
    """One workspace with our app installed."""

    def __init__(self, now: Callable[[], datetime] | None = None, scopes: set[str] | None = None) -> None:
        self.state = State(scopes=scopes_of_manifest() if scopes is None else scopes)
        if now is not None:
            self.state.now = now
        self.signing_secret = SIGNING_SECRET
        self.app = ""
        self.expected: list[re.Pattern[str]] = []  # messages that need not be looked at
        self.origin = ""
        self._api = Api(self.state)
        self.sockets = Sockets(self.state)
        self._runner: web.AppRunner | None = None

    # ── the workspace ────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Listen on a port of loopback."""
        server = web.Application()
        server.router.add_route("*", "/api/{method}", self._api.call)
        server.router.add_post("/response/{id}", self._api.respond)
        server.router.add_post("/upload/{id}", self._api.upload)
        server.router.add_get("/socket", self.sockets.connect)
        self._runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.origin = self._api.origin = f"http://{host}:{port}"
        self._api.socket_url = f"ws://{host}:{port}/socket"

    async def stop(self) -> None:
        """Stop, and fail for anything that was sent and that no test looked at."""
        await self.sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self.nothing_else()

    def nothing_else(self) -> None:
        """Fail for anything that was sent and not looked at, and for calls that Slack had to refuse."""
        for conversation in self.state.conversations.values():
            for message in conversation.messages:
                message.seen |= any(words.search(message.text) for words in self.expected)
                assert message.seen, f"unexpected in {conversation.name}: {message.text!r}"
        for whisper in self.state.whispers:
            assert whisper.seen, f"unexpected for {whisper.user}: {whisper.text!r}"
        for modal in self.state.modals:
            assert modal.seen, f"unexpected form for {modal.user}"
        for home in self.state.homes.values():
            assert home.seen, f"unexpected home tab for {home.user}"
        assert not self.state.refusals, self.state.refusals

    @property
    def api_url(self) -> str:
        """What `ASSENT_SLACK_API_URL` is to be."""
        return f"{self.origin}/api/"

    def add_user(self, name: str, user: str | None = None, **differs: Any) -> str:
        """Let somebody join, and return their id; `differs` is what users.info says otherwise."""
        user = user or f"U0{name.upper()}"
        self.state.users[user] = member(user, name, self.state.team, **differs)
        return user

    def account(self, user: str) -> str:
        """Return a user as the directory names them."""
        return f"{self.state.team}/{user}"

    def add_channel(self, name: str, *, bot: bool = True, private: bool = False) -> str:
        """Make a channel, and return its id."""
        plain = name.removeprefix("#")
        channel = f"C0{plain.upper().replace('-', '')[:8]:X<8}"
        members = {BOT_USER} if bot else set()
        self.state.conversations[channel] = Conversation(channel, plain, members, private)
        return channel

    def beside(self, sister: "FakeSlack") -> None:
        """Answer for another workspace too, which is not started: Slack has one address for all."""
        self._api.sisters[sister.state.token] = sister._api
        sister.origin = self.origin

    def grants(self, code: str, *, refresh: str = "", whole_org: bool = False) -> None:
        """Let a code, or a refresh token, be traded for the workspace's token; `refresh` rotates it."""
        self.state.grants[code] = grant(self.state, refresh, whole_org)

    def goes_wrong(self, method: str, *faults: Fault) -> None:
        """Let the next calls of a method go wrong, in this order."""
        self.state.faults[method].extend(faults)

    # ── what people see ──────────────────────────────────────────────────────────────────────────

    def channel(self, name: str) -> ChannelView:
        """Return a channel as its members see it."""
        plain = name.removeprefix("#")
        found = [c for c in self.state.conversations.values() if plain in (c.name, c.id) and c.user is None]
        assert found, f"there is no {name}"
        return ChannelView(self, found[0])

    def chat(self, user: str) -> ChannelView:
        """Return somebody's direct messages from the bot."""
        found = [c for c in self.state.conversations.values() if c.user == user]
        assert found, f"the bot never wrote to {user}"
        return ChannelView(self, found[0])

    async def whisper(self, user: str) -> str:
        """Return the text of the next message that this person alone sees."""
        return (await self.whispered(user)).text

    async def whispered(self, user: str) -> Whisper:
        """Return the next message that this person alone sees, whole."""

        def unseen() -> Whisper | None:
            return next((w for w in self.state.whispers if w.user == user and not w.seen), None)

        whisper: Whisper = await self.until(unseen, f"nothing was whispered to {user}")
        whisper.seen = True
        return whisper

    def file(self, user: str, name: str) -> Upload:
        """Return the one file of this name in somebody's direct messages."""
        found = [m for m in self.chat(user).conversation.messages for one in m.files if one.name == name]
        assert len(found) == 1, f"{len(found)} files {name!r}"
        found[0].seen = True
        return next(one for one in found[0].files if one.name == name)

    async def form(self, user: str) -> Form:
        """Return the form that this person has open."""

        def open_one() -> Modal | None:
            return next((m for m in reversed(self.state.modals) if m.user == user and not m.closed), None)

        modal = await self.until(open_one, f"{user} sees no form")
        modal.seen = True
        return Form(self, modal)

    async def until(self, look: Callable[[], Any], otherwise: str) -> Any:
        """Return what there is to see once there is anything; fails with `otherwise`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while (found := look()) is None:
            assert loop.time() < until, otherwise
            await asyncio.sleep(0.005)
        return found

    # ── what people do ───────────────────────────────────────────────────────────────────────────

    async def press(self, card: CardView, button: str, user: str) -> Answer:
        """Press a button; any confirmation is given."""
        return await self.send(self.pressed(card, button, user))

    def pressed(self, card: CardView, button: str, user: str) -> Json:
        """Return what pressing a button sends, without sending it."""
        action = {"block_id": card.block_of(button), **card.element(button)}
        trigger, response_url = self._trigger(user), self._response_url(user, card.message.channel)
        return payloads.block_actions(self.state, user, card.message, action, trigger, response_url)

    async def react(self, card: CardView, emoji: str, user: str) -> Answer:
        """Put an emoji on a card."""
        return await self.event(payloads.reaction(self.state, user, card.message, emoji))

    def pressed_in(self, pane: Home | Modal, button: str, number: int = 0) -> Json:
        """Return what pressing a button of a home tab or a modal sends."""
        blocks = pane.view["blocks"]
        action = {"block_id": block_of(blocks, button), **element_of(blocks, button, number)}
        trigger = self._trigger(pane.user)
        self.state.triggers[trigger].on = pane if isinstance(pane, Modal) else None
        return payloads.pane_actions(self.state, pane, action, trigger)

    async def open_home(self, user: str) -> PaneView:
        """Open the app's home tab, and return it as it stands once it was brought up to date."""
        home = self.state.homes.get(user)
        before = home.hash if home else ""
        await self.event(payloads.home_opened(self.state, user))
        return await self.home(user, before)

    async def home(self, user: str, before: str) -> PaneView:
        """Return somebody's home tab once it is another than the one with this hash."""

        def renewed() -> Home | None:
            home = self.state.homes.get(user)
            return home if home and home.hash != before else None

        home: Home = await self.until(renewed, f"{user} sees no new home tab")
        home.seen = True
        return PaneView(self, home)

    async def pane(self, user: str) -> PaneView:
        """Return the modal with buttons that this person has open."""
        return PaneView(self, (await self.form(user)).modal)

    async def submit(self, modal: Modal, words: str | None) -> Answer:
        """Submit a form that has one field."""
        [label] = [block["label"]["text"] for block in modal.view["blocks"] if block["type"] == "input"]
        return await self.fill(modal, {label: words})

    async def fill(self, modal: Modal, filled: dict[str, Any]) -> Answer:
        """Submit a form with these things in its fields, by their labels; the others stay as they are."""
        for block in modal.view["blocks"]:
            held = block["type"] == "input" and filled.get(block["label"]["text"], _first(block["element"]))
            assert held or block.get("optional", True), f"Slack does not submit without {block['block_id']}"
        answer = await self.send(payloads.view_submission(self.state, modal, filled))
        said = answer.json()
        modal.errors = said.get("errors", {})
        fields = {block["block_id"] for block in modal.view["blocks"] if block["type"] == "input"}
        assert set(modal.errors) <= fields, f"Slack shows an error only at a field: {modal.errors}"
        modal.closed = said.get("response_action") != "errors"
        return answer

    async def type(self, user: str, text: str, channel: str) -> Answer:
        """Type `/assent TEXT`; the answer is seen by its author alone."""
        where = self.channel(channel).conversation.id
        call = payloads.command(
            self.state, user, where, text, self._trigger(user), self._response_url(user, where)
        )
        answer = await self.send(call)
        if answer.json().get("blocks"):
            check_message(answer.json()["blocks"])
            check_types(answer.json()["blocks"])
        return answer

    async def act(self, user: str, blocks: list[Json], label: str, channel: str) -> Answer:
        """Press a button of a message that this person alone sees; any confirmation is given."""
        where = self.channel(channel).conversation.id
        return await self.act_in(Whisper(user, where, "", blocks), label)

    async def act_in(self, whisper: Whisper, label: str) -> Answer:
        """Press a button of a message that one person alone sees, which the answer may replace."""
        found = [held for block in whisper.blocks for held in buttons_of(block)]
        found = [held for held in found if held["text"]["text"] == label]
        assert found, f"there is no {label!r}"
        user, where = whisper.user, whisper.channel
        response_url = self._response_url(user, where)
        self.state.response_urls[response_url.rpartition("/")[2]].original = whisper
        trigger = self._trigger(user)
        return await self.send(
            payloads.ephemeral_action(self.state, user, where, found[0], trigger, response_url)
        )

    async def event(self, inner: Json) -> Answer:
        """Tell the app that something happened."""
        return await self.send(payloads.event(self.state, inner))

    async def send(self, payload: Json) -> Answer:
        """Send a call, signed or over the app's socket, and hold it to Slack's three seconds."""
        if self.sockets.live is not None:
            return await self.sockets.send(payload)
        body, content_type = payloads.encoded(payload)
        return await self.deliver(body, self.headers(body, content_type))

    def headers(self, body: str, content_type: str) -> dict[str, str]:
        """Return the headers with which Slack sends a body."""
        stamp = int(self.state.now().timestamp())
        return {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": str(stamp),
            "X-Slack-Signature": payloads.signature(self.signing_secret, stamp, body),
        }

    async def deliver(self, body: str, headers: Mapping[str, str]) -> Answer:
        """Send bytes as they are."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.post(self.app, data=body.encode(), headers=headers) as response,
        ):
            text = await response.text()
            answer = Answer(response.status, text, loop.time() - before)
        if answer.status == 200:
            assert answer.seconds < 3, f"acknowledged after {answer.seconds:.1f} s: the person saw an error"
            assert not text or response.content_type in ("application/json", "text/plain"), text
            if response.content_type == "application/json":
                json.loads(text)
        return answer

    def _trigger(self, user: str) -> str:
        trigger = f"{self.state.next()}.{self.state.team}.trigger"
        self.state.triggers[trigger] = Trigger(user, asyncio.get_running_loop().time())
        return trigger

    def _response_url(self, user: str, channel: str) -> str:
        leave = f"{self.state.team}-{self.state.next()}"
        self.state.response_urls[leave] = ResponseUrl(user, channel, self.state.now())
        return f"{self.origin}/response/{leave}"


def _first(element: Json) -> Any:
    """Return what a field holds before anybody touches it."""
    return next((held for key, held in element.items() if key.startswith("initial_")), None)
