"""`assent mcp-gate -- SERVER…`: an MCP server whose tools run only when they are approved."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from types import FrameType

from assent.refusals import Misused
from assent.shell import options
from assent.shell.codes import GOOD, SIGNALLED
from assent.shell.gate.catalog import catalog
from assent.shell.gate.gate import Gate
from assent.shell.gate.local import Local
from assent.shell.gate.remote import Remote
from assent.shell.run import SECRETS
from assent.shell.screen import screen

CHUNK = 65536  # bytes
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")  # no dot: `a.b` of one server must not be `b` of another one's `a`


def arguments(parser: ArgumentParser) -> None:
    """Describe the command line; what comes after `--` is not for us."""
    parser.add_argument(
        "--name", required=True, help="the server's name: its tool T is the action mcp.NAME.T"
    )
    parser.add_argument("--server-url", metavar="URL", help="wrap a remote server instead of a command")
    parser.add_argument(
        "--server-header",
        metavar="NAME=VARIABLE",
        action="append",
        default=[],
        help="send a header to a remote server, its value from this environment variable",
    )
    parser.add_argument(
        "--catalog", action="store_true", help="print the server's tools as actions of a policy"
    )
    options.add_connection(parser)


def main(args: Namespace) -> int:
    """Stand between the client on our standard input and the server; return the exit code."""
    if not _NAME.fullmatch(args.name):
        raise Misused(f"{args.name!a} is not a name for a server: letters, digits, - and _, at most 40.")
    if bool(args.command) == bool(args.server_url):
        raise Misused("Say which server: a command after --, or --server-url URL.")
    if args.catalog:
        return catalog(args.name, _server(args))
    agent = options.agent_of(args)
    server, out = _server(args), _Out()
    gate = Gate(agent, args.name, server, out, screen(args.json))
    with _until_done() as (done, ended):
        _beside(lambda: _hear_client(gate), done)
        _beside(lambda: _hear_server(gate, server), done)
        done.wait()
    gate.close()
    code = server.close()
    return SIGNALLED + ended[0] if ended else code if code > 0 else GOOD


def _server(args: Namespace) -> Local | Remote:
    if args.server_url:
        return Remote(args.server_url, dict(_header(one) for one in args.server_header))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
    return Local(args.command, inherited)


def _header(typed: str) -> tuple[str, str]:
    name, equals, variable = typed.partition("=")
    value = os.environ.get(variable, "")
    if not (name and equals and value and value.isprintable()):
        raise Misused(f"{typed!a}: --server-header takes NAME=VARIABLE, and VARIABLE must hold one line.")
    return name, value


class _Out:
    """Our standard output: one line at a time, whoever writes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self, line: bytes) -> None:
        """Write a line; a client that reads no more is no error."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


def _hear_client(gate: Gate) -> None:
    for line in _lines(sys.stdin.fileno()):
        if line.strip():
            gate.from_client(line)


def _lines(descriptor: int) -> Iterator[bytes]:
    """Yield lines. A buffered reader that still waits would abort the interpreter at its end."""
    begun: list[bytes] = []
    while chunk := os.read(descriptor, CHUNK):
        *ended, rest = chunk.split(b"\n")
        for end in ended:
            yield b"".join([*begun, end])
            begun.clear()
        begun.append(rest)
    yield b"".join(begun)


def _hear_server(gate: Gate, server: Local | Remote) -> None:
    for line in server.lines():
        try:
            message = json.loads(line)
        except ValueError:
            message = None  # the client may make of it what it can
        gate.from_server(message if isinstance(message, dict) else {}, line)


def _beside(work: object, done: threading.Event) -> None:
    def run() -> None:
        try:
            work()  # type: ignore[operator]
        finally:
            done.set()

    threading.Thread(target=run, daemon=True).start()


@contextlib.contextmanager
def _until_done() -> Iterator[tuple[threading.Event, list[int]]]:
    """Yield an event that a signal sets too, and the list that then names it."""
    done, ended = threading.Event(), list[int]()

    def stop(number: int, _: FrameType | None) -> None:
        ended.append(number)
        done.set()

    before = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield done, ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
