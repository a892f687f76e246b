"""Cards go out to Slack: `ports.Notifier` on Slack's Web API."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

from bot.core.card import Card
from bot.core.terms import Json, PersonName, RequestId, Surface
from bot.ports import Clock, Never, Place, Policies, Posted, Unsure
from handlers.render import Renderer
from handlers.slack.blocks import Block, clip, escaped, message
from handlers.slack.limits import FALLBACK_TEXT_MAX, SECTION_TEXT_MAX
from handlers.slack.troubles import repeatable, unrepeatable
from handlers.slack.workspace import Workspace

EVENT_TYPE = "assent_request"  # of the message metadata, which every app in the workspace can read: ids only
CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")
PAGE = 200  # things asked for at once; Slack recommends no more
LOOK_BACK = timedelta(days=1)  # how far `seek` looks: a crash and its repair lie closer together
LOOK_PAGES = 10


@dataclass(frozen=True, slots=True)
class SlackNotifier:
    """Posts cards and keeps them up to date. Each verb raises only `Later`, `Never` or `Unsure`."""

    workspace: Workspace
    policies: Policies
    clock: Clock
    renderer: Renderer
    _channels: dict[str, str] = field(default_factory=dict)  # by name
    _chats: dict[str, str] = field(default_factory=dict)  # direct messages, by user

    async def find(self, address: str, person: PersonName | None) -> Place:
        """Return the channel behind `#name` or an id, or a person's direct messages."""
        if person is not None:
            return Place(Surface.SLACK, await self._chat(person))
        target = address.removeprefix("slack:").removeprefix("#")
        if CHANNEL_ID.fullmatch(target):
            return Place(Surface.SLACK, target)
        if target not in self._channels:
            await self._look_up_channels()
        if target not in self._channels:
            raise Never(f"Slack: the bot is in no channel named #{target}; invite it there with /invite")
        return Place(Surface.SLACK, self._channels[target])

    async def post(self, card: Card, place: Place) -> Posted:
        """Post a card; raises `Unsure` when nobody knows whether it stands there now."""
        shown = message(card, self.renderer)
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"request": card.request_id}}
        with self.workspace.pace.posting(place.id), unrepeatable():
            said = await self.workspace.client.chat_postMessage(
                channel=place.id,
                text=clip(shown.text, FALLBACK_TEXT_MAX),
                blocks=shown.blocks,
                metadata=metadata,
                unfurl_links=False,
                unfurl_media=False,
                parse="none",
            )
            return _posted(card.request_id, str(said["channel"]), str(said["ts"]), card.version)

    async def seek(self, request_id: RequestId, place: Place) -> Posted | None:
        """Return our card of that request if it already stands at the place.

        Looks at the last day; raises `Unsure` when the channel is too busy to look through.
        """
        ours = (await self.workspace.installation()).bot
        since = str((self.clock.now() - LOOK_BACK).timestamp())
        cursor = ""
        for _ in range(LOOK_PAGES):
            with self.workspace.pace.calling("conversations.history"), repeatable():
                said = await self.workspace.client.conversations_history(
                    channel=place.id, oldest=since, limit=PAGE, include_all_metadata=True, cursor=cursor
                )
            for standing in said.get("messages") or ():
                # Any app can write our metadata; only our own messages count.
                if standing.get("bot_id") == ours and _request_of(standing) == request_id:
                    return _posted(request_id, place.id, str(standing["ts"]), 0)
            cursor = (said.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None
        raise Unsure("Slack: the channel holds too many messages to find out whether the card was posted")

    async def update(self, card: Card, posted: Posted) -> Posted:
        """Bring a card up to date; raises `Never` when its message is gone."""
        shown = message(card, self.renderer)
        with self.workspace.pace.calling("chat.update"), repeatable():
            # `text` alone would delete the blocks.
            await self.workspace.client.chat_update(
                channel=posted.place,
                ts=posted.message,
                text=clip(shown.text, FALLBACK_TEXT_MAX),
                blocks=shown.blocks,
                parse="none",
            )
        return _posted(card.request_id, posted.place, posted.message, card.version)

    async def reply(self, text: str, posted: Posted) -> None:
        """Add a line to a card's thread."""
        with self.workspace.pace.posting(posted.place), unrepeatable():
            await self.workspace.client.chat_postMessage(
                channel=posted.place, thread_ts=posted.message, **_plain(text)
            )

    async def tell(self, text: str, place: Place) -> None:
        """Say something by itself."""
        with self.workspace.pace.posting(place.id), unrepeatable():
            await self.workspace.client.chat_postMessage(channel=place.id, **_plain(text))

    async def _look_up_channels(self) -> None:
        """Read the channels that the bot is in: only there may it post."""
        cursor = ""
        while True:
            with self.workspace.pace.calling("users.conversations"), repeatable():
                said = await self.workspace.client.users_conversations(
                    types="public_channel,private_channel", exclude_archived=True, limit=PAGE, cursor=cursor
                )
            self._channels.update({str(c["name"]): str(c["id"]) for c in said.get("channels") or ()})
            cursor = (said.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    async def _chat(self, person: PersonName) -> str:
        team = (await self.workspace.installation()).team
        known = self.policies.current().directory.people.get(person)
        users = [
            a.removeprefix(f"{team}/") for a in (known.slack if known else ()) if a.startswith(f"{team}/")
        ]
        if not users:
            raise Never(f"{person} has no account of this Slack workspace in the directory")
        user = users[0]
        if user not in self._chats:
            with self.workspace.pace.calling("conversations.open"), repeatable():
                said = await self.workspace.client.conversations_open(users=user)
                self._chats[user] = str(said["channel"]["id"])
        return self._chats[user]


def _posted(request_id: RequestId, channel: str, ts: str, version: int) -> Posted:
    return Posted(request_id, f"slack:{channel}", channel, ts, version)


def _request_of(standing: dict[str, Json]) -> str | None:
    metadata = standing.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return None
    request = (metadata.get("event_payload") or {}).get("request")
    return request if isinstance(request, str) else None


def _plain(text: str) -> dict[str, Json]:
    """Return a message that shows `text` literally."""
    literal = {"type": "plain_text", "emoji": False, "text": clip(text, SECTION_TEXT_MAX)}
    block: Block = {"type": "section", "text": literal}
    return {
        "text": escaped(clip(text, FALLBACK_TEXT_MAX // 5)),  # `&` grows to five characters
        "blocks": [block],
        "unfurl_links": False,
        "unfurl_media": False,
        "parse": "none",
    }
