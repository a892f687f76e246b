"""Who clicked: a Teams account becomes a person, or nobody.

1. The activity's sender is a person's account by its own words: no bot, no agentic user, with an object id.
2. Teams itself says, now, that it is a full member of our own tenant: no guest, no stranger.
3. The directory, or a link that both sides confirmed, says whose account (tenant, object id) it is. Names
   and addresses are never looked at.

The tenant that the activity itself names was checked by the door.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.errors import NoReviewsByMachines, NotReady, UnknownPerson
from bot.core.terms import Actor, ActorKind, PersonName, Proof, Surface
from bot.ports import Accounts, Clock, Later, Never
from handlers.teams.connector import Connector, Member
from handlers.teams.payloads import Clicker

REMEMBER = timedelta(seconds=60)  # how long Teams' word about an account is good
ANSWER_WITHIN = 5  # seconds: Teams wants the click answered within 15
BOT = "28:"  # what a bot's account begins with; a person's with 29:
PERSON_ROLES = (None, "user")  # of an activity's sender; `agenticUser` is an AI with a person's account
MEMBER_ROLES = ("user", "owner")  # anything else refuses: `guest`, `anonymous`, what is not yet known
EXTERNAL = "#ext#"  # in a guest's principal name
STRANGER = "Only members of our own tenant can review."


@dataclass(frozen=True, slots=True)
class Identity:
    """Turns clickers into people; fails closed."""

    connector: Connector
    accounts: Accounts
    clock: Clock
    tenant: str
    _heard: dict[str, tuple[datetime, Member]] = field(default_factory=dict)

    async def actor(self, clicker: Clicker) -> Actor:
        """Return the person as who the clicker acts; `Actor.name` is theirs.

        Raises `UnknownPerson`, `NoReviewsByMachines`, or `NotReady` while Teams does not say who this is.
        """
        account = await self.proven(clicker)
        person = await self.accounts.person(Surface.TEAMS, account)  # 3
        if person is None:
            raise UnknownPerson(
                f"Your Teams account {account} belongs to nobody in the directory. If you are in it, write "
                "link to me to tie the two together."
            )
        return Actor(ActorKind.PERSON, person, Surface.TEAMS, account, Proof.SIGNATURE)

    async def proven(self, clicker: Clicker) -> str:
        """Return the account of a full member of our tenant, whosever it is; raises as `actor` does."""
        if clicker.is_agentic or clicker.id.startswith(BOT) or clicker.role not in PERSON_ROLES:  # 1
            raise NoReviewsByMachines
        if clicker.object_id is None:
            raise UnknownPerson("Teams does not say whose account this is, so it cannot review.")
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                self._full_member(await self._heard_of(clicker), clicker)  # 2
        except (TimeoutError, Later, Never) as error:
            raise NotReady("Teams does not say who you are right now; try again in a minute.") from error
        return self.account(clicker)

    async def named(self, user: str, clicker: Clicker) -> str:
        """Return the name of whom a mentioned account belongs to, or the account where it is nobody's.

        Raises `NotReady` while Teams does not say who this is.
        """
        mentioned = Clicker(user, None, None, is_agentic=False, url=clicker.url, where=clicker.where)
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                member = await self._heard_of(mentioned)
        except (TimeoutError, Later, Never) as error:
            raise NotReady("Teams does not say who that is right now; try again in a minute.") from error
        account = f"{(member.tenant or '?').lower()}/{(member.object_id or user).lower()}"
        return await self.accounts.person(Surface.TEAMS, account) or account

    def account(self, clicker: Clicker) -> str:
        """Return the account as the directory names it; one without an object id matches nobody."""
        return f"{self.tenant}/{clicker.object_id or clicker.id}"

    async def _heard_of(self, clicker: Clicker) -> Member:
        now = self.clock.now()
        heard = self._heard.get(clicker.id)
        if heard is not None and timedelta(0) <= now - heard[0] < REMEMBER:
            return heard[1]
        member = await self.connector.member(clicker.url, clicker.where, clicker.id)
        for old in [name for name, (at, _) in self._heard.items() if now - at >= REMEMBER]:
            del self._heard[old]
        self._heard[clicker.id] = (now, member)
        return member

    def _full_member(self, member: Member, clicker: Clicker) -> None:
        """Refuse whoever is no full member; `member` is Teams' word about the clicker."""
        tenant, object_id = (member.tenant or "").lower(), (member.object_id or "").lower()
        if tenant != self.tenant or object_id != clicker.object_id:
            raise UnknownPerson(STRANGER)
        is_external = EXTERNAL in (member.principal_name or "").lower()
        if is_external or (member.role or "").lower() not in MEMBER_ROLES:
            raise UnknownPerson("Guests cannot review.")


def person(actor: Actor) -> PersonName:
    """Return the name of the person as who somebody acts."""
    return PersonName(actor.name)
