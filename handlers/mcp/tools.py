"""The tools as a client lists them, and what they take."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from bot.core.action import NAME_MAX
from bot.core.machine import QUESTIONS_MAX, WORDS_MAX
from bot.core.terms import Json

WAIT_DEFAULT = 25  # seconds; a client without the tasks extension gets its answer within a minute
WAIT_MAX = 300  # seconds

INSTRUCTIONS = (
    "Ask before you do anything privileged: request_approval, then wait_for_decision until the state is no "
    "longer pending. Only people approve; asking again changes nothing. If they ask you something, "
    "answer_question. cancel_request withdraws what is no longer needed."
)

Id = Annotated[str, Meta(pattern="^req_[0-9a-f]{32}$(?!\n)")]
CallId = Annotated[str, Meta(pattern="^[!-~]{1,200}$(?!\n)")]


class WaitBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What `wait_for_decision` takes."""

    id: Id
    wait_seconds: Annotated[int, Meta(ge=0, le=WAIT_MAX)] = WAIT_DEFAULT
    known_questions: Annotated[int, Meta(ge=0, le=QUESTIONS_MAX)] = 0


class AnswerBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What `answer_question` takes."""

    id: Id
    question: Annotated[int, Meta(ge=1, le=QUESTIONS_MAX)]
    text: Annotated[str, Meta(min_length=1, max_length=WORDS_MAX)]


class CancelBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What `cancel_request` takes."""

    id: Id


class PromptBody(Struct, frozen=True):
    """What `permission_prompt` is sent; the CLI may send more, and older ones send no id."""

    tool_name: Annotated[str, Meta(min_length=1, max_length=NAME_MAX)]
    input: dict[str, Any]
    tool_use_id: CallId | None = None


def _text(about: str) -> Json:
    return {"type": "string", "description": about}


def _takes(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_ID = {"type": "string", "pattern": "^req_[0-9a-f]{32}$", "description": "the request's id"}
STANDS: Json = {
    "type": "object",
    "properties": {
        "id": _ID,
        "state": {
            **_text("pending, approved, denied, expired or cancelled; later what became of the action"),
        },
        "code": _text("what people compare: the start of the action's digest"),
        "page": _text("where people decide"),
        "expires_at": {"type": "string", "format": "date-time"},
        "waits_for": _text("whom it waits for, while it is pending"),
        "reason": _text("why it stands as it stands, where somebody said so"),
        "questions": {
            "type": "array",
            "description": "what people want to know of you before they decide: answer_question",
            "items": {
                "type": "object",
                "properties": {"number": {"type": "integer"}, "text": {"type": "string"}},
                "required": ["number", "text"],
            },
        },
    },
    "required": ["id", "state", "code", "page", "expires_at"],
}
_ASKED = {
    "action": _text("the action's name in the policy's catalog, like db.migrate"),
    "parameters": {"type": "object", "description": "exactly what would run; people see all of it"},
    "resource": {
        **_takes(["type", "id"], type={"type": "string"}, id={"type": "string"}),
        "description": "what it is done to",
    },
    "on_behalf_of": _text("the person it is for, if any; they cannot approve it"),
    "justification": _text("why; shown as your claim"),
    "summary": _text("what, in your words; shown as your claim"),
    "context": {"type": "object", "description": "what else people should see beside it"},
    "approve_within": _text("give up earlier than the policy does: an ISO 8601 duration, like PT10M"),
    "idempotency_key": _text("the same key with the same ask is the same request, however often it is sent"),
}

TOOLS: list[Json] = [
    {
        "name": "request_approval",
        "title": "Ask people to approve an action",
        "description": "Ask for leave to do something. Answers at once with the id and state: policy may "
        "have allowed or denied it already; if it is pending, wait_for_decision.",
        "inputSchema": _takes(["action"], **_ASKED),
        "outputSchema": STANDS,
        "annotations": {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": True},
    },
    {
        "name": "wait_for_decision",
        "title": "Wait until people have decided",
        "description": "Answers when the request is decided, when somebody asks a question, or still pending "
        "when wait_seconds are over; then wait again.",
        "inputSchema": _takes(
            ["id"],
            id=_ID,
            wait_seconds={"type": "integer", "minimum": 0, "maximum": WAIT_MAX, "default": WAIT_DEFAULT},
            known_questions={
                "type": "integer",
                "minimum": 0,
                "description": "the number of the last question you know and do not answer",
            },
        ),
        "outputSchema": STANDS,
        "annotations": {"readOnlyHint": True, "openWorldHint": True},
    },
    {
        "name": "answer_question",
        "title": "Answer a question about a request",
        "description": "Answer what somebody wants to know before they decide. They read it as your claim.",
        "inputSchema": _takes(
            ["id", "question", "text"],
            id=_ID,
            question={"type": "integer", "minimum": 1, "description": "its number"},
            text={"type": "string", "minLength": 1, "maxLength": WORDS_MAX},
        ),
        "outputSchema": STANDS,
        "annotations": {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True},
    },
    {
        "name": "cancel_request",
        "title": "Withdraw a request",
        "description": "Withdraw a pending request that is no longer needed.",
        "inputSchema": _takes(["id"], id=_ID),
        "outputSchema": STANDS,
        "annotations": {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True},
    },
    {
        "name": "permission_prompt",
        "title": "Ask people to permit a tool call",
        "description": "For Claude Code's --permission-prompt-tool, not for models: it holds the call until "
        "people have decided, and answers allow or deny.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "tool_name": {"type": "string"},
                "input": {"type": "object"},
                "tool_use_id": {"type": "string"},
            },
            "required": ["tool_name", "input"],
        },
        "annotations": {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": True},
    },
]
