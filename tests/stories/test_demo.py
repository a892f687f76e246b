"""The demo as its visitor meets it: real processes, a real browser's requests, a database really changed."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 45  # seconds; the machine may be busy


@dataclass
class Demo:
    """A running demo, and everything it has said so far."""

    process: Process
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return all of it."""
        return "\n".join(self.lines)

    def found(self, pattern: str) -> str:
        """Return the first group of what it said."""
        match = re.search(pattern, self.text)
        assert match, f"{pattern} is not in:\n{self.text}"
        return match[1]

    async def says(self, pattern: str) -> str:
        """Wait until it says so; return that line."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for line in self.lines:
                    if re.search(pattern, line):
                        return line
                await self.hear()

    async def hear(self) -> bool:
        """Read one more line; False at the end."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if line:
            self.lines.append(line.decode().rstrip("\n"))
        return bool(line)

    async def ends(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            while await self.hear():
                pass
            return await self.process.wait()


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    arguments = ("-m", "bot", "demo", "--port", "0")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=STDOUT
    )
    demo = Demo(process)
    try:
        yield demo
    finally:
        if process.returncode is None:
            await demo.ends()
        found = re.search(r"Folder\s+(\S+)", demo.text)
        if found:
            shutil.rmtree(found[1])


class Visitor:
    """One of the sample people in a browser of their own."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http

    async def becomes(self, name: str) -> None:
        """Pick who to be."""
        async with self.http.post("/become", data={"person": name, "next": "/"}) as answer:
            assert answer.status == 200, await answer.text()

    async def decides(self, request_id: str, verdict: str, reason: str = "") -> str:
        """Open the request, press the button; return the page that follows."""
        async with self.http.get(f"/requests/{request_id}") as answer:
            page = await answer.text()
        form = {name: _hidden(page, name) for name in ("csrf", "digest")}
        told = form | {"verdict": verdict, "reason": reason}
        async with self.http.post(f"/requests/{request_id}", data=told) as answer:
            return await answer.text()

    async def sees(self, code: str) -> str:
        """Return the id of the request with this code in the inbox."""
        async with self.http.get("/") as answer:
            page = await answer.text()
        for request_id in dict.fromkeys(re.findall(r"/requests/(req_[0-9a-f]{32})", page)):
            async with self.http.get(f"/requests/{request_id}") as answer:
                if code in (await answer.text()):
                    return str(request_id)
        raise AssertionError(f"{code} is not in the inbox")


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no {name} on the page"
    return found[1]


async def _person(url: str, name: str) -> Visitor:
    visitor = Visitor(aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)))
    await visitor.becomes(name)
    return visitor


def _code(line: str) -> str:
    found = re.search(r"\b([0-9a-f]{8})\b", line)
    assert found, line
    return found[1]


def _rows(shop: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(shop)) as held:
        return held.execute(query).fetchall()


async def test_two_people_approve_and_the_executor_really_changes_the_database(demo: Demo) -> None:
    await demo.says(r"asked .* Flush the cache")
    await demo.says(r"succeeded .* Query the database\s+3 rows")
    await demo.says(r"denied .* Delete a DNS zone\s+by policy")
    url, folder = demo.found(r"Inbox\s+(\S+)"), Path(demo.found(r"Folder\s+(\S+)"))
    codes = [_code(line) for line in demo.lines if re.search("asked .* Run a database migration", line)]
    bo, cy = await _person(url, "bo"), await _person(url, "cy")
    try:
        alone, both = await bo.sees(codes[0]), await bo.sees(codes[1])
        assert (
            _rows(folder / "shop.db", "SELECT name FROM pragma_table_info('orders') WHERE name = 'note'")
            == []
        )

        await bo.decides(alone, "approve")
        await demo.says(rf"succeeded .*{codes[0]}")
        await bo.decides(both, "approve", "the index is right")
        await demo.says(rf"stage met .*{codes[1]}.*security")
        assert _rows(folder / "shop.db", "SELECT name FROM sqlite_master WHERE name LIKE 'orders_by%'") == []
        await cy.decides(both, "approve")
        await demo.says(rf"succeeded .*{codes[1]}")
    finally:
        await bo.http.close()
        await cy.http.close()

    assert _rows(folder / "shop.db", "SELECT name FROM sqlite_master WHERE name LIKE 'orders_by%'") == [
        ("orders_by_customer",)
    ]
    assert len(_rows(folder / "shop.db", "SELECT note FROM orders")) == 4
    assert await demo.ends() == 0
    assert "The audit log verifies" in demo.text
    assert "Traceback" not in demo.text
    assert "hunter2" not in demo.text + (folder / "server.log").read_text()
    await _proof_holds(demo)


async def _proof_holds(demo: Demo) -> None:
    command = demo.found(r"\n\s+(\.venv/bin/python client/assent/proof\.py .*)")
    arguments = shlex.split(command)[1:]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_the_curl_line_works_when_pasted(demo: Demo) -> None:
    await demo.says(r"What happens")
    folder = Path(demo.found(r"Folder\s+(\S+)"))
    arguments = shlex.split(demo.found(r"\n(curl .*)"))
    headers = dict(arguments[n + 1].split(": ", 1) for n, one in enumerate(arguments) if one == "-H")
    body = arguments[arguments.index("-d") + 1]
    address = next(one for one in arguments if one.startswith("http://"))
    async with (
        aiohttp.ClientSession() as http,
        http.post(address, data=body.encode(), headers=headers) as answer,
    ):
        assert answer.status == 202, await answer.text()
        request_id, url = (await answer.json())["id"], address.partition("/v1/")[0]
    await demo.says("asked .*by visitor; waits for 1 of dba")
    ana = await _person(url, "ana")
    try:
        page = await ana.decides(request_id, "deny", "not in the middle of the day")
    finally:
        await ana.http.close()
    assert "not in the middle of the day" in page
    await demo.says("denied .*by ana, on the web: not in the middle of the day")
    assert _rows(folder / "shop.db", "SELECT count(*) FROM orders") == [(4,)]
    assert await demo.ends() == 0
    assert re.search(
        r"denied +Run a database migration .*ana \(deny\) +not in the middle of the day", demo.text
    )
