"""Time, randomness, the policy in force, and who is who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.core.errors import Refusal
from bot.core.policy import Bundle, Directory
from bot.core.terms import (
    Entry,
    GrantId,
    GroupName,
    PersonName,
    Registry,
    Request,
    RequestId,
    Roster,
    Send,
)


class Clock(Protocol):
    """The instant, aware and in UTC; in production it follows the database's clock."""

    def now(self) -> datetime: ...


class Ids(Protocol):
    """Randomness: everything unguessable comes from here."""

    def request_id(self) -> RequestId: ...
    def grant_id(self) -> GrantId: ...
    def secret(self) -> str:
        """Return 256 random bits, URL-safe."""
        ...

    def salt(self) -> bytes:
        """Return 16 random bytes."""
        ...


@dataclass(frozen=True, slots=True)
class InForce:
    """The last good bundle and directory; `broken_since` is when a newer one first failed to load."""

    bundle: Bundle
    directory: Directory
    broken_since: datetime | None = None
    problem: str | None = None


class Policies(Protocol):
    """The policy folder as it stands; a broken edit leaves the last good one in force."""

    def current(self) -> InForce: ...

    async def roster(self, request: Request, registry: Registry) -> Roster:
        """Resolve the groups of the request's plan, and whom separation bars, as of now."""
        ...

    async def members(self, group: GroupName) -> frozenset[PersonName] | None:
        """Return a group's people, or None while its source does not answer."""
        ...

    async def trial(self) -> InForce:
        """Load the folder as it lies there, without putting it in force; raises `PolicyBroken`."""
        ...


class Accounts(Protocol):
    """Which chat account is whose: as the directory says, else as people have linked them."""

    async def person(self, surface: str, account: str) -> PersonName | None: ...
    async def held(self, person: PersonName, surface: str) -> tuple[str, ...]:
        """Return somebody's accounts on a surface, those of the directory first."""
        ...


class Refusals(Protocol):
    """The record of what was refused: a flood of one kind is one entry a minute, with its count."""

    async def note(self, entry: Entry, refusal: Refusal, sends: Sequence[Send] = ()) -> None:
        """Put a refusal's own entry on record; `sends` go out with it, and not where it is only counted."""
        ...
