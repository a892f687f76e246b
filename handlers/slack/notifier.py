"""Cards go out to Slack: `ports.Notifier` on Slack's Web API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from bot.core.card import Card, RoundupLine
from bot.core.terms import Json, PersonName, RequestId, Surface
from bot.ports import Accounts, Clock, Never, Place, Posted, Unsure
from handlers.fitting import clip
from handlers.render import Renderer
from handlers.slack.blocks import Block, Message, escaped, message
from handlers.slack.limits import FALLBACK_TEXT_MAX, SECTION_TEXT_MAX
from handlers.slack.rooms import PAGE, Rooms, target
from handlers.slack.roundups import roundup
from handlers.slack.troubles import repeatable, unrepeatable
from handlers.slack.workspaces import Workspaces

EVENT_TYPE = "assent_request"  # of the message metadata, which every app in the workspace can read: ids only
LOOK_BACK = timedelta(days=1)  # how far `seek` looks: a crash and its repair lie closer together
LOOK_PAGES = 10


@dataclass(frozen=True, slots=True)
class SlackNotifier:
    """Posts cards and keeps them up to date. Each verb raises only `Later`, `Never` or `Unsure`."""

    workspaces: Workspaces
    accounts: Accounts
    clock: Clock
    renderer: Renderer
    _rooms: Rooms = field(default_factory=Rooms)

    async def find(self, address: str, person: PersonName | None) -> Place:
        """Return the channel behind `#name` or an id, or a person's direct messages."""
        if person is not None:
            return Place(Surface.SLACK, await self._chat(person))
        team, name = target(address)
        workspace = await self.workspaces.named(team)
        return Place(Surface.SLACK, workspace.placed(await self._rooms.channel(workspace, team, name)))

    async def post(self, card: Card, place: Place) -> Posted:
        """Post a card; raises `Unsure` when nobody knows whether it stands there now."""
        return await self._posted(message(card, self.renderer), card.request_id, card.version, place)

    async def _posted(self, shown: Message, request_id: RequestId, version: int, place: Place) -> Posted:
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"request": request_id}}
        workspace, channel = await self.workspaces.at(place.id)
        with self._known(channel), workspace.pace.posting(channel), unrepeatable():
            said = await workspace.client.chat_postMessage(
                channel=channel,
                text=clip(shown.text, FALLBACK_TEXT_MAX),
                blocks=shown.blocks,
                metadata=metadata,
                unfurl_links=False,
                unfurl_media=False,
                parse="none",
            )
            stands_at = workspace.placed(str(said["channel"]))
            return _posted(request_id, stands_at, str(said["ts"]), version)

    async def seek(self, request_id: RequestId, place: Place) -> Posted | None:
        """Return our card of that request if it already stands at the place.

        Looks at the last day; raises `Unsure` when the channel is too busy to look through.
        """
        workspace, channel = await self.workspaces.at(place.id)
        ours = (await workspace.installation()).bot
        since = str((self.clock.now() - LOOK_BACK).timestamp())
        cursor = ""
        for _ in range(LOOK_PAGES):
            with workspace.pace.calling("conversations.history"), repeatable():
                said = await workspace.client.conversations_history(
                    channel=channel, oldest=since, limit=PAGE, include_all_metadata=True, cursor=cursor
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
        await self._change(message(card, self.renderer), posted)
        return _posted(card.request_id, posted.place, posted.message, card.version)

    async def round_up(
        self, lines: Sequence[RoundupLine], leader: RequestId, place: Place, posted: Posted | None
    ) -> Posted:
        """Post one message for many requests, or bring the one that stands up to date."""
        shown = roundup(lines, self.renderer)
        if posted is None:
            return await self._posted(shown, leader, 0, place)
        await self._change(shown, posted)
        return posted

    async def _change(self, shown: Message, posted: Posted) -> None:
        workspace, channel = await self.workspaces.at(posted.place)
        with workspace.pace.calling("chat.update"), repeatable():
            # `text` alone would delete the blocks.
            await workspace.client.chat_update(
                channel=channel,
                ts=posted.message,
                text=clip(shown.text, FALLBACK_TEXT_MAX),
                blocks=shown.blocks,
                parse="none",
            )

    async def reply(self, text: str, posted: Posted) -> None:
        """Add a line to a card's thread."""
        workspace, channel = await self.workspaces.at(posted.place)
        with workspace.pace.posting(channel), unrepeatable():
            await workspace.client.chat_postMessage(channel=channel, thread_ts=posted.message, **_plain(text))

    async def tell(self, text: str, place: Place) -> None:
        """Say something by itself."""
        workspace, channel = await self.workspaces.at(place.id)
        with workspace.pace.posting(channel), unrepeatable():
            await workspace.client.chat_postMessage(channel=channel, **_plain(text))

    async def _chat(self, person: PersonName) -> str:
        """Return the direct messages of the first of somebody's accounts where we are installed."""
        for account in await self.accounts.held(person, Surface.SLACK):
            team, _, user = account.partition("/")
            try:
                workspace = await self.workspaces.named(team)
            except Never:
                continue
            return workspace.placed(await self._rooms.chat(workspace, user))
        raise Never(f"{person} has no account of this Slack workspace")

    @contextmanager
    def _known(self, channel: str) -> Iterator[None]:
        try:
            yield
        except Never:
            self._rooms.forget(channel)  # its name may be another channel's by now
            raise


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
