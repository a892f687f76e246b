"""freeze, unfreeze, deliveries: the kill switch, and what could not be sent."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.literal import visible
from bot.core.policy import matches_pattern
from bot.core.terms import Freeze
from bot.ports import Clock, Letter, Policies, Store
from bot.services.freezing import Freezing
from bot.services.redelivering import Redelivering
from handlers.commands.answers import Act, Answer, Line, Row, Style, Table, Tone, told
from handlers.commands.words import Asked, Role, Word, always
from handlers.render import duration

LETTERS_MAX = 12
ACTIONS_MAX = 8  # named one by one


@dataclass(frozen=True, slots=True)
class Stopping:
    """Words that stop actions."""

    freezing: Freezing
    store: Store
    policies: Policies
    clock: Clock

    def words(self) -> tuple[Word, ...]:
        """Return them."""
        return (
            Word(
                "freeze",
                "freeze PATTERN REASON",
                "stop actions, before and after approval; * stands for everything",
                ("freeze db.* restoring a backup", "freeze * incident 12"),
                self.freeze,
                Role.ADMIN,
                always,
            ),
            Word(
                "unfreeze",
                "unfreeze PATTERN",
                "lift a freeze",
                ("unfreeze db.*", "unfreeze *"),
                self.unfreeze,
                Role.ADMIN,
                always,
                loosens=True,
            ),
            Word(
                "freezes",
                "freezes",
                "what is frozen, by whom and why",
                ("freezes",),
                self.freezes,
                Role.AUDITOR,
            ),
        )

    async def freeze(self, asked: Asked) -> Answer:
        """Stop actions that match a pattern; a reason is told to everybody whom it stops."""
        pattern, reason = asked.first()
        if not reason:
            raise asked.wrong("A freeze needs its reason: whoever is stopped by it reads it.")
        await self.freezing.freeze(pattern, reason, asked.actor)
        named = sorted(
            name for name in self.policies.current().bundle.actions if matches_pattern(pattern, name)
        )
        more = f" and {len(named) - ACTIONS_MAX} more" if len(named) > ACTIONS_MAX else ""
        stops = f"It stops {', '.join(named[:ACTIONS_MAX])}{more}." if named else ""
        lines = (
            Line(
                f"{pattern} is frozen: nothing like it is taken in, and no grant is redeemed.", tone=Tone.GOOD
            ),
            *((Line(stops),) if stops else ()),
        )
        return Answer(lines=lines, acts=(_lift(pattern),))

    async def unfreeze(self, asked: Asked) -> Answer:
        """Lift a freeze, and say what is still frozen."""
        pattern = asked.one()
        await self.freezing.unfreeze(pattern, asked.actor)
        lifted = Line(f"{pattern} is no longer frozen.", tone=Tone.GOOD)
        if not (left := (await self.store.registry()).freezes):
            return Answer(lines=(lifted,))
        return Answer(lines=(lifted, Line("Still frozen:", tone=Tone.WARN)), table=_frozen(left, True))

    async def freezes(self, asked: Asked) -> Answer:
        """Show the freezes in force."""
        asked.nothing()
        held = (await self.store.registry()).freezes
        if not held:
            return told("Nothing is frozen.", Tone.GOOD)
        return Answer(title="Frozen", table=_frozen(held, asked.person.admin))


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Words about dead letters."""

    redelivering: Redelivering
    store: Store
    clock: Clock

    def words(self) -> tuple[Word, ...]:
        """Return them."""
        return (
            Word(
                "deliveries list",
                "deliveries list",
                "dead letters: what was given up after the last try",
                ("deliveries list",),
                self.list,
                Role.AUDITOR,
            ),
            Word(
                "deliveries redeliver",
                "deliveries redeliver NUMBER",
                "send a dead letter again",
                ("deliveries redeliver 17",),
                self.redeliver,
                Role.ADMIN,
                always,
            ),
        )

    async def list(self, asked: Asked) -> Answer:
        """Show dead letters, newest first, each with the button that sends it again."""
        asked.nothing()
        letters = await self.store.letters(LETTERS_MAX + 1)
        if not letters:
            return told("No dead letters: everything was delivered or is still being tried.", Tone.GOOD)
        rows = tuple(self._row(letter, asked.person.admin) for letter in letters[:LETTERS_MAX])
        more = len(letters) > LETTERS_MAX
        text = f"These are the newest {LETTERS_MAX}; `python -m bot deliveries list` shows them all."
        lines = (Line(text, tone=Tone.QUIET),) if more else ()
        titles = ("DELIVERY", "TO", "TRIES", "GIVEN UP", "WHY")
        return Answer(title="Dead letters", lines=lines, table=Table(titles, rows))

    async def redeliver(self, asked: Asked) -> Answer:
        """Queue a dead letter again."""
        number = asked.one()
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            raise asked.wrong()
        await self.redelivering.redeliver(int(number), asked.actor)
        return told(f"Delivery {number} is queued again.", Tone.GOOD)

    def _row(self, letter: Letter, admin: bool) -> Row:
        cells = (
            f"{letter.id} {letter.kind}",
            letter.address,
            str(letter.attempts),
            f"{duration(self.clock.now() - letter.at)} ago",
            letter.problem,
        )
        again = (Act("Send again", f"deliveries redeliver {letter.id}"),) if admin else ()
        return Row(tuple(visible(cell)[0] for cell in cells), again)


def _frozen(freezes: tuple[Freeze, ...], admin: bool) -> Table:
    rows = []
    for one in freezes:
        cells = (one.pattern, one.by, f"{one.at:%Y-%m-%d %H:%M} UTC", one.reason)
        acts = (_lift(one.pattern),) if admin else ()
        rows.append(Row(tuple(visible(cell)[0] for cell in cells), acts))
    return Table(("PATTERN", "BY", "SINCE", "WHY"), tuple(rows))


def _lift(pattern: str) -> Act:
    confirm = f"Actions like {pattern} may then be asked for and run again."
    return Act("Unfreeze", f"unfreeze {pattern}", Style.DANGER, confirm)
