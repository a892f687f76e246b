"""The same calls at the SDK's own FakeProvider and at ours, each told as it looks from outside.

Ids, instants and messages differ by nature; everything else must not.
"""

import json
import re
import sys

import httpx
from agentapprovalprotocol.testing import BASE_URL, TOKEN, FakeProvider

told = json.loads(sys.argv[1])
PATTERNS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z"), "INSTANT"),
)
BODY = {
    "tool": "mail.send",
    "arguments": {"to": "zoe@example.com", "body": "né 1.50 \u2028"},
    "timeout": "90s",
    "server": "mailer",
    "agent_reasoning": "Why not.",
    "context": {"call_id": "c1", "deep": {"list": [1, 1.5, None, True, "x"]}},
}


class Fake:
    """Theirs."""

    def __init__(self):
        self.provider = FakeProvider(auto=None)
        transport = httpx.MockTransport(self.provider.handle)
        self.http = httpx.Client(transport=transport, headers={"Authorization": f"Bearer {TOKEN}"})
        self.base = BASE_URL

    def decide(self, made, verdict):
        self.provider.decide(made, {"approve": "approved", "deny": "denied"}[verdict], "so be it")


class Ours:
    """Ours, with a person who decides through our API."""

    def __init__(self):
        self.http = httpx.Client(headers={"Authorization": f"Bearer {told['agent']}"})
        self.base = f"{told['url']}/api/aap"

    def decide(self, made, verdict):
        native = f"{told['url']}/v1/requests/req_{made.replace('-', '')}"
        person = {"Authorization": f"Bearer {told['person']}"}
        digest = self.http.get(native).json()["digest"]
        body = {"verdict": verdict, "reason": "so be it", "digest": digest}
        self.http.post(f"{native}/reviews", json=body, headers=person).raise_for_status()


def seen(value):
    """Write a value without what differs by nature."""
    if isinstance(value, dict):
        return {name: seen(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        return [seen(inner) for inner in value]
    if isinstance(value, str):
        return next((name for pattern, name in PATTERNS if pattern.fullmatch(value)), value)
    return value


def play(side):
    """Make every call once; return what came back."""
    trace = []

    def call(what, method, path, body=None, key=None):
        headers = {"Idempotency-Key": key} if key else {}
        answer = side.http.request(method, f"{side.base}/v1/requests{path}", json=body, headers=headers)
        value = answer.json()
        error = value.get("error")
        said = [error["type"], error["code"]] if error else seen(value)
        trace.append([what, answer.status_code, said])
        return value

    call("no key", "POST", "", BODY)
    for verdict in ("approve", "deny", "cancel"):
        made = call("submit", "POST", "", BODY, f"key-{verdict}")["id"]
        again = call("replay", "POST", "", dict(reversed(BODY.items())), f"key-{verdict}")
        assert again["id"] == made
        call("other body", "POST", "", BODY | {"timeout": "91s"}, f"key-{verdict}")
        call("look", "GET", f"/{made}")
        call("too early", "POST", f"/{made}/consume", None, "early")
        call("nothing ran", "POST", f"/{made}/outcome", {"status": "succeeded"})
        if verdict == "cancel":
            call("cancel", "DELETE", f"/{made}")
        else:
            side.decide(made, verdict)
        call("decided", "GET", f"/{made}?wait=1s")
        call("cancel a decided one", "DELETE", f"/{made}")
        call("consume without a key", "POST", f"/{made}/consume")
        call("consume", "POST", f"/{made}/consume", None, "first")
        call("consume again", "POST", f"/{made}/consume", None, "first")
        call("consume otherwise", "POST", f"/{made}/consume", None, "second")
        call("outcome", "POST", f"/{made}/outcome", {"status": "failed", "note": "it broke"})
        call("outcome again", "POST", f"/{made}/outcome", {"status": "failed", "note": "it broke"})
        call("another outcome", "POST", f"/{made}/outcome", {"status": "succeeded"})
        call("at the end", "GET", f"/{made}")
    call("not there", "GET", "/b29a43a7-1949-4b9f-9d61-b7ae66f85d31")
    return trace


fake, ours = play(Fake()), play(Ours())
differences = [[a, b] for a, b in zip(fake, ours, strict=True) if a != b]
sys.stdout.write(json.dumps({"calls": len(ours), "differences": differences}))
