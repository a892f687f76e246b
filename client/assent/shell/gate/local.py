"""A server that is a command of this machine, spoken to by its standard input and output."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence

from assent.refusals import Misused
from assent.shell.gate.messages import written
from assent.strictly import Json

GRACE = 5.0  # seconds that a server has to end by itself, and once more when it is told to


class Local:
    """The command, in a session of its own: Ctrl-C reaches it through us."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        try:
            self._process = subprocess.Popen(  # noqa: S603  # whoever starts the gate names it
                list(argv),
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise Misused(f"The server cannot be started: {error}") from None

    def send(self, message: Json) -> None:
        """Write a message to it."""
        with self._lock:
            if self._process.stdin is None or self._process.stdin.closed:
                raise OSError("its input is closed")
            self._process.stdin.write(written(message))
            self._process.stdin.flush()

    def lines(self) -> Iterator[bytes]:
        """Yield what it says until it ends."""
        if self._process.stdout is not None:
            yield from self._process.stdout

    def close(self) -> int:
        """End it: first by closing its input, then by signals; return its exit code."""
        with self._lock, contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE)
                break
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
        return self._process.wait()
