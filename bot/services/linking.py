"""A chat account is tied to a person: by a one-time link that both sides confirm.

1. Somebody types `link` in a chat and gets a link for their eyes alone; the account is nobody's yet.
2. The link is opened in a browser in which a person is signed in. From then on it is that browser's: what
   another one does with the same link is refused.
3. That person sees which account it is and confirms, by POST. Their page then shows a code, nobody else's;
   they, in chat, and the admins are told of it.
4. The account types the code. A link that was sent to somebody else, and confirmed by them, is worth nothing
   to its sender without the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest

from bot.core import effects
from bot.core.deadline import refuse_stale
from bot.core.errors import AlreadyLinked, Stale, TooMany, Unknown, UnknownPerson
from bot.core.fingerprint import fingerprint
from bot.core.rate import MINUTE, Bucket, take
from bot.core.terms import SYSTEM, Actor, Change, Entry, EntryKind, Linked, OutboxKind, PersonName, Send
from bot.ports import Clock, Ids, Pairing, Policies, RegistryEdit, Signer, Store

LINK_LIFE = timedelta(minutes=10)  # long enough to walk from the chat to the browser and back
LINKS_PER_MINUTE = 5  # of one account: each is an audit entry, and whoever begins them is nobody yet
TRIES_MAX = 5  # wrong codes; then a new link is needed
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # 32, none of which looks like another
CODE_LENGTH = 8  # 40 bits
OVER = "This link was used already, was opened in another browser, or is older than ten minutes."


@dataclass(frozen=True, slots=True)
class Linking:
    """Whose account it is, and how it comes to be somebody's."""

    store: Store
    policies: Policies
    clock: Clock
    ids: Ids
    signer: Signer
    _begun: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    async def person(self, surface: str, account: str) -> PersonName | None:
        """Return whose account this is: by the directory, else by a link; None for nobody's.

        Who is no longer in the directory has no account.
        """
        directory = self.policies.current().directory
        known = directory.by_account(surface, account)
        if known is not None:
            return known
        linked = (await self.store.registry()).links.get((surface, account))
        return linked.person if linked is not None and linked.person in directory.people else None

    async def held(self, person: PersonName, surface: str) -> tuple[str, ...]:
        """Return somebody's accounts on a surface, those of the directory first."""
        directory = self.policies.current().directory
        known = directory.people.get(person)
        if known is None:
            return ()
        own = {"slack": known.slack, "teams": known.teams}.get(surface, ())
        linked = [one.account for one in await self.linked(person) if one.surface == surface]
        return (*own, *(one for one in linked if directory.by_account(surface, one) is None))

    async def linked(self, person: PersonName) -> tuple[Linked, ...]:
        """Return the accounts that somebody linked, oldest first."""
        links = (await self.store.registry()).links.values()
        return tuple(sorted((one for one in links if one.person == person), key=lambda one: one.at))

    async def begin(self, surface: str, account: str, shown: str, by: Actor) -> str:
        """Return the token of a new link for an account; `shown` is how the chat calls it.

        Raises `AlreadyLinked` for one that is somebody's, `TooMany`, `DirectoryStale`; what the directory
        says is never changed here.
        """
        self._refuse_stale()
        owner = await self.person(surface, account)
        if owner is not None:
            raise AlreadyLinked(f"This account is {owner}'s already.")
        self._keep_pace(surface, account)
        token = self.ids.secret()
        pairing = Pairing(fingerprint(token), surface, account, shown, self.clock.now() + LINK_LIFE)
        await self.store.put_pairing(pairing, self._entry("link begin", by, {"account": account}))
        return token

    async def opened(self, token: str, browser: str) -> Pairing:
        """Return which account a link is for, and make it this browser's; raises `Unknown`."""
        pairing = await self.store.pairing(fingerprint(token), self.clock.now())
        if pairing is None or pairing.browser not in (None, browser):
            raise Unknown(OVER)
        bound = replace(pairing, browser=browser)
        if bound != pairing:
            await self._change(pairing, bound)
        return bound

    async def confirm(self, token: str, browser: str, person: PersonName, by: Actor) -> str:
        """Return the code that the account must type, after a signed-in person said that it is theirs.

        Raises `Unknown` unless this browser opened the link, and for one that was confirmed before;
        `DirectoryStale`.
        """
        self._refuse_stale()
        pairing = await self.store.pairing(fingerprint(token), self.clock.now())
        if pairing is None or pairing.browser != browser or pairing.code is not None:
            raise Unknown(OVER)
        self._require(person)
        code = _code(self.ids.secret())
        entry = self._entry("link confirm", by, {"account": pairing.account})
        account = f"{pairing.surface} {pairing.account}"
        told = (  # while the code is still to be typed: a stolen session must not do this unseen
            Send(OutboxKind.ALERT, effects.ADMINS, entry.at, f"linking:{person} {account}"),
            Send(OutboxKind.ALERT, f"person:{person}", entry.at, f"yours-linking:{account}"),
        )
        await self.store.commit(Change(after=None, expected=None, entries=(entry,), sends=told))
        await self._change(pairing, replace(pairing, person=person, code=self._kept(code)))
        return code

    async def finish(self, surface: str, account: str, code: str, by: Actor) -> PersonName:
        """Tie the account to the person who confirmed.

        Raises `Unknown` for a wrong code, `AlreadyLinked`, `DirectoryStale`.
        """
        self._refuse_stale()
        pairing = await self.store.pairing_of(surface, account, self.clock.now())
        if pairing is None or pairing.code is None or pairing.person is None or pairing.tries >= TRIES_MAX:
            raise Unknown("No link of this account waits for a code; type `link` to get a new one.")
        if not compare_digest(pairing.code, self._kept(code.strip().upper())):
            await self._change(pairing, replace(pairing, tries=pairing.tries + 1))
            raise Unknown("That is not the code that the page shows.")
        if (owner := await self.person(surface, account)) is not None:
            raise AlreadyLinked(f"This account is {owner}'s already.")
        self._require(pairing.person)
        linked = Linked(surface, account, pairing.person, self.clock.now())
        entry = self._entry("link", replace(by, name=pairing.person), {"account": account})
        await self._finish(pairing, RegistryEdit(entry, linked=linked))
        return pairing.person

    async def unlink(self, surface: str, account: str, by: Actor) -> PersonName:
        """Untie an account and return whose it was; raises `Unknown` for one that is not linked."""
        linked = (await self.store.registry()).links.get((surface, account))
        if linked is None:
            raise Unknown(f"{account} is not linked; accounts in directory.yaml are edited there.")
        entry = self._entry("unlink", by, {"account": account, "person": linked.person})
        await self.store.edit(RegistryEdit(entry, unlinked=(surface, account)))
        return linked.person

    async def unlink_all(self, person: PersonName, by: Actor) -> int:
        """Untie every account that somebody linked, each with its entry; return how many there were."""
        own = await self.linked(person)
        for one in own:
            await self.unlink(one.surface, one.account, by)
        return len(own)

    async def forget_leavers(self) -> int:
        """Untie the accounts of people who have left the directory; return how many there were.

        Else they would be those of the next person who gets the name.
        """
        people = self.policies.current().directory.people
        links = (await self.store.registry()).links.values()
        gone = [one for one in links if one.person not in people]
        for one in gone:
            await self.unlink(one.surface, one.account, SYSTEM)
        return len(gone)

    def _refuse_stale(self) -> None:
        """Refuse while the directory does not load: whose the account is may stand in what it would say."""
        refuse_stale(self.policies.current().broken_since, self.clock.now())

    def _keep_pace(self, surface: str, account: str) -> None:
        key, now = (surface, account), self.clock.now()
        for old in [one for one, bucket in self._begun.items() if now - bucket.at >= MINUTE]:
            del self._begun[old]
        self._begun[key], wait = take(self._begun.get(key), LINKS_PER_MINUTE, now)
        if wait:
            raise TooMany("You have asked for several links just now; wait a moment.", retry_after=wait)

    def _kept(self, code: str) -> str:
        """Return what is stored of a code: it is short, so under our key, else it could be searched for."""
        return self.signer.commitment(f"link {code}".encode(errors="surrogatepass"))

    async def _change(self, before: Pairing, after: Pairing) -> None:
        try:
            await self.store.change_pairing(before, after)
        except Stale as error:  # somebody was first: then it is theirs
            raise Unknown(OVER) from error

    async def _finish(self, before: Pairing, edit: RegistryEdit) -> None:
        try:
            await self.store.finish_pairing(before, edit)
        except Stale as error:
            raise Unknown(OVER) from error

    def _require(self, person: PersonName) -> None:
        if person not in self.policies.current().directory.people:
            raise UnknownPerson

    def _entry(self, command: str, by: Actor, private: Mapping[str, str]) -> Entry:
        facts = {"command": command}
        return Entry(kind=EntryKind.PERSONAL, at=self.clock.now(), by=by, facts=facts, private=private)


def _code(secret: str) -> str:
    """Return eight letters that nobody can guess."""
    return "".join(LETTERS[byte % len(LETTERS)] for byte in sha256(secret.encode()).digest()[:CODE_LENGTH])
