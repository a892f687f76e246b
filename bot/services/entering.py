"""People sign in to the web: a one-time link, traded by POST for a session that expires."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.core.deadline import refuse_stale
from bot.core.errors import Unknown, UnknownPerson
from bot.core.fingerprint import fingerprint
from bot.core.terms import Actor, ActorKind, Entry, EntryKind, PersonName, Proof, Surface
from bot.ports import Clock, Ids, Link, Policies, Session, Store

LINK_LIFE = timedelta(minutes=10)  # long enough to walk from the chat to the browser
SESSION_LIFE = timedelta(hours=12)  # a working day; then the person shows again who they are


@dataclass(frozen=True, slots=True)
class Entering:
    """Links and sessions."""

    store: Store
    policies: Policies
    clock: Clock
    ids: Ids

    async def invite(self, person: PersonName, by: Actor) -> str:
        """Return the token of a new one-time link for a person in the directory.

        Raises `UnknownPerson`, and `DirectoryStale` but for an operator: who is whom may have changed in what
        does not load.
        """
        if by.kind is not ActorKind.OPERATOR:
            refuse_stale(self.policies.current().broken_since, self.clock.now())
        self._require(person)
        token = self.ids.secret()
        link = Link(fingerprint(token), person, self.clock.now() + LINK_LIFE)
        await self.store.put_link(link, self._entry(by, person, "link"))
        return token

    async def enter(self, token: str) -> tuple[str, Session]:
        """Trade a link's token for a cookie, once; raises `Unknown` when it was used or is too old."""
        cookie, fresh = self._session(PersonName(""))
        by = Actor(ActorKind.PERSON, "", Surface.WEB, "", Proof.NONE)
        session = await self.store.take_link(
            fingerprint(token), self.clock.now(), fresh, self._entry(by, PersonName(""), "session")
        )
        if session.person not in self.policies.current().directory.people:
            await self.store.end_session(session.hash)
            raise Unknown
        return cookie, session

    async def become(self, person: PersonName) -> tuple[str, Session]:
        """Sign in as anyone in the directory, without proof: the demo's door, wired nowhere else."""
        self._require(person)
        cookie, session = self._session(person)
        by = Actor(ActorKind.PERSON, person, Surface.WEB, "", Proof.NONE)
        await self.store.put_session(session, self._entry(by, person, "development"))
        return cookie, session

    async def who(self, cookie: str) -> Session | None:
        """Return the session of a cookie while it lasts and its person is still in the directory."""
        session = await self.store.session(fingerprint(cookie), self.clock.now())
        if session is None or session.person not in self.policies.current().directory.people:
            return None
        return session

    async def leave(self, cookie: str) -> None:
        """End the session of a cookie."""
        await self.store.end_session(fingerprint(cookie))

    async def expel(self, person: PersonName, by: Actor) -> int:
        """End every session of a person and take their links back; return how many sessions there were."""
        facts, private = {"command": "people revoke"}, {"person": person}
        entry = Entry(kind=EntryKind.ADMIN, at=self.clock.now(), by=by, facts=facts, private=private)
        return await self.store.end_sessions(person, entry)

    def _require(self, person: PersonName) -> None:
        if person not in self.policies.current().directory.people:
            raise UnknownPerson(f"{person} is not in the directory; add them to directory.yaml first.")

    def _session(self, person: PersonName) -> tuple[str, Session]:
        cookie, now = self.ids.secret(), self.clock.now()
        return cookie, Session(fingerprint(cookie), person, now, now + SESSION_LIFE, self.ids.secret())

    def _entry(self, by: Actor, person: PersonName, how: str) -> Entry:
        kind = EntryKind.SIGNED_IN
        private = {"person": person} if person else {}
        return Entry(kind=kind, at=self.clock.now(), by=by, facts={"how": how}, private=private)
