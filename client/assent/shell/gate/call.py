"""One call of a tool, from the client's ask to the server's answer."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable

from assent.agent import Agent, new_key
from assent.refusals import AssentError, NotApproved
from assent.shell.gate.messages import OWN, meta_of
from assent.strictly import Json
from assent.terms import PENDING, Ask, Receipt, Request

POLL = 5.0  # seconds of one long poll: how often the client hears that somebody is still asked
SERVER = "server"  # the type of the resource
KNOWN = ("name", "arguments", "_meta")  # of a call's parameters


class Dropped(Exception):
    """The client withdrew the call."""


class Call:
    """A call under way. It is asked and waited for on a thread of its own; others may drop it."""

    def __init__(self, agent: Agent, server: str, message: Json) -> None:
        self.message = message
        self.ask = ask_of(server, message)
        self._agent = agent
        self._key = new_key()
        self._lock = threading.Lock()
        self._request: Request | None = None
        self._receipt: Receipt | None = None
        self._dropped = False
        self._sent = False

    def released(self, seen: Callable[[Request], None]) -> Json:
        """Ask, wait and redeem; return the message as it may go on. Raises `AssentError`, `Dropped`."""
        request = self._agent.request(self.ask, key=self._key)
        with self._lock:
            self._request = request
        if self._dropped:
            self._withdraw()
            raise Dropped
        seen(request)
        if request.state == PENDING:
            for stands in self._agent.watch(request, POLL):
                request = stands
                seen(request)
        if self._dropped:
            raise Dropped
        request.require_approved()
        receipt = self._agent.redeem(request, self.ask)
        with self._lock:
            self._receipt = receipt
            self._sent = not self._dropped
        if not self._sent:
            self.report(succeeded=False, note="not run: the client withdrew the call")
            raise Dropped
        # What is approved is what runs: the arguments are the receipt's, not those that were typed.
        params = {**self.message["params"], "arguments": receipt.parameters}
        return {**self.message, "params": params}

    def drop(self) -> bool:
        """Withdraw the call; return whether it had gone on to the server already."""
        with self._lock:
            if self._sent:
                return True
            self._dropped = True
        self._withdraw()
        return False

    def answered(self, answer: Json) -> None:
        """Report what became of the call."""
        result = answer.get("result")
        failed = not isinstance(result, dict) or bool(result.get("isError"))
        output = json.dumps(answer.get("result", answer.get("error")), sort_keys=True)
        note = "the tool answered with an error" if failed else None
        self.report(succeeded=not failed, note=note, output=output)

    def report(self, *, succeeded: bool, note: str | None = None, output: str | None = None) -> None:
        """Report an outcome; whoever cannot be told finds it overdue."""
        digest = hashlib.sha256(output.encode()).hexdigest() if output is not None else None
        if self._receipt is None:
            return
        try:
            self._agent.report(self._receipt.id, succeeded=succeeded, note=note, output_digest=digest)
        except AssentError:
            return

    def _withdraw(self) -> None:
        request = self._request
        try:
            if request is None:  # perhaps it was made, and the answer is on its way
                self._agent.take_back(self.ask, self._key)
            else:
                self._agent.cancel(request.id)
        except (AssentError, NotApproved):
            return  # decided or expired: without us nobody redeems it


def ask_of(server: str, message: Json) -> Ask:
    """Return the ask that a call is: all that the server will see of it, but the protocol's own part."""
    params: Json = message["params"]
    meta = {
        name: value
        for name, value in meta_of(message).items()
        if not name.startswith(OWN) and (name != "progressToken" or not isinstance(value, int | str))
    }
    more = {name: value for name, value in params.items() if name not in KNOWN}
    context = {**({"meta": meta} if meta else {}), **({"more": more} if more else {})}
    return Ask(
        action=f"mcp.{server}.{params['name']}",
        parameters=params.get("arguments") or {},
        resource=(SERVER, server),
        context=context or None,
    )
