"""Processes of the bench: servers on one half of the processors, the load on the other."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from bench.ground import HOST

ROOT = Path(__file__).parent.parent
STARTS_WITHIN = 60.0  # seconds
STOPS_WITHIN = 30.0  # seconds
_CPUS = sorted(os.sched_getaffinity(0))
# One processor makes the load, the rest serve; with a single one they share it, and the ratios suffer alike.
LOAD_CPUS = {_CPUS[-1]}
SERVER_CPUS = set(_CPUS[:-1]) or LOAD_CPUS


class BenchBroken(Exception):
    """What is measured did not run; the message says what it answered."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens."""

    port: int
    process: subprocess.Popen[bytes]
    ready_after: float  # seconds from its start to its first good answer

    @property
    def memory_peak(self) -> float:
        """The most memory it ever had resident, in MB of 2²⁰ bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(kilobytes) / 1024

    @property
    def processor_time(self) -> float:
        """Seconds of processor that it has used, in all its threads."""
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    @property
    def memory(self) -> float:
        """What is resident now, in MB of 2²⁰ bytes."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return our environment without settings of Assent, and these instead."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("ASSENT_")}
    return {**kept, "PYTHONPATH": str(ROOT), **own}


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.create_server((HOST, 0)) as held:
        return int(held.getsockname()[1])


@contextmanager
def serving(
    module: str,
    arguments: Sequence[str],
    port: int,
    own: Mapping[str, str] | None = None,
    *,
    ready: str = "/livez",
    log: Path,
) -> Iterator[Server]:
    """Run `python -m module arguments` until the block ends; begins once `ready` is answered with 200."""
    began = time.perf_counter()
    with log.open("ab") as written:
        process = _spawn([sys.executable, "-m", module, *arguments], own or {}, SERVER_CPUS, written)
        try:
            _await_ready(process, port, ready, log)
            yield Server(port, process, time.perf_counter() - began)
        finally:
            _stop(process)


def _spawn(
    command: Sequence[str], own: Mapping[str, str], cpus: set[int], written: IO[bytes] | int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=environment(own),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=written,
        stderr=written,
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_ready(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    give_up_at = time.perf_counter() + STARTS_WITHIN
    while not _answers(port, path):
        if process.poll() is not None or time.perf_counter() > give_up_at:
            raise BenchBroken(f"A server did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")
        time.sleep(0.002)


def _answers(port: int, path: str) -> bool:
    try:
        with socket.create_connection((HOST, port), 5) as line:
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
            return line.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


async def client(module: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Run a client of the bench on the load's processor and return what it measured."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        json.dumps(asked),
        env=environment({}),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CPUS),
    )
    out, problems = await process.communicate()
    if process.returncode:
        raise BenchBroken(f"{module} failed:\n{problems.decode(errors='replace')[-2000:]}")
    answer: dict[str, Any] = json.loads(out)
    return answer
