"""What the commands say, on standard error: to a terminal, to a log, or as lines of JSON.

Other people's words are shown literally: control and invisible characters as escapes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from assent.shell.spinner import Spinner
from assent.terms import Request

MARKS = {"asked": "◆", "good": "✓", "bad": "✗", "note": "!"}
COLOURS = {"asked": "1;36", "good": "1;32", "bad": "1;31", "note": "1;33", "dim": "2"}


class Screen(Protocol):
    """Where words go."""

    def say(self, kind: str, text: str, **facts: object) -> None:
        """Say one thing: `kind` is asked, good, bad or note; `facts` are for programs."""
        ...

    def more(self, text: str) -> None:
        """Say a detail of what was said."""
        ...

    @contextmanager
    def waiting(self, request: Request) -> Iterator[Wait]:
        """Show that a request waits, while the block runs."""
        ...


class Wait(Protocol):
    """A wait under way."""

    def now(self, request: Request) -> None:
        """Take how the request stands now."""
        ...


class Plain:
    """Lines for a log; nothing moves."""

    def say(self, kind: str, text: str, **_: object) -> None:
        _write(f"{MARKS[kind]} {text}")

    def more(self, text: str) -> None:
        _write(f"  {text}")

    @contextmanager
    def waiting(self, request: Request) -> Iterator[Wait]:
        yield _Lines(request)


class _Lines:
    """A line whenever it waits for somebody else."""

    def __init__(self, request: Request) -> None:
        self._said = ""
        self.now(request)

    def now(self, request: Request) -> None:
        line = f"{whom(request)}, until {request.expires_at:%Y-%m-%d %H:%M:%S}Z"
        if request.state == "pending" and line != self._said:
            self._said = line
            _write(f"  {line}")


class Terminal:
    """Colour where it is wanted, and a spinner."""

    def __init__(self) -> None:
        self._coloured = not os.environ.get("NO_COLOR")

    def say(self, kind: str, text: str, **_: object) -> None:
        _write(f"{self._in(kind, MARKS[kind])} {text}")

    def more(self, text: str) -> None:
        _write(f"  {self._in('dim', text)}")

    @contextmanager
    def waiting(self, request: Request) -> Iterator[Wait]:
        with Spinner(_Moment(request, self._coloured), sys.stderr) as spinner:
            yield spinner

    def _in(self, style: str, text: str) -> str:
        return f"\033[{COLOURS[style]}m{text}\033[0m" if self._coloured else text


class _Moment:
    """The line of a wait, anew each time it is drawn."""

    def __init__(self, request: Request, coloured: bool) -> None:
        self._began, self.request, self.coloured = time.monotonic(), request, coloured

    def words(self) -> tuple[str, str]:
        """Return the bright part and the dim part."""
        left = self.request.expires_at.timestamp() - time.time()
        rest = f"expires in {span(left)}" if left > 0 else "its time is up"
        return whom(self.request), f"{span(time.monotonic() - self._began)} · {rest}"


class Lines:
    """JSON Lines, for programs: each has an `event`."""

    def say(self, kind: str, text: str, **facts: object) -> None:
        if facts:
            _write(json.dumps(facts, ensure_ascii=False))
        elif kind in ("bad", "note"):
            _write(json.dumps({"event": "note", "text": text}, ensure_ascii=False))

    def more(self, text: str) -> None:
        """Leave out: programs have the facts."""

    @contextmanager
    def waiting(self, request: Request) -> Iterator[Wait]:
        yield _JsonWait(request)


class _JsonWait:
    def __init__(self, request: Request) -> None:
        self._stages: object = None
        self.now(request)

    def now(self, request: Request) -> None:
        stages = request.raw.get("stages")
        if request.state == "pending" and stages != self._stages:
            self._stages = stages
            told = {"event": "waiting", "id": request.id, "stages": stages}
            _write(json.dumps(told, ensure_ascii=False))


def screen(json_lines: bool) -> Screen:
    """Return how to speak to whoever listens."""
    if json_lines:
        return Lines()
    return Terminal() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else Plain()


def whom(request: Request) -> str:
    """Say what a pending request waits for."""
    if request.reason:
        return f"waiting: {literal(request.reason)}"
    return f"waiting for {literal(request.waits_for)}" if request.waits_for else "waiting"


def span(seconds: float) -> str:
    """Write a length of time as a clock does."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def literal(text: str) -> str:
    """Write unprintable characters as escapes: nobody's words steer this terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def result(line: str) -> None:
    """Write a line of result to standard output, for a pipe as for a person."""
    _put(line, sys.stdout)


def _write(line: str) -> None:
    _put(line, sys.stderr)


def _put(line: str, stream: TextIO) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()
