"""Which action needs whose approval, how many, by when: (bundle, action, agent, directory, now) → Plan."""

from bot.core.policy.again import agent_of, ask_of
from bot.core.policy.bundle import read_bundle
from bot.core.policy.cases import Case, CaseResult, Play, read_cases, run_cases, uncovered
from bot.core.policy.directory import read_directory
from bot.core.policy.explaining import Considered, Explanation, explain
from bot.core.policy.freezing import frozen_by, require_freezable
from bot.core.policy.model import (
    Compile,
    Condition,
    ConditionError,
    Directory,
    Group,
    Together,
    matches_pattern,
)
from bot.core.policy.planning import Commit, candidates, denies, plan
from bot.core.policy.problems import PolicyBroken, Problem
from bot.core.policy.quorums import barred, satisfiable
from bot.core.policy.references import on_call, parts, people_of, static_members
from bot.core.policy.schema import schema
from bot.core.policy.whole import Bundle

__all__ = [
    "Bundle",
    "Case",
    "CaseResult",
    "Commit",
    "Compile",
    "Condition",
    "ConditionError",
    "Considered",
    "Directory",
    "Explanation",
    "Group",
    "Play",
    "PolicyBroken",
    "Problem",
    "Together",
    "agent_of",
    "ask_of",
    "barred",
    "candidates",
    "denies",
    "explain",
    "frozen_by",
    "matches_pattern",
    "on_call",
    "parts",
    "people_of",
    "plan",
    "read_bundle",
    "read_cases",
    "read_directory",
    "require_freezable",
    "run_cases",
    "satisfiable",
    "schema",
    "static_members",
    "uncovered",
]
