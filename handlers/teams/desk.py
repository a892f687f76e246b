"""What a click or a line does. Nothing of Teams' transport in here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.core.card import Card, card
from bot.core.errors import ForeignButton, Malformed, Refusal, UnknownPerson
from bot.core.terms import (
    Actor,
    ActorKind,
    Entry,
    EntryKind,
    GroupName,
    PersonName,
    Proof,
    Request,
    RequestId,
    Surface,
    Verdict,
)
from bot.ports import Clock, Policies, Store
from bot.services.reviewing import Reviewing
from bot.services.viewing import Viewing
from handlers.commands import Answer
from handlers.commands import Desk as Commands
from handlers.teams.cards import Content, message
from handlers.teams.chats import posted_to
from handlers.teams.connector import base
from handlers.teams.identity import Identity, person
from handlers.teams.payloads import Click, Clicker, Typed
from handlers.teams.seal import Sealing

VERDICTS = {"approve": Verdict.APPROVE, "deny": Verdict.DENY, "comment": Verdict.COMMENT}

Work = Callable[[Click, Request, Actor], Awaitable[Request]]


@dataclass(frozen=True, slots=True)
class Desk:
    """Does what people ask for in Teams."""

    identity: Identity
    reviewing: Reviewing
    viewing: Viewing
    commands: Commands
    store: Store
    policies: Policies
    clock: Clock
    renderer: Sealing
    public_url: str

    async def stands(self, click: Click) -> None:
        """Refuse a press in a message that we did not post for its request, or are only just posting.

        Buttons below answers are known by their conversation alone: they stand in personal chats, where
        nobody writes but its person and we. Raises `ForeignButton`, after its audit entry.
        """
        if click.is_personal:
            return
        where = (base(click.clicker.where), click.message)
        standing = await self.store.posted(click.leader)
        if where not in {(posted_to(posted.place), posted.message) for posted in standing}:
            refusal = ForeignButton(
                "Nothing was done: we did not put this button into this message, or have done so only now. "
                f"Press it on our own card in a moment, or decide at {self._page(click.request_id)}"
            )
            await self.foreign(click.clicker, refusal, click.request_id)
            raise refusal

    async def foreign(self, clicker: Clicker, refusal: ForeignButton, about: RequestId | None = None) -> None:
        """Put on record that somebody pressed a button that was not theirs to press there."""
        try:
            actor = await self.identity.actor(clicker)
        except Refusal:
            actor = self._nobody(clicker)
        facts = {"refusal": refusal.slug(), "route": "POST /teams/messages"}
        now = self.clock.now()
        entry = Entry(EntryKind.CALL_REFUSED, now, actor, request_id=about, facts=facts)
        await self.commands.refusals.note(entry, refusal)

    async def press(self, click: Click) -> Content:
        """Do what a button of a card says; return the card as its presser sees it then."""
        work = self._works().get(click.verb)
        if work is None:
            raise Malformed("This button is of another version; the card is brought up to date in a moment.")
        request = await self.store.get(click.request_id)
        actor = await self._actor(click, request)
        if click.verb in ("comment", "ask"):  # they take no approver, but they take sight
            request = await self._seen(click, request, actor)
        if not _is_done(click, request, actor):
            request = await work(click, request, actor)
        return message(await self._card(request), self.renderer.within(base(click.clicker.where))).content

    async def run(self, clicker: Clicker, line: str) -> Answer:
        """Run a line that somebody typed, or that a button below an answer stands for."""
        try:
            actor = await self.identity.actor(clicker)
        except UnknownPerson as refusal:
            return await self._of_nobody(clicker, line, refusal)
        except Refusal as refusal:
            await self.commands.refused(self._nobody(clicker), line, refusal)
            raise
        return await self.commands.run(actor, line)

    async def _of_nobody(self, clicker: Clicker, line: str, refusal: UnknownPerson) -> Answer:
        """Let a full member of our tenant link their account; anything else is refused."""
        nobody = self._nobody(clicker)
        try:
            account = await self.identity.proven(clicker)
        except Refusal:
            await self.commands.refused(nobody, line, refusal)
            raise
        answer = await self.commands.stranger(nobody, account, line)
        if answer is None:
            await self.commands.refused(nobody, line, refusal)
            raise refusal
        return answer

    async def open(self, click: Click) -> Answer:
        """Return the card of a request that stood as one line among many, for whoever may see it."""
        request = await self.store.get(click.request_id)
        actor = await self._actor(click, request)
        request = await self._seen(click, request, actor)
        return Answer(cards=(await self._card(request),))

    async def typed(self, typed: Typed) -> Answer:
        """Run what somebody wrote; whoever is mentioned in it becomes their name in the directory."""
        line = typed.line
        for shown, user in typed.mentions:
            line = line.replace(shown, f"@{await self.identity.named(user, typed.clicker)}")
        return await self.run(typed.clicker, line)

    def _works(self) -> dict[str, Work]:
        decided: dict[str, Work] = dict.fromkeys(VERDICTS, self._decide)
        return {**decided, "ask": self._ask, "look": self._look, "delegate": self._delegate}

    async def _decide(self, click: Click, request: Request, actor: Actor) -> Request:
        # Whether the card showed everything follows from the request, not from which buttons it had.
        shown = message(await self._card(request), self.renderer).card
        verdict = VERDICTS[click.verb]
        return await self.reviewing.decide(
            request.id, person(actor), verdict, click.words, click.digest, actor, shown.complete
        )

    async def _ask(self, click: Click, request: Request, actor: Actor) -> Request:
        return await self.reviewing.ask(request.id, person(actor), click.words or "", actor)

    async def _look(self, click: Click, request: Request, actor: Actor) -> Request:  # noqa: ARG002  # as the others
        return await self.reviewing.look(request.id, person(actor), actor)

    async def _delegate(self, click: Click, request: Request, actor: Actor) -> Request:
        deputy = PersonName((click.words or "").strip().lstrip("@"))
        return await self.reviewing.delegate(request.id, person(actor), deputy, actor)

    async def _seen(self, click: Click, request: Request, actor: Actor) -> Request:
        """Return the request as its presser may see it; raises `Unknown`, after its audit entry."""
        try:
            return await self.viewing.see(request.id, person(actor))
        except Refusal as refusal:
            await self.reviewing.turned_away(request, click.verb, refusal, actor)
            raise

    async def _card(self, request: Request) -> Card:
        roster = await self.policies.roster(request, await self.store.registry())
        names: dict[GroupName, frozenset[PersonName]] = {
            group: people for group, people in roster.groups.items() if people is not None
        }
        return card(request, self.clock.now(), self._page(request.id), names=names)

    def _page(self, request_id: RequestId) -> str:
        return f"{self.public_url}/requests/{request_id}"

    async def _actor(self, click: Click, request: Request) -> Actor:
        actor = self._nobody(click.clicker)  # until we know better
        try:
            actor = await self.identity.actor(click.clicker)
            self.commands.pace.keep_person(person(actor))
        except Refusal as refusal:
            await self.reviewing.turned_away(request, click.verb, refusal, actor)
            raise
        return actor

    def _nobody(self, clicker: Clicker) -> Actor:
        return Actor(ActorKind.PERSON, "", Surface.TEAMS, self.identity.account(clicker), Proof.SIGNATURE)


def _is_done(click: Click, request: Request, actor: Actor) -> bool:
    """Say whether this very click was done already: Teams sends one again whose answer it did not get."""
    if click.digest != request.digest:
        return False
    words = (click.words or "").strip() or None
    if click.verb == "ask":
        return any(q.by == actor and q.text == words and q.answer is None for q in request.questions)
    last = [review for review in request.reviews if review.by == actor][-1:]
    return any(one.verdict == click.verb and one.reason == words for one in last)
