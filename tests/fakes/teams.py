"""A Teams over HTTP that answers and refuses like the real one, and through which tests click.

teams = FakeTeams(clock.now)
await teams.start()
teams.app = "http://127.0.0.1:8080/teams/messages"   # where it sends activities
ana = teams.add_user("ana")
await teams.install_in_team("Platform", "ops")
…
card = teams.channel("ops").card("Run a migration")
await card.press("Approve", ana)
await teams.stop()                                   # fails when anybody got a message nobody looked at
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp import web

from tests.fakes.teams_cards import actions, check_card, nodes, paragraphs
from tests.fakes.teams_connector import CARD, Connector
from tests.fakes.teams_state import (
    APP_ID,
    APP_SECRET,
    BOT,
    TENANT,
    Conversation,
    Fault,
    Json,
    Message,
    State,
    Team,
    account,
    member,
    object_id,
)
from tests.fakes.teams_tokens import Signer

PATIENCE = 3.0  # real seconds that a helper waits for what comes after the answer
SAID = "application/vnd.microsoft.activity.message"


@dataclass(frozen=True)
class Answer:
    """What came back for an activity."""

    status: int
    text: str
    seconds: float

    def json(self) -> Json:
        """Return the body."""
        found: Json = json.loads(self.text) if self.text else {}
        return found

    @property
    def said(self) -> str:
        """Return what the clicker alone is told; fails when it is a card."""
        assert self.json().get("type") == SAID, self.text[:300]
        return str(self.json()["value"])


class FakeTeams:
    """One tenant in which our app is known."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.state = State()
        if now is not None:
            self.state.now = now
        self.signer = Signer(APP_ID)
        self.connector = Connector(self.state, self.signer)
        self.app = ""
        self.origin = ""
        self._runner: web.AppRunner | None = None

    # ── the tenant ───────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Listen on a port of loopback."""
        server = web.Application()
        self.connector.install(server)
        self._runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop, and fail for anything that was sent and that no test looked at."""
        if self._runner is not None:
            await self._runner.cleanup()
        self.nothing_else()

    def nothing_else(self) -> None:
        """Fail for anything that was sent and not looked at, and for calls that Teams had to refuse."""
        for chat in self.state.conversations.values():
            for message in chat.messages:
                assert message.seen, f"unexpected in {chat.name}: {message.text or message.summary!r}"
        assert not self.state.refusals, self.state.refusals

    @property
    def service_url(self) -> str:
        """Where the connector is reached for this tenant."""
        return f"{self.origin}/emea/"

    @property
    def settings(self) -> dict[str, str]:
        """Return what `ASSENT_TEAMS_*` are to be."""
        return {
            "teams_app_id": APP_ID,
            "teams_app_secret": APP_SECRET,
            "teams_tenant_id": TENANT,
            "teams_openid_metadata_url": f"{self.origin}/v1/.well-known/openidconfiguration",
            "teams_login_url": self.origin,
        }

    def add_user(self, name: str, **differs: Any) -> str:
        """Let somebody join, and return their id in Teams; `differs` is what the roster says otherwise."""
        user = member(name, **differs)
        self.state.users[user["id"]] = user
        return str(user["id"])

    async def install_in_team(self, name: str, *channels: str) -> str:
        """Make a team with channels and add the app to it; return the team's id."""
        team = f"19:{name.lower()}@thread.tacv2"
        self.state.teams[team] = Team(team, name)
        self.state.conversations[team] = Conversation(team, "channel", "General", team)
        for channel in channels:
            self.add_channel(team, channel)
        await self.installed(team)
        return team

    def add_channel(self, team: str, name: str) -> str:
        """Make a channel; return its id."""
        channel = f"19:{team[3:].partition('@')[0]}-{name}@thread.tacv2"
        self.state.conversations[channel] = Conversation(channel, "channel", name, team)
        return channel

    async def installed(self, team: str) -> None:
        """Tell the app that it was added to a team."""
        self.state.teams[team].bot = True
        update = {"type": "conversationUpdate", "membersAdded": [{"id": BOT}]}
        by = next(iter(self.state.users))
        await self.send({**self.activity(by, team), **update})

    async def removed(self, team: str) -> None:
        """Remove the app from a team, and tell it."""
        self.state.teams[team].bot = False
        update = {"type": "installationUpdate", "action": "remove"}
        await self.send({**self.activity(next(iter(self.state.users)), team), **update})

    async def install_for(self, user: str, tell: bool = True) -> str:
        """Add the app to somebody's own apps; return their chat with it. `tell` sends the installation."""
        chat = f"a:1{user[4:]}-chat"
        self.state.conversations[chat] = Conversation(chat, "personal", f"@{user[4:]}", user=user)
        if tell:
            await self.send({**self.activity(user, chat), "type": "installationUpdate", "action": "add"})
        return chat

    def goes_wrong(self, verb: str, *faults: Fault) -> None:
        """Let the next calls of a verb go wrong, in this order."""
        self.state.faults[verb].extend(faults)

    # ── what people see ──────────────────────────────────────────────────────────────────────────

    def channel(self, name: str) -> "ChatView":
        """Return a channel as its members see it."""
        found = [c for c in self.state.conversations.values() if c.kind == "channel" and c.name == name]
        assert found, f"there is no channel {name}"
        return ChatView(self, found[0])

    def chat(self, user: str) -> "ChatView":
        """Return somebody's chat with the bot."""
        found = [c for c in self.state.conversations.values() if c.user == user]
        assert found, f"{user} has no chat with the app"
        return ChatView(self, found[0])

    async def eventually(self, look: Callable[[], Any], otherwise: str) -> Any:
        """Wait for what comes after an answer."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while (found := look()) is None:
            assert loop.time() < until, otherwise
            await asyncio.sleep(0.005)
        return found

    # ── what people do ───────────────────────────────────────────────────────────────────────────

    async def write(self, user: str, text: str, channel: str | None = None) -> Answer:
        """Write to the bot, in one's own chat or with a mention in a channel."""
        chat = self.channel(channel).chat if channel else self.chat(user).chat
        said = f"<at>Assent</at> {text}" if channel else text
        return await self.send({**self.activity(user, chat.id), "type": "message", "text": said})

    def activity(self, user: str, conversation: str) -> Json:
        """Return what every activity of somebody's has."""
        chat, person = self.state.conversations[conversation], self.state.users[user]
        team = self.state.teams.get(chat.team or "")
        channel = {"team": {"id": team.id, "name": team.name}, "channel": {"id": chat.id}} if team else {}
        return {
            "id": f"f:{self.state.next()}",
            "timestamp": self.state.now().isoformat(),
            "channelId": "msteams",
            "serviceUrl": self.service_url,
            "from": {"id": user, "name": person["name"], "aadObjectId": person["aadObjectId"]},
            "recipient": {"id": BOT, "name": "Assent"},
            "conversation": {"id": chat.id, "conversationType": chat.kind, "tenantId": TENANT},
            "channelData": {"tenant": {"id": TENANT}, **channel},
            "locale": "en-GB",
        }

    def pressed(self, card: "CardView", button: str, user: str, words: str | None = None) -> Json:
        """Return the invoke that pressing a button sends, without sending it."""
        data, action = card.filled(button, words, user)
        pressed = {"type": "Action.Execute", "title": action["title"], "verb": action["verb"], "data": data}
        about = {"type": "invoke", "name": "adaptiveCard/action", "replyToId": card.message.id}
        activity = {**self.activity(user, card.message.conversation), **about}
        if activity["conversation"]["conversationType"] == "channel":  # Teams names the thread, too
            activity["conversation"]["id"] += f";messageid={card.message.thread or card.message.id}"
        return {**activity, "value": {"action": pressed, "trigger": "manual"}}

    def copied(self, card: "CardView", chat: Conversation) -> "CardView":
        """Let somebody post a copy of a card, with all that its buttons carry, to a conversation."""
        copy = Message(chat.id, self.state.next(), "", "", card.message.content, None, seen=True)
        chat.messages.append(copy)
        return CardView(self, copy)

    async def press(self, card: "CardView", button: str, user: str, words: str | None = None) -> Answer:
        """Press a button, with words in its form; the presser sees the card of the answer."""
        answer = await self.send(self.pressed(card, button, user, words))
        said = answer.json()
        if said.get("type") == CARD:
            card.message.own[user] = said["value"]
        return answer

    async def send(self, activity: Json, token: str | None = None) -> Answer:
        """Send an activity, signed, and hold the answer to what Teams wants of it."""
        headers = {"Authorization": f"Bearer {token or self.signer.token(self.service_url)}"}
        answer = await self.deliver(json.dumps(activity).encode(), headers)
        if activity["type"] == "invoke" and answer.status == 200:
            assert answer.seconds < 15, f"answered after {answer.seconds:.1f} s: Teams showed an error"
            said = answer.json()
            assert said, "an empty answer: Teams sends the invoke again"
            assert (said["statusCode"], said["type"] in (CARD, SAID), bool(said["value"])) == (
                200,
                True,
                True,
            )
            if said["type"] == CARD:
                check_card(said["value"])
        return answer

    async def deliver(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Send bytes as they are."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        timeout = aiohttp.ClientTimeout(total=20)
        sent = {"Content-Type": "application/json", **headers}
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(self.app, data=body, headers=sent) as response,
        ):
            return Answer(response.status, await response.text(), loop.time() - before)


class ChatView:
    """A conversation as people see it."""

    def __init__(self, teams: FakeTeams, chat: Conversation) -> None:
        self.teams, self.chat = teams, chat

    def cards(self) -> list["CardView"]:
        """Return every card that stands here."""
        found = [m for m in self.chat.messages if m.content is not None and not m.deleted]
        return [CardView(self.teams, message) for message in found]

    def card(self, title: str) -> "CardView":
        """Return the newest card with this in its title."""
        found = [one for one in self.cards() if title in one.title]
        assert found, f"no card {title!r} in {self.chat.name}: {[one.title for one in self.cards()]}"
        found[-1].message.seen = True
        return found[-1]

    async def coming(self, title: str) -> "CardView":
        """Return a card with this in its title that nobody has looked at, once it is there."""

        def unseen() -> "CardView | None":
            new = [one for one in self.cards() if title in one.title and not one.message.seen]
            return new[0] if new else None

        found: CardView = await self.teams.eventually(unseen, f"no card {title!r} came to {self.chat.name}")
        found.message.seen = True
        return found

    def line(self, part: str) -> str:
        """Return the next line with this in it."""
        found = [m for m in self.chat.messages if part in m.text and not m.seen]
        assert found, f"no line {part!r} in {self.chat.name}: {[m.text for m in self.chat.messages]}"
        found[0].seen = True
        return found[0].text


class CardView:
    """A card as people see it."""

    def __init__(self, teams: FakeTeams, message: Message) -> None:
        self.teams, self.message = teams, message

    def content(self, user: str | None = None) -> Json:
        """Return what everybody sees, or one person after a click of theirs."""
        content = self.message.own.get(user or "") or self.message.content
        assert content is not None
        return content

    @property
    def title(self) -> str:
        """Return its first words."""
        return paragraphs(self.content())[0]

    @property
    def text(self) -> str:
        """Return everything that is read on it."""
        return "\n".join(paragraphs(self.content()))

    @property
    def buttons(self) -> list[str]:
        """Return the titles of its buttons."""
        return [one["title"] for one in actions(self.content())]

    @property
    def thread(self) -> list[str]:
        """Return the lines below it."""
        chat = self.teams.state.conversations[self.message.conversation]
        below = [m for m in chat.messages if m.thread == self.message.id]
        for message in below:
            message.seen = True
        return [message.text for message in below]

    def delete(self) -> None:
        """Delete it, as anybody may."""
        self.message.deleted = True

    def filled(self, button: str, words: str | None, user: str | None = None) -> tuple[Json, Json]:
        """Return what a button sends once its form is filled in, and the action that sends it."""
        found = [one for one in actions(self.content(user)) if one["title"] == button]
        assert found, f"no button {button!r}: {self.buttons}"
        action, inputs = found[0], []
        if action["type"] == "Action.ShowCard":
            inputs = [n for n in nodes(action["card"]) if str(n.get("type", "")).startswith("Input.")]
            [action] = action["card"]["actions"]
        assert action["type"] == "Action.Execute", f"{button} opens {action.get('url')}"
        filled = {one["id"]: words or "" for one in inputs}
        for one in inputs:
            assert words or not one.get("isRequired"), f"Teams sends no {button} without words"
        return {**action["data"], **filled}, action

    async def press(self, button: str, user: str, words: str | None = None) -> Answer:
        """Press a button."""
        return await self.teams.press(self, button, user, words)


__all__ = ["BOT", "TENANT", "Answer", "CardView", "ChatView", "FakeTeams", "Fault", "account", "object_id"]
