"""Between a client and a server: who may say what to whom."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from assent.agent import HURRY, Agent
from assent.refusals import AssentError, NotApproved
from assent.shell.gate.call import KNOWN, Call, Dropped
from assent.shell.gate.messages import (
    CALL,
    CANCELLED,
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    fault,
    folded,
    named,
    progress,
    read,
    refusal,
    written,
)
from assent.shell.run import tell_question
from assent.shell.screen import Screen, literal, whom
from assent.strictly import Json
from assent.terms import PENDING, Request

LEAVE = HURRY + 1.0  # seconds for what is withdrawn or reported at the end
GONE = "the server ended before it answered; whether the call took effect is not known"
LEFT = "the client withdrew the call while it ran; whether it took effect is not known"

Key = tuple[str, object]


class Server(Protocol):
    """The server behind the gate."""

    def send(self, message: Json) -> None:
        """Hand a message on, once; raises `OSError` when it can take none."""
        ...


class Gate:
    """The gate of one client. Its methods may be called from any thread."""

    def __init__(
        self, agent: Agent, name: str, server: Server, out: Callable[[bytes], None], teller: Screen
    ) -> None:
        self._agent, self._name, self._server = agent, name, server
        self._out, self._teller = out, teller
        self._lock = threading.Lock()
        self._waiting: dict[Key, Call] = {}
        self._running: dict[Key, Call] = {}
        self._threads: list[threading.Thread] = []

    def from_client(self, line: bytes) -> None:
        """Take a line of the client's: pass it on, hold it, or refuse it."""
        try:
            message = read(line)
        except ValueError as problem:
            words = f"the gate takes one plain JSON object a line: {problem}"
            self._say(fault(None, PARSE_ERROR, words))
            return
        method = message.get("method")
        if method == CALL:
            self._hold(message)
        elif method == CANCELLED and (call := self._dropped(message)) is not None:
            self._beside(lambda: self._drop(call, message))
        else:
            self._pass_on(message)

    def from_server(self, message: Json, line: bytes) -> None:
        """Hand a line of the server's to the client, and note the answers to calls."""
        key = named(message)
        call = None
        if key is not None and "method" not in message:
            with self._lock:
                call = self._running.pop(key, None)
        self._out(line)
        if call is not None:
            answered = call.answered
            self._beside(lambda: answered(message))

    def close(self) -> None:
        """Withdraw what waits, give up what runs, and let both be known."""
        with self._lock:
            waiting, running = list(self._waiting.values()), dict(self._running)
            self._running.clear()
        for one in waiting:
            self._beside(lambda call=one: call.drop())  # type: ignore[misc]
        for one in running.values():
            self._say(refusal(one.message, f"Assent: {GONE}"))
            self._beside(lambda call=one: call.report(succeeded=False, note=GONE))  # type: ignore[misc]
        for thread in self._threads:
            thread.join(LEAVE)

    def _hold(self, message: Json) -> None:
        key, params = named(message), message.get("params")
        if key is None:
            # A call that wants no answer would run all the same.
            self._say(fault(None, INVALID_REQUEST, "a call of a tool needs an id; it did not run"))
            return
        if not isinstance(params, dict) or not isinstance(params.get("name"), str) or not _takes(params):
            self._say(
                fault(message["id"], INVALID_PARAMS, "the call names no tool, or its arguments are odd")
            )
            return
        call = Call(self._agent, self._name, message)
        with self._lock:
            if key in self._waiting or key in self._running:
                self._say(fault(message["id"], INVALID_REQUEST, "this id is in use; the call did not run"))
                return
            self._waiting[key] = call
        self._beside(lambda: self._through(key, call))

    def _through(self, key: Key, call: Call) -> None:
        beats = 0
        asked: set[int] = set()

        def seen(request: Request) -> None:
            nonlocal beats
            if request.state == PENDING:
                beats += 1
                note = progress(call.message, beats, self._news(request, asked))
                if note is not None:
                    self._say(note)

        words = literal(call.ask.action)
        try:
            self._teller.say("asked", words, event="asked", action=call.ask.action)
            message = call.released(seen)
        except Dropped:
            self._leave(key)
            self._teller.say("bad", f"{words}: withdrawn", event="cancelled")
        except AssentError as error:
            self._leave(key)
            self._refuse(call, _words(error))
        else:
            self._teller.say("good", f"{words}: released", event="released")
            self._run(key, call, message)

    def _run(self, key: Key, call: Call, message: Json) -> None:
        with self._lock:  # before it goes on: the answer may be quick
            self._running[key] = self._waiting.pop(key)
        try:
            self._server.send(message)
        except OSError as error:
            with self._lock:
                self._running.pop(key, None)
            note = f"the server could not be reached: {error}"
            self._refuse(call, note)
            call.report(succeeded=False, note=note)

    def _news(self, request: Request, asked: set[int]) -> str:
        """Say whom a call waits for, and once what they ask: whoever sits here can answer that."""
        questions = [one for one in request.questions if one.answer is None]
        for one in questions:
            if one.number not in asked:
                tell_question(self._teller, request, one)
        asked.update(one.number for one in questions)
        said = "; ".join(f"question {one.number}: {one.text}" for one in questions)
        return f"{whom(request)} ({literal(said)})" if said else whom(request)

    def _leave(self, key: Key) -> None:
        """Forget a call before its answer is said: with that its id is free."""
        with self._lock:
            self._waiting.pop(key, None)

    def _refuse(self, call: Call, words: str) -> None:
        self._teller.say("bad", literal(f"{call.ask.action}: {words}"), event="refused", reason=words)
        self._say(refusal(call.message, f"Assent: {words}"))

    def _dropped(self, message: Json) -> Call | None:
        """Return the call that a cancellation names, while it is ours to withdraw or to report."""
        params = message.get("params")
        key = named({"id": params.get("requestId")}) if isinstance(params, dict) else None
        with self._lock:
            return None if key is None else self._waiting.get(key) or self._running.pop(key, None)

    def _drop(self, call: Call, message: Json) -> None:
        if call.drop():
            self._pass_on(message)
            call.report(succeeded=False, note=LEFT)

    def _pass_on(self, message: Json) -> None:
        try:
            self._server.send(message)
        except OSError as error:
            key = named(message)
            if key is not None and "method" in message:
                words = f"the server could not be reached: {error}"
                self._say(fault(message["id"], INVALID_REQUEST, words))

    def _say(self, message: Json) -> None:
        self._out(written(message))

    def _beside(self, work: Callable[[], object]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        with self._lock:
            self._threads = [*(one for one in self._threads if one.is_alive()), thread]


def _takes(params: Json) -> bool:
    # `Name` beside `name` would be the tool that runs, to a server that minds no case, or reads up to a NUL.
    for name in params.keys() - set(KNOWN):
        if not (name.isascii() and name.isprintable()) or folded(name.strip()) in KNOWN:
            return False
    return isinstance(params.get("arguments", {}), dict) and isinstance(params.get("_meta", {}), dict)


def _words(error: AssentError) -> str:
    if isinstance(error, NotApproved):
        reason = error.request.reason
        return f"{error.request.state}; the tool did not run" + (f": {reason}" if reason else "")
    return f"the tool did not run: {error}"
