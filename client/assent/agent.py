"""What an agent says to Assent: ask, look, wait, cancel; redeem and report, where it executes for itself."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from assent.line import Line
from assent.refusals import Refused, Unreachable, Withdrawn
from assent.strictly import Json, read_object, text
from assent.terms import PENDING, Ask, Question, Receipt, Request

POLL = 25.0  # seconds of one long poll
PATIENCE = 60.0  # seconds for which an act is tried again when the network or Assent is down
HURRY = 5.0  # seconds for which a withdrawal is tried: somebody waits at the keyboard
OVERTIME = timedelta(seconds=60)  # beyond the request's deadline for which its end is asked about
APPROVAL = "request.approved"
_JTI = re.compile(r"[0-9a-f]{32}")

Read = TypeVar("Read")


class Agent:
    """An agent with its key. Methods block; nothing here is tied to a thread."""

    def __init__(self, url: str, key: str, *, patience: float = PATIENCE) -> None:
        self.line = Line(url, key)
        self._patience = patience

    def request(self, ask: Ask, *, key: str | None = None) -> Request:
        """Ask. The same `key` with the same ask is the same request; one is made up where none is given."""
        key = key or new_key()
        raw = self.line.call("POST", "/v1/requests", ask.body(), key=key, patience=self._patience)
        return _request(raw)

    def show(self, request_id: str) -> Request:
        """Return a request as it stands."""
        return _request(self.line.call("GET", f"/v1/requests/{request_id}", patience=self._patience))

    def cancel(self, request_id: str) -> Request:
        """Withdraw a pending request; raises `Refused` once it is decided."""
        path = f"/v1/requests/{request_id}"
        try:
            return _request(self.line.call("DELETE", path, patience=HURRY))
        except Refused as refused:
            # An earlier try may have arrived without its answer.
            if refused.status != 409 or (stands := self.show(request_id)).state != "cancelled":
                raise
            return stands

    def take_back(self, ask: Ask, key: str) -> Request:
        """Withdraw what was asked with this key, even if its answer never arrived."""
        raw = self.line.call("POST", "/v1/requests", ask.body(), key=key, patience=HURRY)
        return self.cancel(_request(raw).id)

    def wait(self, request: Request, poll: float = POLL) -> Request:
        """Return the request once it is decided, through restarts and lost networks."""
        for stands in self.watch(request, poll):
            request = stands
        return request

    def watch(self, request: Request, poll: float = POLL) -> Iterator[Request]:
        """Yield the request as it stands after each poll, or when somebody asks; the last one is decided.

        Raises `Unreachable` when Assent is away until a minute after the request's deadline.
        """
        while request.state == PENDING:
            request = self._poll(request, poll, {"questions": str(len(request.questions))})
            yield request

    def attend(
        self, request: Request, answer: Callable[[Question], str | None], poll: float = POLL
    ) -> Request:
        """Return the request once it is decided; meanwhile have people's questions answered.

        `answer` is called once for each question, and its words are shown to people as the agent's claim;
        None leaves the question open.
        """
        heard: set[int] = set()
        while True:
            for question in request.questions:
                if request.state == PENDING and question.answer is None and question.number not in heard:
                    heard.add(question.number)
                    if (words := answer(question)) is not None:
                        request = self.answer(request, question.number, words)
            if request.state != PENDING:
                return request
            request = self._poll(request, poll, {"questions": str(len(request.questions))})

    def answer(self, request: Request, number: int, words: str) -> Request:
        """Answer a question; people read the words as the agent's claim. The same answer again is one."""
        told: Json = {"question": number, "text": words}
        try:
            raw = self.line.call("POST", f"/v1/requests/{request.id}/answers", told, patience=self._patience)
        except Refused as refused:
            if refused.slug not in ("already-decided", "too-late"):
                raise
            return self.show(request.id)  # it was decided before the answer arrived
        return _request(raw)

    def redeem(self, request: Request, ask: Ask | None = None) -> Receipt:
        """Take leave to run an approved request, once. With `ask`, exactly that and nothing else.

        Raises `NotApproved` unless it is approved, `Refused` when Assent will not release it.
        """
        request.require_approved()
        about: Json = ask.about() if ask else {"digest": request.digest}
        path = f"/v1/grants/{self._jti(request)}/redeem"
        # One key for all tries of this call, known to nobody else: whatever is lost, one receipt is ours.
        raw = self.line.call("POST", path, about, key=new_key(), patience=self._patience)
        return read_receipt(raw)

    def report(
        self, request_id: str, *, succeeded: bool, note: str | None = None, output_digest: str | None = None
    ) -> Request:
        """Say what became of a redeemed action."""
        status = "succeeded" if succeeded else "failed"
        told: Json = {"status": status, "note": note, "output_digest": output_digest}
        path = f"/v1/requests/{request_id}/outcome"
        return _request(self.line.call("POST", path, told, patience=self._patience))

    def _poll(self, request: Request, poll: float, more: dict[str, str]) -> Request:
        over = (request.expires_at + OVERTIME).timestamp() - time.time()
        query = {"wait": f"{poll:.0f}", **more}
        path = f"/v1/requests/{request.id}"
        patience = max(over, self._patience)
        return _request(self.line.call("GET", path, query=query, wait=poll, patience=patience))

    def _jti(self, request: Request) -> str:
        query = {"request": request.id}
        told = self.line.call("GET", "/v1/executions", query=query, patience=self._patience)
        approved = [one for one in told.get("executions", []) if one.get("type") == APPROVAL]
        if not approved:
            raise Refused(403, "not-its-executor", "another executor runs this action, not this agent")
        grant = approved[-1]["data"]["grant"]
        if grant is None:  # used or taken back between the decision and now
            raise Withdrawn(self.show(request.id))
        return jti_of(grant)


def new_key() -> str:
    """Return an idempotency key that nobody else has."""
    return secrets.token_hex(16)


def jti_of(grant: str) -> str:
    """Read the grant's id out of its token, which Assent judges when it is redeemed; raises `ValueError`."""
    parts = grant.split(".")
    if len(parts) != 3:
        raise ValueError("a grant is three parts")
    try:
        claims = read_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    jti = text(claims, "jti")
    if not _JTI.fullmatch(jti):
        raise ValueError("a grant's id is 32 hex digits")
    return jti


def read_receipt(raw: Json) -> Receipt:
    """Read a receipt; one that cannot be read is as good as none."""
    return _read(raw, Receipt.read)


def _request(raw: Json) -> Request:
    return _read(raw, Request.read)


def _read(raw: Json, read: Callable[[Json], Read]) -> Read:
    try:
        return read(raw)
    except (ValueError, KeyError, TypeError) as error:
        raise Unreachable(f"Assent's answer cannot be read: {error}") from None
