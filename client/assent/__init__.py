"""Ask people before you run it: a client of Assent for agents, executors and shells."""

from assent.agent import Agent
from assent.decorator import approved
from assent.executor import Done, Executor, Failed
from assent.grants import Grant, verify_grant
from assent.refusals import (
    AssentError,
    BadCallback,
    BadGrant,
    Cancelled,
    Denied,
    Expired,
    Misused,
    NotApproved,
    Refused,
    Unreachable,
    Withdrawn,
)
from assent.terms import Ask, Question, Receipt, Request
from assent.webhook import Callback, Verifier

__all__ = [
    "Agent",
    "Ask",
    "AssentError",
    "BadCallback",
    "BadGrant",
    "Callback",
    "Cancelled",
    "Denied",
    "Done",
    "Executor",
    "Expired",
    "Failed",
    "Grant",
    "Misused",
    "NotApproved",
    "Question",
    "Receipt",
    "Refused",
    "Request",
    "Unreachable",
    "Verifier",
    "Withdrawn",
    "approved",
    "verify_grant",
]
