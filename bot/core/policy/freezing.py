"""Which actions an admin's freeze covers, and which patterns are worth one."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.errors import Malformed
from bot.core.policy.matching import PATTERN
from bot.core.policy.model import Otherwise, matches_pattern
from bot.core.policy.problems import suggestion
from bot.core.policy.whole import Bundle
from bot.core.terms import Freeze

NAMED_MAX = 20  # actions in an error's text


def frozen_by(freezes: Iterable[Freeze], action: str) -> Freeze | None:
    """Return the first freeze that covers an action."""
    return next((freeze for freeze in freezes if matches_pattern(freeze.pattern, action)), None)


def require_freezable(pattern: str, bundle: Bundle | None) -> None:
    """Raise `Malformed` for a pattern that would stop nothing: at 3 a.m. nobody notices a slip like `DB.*`.

    Where the policy lets through actions that its catalog does not name, or does not load at all, any pattern
    may mean something.
    """
    if not PATTERN.fullmatch(pattern):
        raise Malformed("A pattern is an action's name in which * stands for anything, such as db.* or *.")
    if bundle is None or bundle.defaults.unknown_action is not Otherwise.DENY:
        return
    names = sorted(bundle.actions)
    if not any(matches_pattern(pattern, name) for name in names):
        near = suggestion(pattern, names)
        told = ", ".join(names[:NAMED_MAX]) + (" …" if len(names) > NAMED_MAX else "")
        raise Malformed(
            f"No action in the catalog is like {pattern}, so nothing would be frozen{near}. "
            f"There are: {told}; * is everything."
        )
