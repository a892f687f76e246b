"""An executor: hears of approvals, redeems each, runs it at most once, and reports.

1. It hears: by a callback whose signature it verifies, or by asking `GET /v1/executions`. Both are hints.
2. It writes down in its journal what it is about to redeem, with a key that nobody else has.
3. It redeems with that key. The receipt, from Assent itself, holds the whole action; no receipt, no run.
4. A receipt that is used too late is not used: what was approved for nine o'clock does not run at noon.
5. It writes down that it begins, and only then runs. A restart that finds it begun never starts it again.
6. It writes down how it ended, and reports that until Assent has taken it.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from assent.agent import APPROVAL, jti_of, new_key, read_receipt
from assent.aside import aside
from assent.journal import Entry, Journal
from assent.line import Line
from assent.refusals import AssentError, BadCallback, Refused
from assent.strictly import Json, text
from assent.terms import Receipt
from assent.webhook import Headers, Verifier

BODY_MAX = 1024 * 1024  # bytes of a callback
WAIT = 25.0  # seconds of one long poll
PAUSE = 1.0  # seconds before trying again what did not work
LISTED = "50"  # executions in one answer
FINAL = (400, 404, 409)  # to a redemption: no later try can succeed

log = logging.getLogger("assent")


class Failed(Exception):
    """Raise it from an action to report failure in your own words; they are shown to people."""


@dataclass(frozen=True)
class Done:
    """What an action may return: a note for people, and output to be reported by its digest alone."""

    note: str | None = None
    output: bytes | None = None


Result = Done | str | None
Action = Callable[[Receipt], Result | Awaitable[Result]]


class Executor:
    """Runs approved actions. `secrets` and `public_keys` verify callbacks; polling needs neither."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        journal: str | Path,
        secrets: Sequence[str] = (),
        public_keys: Sequence[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._line = Line(url, key)
        self._verifier = Verifier.of(secrets, public_keys) if secrets or public_keys else None
        self._now = now
        self._journal = Journal(journal, now())
        self._actions: dict[str, Action] = {}
        self._news = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}

    def runs(self, action: str) -> Callable[[Action], Action]:
        """Register a function, plain or async, for an action; it is handed the `Receipt`."""

        def register(function: Action) -> Action:
            self._actions[action] = function
            return function

        return register

    async def hear(self, headers: Headers, body: bytes) -> int:
        """Take a callback; return the HTTP status to answer with, whatever these bytes are (1, 2)."""
        if self._verifier is None:
            return 401
        try:
            callback = self._verifier.callback(headers, body, self._now())
            await self._take(callback.type, callback.data)
        except BadCallback as bad:
            log.warning("a callback was refused: %s", bad)
            return 401
        except ValueError:
            return 400
        return 204

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work on what is heard while the block runs; what a crash left comes first."""
        async with self._doing(self._work()):
            yield

    @contextlib.asynccontextmanager
    async def polling(self) -> AsyncIterator[None]:
        """The same, and ask for executions: for those that cannot be called."""
        async with self._doing(self._work(), self._ask()):
            yield

    async def serve(self) -> None:
        """Poll and work until cancelled."""
        async with self.polling():
            await asyncio.Event().wait()

    def close(self) -> None:
        """Give the journal back."""
        self._journal.close()

    @contextlib.asynccontextmanager
    async def _doing(self, *loops: Awaitable[None]) -> AsyncIterator[None]:
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # What has begun may end; what is only tried ends soon.
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _ask(self) -> None:
        while True:
            after = await aside(self._journal.cursor)
            query = {"after": str(after), "wait": f"{WAIT:.0f}", "limit": LISTED}
            try:
                told = await aside(self._line.call, "GET", "/v1/executions", query=query, wait=WAIT)
                for one in told["executions"]:
                    await self._take(text(one, "type"), one["data"])
                    await aside(self._journal.advance, one["data"]["sequence"])
            except (AssentError, ValueError, KeyError, TypeError) as error:
                log.warning("executions cannot be asked for: %s", error)
                await asyncio.sleep(PAUSE)

    async def _take(self, kind: str, data: Json) -> None:
        """Note an approval that can still be redeemed (2)."""
        if kind != APPROVAL or data.get("grant") is None:
            return
        request, digest, jti = text(data, "id"), text(data, "digest"), jti_of(text(data, "grant"))
        await aside(self._journal.take, request, jti, digest, new_key(), self._now())
        self._news.set()

    async def _work(self) -> None:
        while True:
            self._news.clear()
            for entry in await aside(self._journal.unfinished):
                if entry.request not in self._busy:
                    task = asyncio.ensure_future(self._bring_on(entry))
                    self._busy[entry.request] = task
                    task.add_done_callback(partial(self._done, entry.request))
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), PAUSE)

    def _done(self, request: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(request, None)

    async def _bring_on(self, entry: Entry) -> None:
        """Take one entry as far as it goes now; the rest is for the next round."""
        try:
            if entry.state == "taken":
                receipt = await self._redeem(entry)
                if receipt is not None:
                    await self._run(receipt)
                    self._news.set()
            else:
                await self._tell(entry)
        except AssentError as error:
            log.warning("%s: tried again later: %s", entry.request, error)

    async def _redeem(self, entry: Entry) -> Receipt | None:
        path, about = f"/v1/grants/{entry.jti}/redeem", {"digest": entry.digest}
        try:
            raw = await aside(self._line.call, "POST", path, about, key=entry.key)  # 3
        except Refused as refused:
            if refused.status not in FINAL:
                raise
            log.warning("%s: not run: %s", entry.request, refused.detail)
            await aside(self._journal.finish, entry.request, "refused", refused.detail)
            return None
        receipt = read_receipt(raw)
        if self._now() >= receipt.execute_before.timestamp():  # 4
            late = "not run: the executor was away until after the time it was approved for"
            await aside(self._journal.finish, entry.request, "failed", late)
            return None
        return receipt

    async def _run(self, receipt: Receipt) -> None:
        action = self._actions.get(receipt.action)
        if action is None:
            unknown = f"not run: this executor does not know {receipt.action}"
            await aside(self._journal.finish, receipt.id, "failed", unknown)
            return
        if not await aside(self._journal.begin, receipt.id):  # 5
            return
        state, done = await _outcome(action, receipt)
        output = sha256(done.output).hexdigest() if done.output is not None else None
        await aside(self._journal.finish, receipt.id, state, done.note, output)  # 6

    async def _tell(self, entry: Entry) -> None:
        if entry.state != "refused":
            told: Json = {"status": entry.state, "note": entry.note, "output_digest": entry.output}
            path = f"/v1/requests/{entry.request}/outcome"
            try:
                await aside(self._line.call, "POST", path, told)
            except Refused as refused:
                if refused.status not in FINAL:
                    raise
                log.warning("%s: its outcome was refused: %s", entry.request, refused.detail)
        await aside(self._journal.told, entry.request)


async def _outcome(action: Action, receipt: Receipt) -> tuple[str, Done]:
    try:
        if inspect.iscoroutinefunction(action):
            result = await action(receipt)
        else:
            result = await aside(action, receipt)
    except Failed as failed:
        return "failed", Done(str(failed))
    except Exception as error:  # whatever an action raises is its outcome
        log.exception("%s: %s failed", receipt.id, receipt.action)
        # Not its words: they may hold what nobody should read on a card.
        return "failed", Done(type(error).__name__)
    return "succeeded", result if isinstance(result, Done) else Done(result)
