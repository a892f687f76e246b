"""One example of each body and answer for the OpenAPI document; a test reads each as its shape."""

from __future__ import annotations

from typing import Any

from bot.core.action import AskBody
from handlers.api import shapes

ID = "req_5f0c8a1e9d3b47c2a6e4f1b08d7c3a95"
DIGEST = "9f2a61c0d3e84b7f5a1c0e9d8b7a6f5e4d3c2b1a09f8e7d6c5b4a3928170f6e5"
BUNDLE = "41d0c7b2a9f8e6d5c4b3a29180f7e6d5c4b3a29180f7e6d5c4b3a29180f7e6d5"
JTI = "b3c1d2e4f5a69788796a5b4c3d2e1f00"
# In nobody's catalog: tools that send the examples as they stand get an answer, not a change.
ACTION = {"name": "cdn.purge", "parameters": {"paths": ["/index.html"], "soft": True}}
RESOURCE = {"type": "zone", "id": "example.com"}
CONTEXT = {"ticket": "OPS-42"}
SUBJECT = {"agent": "deployer", "on_behalf_of": "ana"}
LINKS = {
    "self": f"https://assent.example/v1/requests/{ID}",
    "page": f"https://assent.example/requests/{ID}",
}
POLICY = {"effect": "require_approval", "rules": ["cdn-purge"], "bundle": BUNDLE, "reason": None}
REQUEST: dict[str, Any] = {
    "id": ID,
    "state": "pending",
    "action": ACTION,
    "resource": RESOURCE,
    "digest": DIGEST,
    "code": DIGEST[:8],
    "subject": SUBJECT,
    "on_behalf_of": "ana",
    "created_at": "2026-03-02T09:30:00.000Z",
    "expires_at": "2026-03-02T09:40:00.000Z",
    "policy": POLICY,
    "stages": [{"name": "web-ops", "state": "open", "quorum": 1, "approvals": 0, "denials": 0}],
    "reviews": [],
    "decided_at": None,
    "grant": None,
    "outcome": None,
    "links": LINKS,
}
CLAIMS = {
    "justification": "Ticket OPS-42: the old page is still served",
    "summary": "Drop one page from the cache",
}
REVIEWABLE = {
    **REQUEST,
    **CLAIMS,
    "title": "Purge pages from the CDN",
    "reversibility": "externally_reversible",
    "context": CONTEXT,
}
EXECUTION = {
    "type": "request.approved",
    "timestamp": "2026-03-02T09:32:10.000Z",
    "data": {
        "id": ID,
        "state": "approved",
        "sequence": 3,
        "subject": SUBJECT,
        "action": ACTION,
        "resource": RESOURCE,
        "context": CONTEXT,
        "digest": DIGEST,
        "grant": "eyJhbGciOiJFZDI1NTE5IiwidHlwIjoiYXBwcm92YWwtZ3JhbnQrand0In0.…",
        "execute_before": "2026-03-02T09:47:10.000Z",
        "links": LINKS,
    },
}

EXAMPLES: dict[type, Any] = {
    AskBody: {
        "action": ACTION,
        "resource": RESOURCE,
        "on_behalf_of": "ana",
        "context": CONTEXT,
        "approve_within": "PT10M",
        **CLAIMS,
    },
    shapes.RedeemActionBody: {"action": ACTION, "resource": RESOURCE, "context": CONTEXT},
    shapes.RedeemDigestBody: {"digest": DIGEST},
    shapes.OutcomeBody: {"status": "succeeded", "note": "1 page", "output_digest": None},
    shapes.ReviewBody: {"verdict": "approve", "digest": DIGEST, "reason": "Checked against OPS-42"},
    shapes.QuestionBody: {"text": "Which customers does OPS-42 concern?"},
    shapes.AnswerBody: {"question": 1, "text": "Only those of the old shop"},
    shapes.LookBody: {},
    shapes.DelegationBody: {"deputy": "bo"},
    shapes.BreakGlassBody: {"reason": "Orders are down, and nobody of web-ops answers", "digest": DIGEST},
    shapes.GlassReviewBody: {"proper": True, "words": "The page had gone unanswered for an hour"},
    shapes.RequestShape: REQUEST,
    shapes.RequestsShape: {"requests": [REQUEST], "next_cursor": None},
    shapes.ReviewableShape: REVIEWABLE,
    shapes.InboxShape: {"requests": [REVIEWABLE]},
    shapes.ReceiptShape: {
        "id": ID,
        "jti": JTI,
        "state": "released",
        "executor": "cdn-runner",
        "subject": SUBJECT,
        "action": ACTION,
        "resource": RESOURCE,
        "context": CONTEXT,
        "digest": DIGEST,
        "policy": POLICY,
        "redeemed_at": "2026-03-02T09:32:11.000Z",
        "execute_before": "2026-03-02T09:47:10.000Z",
        "report_before": "2026-03-02T10:32:11.000Z",
        "links": LINKS,
    },
    shapes.ExecutionsShape: {"executions": [EXECUTION], "next_after": 3},
}
