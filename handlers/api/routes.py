"""The API's routes as the OpenAPI document tells them; a test holds the router to this list."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.action import AskBody
from bot.core.terms import State
from handlers.api import shapes
from handlers.api.query import CURSOR as CURSOR_PATTERN
from handlers.api.query import LIMIT_DEFAULT, LIMIT_MAX, SEQUENCE_MAX
from handlers.api.query import REQUEST_ID as REQUEST_ID_PATTERN

Schema = dict[str, object]
PREFERENCE: Schema = {
    "schema": {"type": "string"},
    "description": "the wait that was applied, when `Prefer` asked for it",
}
LOCATION: Schema = {"required": True, "schema": {"type": "string"}, "description": "where the request is"}


def _query(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _path(name: str, pattern: str, description: str) -> Schema:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": description}


def _header(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": description}


ID = _path("id", "^req_[0-9a-f]{32}$", "the request's id")
JTI = _path("jti", "^[0-9a-f]{32}$", "the grant's id: the JWS's `jti`")
KEY = _header(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "visible ASCII, scoped to the caller: the same key with the same body is the same act",
)
WAIT = _query(
    "wait",
    {"type": "integer", "minimum": 0},
    "seconds to wait for the answer to change; at most 30 are waited",
)
PREFER = _header(
    "Prefer", {"type": "string", "examples": ["wait=1"]}, "RFC 7240: `wait`, where `?wait=` is not given"
)
SINCE = _query(
    "since",
    {"type": "string", "enum": list(State), "default": "pending"},
    "answer when the state is no longer this one",
)
QUESTIONS = _query(
    "questions",
    {"type": "integer", "minimum": 0},
    "how many questions you know of: answer also when there are more",
)
STATE = {
    **_query(
        "state", {"type": "array", "items": {"type": "string", "enum": list(State)}}, "only these states"
    ),
    "style": "form",
    "explode": True,
}
LIMIT = _query(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    "how many at most",
)
CURSOR = _query(
    "cursor",
    {"type": "string", "pattern": f"^{CURSOR_PATTERN}$"},
    "`next_cursor` of the page before; opaque. Any other is refused",
)
AFTER = _query(
    "after",
    {"type": "integer", "minimum": 0, "maximum": SEQUENCE_MAX, "default": 0},
    "the last sequence you have seen",
)


ABOUT = _query(
    "request", {"type": "string", "pattern": f"^{REQUEST_ID_PATTERN}$"}, "only what is about this request"
)


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: who may call it, what it takes, and every answer it gives."""

    method: str
    path: str
    id: str
    summary: str
    caller: str | None  # whose key: agent, executor, person; None: anybody
    answers: dict[int, str]  # status → what it means
    answer: type | None  # the shape of every good answer; None: not one of ours
    problems: tuple[int, ...] = ()
    parameters: tuple[Schema, ...] = ()
    body: tuple[type, ...] = ()  # one of these shapes
    headers: dict[str, Schema] | None = None


READS = (400, 401, 403, 404, 429)
WRITES = (400, 401, 403, 404, 409, 413, 415, 429)

ROUTES = (
    Route(
        "post",
        "/v1/requests",
        "submitRequest",
        "Ask for approval of an action",
        "agent",
        {
            202: "pending: people decide",
            201: "decided by policy",
            200: "the request this key had already made",
        },
        shapes.RequestShape,
        (400, 401, 403, 409, 413, 415, 429),
        (KEY,),
        (AskBody,),
        {"Location": LOCATION},
    ),
    Route(
        "get",
        "/v1/requests",
        "listRequests",
        "List the agent's own requests, newest first",
        "agent",
        {200: "a page"},
        shapes.RequestsShape,
        (400, 401, 403, 429),
        (STATE, LIMIT, CURSOR),
    ),
    Route(
        "get",
        "/v1/requests/{id}",
        "showRequest",
        "Show one of the agent's own requests, perhaps once it has changed",
        "agent",
        {200: "the request as it stands"},
        shapes.RequestShape,
        READS,
        (ID, WAIT, SINCE, QUESTIONS, PREFER),
        headers={"Preference-Applied": PREFERENCE},
    ),
    Route(
        "delete",
        "/v1/requests/{id}",
        "cancelRequest",
        "Cancel a pending request",
        "agent",
        {200: "the cancelled request"},
        shapes.RequestShape,
        (*READS, 409),
        (ID,),
    ),
    Route(
        "post",
        "/v1/requests/{id}/answers",
        "answerQuestion",
        "Answer a question that people asked about one of the agent's own requests",
        "agent",
        {200: "the request as it now stands"},
        shapes.RequestShape,
        WRITES,
        (ID,),
        (shapes.AnswerBody,),
    ),
    Route(
        "post",
        "/v1/grants/{jti}/redeem",
        "redeemGrant",
        "Release an approved action to run, once",
        "executor",
        {200: "the receipt: run it now"},
        shapes.ReceiptShape,
        WRITES,
        (JTI, KEY),
        (shapes.RedeemActionBody, shapes.RedeemDigestBody),
    ),
    Route(
        "post",
        "/v1/requests/{id}/outcome",
        "reportOutcome",
        "Say what became of a released action",
        "executor",
        {200: "the request as it now stands"},
        shapes.RequestShape,
        WRITES,
        (ID,),
        (shapes.OutcomeBody,),
    ),
    Route(
        "get",
        "/v1/executions",
        "listExecutions",
        "List this executor's callbacks beyond a sequence, perhaps once there is one",
        "executor",
        {200: "the callbacks, in sequence"},
        shapes.ExecutionsShape,
        (400, 401, 403, 429),
        (AFTER, ABOUT, LIMIT, WAIT, PREFER),
        headers={"Preference-Applied": PREFERENCE},
    ),
    Route(
        "post",
        "/v1/requests/{id}/reviews",
        "reviewRequest",
        "Approve, deny or comment, as a person",
        "person",
        {200: "the request as it now stands"},
        shapes.ReviewableShape,
        WRITES,
        (ID,),
        (shapes.ReviewBody,),
    ),
    Route(
        "post",
        "/v1/requests/{id}/questions",
        "askQuestion",
        "Ask the agent for information, as a person",
        "person",
        {201: "the request as it now stands"},
        shapes.ReviewableShape,
        WRITES,
        (ID,),
        (shapes.QuestionBody,),
    ),
    Route(
        "post",
        "/v1/requests/{id}/break-glass",
        "breakGlass",
        "Approve by oneself in an emergency, with the break-glass role; an admin reviews it within a day",
        "person",
        {200: "the request as it now stands"},
        shapes.ReviewableShape,
        WRITES,
        (ID,),
        (shapes.BreakGlassBody,),
    ),
    Route(
        "post",
        "/v1/requests/{id}/glass-review",
        "reviewGlass",
        "Say, as an admin, whether breaking glass was proper",
        "person",
        {200: "the request as it now stands"},
        shapes.ReviewableShape,
        WRITES,
        (ID,),
        (shapes.GlassReviewBody,),
    ),
    Route(
        "post",
        "/v1/requests/{id}/looks",
        "lookAtRequest",
        "Say that you are looking: reminders wait for five minutes, once a person and stage",
        "person",
        {201: "the request as it now stands"},
        shapes.ReviewableShape,
        WRITES,
        (ID,),
        (shapes.LookBody,),
    ),
    Route(
        "post",
        "/v1/requests/{id}/delegations",
        "delegateRequest",
        "Ask somebody to decide in your place, in the open stage: another approver, or one of your deputies",
        "person",
        {201: "the request as it now stands"},
        shapes.ReviewableShape,
        WRITES,
        (ID,),
        (shapes.DelegationBody,),
    ),
    Route(
        "delete",
        "/v1/requests/{id}/delegations",
        "reclaimRequest",
        "Take back what you asked of somebody in the open stage, as long as neither of you has decided",
        "person",
        {200: "the request as it now stands"},
        shapes.ReviewableShape,
        (*READS, 409),
        (ID,),
    ),
    Route(
        "get",
        "/v1/inbox",
        "showInbox",
        "List what waits for this person, soonest deadline first",
        "person",
        {200: "requests that this person may decide now"},
        shapes.InboxShape,
        (400, 401, 403, 429),
        (LIMIT,),
    ),
    Route("get", "/openapi.json", "describe", "This document", None, {200: "OpenAPI 3.1"}, None),
    Route(
        "get",
        "/.well-known/jwks.json",
        "listKeys",
        "List the public keys that verify grants",
        None,
        {200: "a JSON Web Key Set (RFC 7517)"},
        None,
    ),
    Route(
        "get",
        "/.well-known/webhook-keys.json",
        "listWebhookKeys",
        "List the public keys that verify the `v1a` signatures of callbacks",
        None,
        {200: "`keys`, newest first, each as `whpk_…`"},
        None,
    ),
)
