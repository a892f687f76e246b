"""Which action needs whose approval, how many, by when: (bundle, action, agent, directory, now) → Plan."""

from bot.core.policy.bundle import read_bundle
from bot.core.policy.directory import read_directory
from bot.core.policy.model import Bundle, Compile, Condition, ConditionError, Directory, matches_pattern
from bot.core.policy.planning import candidates, denies, frozen_by, plan
from bot.core.policy.problems import PolicyBroken, Problem
from bot.core.policy.quorums import barred, satisfiable
from bot.core.policy.references import parts, people_of

__all__ = [
    "Bundle",
    "Compile",
    "Condition",
    "ConditionError",
    "Directory",
    "PolicyBroken",
    "Problem",
    "barred",
    "candidates",
    "denies",
    "frozen_by",
    "matches_pattern",
    "parts",
    "people_of",
    "plan",
    "read_bundle",
    "read_directory",
    "satisfiable",
]
