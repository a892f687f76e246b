"""A database with very many requests in it: all that is done every day still works, in bounded memory."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.app import parts
from bot.core.terms import OutboxKind, PersonName, Send
from bot.settings import Settings
from storage.schema import newest
from tests.faults.crowd import Crowd, say
from tests.faults.harness import TOP, Site, a_site
from tests.fixtures.tables import execute
from tests.world import OPERATOR, jti

FAR = timedelta(days=2)
SERVER_MAX = 300.0  # MB of memory
COMMAND_MAX = 300.0  # MB
ANSWER_MAX = 5.0  # seconds, on a machine that does other things as well
PAGE = 100
WHO = ("cy", "di")  # the two leads whom a refund takes
Answer = dict[str, Any]


@contextmanager
def chapter(name: str) -> Iterator[None]:
    """Say how long a part of the story took."""
    began = time.monotonic()
    yield
    say(f"{name}: {time.monotonic() - began:.1f} s")


def memory_peak(pid: int) -> float:
    """Return the most memory a process ever had, in MB."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


@dataclass
class People:
    """Those who call the server."""

    http: aiohttp.ClientSession
    url: str
    slowest: float = 0.0

    async def call(self, key: str, method: str, path: str, body: object = None) -> Answer:
        """Call, and remember how long it took at most."""
        began, sent = time.monotonic(), {"Authorization": f"Bearer {key}"}
        async with self.http.request(method, self.url + path, json=body, headers=sent) as answer:
            told: Answer = await answer.json(content_type=None)
            assert answer.status < 300, (path, told)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return told


async def command(settings: Settings, *words: str) -> str:
    """Run a command line as an operator would; return what it printed. Its memory is bounded."""
    own = {f"ASSENT_{name.upper()}": str(getattr(settings, name)) for name in ("database_url", "policy")}
    own |= {f"ASSENT_{name.upper()}": str(getattr(settings, name)) for name in ("keys", "checkpoints")}
    with chapter(" ".join(words[:2])):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MEASURED, *words),
            env=os.environ | own | {"PYTHONPATH": str(TOP)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, problems = await process.communicate()
    told = problems.decode(errors="replace")
    assert process.returncode == 0, told
    peak = float(told.rsplit("\n", 1)[-1])
    say(f"  {peak:.0f} MB")
    assert peak < COMMAND_MAX, words
    return out.decode()


# The last line says how many MB it took at most. Not by `getrusage`: what a fork copied counts there.
MEASURED = (
    "import re, sys; from bot.cli import main; code = main(sys.argv[1:]); "
    "[kilobytes] = re.findall('VmHWM: *([0-9]+) kB', open('/proc/self/status').read().replace('\\t', ' ')); "
    "sys.stderr.write(f'\\n{int(kilobytes) / 1024}'); sys.exit(code)"
)


async def filled(site: Site, count: int, folder: Path) -> int:
    """Fill the database, half of it before the backup; return how many were due when nobody served."""
    settings, due = site.settings, count // 50
    async with parts(settings) as made:
        crowd = await Crowd.like_one_of(made, site.keys.agent)
        ends_at = made.clock.now() + FAR
        waits = (Send(OutboxKind.SHOW, "slack:#ops", ends_at - FAR / 2),)  # Slack said: come back tomorrow
        with chapter("fill"):
            await crowd.fill(count // 2, ends_at, waits)
            if settings.database_url.startswith("sqlite"):
                await backed_up(settings, crowd, count, folder / "copy.db")
            await crowd.fill(count - count // 2 - due, ends_at, waits)
            await crowd.fill(due, made.clock.now())
    return due


async def backed_up(settings: Settings, crowd: Crowd, count: int, copy: Path) -> None:
    """Take a backup while the database is written to; the copy verifies by itself."""
    ends_at = crowd.made.clock.now() + FAR
    await asyncio.gather(command(settings, "backup", str(copy)), crowd.fill(count // 100, ends_at))
    copied = settings.model_copy(update={"database_url": f"sqlite:///{copy}"})
    said = await command(copied, "audit", "verify")
    assert int(said.split()[1].rstrip(",")) > count // 2
    for left in copy.parent.glob("copy.db*"):
        left.unlink()


async def settled(site: Site, people: People, left: int) -> None:
    """Wait until what fell due while nobody served is settled; the server answers all the while."""
    [server], give_up_at = site.replicas, time.monotonic() + 300
    while True:
        async with people.http.get(f"{server.url}/readyz") as answer:
            assert answer.status == 200, await answer.text()
        async with people.http.get(f"{server.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        pending = next(line for line in lines if line.startswith('assent_reading{name="pending"}'))
        if float(pending.split()[-1]) <= left:
            return
        assert time.monotonic() < give_up_at
        await people.call(site.keys.agent, "GET", "/v1/requests?limit=1")
        await asyncio.sleep(0.2)


async def a_day(site: Site, people: People, approvers: list[str], payer: str) -> Answer:
    """Let an action be asked for, found, approved, redeemed and reported; return the request."""
    asked = {"action": {"name": "payments.refund", "parameters": {"payment": "today", "cents": 5}}}
    request = await people.call(site.keys.agent, "POST", "/v1/requests", asked)
    for token in approvers:
        inbox = (await people.call(token, "GET", "/v1/inbox"))["requests"]
        assert request["id"] in [one["id"] for one in inbox[:2]]  # beside the model; the others end later
        body = {"verdict": "approve", "reason": None, "digest": request["digest"]}
        await people.call(token, "POST", f"/v1/requests/{request['id']}/reviews", body)
    path = f"/v1/executions?after=0&wait=5&request={request['id']}"
    told = (await people.call(payer, "GET", path))["executions"]
    [data] = [one["data"] for one in told if one["type"] == "request.approved"]
    grant = f"/v1/grants/{jti(data['grant'])}/redeem"
    await people.call(payer, "POST", grant, {"digest": data["digest"]})
    outcome = {"status": "succeeded", "note": None}
    await people.call(payer, "POST", f"/v1/requests/{request['id']}/outcome", outcome)
    return request


async def pages(site: Site, people: People, least: int) -> None:
    """Turn pages: every one is full, and nothing stands on two."""
    seen: set[str] = set()
    cursor = ""
    while len(seen) < least:
        page = await people.call(site.keys.agent, "GET", f"/v1/requests?limit={PAGE}{cursor}")
        ids = {one["id"] for one in page["requests"]}
        assert len(ids) == PAGE
        assert not ids & seen
        seen |= ids
        cursor = f"&cursor={page['next_cursor']}"


async def lived_with(url: str, folder: Path, count: int) -> None:
    """Live with so many requests in a database: fill it, start on it, work, look around, end."""
    folder.mkdir()  # noqa: ASYNC240
    async with a_site(url, folder, 1) as site:
        [server] = site.replicas
        await server.kill()
        due = await filled(site, count, folder)
        async with parts(site.settings) as made:
            tokens = [await made.admin.person_token(PersonName(name), FAR / 8, OPERATOR) for name in WHO]
            _, payer = await made.admin.add_executor("payer", None, OPERATOR)
            left = await made.store.count_pending() - due
        with chapter("start"):
            await server.start()
        async with aiohttp.ClientSession() as http:
            people = People(http, server.url)
            with chapter(f"settle {due:,}"):
                await settled(site, people, left)
            with chapter("a day"):
                request = await a_day(site, people, tokens, payer)
            with chapter("pages"):
                await pages(site, people, min(count // 2, 1_000))
        say(f"server {memory_peak(server.pid):.0f} MB, slowest {people.slowest:.2f} s")
        assert memory_peak(server.pid) < SERVER_MAX
        assert people.slowest < ANSWER_MAX
        await server.kill()
        await proven(site.settings, request["id"], count, folder)


async def proven(settings: Settings, request_id: str, count: int, folder: Path) -> None:
    """Verify, prove and migrate what is there."""
    said = await command(settings, "audit", "verify")
    assert int(said.split()[1].rstrip(",")) > count
    await command(settings, "audit", "prove", request_id, "-o", str(folder / "proof.json"))
    await execute(settings.database_url, *OLDER)
    assert newest() in await command(settings, "migrate")


# A database of the version before requests were found by their digest.
OLDER = (
    "DROP TABLE stalls",
    "DROP INDEX outbox_alerts",
    "DROP TABLE stands",
    "DROP INDEX requests_by_digest",
    "UPDATE alembic_version SET version_num = '0005'",
)


async def test_a_few_thousand_requests_are_lived_with(database_url: str, tmp_path: Path) -> None:
    await lived_with(database_url, tmp_path / "site", 2_000)


@pytest.mark.soak
async def test_a_million_requests_are_lived_with(database_url: str, tmp_path: Path) -> None:
    await lived_with(database_url, tmp_path / "site", 1_000_000)
