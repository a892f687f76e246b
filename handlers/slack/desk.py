"""What a click on a card or a form does. Nothing of Slack's transport in here."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.card import card
from bot.core.errors import NotReady, Refusal
from bot.core.terms import (
    Actor,
    ActorKind,
    Change,
    Digest,
    Entry,
    EntryKind,
    Json,
    Proof,
    ReasonRule,
    Request,
    RequestId,
    Surface,
    Verdict,
)
from bot.ports import Clock, Later, Never, Store
from bot.services.reviewing import Reviewing
from handlers.render import Renderer
from handlers.slack.blocks import clip, escaped, fit
from handlers.slack.identity import Clicker, Identity, person
from handlers.slack.limits import INPUT_TEXT_MAX
from handlers.slack.payloads import Carried, Click, Form
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

    async def approve(self, click: Click) -> None:
        """Approve, or ask for the reason that the policy wants first."""
        request = await self.store.get(click.request_id)
        actor = await self._actor(click.clicker, request, Verdict.APPROVE)
        if request.plan.reason_rule is ReasonRule.REQUIRED:
            await self._ask(click, request, Verdict.APPROVE)
        else:
            await self._decide(request, actor, Verdict.APPROVE, None, click.digest)

    async def deny(self, click: Click) -> None:
        """Ask for the reason of a denial."""
        request = await self.store.get(click.request_id)
        await self._actor(click.clicker, request, Verdict.DENY)
        await self._ask(click, request, Verdict.DENY)

    async def comment(self, click: Click) -> None:
        """Ask for the words of a comment."""
        request = await self.store.get(click.request_id)
        await self._actor(click.clicker, request, Verdict.COMMENT)
        await self._ask(click, request, Verdict.COMMENT)

    async def submit(self, form: Form) -> None:
        """Record the verdict for which a form was opened."""
        carried = form.carried
        request = await self.store.get(carried.request_id)
        actor = await self._actor(form.clicker, request, carried.verdict)
        await self._decide(request, actor, carried.verdict, form.words, carried.digest)

    async def _decide(
        self, request: Request, actor: Actor, verdict: Verdict, reason: str | None, digest: Digest
    ) -> None:
        # Whether the card showed everything follows from the request, not from which buttons it had.
        complete = fit(card(request, self.clock.now(), self._page(request.id))).complete
        await self.reviewing.decide(request.id, person(actor), verdict, reason, digest, actor, complete)

    async def _ask(self, click: Click, request: Request, verdict: Verdict) -> None:
        carried = Carried(request.id, click.digest, verdict, click.response_url)
        strict = (ReasonRule.REQUIRED, ReasonRule.ON_DENY)
        view = self.renderer.json(
            "slack/reason.json.j2",
            carried=carried.packed(),
            verdict=verdict.value,
            title=clip(request.plan.title, 200),
            code=request.digest[:8],
            needed=verdict is not Verdict.DENY or request.plan.reason_rule in strict,
            longest=INPUT_TEXT_MAX,
        )
        try:
            with repeatable():
                await self.workspace.client.views_open(trigger_id=click.trigger, view=view)
        except (Later, Never) as error:
            raise NotReady("Slack did not open the form; press the button again.") from error

    async def _actor(self, clicker: Clicker, request: Request, verdict: Verdict) -> Actor:
        try:
            return await self.identity.actor(clicker)
        except Refusal as refusal:
            await self._refused(clicker, request, verdict, refusal)
            raise

    async def _refused(self, clicker: Clicker, request: Request, verdict: Verdict, refusal: Refusal) -> None:
        """Leave an audit entry: whoever it was, they are nobody who may review."""
        account = f"{clicker.team or '?'}/{clicker.id}"
        entry = Entry(
            kind=EntryKind.REVIEW_REFUSED,
            at=self.clock.now(),
            by=Actor(ActorKind.PERSON, "", Surface.SLACK, account, Proof.SIGNATURE),
            request_id=request.id,
            agent=request.subject.agent,
            on_behalf_of=request.subject.on_behalf_of,
            action_digest=request.digest,
            policy_digest=request.plan.bundle,
            decision=verdict.value,
            facts={"refusal": refusal.slug()},
        )
        await self.store.commit(Change(after=None, expected=None, entries=(entry,)))

    def _page(self, request_id: RequestId) -> str:
        return f"{self.public_url}/requests/{request_id}"


def said(refusal: Refusal) -> Message:
    """Return a refusal in words, for the person it concerns alone."""
    return {"text": escaped(refusal.detail)}
