"""Slack's user groups, for the policy's groups that name one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.ports import Clock, Later, Never
from handlers.slack.troubles import repeatable
from handlers.slack.workspaces import Workspaces

REMEMBER = timedelta(minutes=2)  # usergroups.* is tier 2: about 20 calls a minute for all groups together


@dataclass(frozen=True, slots=True)
class Usergroups:
    """Reads who is in a user group, as accounts `T…/U…`.

    `S…` is one of the only workspace, `T…/S…` one of that workspace.
    """

    workspaces: Workspaces
    clock: Clock
    _heard: dict[str, tuple[datetime, frozenset[str]]] = field(default_factory=dict)

    async def members(self, usergroup: str) -> frozenset[str] | None:
        """Return the accounts in a user group, at most `REMEMBER` old; None while Slack does not say."""
        now = self.clock.now()
        heard = self._heard.get(usergroup)
        if heard is not None and timedelta(0) <= now - heard[0] < REMEMBER:
            return heard[1]
        try:
            team, _, group = usergroup.rpartition("/")
            workspace = await self.workspaces.named(team or None)
            team = team or (await workspace.installation()).team or ""
            with repeatable():
                said = await workspace.client.usergroups_users_list(
                    usergroup=group, team_id=team if workspace.key.startswith("E") else None
                )
        except (Later, Never):
            return None
        accounts = frozenset(f"{team}/{user}" for user in said.get("users") or ())
        self._heard[usergroup] = (now, accounts)
        return accounts

    def forget(self, usergroup: str) -> None:
        """Ask again at the next chance: Slack says that this group `S…` has changed."""
        for known in [name for name in self._heard if name.rpartition("/")[2] == usergroup]:
            del self._heard[known]
