"""Who clicked: a Slack account becomes a person, or nobody.

1. The account is of our own workspace, by the payload.
2. Slack itself says, now, that it is a full member of it: no bot, guest, stranger or deleted account.
3. The directory, or a link that both sides confirmed, says whose account it is. Names and e-mail addresses
   are never looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.core.errors import NoReviewsByMachines, NotReady, UnknownPerson
from bot.core.terms import Actor, ActorKind, Json, PersonName, Proof, Surface
from bot.ports import Accounts, Clock, Later, Never
from handlers.slack.troubles import repeatable
from handlers.slack.workspace import Installation, Workspace

REMEMBER = timedelta(seconds=60)  # how long Slack's word about an account is good
ANSWER_WITHIN = 1.5  # seconds: Slack wants the click acknowledged within 3
SLACKBOT = "USLACKBOT"  # Slack says of it `is_bot: false`
# Slack always says these of a member; anything but a plain `false` refuses.
PLAIN_MEMBER = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted")
# Slack says these only where they apply.
NO_MEMBER = ("is_stranger",)
STRANGER = "Only members of our own Slack workspace can review."
MACHINES = ("is_bot", "is_workflow_bot", "is_connector_bot")


@dataclass(frozen=True, slots=True)
class Clicker:
    """A Slack account as a payload names it; `team` is None where the payload says nothing of it."""

    id: str
    team: str | None


@dataclass(frozen=True, slots=True)
class Identity:
    """Turns clickers into people; fails closed."""

    workspace: Workspace
    accounts: Accounts
    clock: Clock
    _heard: dict[str, tuple[datetime, Mapping[str, Json]]] = field(default_factory=dict)

    async def actor(self, clicker: Clicker) -> Actor:
        """Return the person as who the clicker acts; `Actor.name` is theirs.

        Raises `UnknownPerson`, `NoReviewsByMachines`, or `NotReady` while Slack does not say who this is.
        """
        account = await self.account(clicker)
        person = await self.accounts.person(Surface.SLACK, account)  # 3
        if person is None:
            raise UnknownPerson(
                f"Your Slack account {account} belongs to nobody in the directory. If you are in it, type "
                "/assent link to tie the two together."
            )
        return Actor(ActorKind.PERSON, person, Surface.SLACK, account, Proof.SIGNATURE)

    async def account(self, clicker: Clicker) -> str:
        """Return the account of a full member of our workspace, whosever it is; raises as `actor` does."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                installation = await self.workspace.installation()
                _of_ours(clicker.team, installation)  # 1
                return _full_member(await self._heard_of(clicker.id), clicker, installation)  # 2
        except (TimeoutError, Later, Never) as error:
            raise NotReady("Slack does not say who you are right now; try again in a minute.") from error

    async def named(self, user: str) -> str:
        """Return the name of whom a mentioned account belongs to, or the account where it is nobody's.

        Raises `NotReady` while Slack does not say who this is.
        """
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                installation = await self.workspace.installation()
                account = installation.account(await self._heard_of(user))
        except (TimeoutError, Later, Never) as error:
            raise NotReady("Slack does not say who that is right now; try again in a minute.") from error
        found = await self.accounts.person(Surface.SLACK, account) if account else None
        return found or account or user

    async def zone(self, clicker: Clicker) -> ZoneInfo:
        """Return the time zone of somebody's Slack profile, or UTC where it names none that we know.

        Raises `NotReady` while Slack does not say who this is.
        """
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                said = (await self._heard_of(clicker.id)).get("tz")
            return ZoneInfo(str(said or "UTC"))
        except (TimeoutError, Later, Never) as error:
            raise NotReady("Slack does not say who you are right now; try again in a minute.") from error
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo("UTC")

    async def _heard_of(self, user: str) -> Mapping[str, Json]:
        now = self.clock.now()
        heard = self._heard.get(user)
        if heard is not None and timedelta(0) <= now - heard[0] < REMEMBER:
            return heard[1]
        with repeatable():
            said = (await self.workspace.client.users_info(user=user)).get("user")
        heard_now: Mapping[str, Json] = said if isinstance(said, dict) else {}
        for old in [name for name, (at, _) in self._heard.items() if now - at >= REMEMBER]:
            del self._heard[old]
        self._heard[user] = (now, heard_now)
        return heard_now


def person(actor: Actor) -> PersonName:
    """Return the name of the person as who somebody acts."""
    return PersonName(actor.name)


def _of_ours(team: str | None, installation: Installation) -> None:
    # A click in a shared channel arrives with our own workspace in the payload and theirs in `user`.
    if team is not None and not installation.may_hold(team):
        raise UnknownPerson(STRANGER)


def _full_member(user: Mapping[str, Json], clicker: Clicker, installation: Installation) -> str:
    """Return the account of a full member; `user` is Slack's word about the clicker."""
    if clicker.id == SLACKBOT or any(user.get(sign) for sign in MACHINES):
        raise NoReviewsByMachines
    account = installation.account(user)
    if account is None or user.get("id") != clicker.id or clicker.team not in (None, user.get("team_id")):
        raise UnknownPerson(STRANGER)
    if any(user.get(sign) is not False for sign in PLAIN_MEMBER):
        raise UnknownPerson("Guests and deactivated accounts cannot review.")
    if any(user.get(sign) for sign in NO_MEMBER):
        raise UnknownPerson("Only full members of our own Slack workspace can review.")
    return account
