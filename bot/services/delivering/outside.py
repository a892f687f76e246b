"""What every send needs: the store, the surfaces, and whom a row is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.terms import GroupName, PersonName, Request
from bot.ports import Caller, Claimed, Clock, LogTrust, Never, Notifier, Policies, Signer, Store


@dataclass(frozen=True, slots=True)
class Outside:
    """The ways out of the bot."""

    store: Store
    policies: Policies
    clock: Clock
    signer: Signer
    notifiers: Mapping[str, Notifier]
    caller: Caller
    public_url: str
    trust: LogTrust

    async def notifier(self, address: str) -> tuple[Notifier | None, PersonName | None]:
        """Return the surface for an address; a person's is the first on which they have an account.

        Accounts of the directory go first, then those that they linked.
        """
        surface, _, rest = address.partition(":")
        if surface != "person":
            return self.notifiers.get(surface), None
        known = self.policies.current().directory.people.get(PersonName(rest))
        if known is None:
            return None, PersonName(rest)
        links = (await self.store.registry()).links.values()
        linked = [one.surface for one in sorted(links, key=lambda one: one.at) if one.person == rest]
        own = {"slack": known.slack, "teams": known.teams}
        surfaces = [*(name for name, accounts in own.items() if accounts), *linked]
        found = [self.notifiers[name] for name in surfaces if name in self.notifiers]
        return (found[0] if found else None), known.name

    async def request(self, row: Claimed) -> Request:
        """Return the request that a row is about, as it stands."""
        if row.request_id is None:
            raise Never("an outbox row about no request")
        return await self.store.get(row.request_id)

    async def names(self, request: Request) -> dict[GroupName, frozenset[PersonName]]:
        """Return who is in the groups of its plan, now."""
        roster = await self.policies.roster(request, await self.store.registry())
        return {name: people for name, people in roster.groups.items() if people is not None}

    def page(self, request: Request) -> str:
        """Return the address of its full page."""
        return f"{self.public_url}/requests/{request.id}"
