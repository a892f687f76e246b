"""The policy folder: does it load, and does everybody in it exist?"""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.clock import DatabaseClock
from bot.conditions import compile_condition
from bot.core.policy import Directory, PolicyBroken, on_call
from bot.doctor.finding import Finding, bad, good, warn
from bot.ports import InForce
from bot.settings import Settings
from handlers.executor import egress
from handlers.oncall import Feeds
from storage.folder import PolicyFolder


def load(settings: Settings) -> InForce:
    """Load the policy and the directory; raises `PolicyBroken`."""
    return PolicyFolder(settings.policy, compile_condition, DatabaseClock(), None).current()


async def check_policy(settings: Settings) -> AsyncIterator[Finding]:
    """Load the bundle and the directory, and say what they warn of."""
    if not settings.policy.is_dir():
        yield bad(
            f"There is no policy folder {settings.policy}.",
            "Begin with a copy of examples/policy, or set ASSENT_POLICY.",
        )
        return
    try:
        force = load(settings)
    except (PolicyBroken, OSError) as broken:
        yield bad(
            f"The policy in {settings.policy} does not load:\n{broken}", "Run: python -m bot policy check"
        )
        return
    bundle, directory = force.bundle, force.directory
    yield good(
        f"The policy loads: {len(bundle.actions)} actions, {len(bundle.rules)} rules, "
        f"{len(directory.people)} people."
    )
    for text in bundle.warnings:
        yield warn(text, "Run: python -m bot policy check")
    for finding in _people(directory, settings):
        yield finding
    async for found in _calendars(force, settings):
        yield found


async def _calendars(force: InForce, settings: Settings) -> AsyncIterator[Finding]:
    """Read every on-call calendar once."""
    gate = egress.inward if settings.egress_allow_private else egress.outward
    feeds = Feeds(settings.policy, lambda: egress.session(gate), DatabaseClock())
    for name, group in sorted(force.bundle.groups.items()):
        if group.oncall is None:
            continue
        names = await feeds.on_call(group.oncall)
        people = sorted(on_call(names or (), force.directory))
        if names is None:
            why = feeds.problems.get(group.oncall, "it was not read")
            yield bad(
                f"The on-call calendar of {name}: {why}.", f"Until it answers, {group.fallback} reviews."
            )
        elif not people:
            said = f"It names {', '.join(sorted(names))}" if names else "It names nobody now"
            todo = f"{said}; {group.fallback} reviews. It is to name an e-mail address, a name or a title."
            yield warn(f"Nobody of the directory is on call for {name}.", todo)
        else:
            yield good(f"On call for {name}: {', '.join(people)}.")


def _people(directory: Directory, settings: Settings) -> list[Finding]:
    people = directory.people.values()
    found = []
    if not any(person.admin for person in people):
        found.append(warn("Nobody is an admin: alerts reach nobody.", "Give somebody `admin: true`."))
    without = sorted(person.name for person in people if not person.slack)
    if settings.slack_bot_token is not None and without:
        found.append(
            warn(
                f"No Slack account: {', '.join(without)}.",
                "They decide on the web only; add `slack: [T0…/U0…]` in directory.yaml.",
            )
        )
    return found
