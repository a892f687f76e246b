"""A sample executor: runs approved SQL on a SQLite file, each approval at most once, whatever crashes.

    EXECUTOR_KEY=assent_executor_… EXECUTOR_SECRET=whsec_… \
        python examples/executor/executor.py --assent http://127.0.0.1:8400 --database shop.db --port 8401

It needs aiohttp and the standard library, and nothing of Assent's code. What it does with an approval:

1. It hears of it: by a callback whose signature it verifies, or by asking `GET /v1/executions`. Both are
   hints; neither is believed further than that.
2. It writes down in its journal that it is about to redeem the grant. (The journal is two tables in the
   same SQLite file; a crash from here on loses nothing.)
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
import hashlib
import hmac
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web

TOLERANCE = 300  # seconds between our clock and the sender's; the specification's own proposal
WAIT = 25  # seconds of one long poll
ROWS_MAX = 1000  # that are read of a result
PAUSE = 1.0  # seconds before trying again what the network refused
SCHEMA = """
CREATE TABLE IF NOT EXISTS assent_journal (
    request TEXT PRIMARY KEY, jti TEXT NOT NULL, digest TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'taken', note TEXT, output TEXT, told INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS assent_cursor (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL);
INSERT OR IGNORE INTO assent_cursor VALUES (1, 0);
"""
# Approved SQL ends no transaction of ours, reaches no other file, and leaves the journal alone.
FORBIDDEN = {
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_PRAGMA,
}
Json = dict[str, Any]


class Journal:
    """What was taken, what was run, what was told; and the database that the actions change."""

    def __init__(self, path: Path) -> None:
        self._held = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._held.execute("PRAGMA synchronous = FULL")
        self._held.executescript(SCHEMA)

    def cursor(self) -> int:
        """Return the last sequence that was taken."""
        return int(self._held.execute("SELECT sequence FROM assent_cursor").fetchone()[0])

    def advance(self, sequence: int) -> None:
        """Everything up to this sequence is taken."""
        self._held.execute("UPDATE assent_cursor SET sequence = max(sequence, ?)", (sequence,))

    def take(self, request: str, jti: str, digest: str) -> None:
        """Step 2; a second hint of the same request changes nothing."""
        values = (request, jti, digest)
        self._held.execute("INSERT OR IGNORE INTO assent_journal (request, jti, digest) VALUES (?, ?, ?)", values)

    def unfinished(self) -> list[tuple[str, str, str, str, str | None, str | None]]:
        """Return what is taken but not run, and what is run but not told, oldest first."""
        query = "SELECT request, jti, digest, state, note, output FROM assent_journal WHERE told = 0 ORDER BY rowid"
        return self._held.execute(query).fetchall()

    def run(self, request: str, sql: str) -> None:
        """Step 4: the SQL and its note in the journal, both or neither; a second time does nothing."""
        try:
            with self._transaction():
                if self._is_taken(request):
                    output = self._execute(sql)
                    self._note(request, "succeeded", _described(output), _sha256(output))
        except sqlite3.Error as error:
            self._note(request, "failed", f"SQLite: {error}", None)

    def refuse(self, request: str, state: str, why: str) -> None:
        """It will not be run: "refused" by Assent, or "failed" because we cannot."""
        self._note(request, state, why, None)

    def told(self, request: str) -> None:
        """Nothing is left to do about it."""
        self._held.execute("UPDATE assent_journal SET told = 1 WHERE request = ?", (request,))

    def _is_taken(self, request: str) -> bool:
        query = "SELECT 1 FROM assent_journal WHERE request = ? AND state = 'taken'"
        return self._held.execute(query, (request,)).fetchone() is not None

    def _note(self, request: str, state: str, note: str, output: str | None) -> None:
        query = "UPDATE assent_journal SET state = ?, note = ?, output = ? WHERE request = ? AND state = 'taken'"
        self._held.execute(query, (state, note[:1000], output, request))

    def _execute(self, sql: str) -> Json:
        before, rows = self._held.total_changes, list[Any]()
        self._held.set_authorizer(_authorize)
        try:
            for statement in _statements(sql):
                rows = self._held.execute(statement).fetchmany(ROWS_MAX) or rows
        finally:
            self._held.set_authorizer(None)
        return {"changed": self._held.total_changes - before, "rows": rows}

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._held.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._held.in_transaction:
                self._held.execute("ROLLBACK")
            raise
        self._held.execute("COMMIT")


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
            for request, jti, digest, state, note, output in self._journal.unfinished():
                try:
                    if state == "taken":
                        await self._redeem(request, jti, digest)
                    else:
                        await self._tell(request, state, note, output)
                    self._news.set()
                except (ClientError, TimeoutError) as error:
                    _say(f"{request}: later ({error or type(error).__name__})")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), PAUSE)

    async def _redeem(self, request: str, jti: str, digest: str) -> None:
        """Steps 3 and 4. SQLite blocks this process while it runs; real work belongs into a thread."""
        headers = {"Idempotency-Key": f"run-{request}"}
        status, answer = await self._call("POST", f"/v1/grants/{jti}/redeem", {"digest": digest}, headers)
        if status in (403, 404, 409):
            _say(f"{request}: not run, {answer['detail']}")
            self._journal.refuse(request, "refused", answer["detail"])
            return
        if status != 200:
            raise ClientError(f"redemption answered {status}")
        sql = answer["action"]["parameters"].get("sql")
        if isinstance(sql, str):
            self._journal.run(request, sql)
        else:
            self._journal.refuse(request, "failed", "this executor runs only actions with `sql`")

    async def _tell(self, request: str, state: str, note: str | None, output: str | None) -> None:
        """Step 5; what was never redeemed has no outcome."""
        if state != "refused":
            outcome = {"status": state, "note": note, "output_digest": output}
            status, _ = await self._call("POST", f"/v1/requests/{request}/outcome", outcome)
            if status not in (200, 404, 409):
                raise ClientError(f"the outcome answered {status}")
            _say(f"{request}: {state}, {note}")
        self._journal.told(request)

    async def _call(
        self, method: str, path: str, body: Json | None = None, headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> tuple[int, Json]:
        url = self._assent + path
        async with self._session.request(method, url, json=body, headers=headers, params=query) as answer:
            try:
                return answer.status, await answer.json(content_type=None)
            except ValueError:
                raise ClientError(f"{path} answered no JSON") from None


def signed(body: bytes, headers: dict[str, str], secret: str, now: float) -> bool:
    """Say whether a callback carries our signature, made lately (Standard Webhooks, `v1`)."""
    named = {name.lower(): value for name, value in headers.items()}
    seconds, message_id = named.get("webhook-timestamp", ""), named.get("webhook-id", "")
    if not seconds.isdigit() or abs(now - int(seconds)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mine = hmac.digest(key, f"{message_id}.{seconds}.".encode() + body, "sha256")
    marks = (mark.partition(",") for mark in named.get("webhook-signature", "").split())
    own = base64.b64encode(mine)
    return any(version == "v1" and hmac.compare_digest(mark.encode(), own) for version, _, mark in marks)


def _jti(grant: str) -> str:
    """Read the grant's id from the token; Assent judges the grant when it is redeemed."""
    claims = grant.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["jti"])


def _authorize(action: int, name: str | None, _second: str | None, _database: str | None, _inside: str | None) -> int:
    journal = name is not None and name.lower().startswith("assent_")
    return sqlite3.SQLITE_DENY if action in FORBIDDEN or journal else sqlite3.SQLITE_OK


def _statements(sql: str) -> Iterator[str]:
    """Yield each statement: `executescript` would end our transaction."""
    text = ""
    for piece in sql.split(";"):
        text += piece + ";"
        if text.strip(" \n\t;") and sqlite3.complete_statement(text):
            yield text
            text = ""
    if text.strip(" \n\t;"):
        yield text


def _described(output: Json) -> str:
    if output["rows"]:
        return f"{len(output['rows'])} rows: {json.dumps(output['rows'][:3], default=str)}"
    changed = output["changed"]
    return f"{changed} row{'' if changed == 1 else 's'} changed"


def _sha256(output: Json) -> str:
    return hashlib.sha256(json.dumps(output, default=str).encode()).hexdigest()


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
        _say(f"listening at http://127.0.0.1:{port}/assent")
        tasks = [asyncio.create_task(executor.ask()), asyncio.create_task(executor.work())]
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, lambda: [task.cancel() for task in tasks])
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Runs approved SQL on a SQLite file, at most once.")
    parser.add_argument("--assent", metavar="URL", default="http://127.0.0.1:8400")
    parser.add_argument("--database", metavar="FILE", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8401, help="of the receiver of callbacks (default: 8401)")
    given = parser.parse_args()
    try:
        own_key, own_secret = os.environ["EXECUTOR_KEY"], os.environ["EXECUTOR_SECRET"]
    except KeyError as missing:
        sys.exit(f"{missing} is not set; `python -m bot executors add` printed it.")
    asyncio.run(main(given.assent, given.database, given.port, own_key, own_secret))
