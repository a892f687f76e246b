"""who, sign-in: who somebody is here, and the way to the web."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.errors import NotAnAuditor, Unknown
from bot.core.literal import visible
from bot.core.policy import Bundle, parts
from bot.core.terms import GroupName, Person, PersonName
from bot.ports import InForce, Policies
from bot.services.entering import Entering
from handlers.commands.answers import Answer, Line, Tone
from handlers.commands.words import Asked, Word, always

RULES_MAX = 20  # that somebody may approve, told one by one


@dataclass(frozen=True, slots=True)
class People:
    """Words about people."""

    policies: Policies
    entering: Entering
    public_url: str

    def words(self) -> tuple[Word, ...]:
        """Return them."""
        return (
            Word(
                "who",
                "who [@NAME]",
                "what the directory says of you, or of somebody, and what they may approve",
                ("who", "who @ana"),
                self.who,
            ),
            Word(
                "sign-in",
                "sign-in",
                "a link, for you alone and once, to the web inbox",
                ("sign-in",),
                self.sign_in,
                recorded=always,
            ),
        )

    async def who(self, asked: Asked) -> Answer:
        """Show a directory entry; somebody else's to auditors and admins only."""
        force = self.policies.current()
        name = PersonName(asked.one().removeprefix("@")) if asked.rest else asked.person.name
        if name != asked.person.name and not (asked.person.admin or asked.person.auditor):
            raise NotAnAuditor("Only an auditor or an admin may look somebody else up.")
        person = force.directory.people.get(name)
        if person is None:
            raise Unknown(f"{name} is not in the directory.")
        groups = [g for g in force.bundle.groups if name in (await self.policies.members(g) or ())]
        return _entry(person, groups, force)

    async def sign_in(self, asked: Asked) -> Answer:
        """Hand out a one-time link."""
        asked.nothing()
        token = await self.entering.invite(asked.person.name, asked.actor)
        line = Line("Sign in to the web inbox", url=f"{self.public_url}/enter#{token}")
        return Answer(
            lines=(line, Line("For you alone, once, within 10 minutes.", tone=Tone.QUIET)),
        )


def _entry(person: Person, groups: list[GroupName], force: InForce) -> Answer:
    roles = {"admin": person.admin, "auditor": person.auditor, "break-glass": person.break_glass}
    facts: dict[str, Sequence[str]] = {
        "Roles": [name for name, held in roles.items() if held],
        "Groups": groups,
        "Possible deputies": person.deputies,
        "Slack": person.slack,
        "Teams": person.teams,
        "E-mail": [person.email] if person.email else [],
    }
    lines = [Line(visible(", ".join(held))[0], name=name) for name, held in facts.items() if held]
    may = list(_may_approve(person.name, groups, force.bundle))
    lines.append(Line("" if may else "nothing", name="May approve"))
    lines += [Line(visible(f"• {one}")[0]) for one in may[:RULES_MAX]]
    if len(may) > RULES_MAX:
        lines.append(Line(f"and {len(may) - RULES_MAX} more", tone=Tone.QUIET))
    lines.append(Line("Never what they asked for themselves, or what their own agent asks.", tone=Tone.QUIET))
    title = f"{person.title} ({person.name})" if person.title else person.name
    return Answer(title=visible(title)[0], lines=tuple(lines))


def _may_approve(name: PersonName, groups: list[GroupName], bundle: Bundle) -> Iterable[str]:
    """Yield the stages that name somebody, directly or by a group they are in now."""
    held = {f"person:{name}", *(f"group:{group}" for group in groups)}
    for rule in (*bundle.rules, bundle.defaults.rule):
        for own in rule.stages:
            if any(held.issuperset(parts(reference)) for reference in own.stage.approvers):
                yield f"{', '.join(rule.actions)}: stage {own.stage.name} of rule {rule.id}"
