"""policy: what is in force, why a request got its plan, and whether an edit loads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.core.literal import visible
from bot.core.policy import Explanation, PolicyBroken
from bot.core.terms import Plan
from bot.ports import Clock, InForce, Policies
from bot.services.explaining import Explaining
from handlers.commands.answers import Act, Answer, Line, Row, Table, Tone, told
from handlers.commands.asked_for import Finder
from handlers.commands.words import Asked, Role, Word
from handlers.render import duration

RULES_MAX = 30  # listed in chat
PROBLEM_MAX = 1500  # characters of what is wrong with a policy


@dataclass(frozen=True, slots=True)
class Policy:
    """Words about the policy; `reload` looks at the folder at once and puts a good edit in force."""

    policies: Policies
    explaining: Explaining
    finder: Finder
    clock: Clock
    reload: Callable[[], Awaitable[None]]

    def words(self) -> tuple[Word, ...]:
        """Return them."""
        return (
            Word(
                "policy show",
                "policy show",
                "the rules in force",
                ("policy show",),
                self.show,
                Role.AUDITOR,
            ),
            Word(
                "policy explain",
                "policy explain CODE",
                "which plan the same ask would get now, and why",
                ("policy explain 3f9a0c1b",),
                self.explain,
                Role.AUDITOR,
            ),
            Word(
                "policy check",
                "policy check",
                "whether the policy folder loads as it lies there",
                ("policy check",),
                self.check,
                Role.ADMIN,
            ),
            Word(
                "policy reload",
                "policy reload",
                "put the policy folder in force now, if it loads",
                ("policy reload",),
                self.put_in_force,
                Role.ADMIN,
            ),
        )

    async def show(self, asked: Asked) -> Answer:
        """Show the rules in force."""
        asked.nothing()
        force = self.policies.current()
        rules = force.bundle.rules
        rows = tuple(
            Row(tuple(visible(cell)[0] for cell in (rule.id, rule.effect.value, ", ".join(rule.actions))))
            for rule in rules[:RULES_MAX]
        )
        lines = [*_standing(force, self.clock.now())]
        if len(rules) > RULES_MAX:
            lines.append(Line(f"The first {RULES_MAX} of {len(rules)} rules.", tone=Tone.QUIET))
        table = Table(("RULE", "SAYS", "OF ACTIONS"), rows)
        return Answer(title="Policy in force", lines=tuple(lines), table=table)

    async def explain(self, asked: Asked) -> Answer:
        """Explain the plan that a request would get now."""
        request = await self.finder.one(asked, asked.one())
        found = await self.explaining.again(request)
        lines = [Line(_result(found.plan), name="Now"), Line(_result(request.plan), name="When it was asked")]
        if _result(found.plan) != _result(request.plan):
            lines.append(Line("A running request keeps the plan that it got.", tone=Tone.QUIET))
        lines += [Line(visible(one)[0]) for one in (*_clocks(found.plan), *found.merged)]
        title = f"Why: {visible(request.plan.title)[0]}"
        acts = (Act("Open", f"show {request.id}"),)
        return Answer(title=title, lines=tuple(lines), table=_considered(found), acts=acts)

    async def check(self, asked: Asked) -> Answer:
        """Load the folder without putting it in force."""
        asked.nothing()
        try:
            force = await self.policies.trial()
        except PolicyBroken as broken:
            return Answer(
                lines=(
                    Line("The policy folder does not load; the last good one stays in force.", tone=Tone.BAD),
                    Line(visible(str(broken))[0][:PROBLEM_MAX], code=True),
                )
            )
        same = force.bundle.digest == self.policies.current().bundle.digest
        what = "it is what is in force" if same else "it is not what is in force yet"
        good = Line(f"The policy folder loads, and {what}: {_counts(force)}.", tone=Tone.GOOD)
        return Answer(lines=(good, *_warnings(force)))

    async def put_in_force(self, asked: Asked) -> Answer:
        """Look at the folder now."""
        asked.nothing()
        before = self.policies.current().bundle.digest
        await self.reload()
        force = self.policies.current()
        if force.problem is not None:
            return Answer(lines=tuple(_standing(force, self.clock.now())))
        if force.bundle.digest == before:
            return told(f"Nothing changed: {_counts(force)}, SHA-256 {before[:12]}….", Tone.GOOD)
        now = Line(f"In force now: {_counts(force)}, SHA-256 {force.bundle.digest[:12]}….", tone=Tone.GOOD)
        return Answer(lines=(now, *_warnings(force)))


def _standing(force: InForce, now: datetime) -> Iterable[Line]:
    yield Line(f"{_counts(force)}, SHA-256 {force.bundle.digest[:12]}…")
    if force.problem is not None and force.broken_since is not None:
        since = duration(now - force.broken_since)
        text = (
            f"A newer edit does not load, since {since}; this one stays in force. After 15 min reviews stop."
        )
        yield Line(text, tone=Tone.BAD)
        yield Line(visible(force.problem)[0][:PROBLEM_MAX], code=True)


def _counts(force: InForce) -> str:
    bundle, people = force.bundle, force.directory.people
    return f"{len(bundle.actions)} actions, {len(bundle.rules)} rules, {len(people)} people"


def _warnings(force: InForce) -> tuple[Line, ...]:
    return tuple(Line(visible(one)[0], tone=Tone.WARN) for one in force.bundle.warnings)


def _considered(found: Explanation) -> Table:
    rows = []
    for one in found.considered:
        cells = ("✓" if one.matched else "·", one.rule, one.effect.value, one.why)
        rows.append(Row(tuple(visible(cell)[0] for cell in cells)))
    if found.others:
        rows.append(Row(("·", f"{found.others} others", "", "they are about other actions")))
    return Table(("", "RULE", "SAYS", "WHY"), tuple(rows))


def _result(plan: Plan) -> str:
    rules = ", ".join(plan.rules) or "no rule"
    reason = f": {plan.reason}" if plan.reason else ""
    return visible(f"{plan.effect.value} by {rules}{reason}")[0]


def _clocks(plan: Plan) -> list[str]:
    stages = [
        f"stage {stage.name}: {stage.quorum} of {', '.join(stage.approvers)}, ended by {stage.deny} against"
        for stage in plan.stages
    ]
    runs = f"{plan.executor or 'the agent itself'} has {duration(plan.execute_within)} to run it"
    return [*stages, f"people have {duration(plan.approve_within)}; then {runs}"] if stages else [runs]
