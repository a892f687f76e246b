"""How somebody stands: away, and who stands in; quiet hours; what they let others decide; linked accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from bot.core.card import RoundupLine, roundup_line
from bot.core.errors import Malformed, Refusal, Unknown
from bot.core.terms import PersonName
from bot.services.absence import Absences
from bot.services.linking import Linking
from bot.services.reviewing import Reviewing
from handlers import record
from handlers.problems import status
from handlers.web import zones
from handlers.web.desk import possible_id
from handlers.web.faces import Face, face
from handlers.web.shield import HEADERS, ForeignForm, read_form, require_own_form
from handlers.web.site import Site, Visitor

LENT_MAX = 50  # delegations listed
FIELDS = ("from", "until", "zone", "deputy")

Form = dict[str, str]


@dataclass(frozen=True, slots=True)
class Lent:
    """A delegation of one request that still waits; `mine` when it was made by whose page it is."""

    line: RoundupLine
    giver: Face
    deputy: Face
    at: datetime
    mine: bool


class Me:
    """The page about oneself."""

    def __init__(self, site: Site, absences: Absences, linking: Linking, reviewing: Reviewing) -> None:
        self._site = site
        self._absences = absences
        self._linking = linking
        self._reviewing = reviewing

    async def show(self, _request: web.Request, visitor: Visitor) -> web.Response:
        """Show how one stands."""
        return await self._page(visitor, None, {})

    async def change(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Do what one form of the page asks."""
        form = await read_form(request)
        try:
            require_own_form(request, form, visitor.session, self._site.public_url)
            await self._do(form, visitor)
        except ForeignForm as refusal:
            await record.keep(request, refusal, visitor.actor())
            return self._site.refused(refusal, visitor)
        except Refusal as refusal:
            await record.keep(request, refusal, visitor.actor())
            return await self._page(visitor, refusal, form)
        return web.Response(status=303, headers=HEADERS | {"Location": "/me"})

    async def _do(self, form: Form, visitor: Visitor) -> None:
        name, by = visitor.name, visitor.actor()
        match form.get("do"):
            case "away":
                deputy = form.get("deputy", "").strip()
                until_at = _instant(form.get("until", ""), await zones.zone(form.get("zone", "")))
                await self._absences.away(name, until_at, PersonName(deputy) if deputy else None, by)
            case "back":
                await self._absences.back(name, by)
            case "quiet":
                hours = form.get("from", ""), form.get("until", "")
                zone = await zones.zone(form.get("zone", ""))
                await self._absences.quiet(name, *hours, zone.key, by)
            case "loud":
                await self._absences.loud(name, by)
            case "reclaim":
                found = await self._site.viewing.see(possible_id(form.get("request", "")), name)
                await self._reviewing.reclaim(found.id, name, by)
            case "unlink":
                await self._unlink(form.get("account", ""), visitor)
            case _:
                raise Malformed("This form is of another version; open the page again.")

    async def _unlink(self, named: str, visitor: Visitor) -> None:
        surface, _, account = named.partition(" ")
        own = await self._linking.linked(visitor.name)
        if (surface, account) not in {(one.surface, one.account) for one in own}:
            raise Unknown("You have linked no such account.")
        await self._linking.unlink(surface, account, visitor.actor())

    async def _page(self, visitor: Visitor, refusal: Refusal | None, typed: Form) -> web.Response:
        """Return the page; what was typed and refused still stands in its form, a wrong zone beside it."""
        standing = await self._absences.standing(visitor.name)
        no_zone = dict(refusal.pointers).get("/zone", "") if refusal else ""
        values = {
            "standing": standing,
            "zone": standing.quiet.tz if standing.quiet else zones.USUAL,
            "zones": await zones.offered(),
            "lent": await self._lent(visitor.name),
            "linked": await self._linking.linked(visitor.name),
            "away": _retyped("away", typed, no_zone),
            "quiet": _retyped("quiet", typed, no_zone),
            "refusal": refusal,
        }
        return self._site.page("me", visitor, values, status(refusal) if refusal else 200)

    async def _lent(self, name: PersonName) -> list[Lent]:
        directory, now = self._site.policies.current().directory, self._site.clock.now()
        return [
            Lent(
                roundup_line(request, now, f"/requests/{request.id}", 0, {}),
                face(one.giver, directory),
                face(one.deputy, directory),
                one.at,
                mine=one.giver == name,
            )
            for request, one in await self._site.viewing.delegated(name, LENT_MAX)
        ]


def _retyped(what: str, typed: Form, no_zone: str) -> Form:
    """Return what a form begins with: what was typed into it, if it was that one, and what its zone lacks."""
    own = typed if typed.get("do") == what else {}
    return {name: own.get(name, "") for name in FIELDS} | {"wrong": no_zone if own else ""}


def _instant(text: str, zone: ZoneInfo) -> datetime:
    """Return the instant of a form's date and time in a zone; raises `Malformed`."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed("Say until when as a date and a time.") from error
