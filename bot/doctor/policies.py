"""The policy folder: does it load, and does everybody in it exist?"""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.clock import DatabaseClock
from bot.conditions import compile_condition
from bot.core.policy import Directory, PolicyBroken
from bot.doctor.finding import Finding, bad, good, warn
from bot.ports import InForce
from bot.settings import Settings
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
