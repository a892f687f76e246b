"""Which action needs whose approval, how many, by when: (bundle, action, agent, directory, now) → Plan."""

from bot.core.policy.model import (
    ActionType,
    Bundle,
    Calendar,
    Compile,
    Condition,
    ConditionError,
    Defaults,
    Directory,
    Group,
    Rule,
    matches_pattern,
)

__all__ = [
    "ActionType",
    "Bundle",
    "Calendar",
    "Compile",
    "Condition",
    "ConditionError",
    "Defaults",
    "Directory",
    "Group",
    "Rule",
    "matches_pattern",
]
