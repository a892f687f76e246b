"""Where cards go: channels by their name, people by their direct messages; looked up once a workspace."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bot.ports import Never
from handlers.slack.troubles import repeatable
from handlers.slack.workspace import Workspace

CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")
TARGET = re.compile(r"(?:slack:)?(?:(?P<team>[TE][A-Z0-9]+)/)?#?(?P<channel>.*)")
PAGE = 200  # things asked for at once; Slack recommends no more


def target(address: str) -> tuple[str | None, str]:
    """Return the workspace that an address names, if it does, and the channel: `slack:T0123ABCD/#ops`."""
    found = TARGET.fullmatch(address)
    return (found["team"], found["channel"]) if found else (None, address)


@dataclass(frozen=True, slots=True)
class Rooms:
    """Remembers what was looked up."""

    _channels: dict[tuple[str, str], str] = field(default_factory=dict)  # by workspace and name
    _chats: dict[tuple[str, str], str] = field(default_factory=dict)  # direct messages, by workspace and user

    async def channel(self, workspace: Workspace, team: str | None, name: str) -> str:
        """Return a channel's id; raises `Never` when the bot is not in it."""
        if CHANNEL_ID.fullmatch(name):
            return name
        within = team or workspace.key
        if (within, name) not in self._channels:
            await self._look_up(workspace, within)
        if (within, name) not in self._channels:
            raise Never(f"Slack: the bot is in no channel named #{name}; invite it there with /invite")
        return self._channels[within, name]

    async def chat(self, workspace: Workspace, user: str) -> str:
        """Return somebody's direct messages."""
        if (workspace.key, user) not in self._chats:
            with workspace.pace.calling("conversations.open"), repeatable():
                said = await workspace.client.conversations_open(users=user)
                self._chats[workspace.key, user] = str(said["channel"]["id"])
        return self._chats[workspace.key, user]

    def forget(self, channel: str) -> None:
        """Look it up again: it is not what it was."""
        for name in [name for name, known in self._channels.items() if known == channel]:
            del self._channels[name]

    async def _look_up(self, workspace: Workspace, within: str) -> None:
        """Read the channels that the bot is in: only there may it post."""
        cursor = ""
        while True:
            with workspace.pace.calling("users.conversations"), repeatable():
                said = await workspace.client.users_conversations(
                    types="public_channel,private_channel",
                    exclude_archived=True,
                    limit=PAGE,
                    cursor=cursor,
                    team_id=within if workspace.key.startswith("E") else None,
                )
            for channel in said.get("channels") or ():
                self._channels[within, str(channel["name"])] = str(channel["id"])
            cursor = (said.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return
