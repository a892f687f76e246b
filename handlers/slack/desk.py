"""What a click on a card or a form does. Nothing of Slack's transport in here."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.card import card
from bot.core.errors import Malformed, NotReady, Refusal
from bot.core.machine import WORDS_MAX
from bot.core.terms import (
    Actor,
    ActorKind,
    Digest,
    Json,
    PersonName,
    Proof,
    ReasonRule,
    Request,
    RequestId,
    Surface,
    Verdict,
)
from bot.ports import Clock, Later, Never, Store
from bot.services.reviewing import Reviewing
from handlers.fitting import clip
from handlers.pace import Pace
from handlers.render import Renderer
from handlers.slack.blocks import escaped, fit
from handlers.slack.identity import Clicker, Identity, person
from handlers.slack.limits import INPUT_TEXT_MAX
from handlers.slack.payloads import ASK, DELEGATE, Carried, Click, Form
from handlers.slack.troubles import repeatable
from handlers.slack.workspace import Workspace

Message = dict[str, Json]  # `text` and perhaps `blocks`, for one person's eyes


@dataclass(frozen=True, slots=True)
class Desk:
    """Does what people ask for in Slack."""

    identity: Identity
    reviewing: Reviewing
    store: Store
    clock: Clock
    renderer: Renderer
    workspace: Workspace
    public_url: str
    pace: Pace

    async def approve(self, click: Click) -> None:
        """Approve, or ask for the reason that the policy wants first."""
        request = await self.store.get(click.request_id)
        actor = await self.actor(click.clicker, request, Verdict.APPROVE)
        if request.plan.reason_rule is ReasonRule.REQUIRED:
            await self._ask(click, request, Verdict.APPROVE)
        else:
            await self._decide(request, actor, Verdict.APPROVE, None, click.digest)

    async def deny(self, click: Click) -> None:
        """Ask for the reason of a denial."""
        await self._ask_for(click, Verdict.DENY)

    async def comment(self, click: Click) -> None:
        """Ask for the words of a comment."""
        await self._ask_for(click, Verdict.COMMENT)

    async def more(self, click: Click) -> None:
        """Do what was chosen behind the dots."""
        match click.word:
            case "comment":
                await self._ask_for(click, Verdict.COMMENT)
            case "ask":
                await self._ask_for(click, ASK)
            case "delegate":
                await self._ask_for(click, DELEGATE)
            case "look":
                await self.look(click)
            case _:
                raise Malformed("This button is of another version; look at the card again.")

    async def look(self, click: Click) -> None:
        """Let reminders wait for somebody who reads."""
        request = await self.store.get(click.request_id)
        actor = await self.actor(click.clicker, request, "look")
        await self.reviewing.look(request.id, person(actor), actor)

    async def _ask_for(self, click: Click, what: str) -> None:
        request = await self.store.get(click.request_id)
        await self.actor(click.clicker, request, what)
        await self._ask(click, request, what)

    async def submit(self, form: Form) -> None:
        """Record the verdict for which a form was opened."""
        carried = form.carried
        request = await self.store.get(carried.request_id)
        actor = await self.actor(form.clicker, request, carried.what)
        if carried.what == ASK:
            await self.reviewing.ask(request.id, person(actor), form.words or "", actor)
        elif carried.what == DELEGATE:
            deputy = PersonName(await self.identity.named(form.words or ""))
            await self.reviewing.delegate(request.id, person(actor), deputy, actor)
        else:
            await self._decide(request, actor, Verdict(carried.what), form.words, carried.digest)

    async def _decide(
        self, request: Request, actor: Actor, verdict: Verdict, reason: str | None, digest: Digest
    ) -> None:
        complete = self.shows_all(request)
        await self.reviewing.decide(request.id, person(actor), verdict, reason, digest, actor, complete)

    def shows_all(self, request: Request) -> bool:
        """Say whether a card shows everything, which follows from the request, not from its buttons."""
        return fit(card(request, self.clock.now(), self._page(request.id))).complete

    async def _ask(self, click: Click, request: Request, what: str) -> None:
        beneath = click.pane.id if click.pane and not click.pane.is_home else ""
        carried = Carried(request.id, click.digest, what, click.response_url, beneath, click.alone)
        strict = (ReasonRule.REQUIRED, ReasonRule.ON_DENY)
        view = self.renderer.json(
            "slack/reason.json.j2",
            carried=carried.packed(),
            what=what,
            title=clip(request.plan.title, 200),
            code=request.digest[:8],
            needed=what != Verdict.DENY or request.plan.reason_rule in strict,
            longest=WORDS_MAX if what == ASK else INPUT_TEXT_MAX,
        )
        try:
            with repeatable():
                if beneath:
                    await self.workspace.client.views_push(trigger_id=click.trigger, view=view)
                else:
                    await self.workspace.client.views_open(trigger_id=click.trigger, view=view)
        except (Later, Never) as error:
            raise NotReady("Slack did not open the form; press the button again.") from error

    async def actor(self, clicker: Clicker, request: Request, what: str) -> Actor:
        """Return as who somebody acts on a request; raises the `Refusal`, after its audit entry."""
        # Until we know better, whoever it was is nobody who may review.
        account = f"{clicker.team or '?'}/{clicker.id}"
        actor = Actor(ActorKind.PERSON, "", Surface.SLACK, account, Proof.SIGNATURE)
        try:
            actor = await self.identity.actor(clicker)
            self.pace.keep_person(person(actor))
        except Refusal as refusal:
            await self.reviewing.turned_away(request, str(what), refusal, actor)
            raise
        return actor

    def _page(self, request_id: RequestId) -> str:
        return f"{self.public_url}/requests/{request_id}"


def said(refusal: Refusal) -> Message:
    """Return a refusal in words, for the person it concerns alone."""
    return {"text": escaped(refusal.detail)}
