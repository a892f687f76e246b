"""The request page: everything that would run, and where people decide."""

from __future__ import annotations

import re
from dataclasses import replace

from aiohttp import web

from bot.core.card import Card, alike_line, card
from bot.core.errors import Malformed, Refusal, Unknown
from bot.core.machine import counted, has_looked
from bot.core.terms import Digest, ReasonRule, Request, RequestId, State, Verdict
from bot.services.reviewing import Reviewing
from handlers import record
from handlers.problems import status
from handlers.web.faces import approvers, face, group_names, lent_by, story
from handlers.web.shield import HEADERS, ForeignForm, read_form, require_own_form
from handlers.web.site import Site, Visitor

ID = re.compile(r"req_[0-9a-f]{32}")
REASON_MAX = 2000  # characters
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
HINTS = {
    ReasonRule.OPTIONAL: "Optional; a comment or a question needs it.",
    ReasonRule.ON_DENY: "Needed to deny, to comment or to ask.",
    ReasonRule.REQUIRED: "This policy wants a reason with every verdict.",
}


class Desk:
    """One request, and the verdicts on it."""

    def __init__(self, site: Site, reviewing: Reviewing) -> None:
        self._site = site
        self._reviewing = reviewing

    async def show(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Show a request whole."""
        found = await self._site.viewing.see(request_id(request), visitor.name)
        return await self.page(found, visitor)

    async def review(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Record a verdict; what is refused is said on the page, with the typed reason still there."""
        found = await self._site.viewing.see(request_id(request), visitor.name)
        form = await read_form(request)
        typed = form.get("reason", "")
        try:
            require_own_form(request, form, visitor.session, self._site.public_url)
            await self._decide(found, visitor, form)
        except ForeignForm as refusal:
            await record.keep(request, refusal, visitor.actor())
            return self._site.refused(refusal, visitor, typed)
        except Refusal as refusal:
            await record.keep(request, refusal, visitor.actor())
            found = await self._site.viewing.see(found.id, visitor.name)
            return await self.page(found, visitor, refusal, typed)
        return web.Response(status=303, headers=HEADERS | {"Location": f"/requests/{found.id}#decision"})

    async def _decide(self, found: Request, visitor: Visitor, form: dict[str, str]) -> None:
        reason = typed_words(form)
        match form.get("verdict", ""):
            case "ask":
                await self._reviewing.ask(found.id, visitor.name, reason, visitor.actor())
                return
            case "look":
                await self._reviewing.look(found.id, visitor.name, visitor.actor())
                return
            case said:
                verdict = _verdict(said)
        seen = Digest(form.get("digest", ""))
        await self._reviewing.decide(
            found.id, visitor.name, verdict, reason.strip() or None, seen, visitor.actor(), complete=True
        )

    async def page(
        self, found: Request, visitor: Visitor, refusal: Refusal | None = None, typed: str = ""
    ) -> web.Response:
        """Draw a request's page, perhaps with what was refused on it."""
        directory = self._site.policies.current().directory
        names = await group_names(found, self._site.policies)
        shown = await self._shared(
            card(found, self._site.clock.now(), f"/requests/{found.id}", 0, names), found, visitor
        )
        waiting = found.state is State.PENDING and self._site.clock.now() < found.expires_at
        values = {
            "card": shown,
            "stages": [approvers(found, stage, names, directory) for stage in found.plan.stages],
            "agent": face(found.subject.agent, directory),
            "behalf": face(found.subject.on_behalf_of, directory) if found.subject.on_behalf_of else None,
            "owner": face(found.owner, directory),
            "story": story(found, directory),
            "waiting": waiting,
            "may_act": waiting and await self._site.viewing.may_act(found, visitor.name),
            "lent": lent_by(visitor.name, found, directory) if waiting else None,
            "may_take_back": await self._site.viewing.may_take_back(found, visitor.name),
            "may_look": waiting and not has_looked(found, visitor.name),
            "may_break": waiting and visitor.person.break_glass and not _is_side(found, visitor),
            "may_review_glass": _may_review_glass(found, visitor),
            "standing": _standing(found, visitor, waiting),
            "hint": HINTS[found.plan.reason_rule],
            "refusal": refusal,
            "typed": typed,
        }
        return self._site.page("request", visitor, values, status(refusal) if refusal else 200)

    async def _shared(self, shown: Card, found: Request, visitor: Visitor) -> Card:
        """Return the card with the identical requests that wait, as far as this person may see them."""
        if found.state is not State.PENDING:
            return shown
        others = await self._site.viewing.alike(found, visitor.name)
        lines = tuple(alike_line(one, f"/requests/{one.id}") for one in others)
        return replace(shown, alike=lines, alike_count=len(lines))


def _verdict(said: str) -> Verdict:
    try:
        return Verdict(said)
    except ValueError as error:
        raise Malformed("Choose Approve, Deny, Comment, Ask or I'm looking.") from error


def typed_words(form: dict[str, str]) -> str:
    """Return what somebody typed as their reason; raises `Malformed`."""
    reason = form.get("reason", "")
    if len(reason) > REASON_MAX:
        raise Malformed(f"A reason has at most {REASON_MAX:,} characters; this one has {len(reason):,}.")
    if CONTROL.search(reason):
        raise Malformed("The reason holds control characters; type it again without them.")
    return reason


def request_id(request: web.Request) -> RequestId:
    """Return the id in the path."""
    return possible_id(request.match_info["id"])


def possible_id(text: str) -> RequestId:
    """Return an id; one that cannot exist is as unknown as one that does not."""
    if not ID.fullmatch(text):
        raise Unknown
    return RequestId(text)


def _is_side(found: Request, visitor: Visitor) -> bool:
    return visitor.name in (found.owner, found.subject.on_behalf_of)


def _may_review_glass(found: Request, visitor: Visitor) -> bool:
    """Say whether this person is to say what they found of broken glass."""
    glass = found.glass
    owed = glass is not None and glass.reviewed_at is None and glass.person != visitor.name
    return owed and visitor.person.admin and not _is_side(found, visitor)


def _standing(found: Request, visitor: Visitor, waiting: bool) -> str:
    """Say why this person cannot decide, if they cannot."""
    before = counted(found).get(visitor.name)
    if before is not None:
        return "You approved this." if before.verdict is Verdict.APPROVE else "You denied this."
    spoken = [one.person for one in counted(found).values() if one.giver == visitor.name]
    if spoken:
        return f"{spoken[0]} has spoken in your place."
    if not waiting:
        return "There is nothing left to decide here."
    if _is_side(found, visitor):
        return "This is asked in your name or by your agent, so other people decide."
    return "Other people decide this one; you can read it and comment."
