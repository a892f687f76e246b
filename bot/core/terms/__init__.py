"""The nouns of Assent, as frozen values. Read this package first, in the order of its modules:

- `names`: names and ids, and who acts under them
- `asks`: what is asked
- `plans`: what policy says
- `requests`: what happens to a request
- `changes`: what a change leaves behind
- `registry`: who is known

Instants end in `_at`, are aware and in UTC. Durations are `timedelta`. Names of people, agents and
executors are the keys under which the directory and the registry know them.
"""

from bot.core.terms.asks import Action, Ask, Resource, Subject
from bot.core.terms.changes import CallbackKind, Change, Entry, EntryKind, OutboxKind, Send
from bot.core.terms.names import (
    SYSTEM,
    Actor,
    ActorKind,
    AgentName,
    Digest,
    ExecutorName,
    GrantId,
    GroupName,
    Json,
    PersonName,
    Proof,
    RequestId,
    RuleId,
    Surface,
)
from bot.core.terms.plans import (
    Address,
    Display,
    Effect,
    Escalation,
    Parameter,
    Plan,
    ReasonRule,
    Reversibility,
    Stage,
    Use,
)
from bot.core.terms.registry import (
    Absence,
    Agent,
    Executor,
    Freeze,
    Instance,
    Key,
    KeyKind,
    Linked,
    Person,
    Quiet,
    Registry,
)
from bot.core.terms.requests import (
    Delegation,
    GlassBreak,
    Grant,
    Look,
    Outcome,
    Question,
    Request,
    Review,
    Roster,
    State,
    Verdict,
)

__all__ = [
    "SYSTEM",
    "Absence",
    "Action",
    "Actor",
    "ActorKind",
    "Address",
    "Agent",
    "AgentName",
    "Ask",
    "CallbackKind",
    "Change",
    "Delegation",
    "Digest",
    "Display",
    "Effect",
    "Entry",
    "EntryKind",
    "Escalation",
    "Executor",
    "ExecutorName",
    "Freeze",
    "GlassBreak",
    "Grant",
    "GrantId",
    "GroupName",
    "Instance",
    "Json",
    "Key",
    "KeyKind",
    "Linked",
    "Look",
    "OutboxKind",
    "Outcome",
    "Parameter",
    "Person",
    "PersonName",
    "Plan",
    "Proof",
    "Question",
    "Quiet",
    "ReasonRule",
    "Registry",
    "Request",
    "RequestId",
    "Resource",
    "Reversibility",
    "Review",
    "Roster",
    "RuleId",
    "Send",
    "Stage",
    "State",
    "Subject",
    "Surface",
    "Use",
    "Verdict",
]
