"""A server somewhere else, spoken to by streamable HTTP. A call is posted once, whatever happens to it.

Redirects are not followed: only whoever configured us says where calls and credentials go.
"""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request as HttpRequest
from urllib.request import build_opener

from assent.line import Stay
from assent.refusals import Misused
from assent.shell.gate.messages import INTERNAL, STAND_ALONE, fault, meta_of, named, written
from assent.strictly import Json, NotPlain

QUIET = 3600.0  # seconds without a byte after which an answer is given up
LEAVE = 5  # seconds to say good-bye
REOPENED_AFTER = 1.0  # seconds; the stream of what the server says unasked
ANSWER_MAX = 64 * 1024 * 1024  # bytes
INITIALIZE, INITIALIZED = "initialize", "notifications/initialized"
NAMES = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
EVENTS = "text/event-stream"


class Remote:
    """The server at an address; `headers` are what it wants to see of us."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misused(f"{url!a} is not the address of a server; it is like https://mcp.example.com/mcp.")
        self._url, self._headers = url, dict(headers)
        self._opener = build_opener(Stay())
        self._said: queue.Queue[bytes | None] = queue.Queue()
        self._initializing: object = None
        self._closed = threading.Event()

    def send(self, message: Json) -> None:
        """Post a message. Requests are answered one beside the other, all else is taken in order."""
        if message.get("method") == INITIALIZE:
            self._initializing = named(message)
        if "method" in message and named(message) is not None:
            threading.Thread(target=self._ask, args=(message,), daemon=True).start()
            return
        self._tell(message)
        if message.get("method") == INITIALIZED and "Mcp-Session-Id" in self._headers:
            threading.Thread(target=self._listen, daemon=True).start()

    def lines(self) -> Iterator[bytes]:
        """Yield what it says until we close."""
        while (line := self._said.get()) is not None:
            yield line

    def close(self) -> int:
        """Take leave."""
        self._closed.set()
        if "Mcp-Session-Id" in self._headers:
            request = HttpRequest(self._url, headers=self._headers, method="DELETE")  # noqa: S310  # see __init__
            with contextlib.suppress(OSError, HTTPException):  # it will forget us by itself
                self._opener.open(request, timeout=LEAVE).close()
        self._said.put(None)
        return 0

    def _ask(self, message: Json) -> None:
        try:
            with self._opener.open(self._posted(message), timeout=QUIET) as response:
                if not self._heard(response, response.headers, named(message)):
                    self._fail(message, "it did not answer")
        except HTTPError as error:
            self._refused(message, error)
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            self._fail(message, str(reason) or type(error).__name__)

    def _tell(self, message: Json) -> None:
        try:
            self._opener.open(self._posted(message), timeout=QUIET).close()
        except HTTPException as error:
            raise OSError(str(error)) from None

    def _posted(self, message: Json) -> HttpRequest:
        headers = {"Content-Type": "application/json", "Accept": f"application/json, {EVENTS}"}
        version, method = meta_of(message).get(STAND_ALONE), message.get("method")
        if isinstance(version, str) and isinstance(method, str):
            headers |= {"MCP-Protocol-Version": version, "Mcp-Method": method}
            about = message["params"].get(NAMES.get(method, "taskId"))
            headers |= {"Mcp-Name": _header(about)} if isinstance(about, str) else {}
        # The client's own bytes are never posted: what is checked is what goes.
        return HttpRequest(self._url, written(message), self._headers | headers, method="POST")  # noqa: S310

    def _heard(self, response: IO[bytes], headers: Mapping[str, str], asked: object) -> bool:
        """Take all that comes; tell whether what was asked is answered."""
        if asked == self._initializing and (session := headers.get("Mcp-Session-Id")):
            self._headers["Mcp-Session-Id"] = session
        if not headers.get("Content-Type", "").startswith(EVENTS):
            return self._said_one(response.read(ANSWER_MAX), asked)
        return any(self._said_one(data, asked) for data in _events(response))

    def _said_one(self, data: bytes, asked: object) -> bool:
        message = json.loads(data)
        if not isinstance(message, dict):
            raise NotPlain("it sends what is no message")
        answers = "method" not in message and named(message) == asked
        result = message.get("result")
        version = result.get("protocolVersion") if isinstance(result, dict) else None
        if answers and asked == self._initializing and isinstance(version, str):
            self._headers["MCP-Protocol-Version"] = version
        self._said.put(written(message))
        return answers

    def _refused(self, message: Json, error: HTTPError) -> None:
        with error:
            try:
                said = json.loads(error.read(ANSWER_MAX))
            except (ValueError, OSError, HTTPException):
                said = None
        if isinstance(said, dict) and isinstance(said.get("error"), dict):
            self._said.put(written({**said, "id": message["id"]}))
        else:
            self._fail(message, f"it answered {error.code}")

    def _fail(self, message: Json, why: str) -> None:
        self._said.put(written(fault(message["id"], INTERNAL, f"the server could not be asked: {why}")))

    def _listen(self) -> None:
        """Hear what the server says unasked, where it has a stream for that."""
        while not self._closed.is_set():
            request = HttpRequest(self._url, headers=self._headers | {"Accept": EVENTS})  # noqa: S310
            try:
                with self._opener.open(request, timeout=QUIET) as response:
                    self._heard(response, response.headers, None)
            except HTTPError:
                return  # it has none
            except (OSError, HTTPException, ValueError, RecursionError):
                pass
            time.sleep(REOPENED_AFTER)


def _events(response: IO[bytes]) -> Iterator[bytes]:
    """Yield the data of each server-sent event that has any."""
    data: list[bytes] = []
    for line in response:
        line = line.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            joined = b"\n".join(data)
            data.clear()
            if joined:
                yield joined


def _header(value: str) -> str:
    """Write a header's value, as the protocol has it for what no header can carry."""
    plain = value.isascii() and value.isprintable() and value == value.strip()
    if plain and not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="
