"""A sample executor: runs approved actions on a SQLite file, each at most once, whatever crashes.

    EXECUTOR_KEY=assent_executor_… EXECUTOR_SECRET=whsec_… \
        python -m examples.executor --assent http://127.0.0.1:8400 --database shop.db --port 8401

It needs aiohttp and the standard library, and nothing of Assent's code. What it does with an approval:

1. It hears of it: by a callback whose signature it verifies, or by asking `GET /v1/executions`. Both are
   hints; neither is believed further than that.
2. It writes down in its journal that it is about to redeem the grant (`journal.py`; two tables in the
   same SQLite file). A crash from here on loses nothing.
3. It redeems the grant, always with the same Idempotency-Key: after a crash the same receipt comes back.
   The receipt, from Assent itself, holds the whole action. Refused means: it is not run.
4. It runs the SQL and notes that in one transaction: both happen, or neither. So a restart finds either
   "not run" and runs it, or "run" and does not.
5. It reports the outcome until Assent has taken it.

An action that cannot share a transaction with the journal (a shell command, somebody's API) needs one more
row, "begun", committed before it starts; a restart that finds it there reports "failed, perhaps it ran",
and never starts it again.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hmac
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from examples.executor.journal import Journal, Json, Taken, Work

TOLERANCE = 300  # seconds between our clock and the sender's; the specification's own proposal
WAIT = 25  # seconds of one long poll
PAUSE = 1.0  # seconds before trying again what the network refused


class Executor:
    """The journal's other half: what is said to Assent and heard from it."""

    def __init__(self, assent: str, secret: str, journal: Journal, session: ClientSession) -> None:
        self._assent = assent.rstrip("/")
        self._secret = secret
        self._journal = journal
        self._session = session
        self._news = asyncio.Event()

    async def called_back(self, request: web.Request) -> web.Response:
        """Step 1, when Assent calls: believe nothing that our secret did not sign."""
        body = await request.read()
        if not signed(body, dict(request.headers), self._secret, time.time()):
            return web.Response(status=401)
        self._hear(json.loads(body))
        return web.Response(status=204)

    async def ask(self) -> None:
        """Step 1, when no call comes through: ask, for ever."""
        while True:
            try:
                query = {"after": str(self._journal.cursor()), "wait": str(WAIT)}
                status, told = await self._call("GET", "/v1/executions", query=query)
                if status != 200:
                    raise ClientError(f"/v1/executions answered {status}")
                for one in told["executions"]:
                    self._hear(one)
                    self._journal.advance(one["data"]["sequence"])
            except (ClientError, TimeoutError) as error:
                _say(f"cannot ask: {error or type(error).__name__}")
                await asyncio.sleep(PAUSE)

    def _hear(self, told: Json) -> None:
        """Step 2."""
        data = told["data"]
        if told["type"] == "request.approved" and data["grant"]:
            self._journal.take(data["id"], _jti(data["grant"]), data["digest"])
            self._news.set()

    async def work(self) -> None:
        """Bring everything in the journal to its end, for ever; begins with what a crash left."""
        while True:
            self._news.clear()
            for taken in self._journal.unfinished():
                try:
                    await (self._redeem(taken) if taken.state == "taken" else self._tell(taken))
                    self._news.set()
                except (ClientError, TimeoutError) as error:
                    _say(f"{taken.request}: later ({error or type(error).__name__})")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), PAUSE)

    async def _redeem(self, taken: Taken) -> None:
        """Steps 3 and 4. SQLite blocks this process while it runs; longer work belongs into a thread."""
        headers = {"Idempotency-Key": taken.key}
        path = f"/v1/grants/{taken.jti}/redeem"
        status, answer = await self._call("POST", path, {"digest": taken.digest}, headers)
        if status in (403, 404, 409):
            _say(f"{taken.request}: not run, {answer['detail']}")
            self._journal.refuse(taken.request, "refused", answer["detail"])
            return
        if status != 200:
            raise ClientError(f"redemption answered {status}")
        work = work_of(answer["action"])
        if work is None:
            self._journal.refuse(taken.request, "failed", "this executor does not know such actions")
        else:
            self._journal.run(taken.request, work)

    async def _tell(self, taken: Taken) -> None:
        """Step 5; what was never redeemed has no outcome."""
        if taken.state != "refused":
            outcome = {"status": taken.state, "note": taken.note, "output_digest": taken.output}
            status, _ = await self._call("POST", f"/v1/requests/{taken.request}/outcome", outcome)
            if status not in (200, 404, 409):
                raise ClientError(f"the outcome answered {status}")
            _say(f"{taken.request}: {taken.state}, {taken.note}")
        self._journal.told(taken.request)

    async def _call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> tuple[int, Json]:
        url = self._assent + path
        async with self._session.request(method, url, json=body, headers=headers, params=query) as answer:
            try:
                return answer.status, await answer.json(content_type=None)
            except ValueError:
                raise ClientError(f"{path} answered no JSON") from None


def work_of(action: Json) -> Work | None:
    """Return what an action means here; values are bound, never written into SQL."""
    given: Json = action["parameters"]
    match action["name"]:
        case "db.query":
            return Work(given["sql"], reads_only=True)
        case "db.migrate":
            return Work(given["sql"])
        case "cache.flush":
            return Work("DELETE FROM cache WHERE region = :region", {"region": given["region"]})
        case _:
            return None


def signed(body: bytes, headers: dict[str, str], secret: str, now: float) -> bool:
    """Say whether a callback carries our signature, made lately (Standard Webhooks, `v1`)."""
    named = {name.lower(): value for name, value in headers.items()}
    seconds, message_id = named.get("webhook-timestamp", ""), named.get("webhook-id", "")
    if not re.fullmatch("[0-9]{1,11}", seconds) or abs(now - int(seconds)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mine = hmac.digest(key, _raw(f"{message_id}.{seconds}.") + body, "sha256")
    marks = (mark.partition(",") for mark in named.get("webhook-signature", "").split())
    own = base64.b64encode(mine)
    return any(version == "v1" and hmac.compare_digest(_raw(mark), own) for version, _, mark in marks)


def _raw(text: str) -> bytes:
    """Return a header's bytes, whatever they were."""
    return text.encode("utf-8", "surrogateescape")


def _jti(grant: str) -> str:
    """Read the grant's id from the token; Assent judges the grant when it is redeemed."""
    claims = grant.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["jti"])


def _say(text: str) -> None:
    print(text, flush=True)


async def main(assent: str, database: Path, port: int, key: str, secret: str) -> None:
    """Listen for callbacks, ask for executions and work, until we are stopped."""
    headers = {"Authorization": f"Bearer {key}"}
    timeout = ClientTimeout(total=WAIT + 10)
    async with ClientSession(headers=headers, timeout=timeout) as session:
        executor = Executor(assent, secret, Journal(database), session)
        app = web.Application()
        app.router.add_post("/assent", executor.called_back)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        tasks = [asyncio.create_task(executor.ask()), asyncio.create_task(executor.work())]
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, lambda: [task.cancel() for task in tasks])
        _say(f"listening at http://127.0.0.1:{port}/assent")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m examples.executor",
        description="Runs approved actions on a SQLite file, at most once.",
    )
    parser.add_argument("--assent", metavar="URL", default="http://127.0.0.1:8400")
    parser.add_argument("--database", metavar="FILE", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8401, help="of the receiver of callbacks (default: 8401)")
    given = parser.parse_args()
    try:
        own_key, own_secret = os.environ["EXECUTOR_KEY"], os.environ["EXECUTOR_SECRET"]
    except KeyError as missing:
        sys.exit(f"{missing} is not set; `python -m bot executors add` printed it.")
    asyncio.run(main(given.assent, given.database, given.port, own_key, own_secret))
