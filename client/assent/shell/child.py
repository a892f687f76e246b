"""Runs one command: exactly this argv, no shell, its output passed through and digested as it goes by."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from assent.shell.codes import NOT_FOUND, NOT_STARTED, SIGNALLED
from assent.shell.signals import Signals

CHUNK = 65536  # bytes


@dataclass
class Stream:
    """What came out of one stream so far."""

    size: int = 0
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)


@dataclass(frozen=True)
class Ended:
    """How a command ended; `problem` when it never started."""

    code: int
    out: Stream
    err: Stream
    problem: str | None = None
    by_signal: str | None = None


def run(argv: Sequence[str], cwd: str, environment: Mapping[str, str], signals: Signals) -> Ended:
    """Run a command to its end, signals and all.

    It gets a session of its own, so that Ctrl-C reaches it once, through us, with everything it started.
    """
    out, err = Stream(), Stream()
    try:
        process = subprocess.Popen(  # noqa: S603  # that it is trusted is what was approved
            list(argv),
            cwd=cwd,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        return Ended(NOT_FOUND, out, err, f"{error.filename}: {error.strerror}")
    except (OSError, ValueError) as error:
        return Ended(NOT_STARTED, out, err, str(error))
    signals.forward(lambda number: _send(process.pid, number))
    pumps = [
        threading.Thread(target=_pump, args=(source, sink, stream), daemon=True)
        for source, sink, stream in (
            (process.stdout, sys.stdout.buffer, out),
            (process.stderr, sys.stderr.buffer, err),
        )
    ]
    for pump in pumps:
        pump.start()
    code = process.wait()
    for pump in pumps:
        pump.join()  # until nobody holds the other end any more, as in a pipeline
    if code < 0:
        return Ended(SIGNALLED - code, out, err, by_signal=signal.Signals(-code).name)
    return Ended(code, out, err)


def _send(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _pump(source: IO[bytes] | None, sink: IO[bytes], stream: Stream) -> None:
    """Pass everything on. Where nobody reads any more, close, so that the command learns of it as usual."""
    if source is None:
        return
    with source, contextlib.suppress(BrokenPipeError):
        while chunk := os.read(source.fileno(), CHUNK):
            stream.sha256.update(chunk)
            stream.size += len(chunk)
            sink.write(chunk)
            sink.flush()
