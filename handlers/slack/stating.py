"""The windows of the home tab in which people say that they go away, or when they want it quiet.

What is submitted becomes the command that says the same, and is run as if its person had typed it: the same
checks, the same audit entries. What is refused stands at the field that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.core.errors import Malformed, NotReady, Refusal
from bot.core.literal import visible
from bot.core.terms import Json, Person
from bot.ports import Clock, Later, Never
from bot.services.absence import Absences
from handlers.fitting import clip
from handlers.render import Renderer
from handlers.slack.identity import Clicker, Identity, person
from handlers.slack.limits import GROUP_OPTIONS_MAX, OPTION_TEXT_MAX
from handlers.slack.payloads import clicker
from handlers.slack.troubles import repeatable
from handlers.slack.workspace import Workspace

DEPUTIES_MAX = 200  # that are offered: a view may have 250 kB, and each may take one
ZONE_MAX = 60  # characters; the longest name of a zone has 32
BACK_AT = time(9)  # of the next day: what is offered to who goes away
USUAL_HOURS = "22:00", "07:00"
OTHER_VERSION = "This form is of another version; open it again."


@dataclass(frozen=True, slots=True)
class Stated:
    """A submitted window, as the command that says the same; `fields` can carry an error."""

    clicker: Clicker
    line: str
    fields: tuple[str, ...]

    def field(self, refusal: Refusal) -> str:
        """Return the field that a refusal is about, the first where it is about none."""
        named = [pointer.removeprefix("/") for pointer, _ in refusal.pointers]
        return next((one for one in named if one in self.fields), self.fields[0])


@dataclass(frozen=True, slots=True)
class Offered:
    """Somebody who may stand in, as the window offers them."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Offers:
    """A part of those who may stand in, under its heading."""

    label: str
    people: tuple[Offered, ...]


@dataclass(frozen=True, slots=True)
class Stating:
    """Opens the windows."""

    identity: Identity
    absences: Absences
    clock: Clock
    renderer: Renderer
    workspace: Workspace

    async def away(self, who: Clicker, trigger: str) -> None:
        """Ask until when, and who decides; raises the `Refusal`."""
        me = person(await self.identity.actor(who))
        standing, able = await self.absences.standing(me), await self.absences.may_stand_in(me)
        named = set(standing.possible_deputies)
        offered = able[:DEPUTIES_MAX]
        groups = (
            *_offers("Your deputies in the directory", [one for one in offered if one.name in named]),
            *_offers("Who approves together with you", [one for one in offered if one.name not in named]),
        )
        absence = standing.absence
        chosen = [_offered(one) for one in offered if absence and one.name == absence.deputy]
        zone = ZoneInfo(standing.quiet.tz) if standing.quiet else await self.identity.zone(who)
        view = self.renderer.json(
            "slack/away.json.j2",
            until_at=absence.until_at if absence else _tomorrow(self.clock.now(), zone),
            groups=groups,
            chosen=chosen[0] if chosen else None,
            more=len(able) > len(offered),
        )
        await self._open(view, trigger)

    async def quiet(self, who: Clicker, trigger: str) -> None:
        """Ask for the hours, and where they are meant; raises the `Refusal`."""
        held = (await self.absences.standing(person(await self.identity.actor(who)))).quiet
        from_, until = (held.from_, held.until) if held else USUAL_HOURS
        zone = held.tz if held else (await self.identity.zone(who)).key
        view = self.renderer.json(
            "slack/quiet.json.j2", from_=from_, until=until, zone=zone, longest=ZONE_MAX
        )
        await self._open(view, trigger)

    async def _open(self, view: Json, trigger: str) -> None:
        try:
            with repeatable():
                await self.workspace.client.views_open(trigger_id=trigger, view=view)
        except (Later, Never) as error:
            raise NotReady("Slack did not open the form; press the button again.") from error


def stated(body: Mapping[str, Json]) -> Stated:
    """Read a submitted window; raises `Malformed`."""
    try:
        view = body["view"]
        values = view["state"]["values"]
        line = LINES[view["callback_id"]](values)
        return Stated(clicker(body), line, tuple(values))
    except (LookupError, TypeError, ValueError, OverflowError, OSError) as error:
        raise Malformed(OTHER_VERSION) from error


def _away(values: Mapping[str, Json]) -> str:
    until_at = datetime.fromtimestamp(int(values["until"]["at"]["selected_date_time"]), UTC)
    line = f"away until {until_at.isoformat()}"
    chosen = values["deputy"]["name"]["selected_option"] if "deputy" in values else None
    return f"{line} to @{chosen['value']}" if chosen else line


def _quiet(values: Mapping[str, Json]) -> str:
    from_, until = (values[hour][hour]["selected_time"] for hour in ("from", "until"))
    # Spaces part the words of a command, and no zone has any: `New York` is its `New_York`.
    zone = "_".join(str(values["zone"]["name"]["value"]).split()) or "?"
    return f"quiet {from_} {until} {zone}"


LINES = {"away": _away, "quiet": _quiet}


def _offers(label: str, people: Sequence[Person]) -> Iterator[Offers]:
    """Yield people in as many parts as Slack wants."""
    for start in range(0, len(people), GROUP_OPTIONS_MAX):
        yield Offers(label, tuple(map(_offered, people[start : start + GROUP_OPTIONS_MAX])))


def _offered(one: Person) -> Offered:
    label = visible(f"{one.title} ({one.name})" if one.title else one.name)[0]
    return Offered(one.name, clip(label, OPTION_TEXT_MAX))


def _tomorrow(now: datetime, zone: ZoneInfo) -> datetime:
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), BACK_AT, zone)
