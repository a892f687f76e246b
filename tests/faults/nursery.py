"""A warm process that forks real servers: a line of JSON settings in, the server's process id out.

A server started from nothing spends two seconds on imports; forked from here it listens in half a second,
so that a test can afford to kill it often. It ends its servers when its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys

import uvloop

from bot import logs
from bot.app import serve
from bot.settings import Settings


def _serve(options: dict[str, object], log: str) -> None:
    """Be a server until somebody kills it."""
    output = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(here, number)
    logs.configure(sys.stderr)
    settings = Settings(_env_file=None, **options)  # type: ignore[call-arg,arg-type]  # pydantic reads strings
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    """Fork a server for every line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that were killed
    children: list[int] = []
    _say("ready")
    for line in sys.stdin:
        told = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                _serve(told["settings"], told["log"])
            finally:
                os._exit(1)
        children.append(pid)
        _say(str(pid))
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
