"""Many requests in a database, fast: copies of a real one, made durable by the store's own writer.

They skip what is made for callers, who each wait for an answer; what is written is the same but for one audit
entry each in the place of two.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from bot.app import Parts
from bot.core.action import digest, read_ask
from bot.core.machine import opened
from bot.core.terms import Change, Request, Send
from bot.ports import Committed
from storage.batch import find_each
from storage.changes import apply_changes, asked, prepare
from storage.transaction import Transaction

AT_ONCE = 512  # requests in one transaction, as the writer's groups have
SAY_EVERY = 15.0  # seconds
ASKED = b'{"action": {"name": "payments.refund", "parameters": {"payment": "model", "cents": 1}}}'


def say(progress: str) -> None:
    """Say how far a long run is; pytest shows it with `-s`, and when the run fails."""
    sys.stdout.write(f"{progress}\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Crowd:
    """Makes requests like one that an agent really made."""

    made: Parts
    model: Change  # as the machine opened it
    request: Request

    @classmethod
    async def like_one_of(cls, made: Parts, agent_key: str) -> Crowd:
        """Have the agent ask once, as agents do; the others will be like that."""
        agent, registry, by = await made.knowing.agent(agent_key)
        request = (await made.intake.submit(agent, registry, read_ask(ASKED), None, by)).request
        assert request is not None
        roster = await made.policies.roster(request, registry)
        model = opened(replace(request, due_at=None), roster, by, request.created_at)
        assert model.after == request
        return cls(made, replace(model, entries=model.entries[:1]), request)

    async def fill(self, count: int, ends_at: datetime, sends: Sequence[Send] = ()) -> None:
        """Make so many that wait until `ends_at`, each with these sends."""
        began = said = time.monotonic()
        for done in range(0, count, AT_ONCE):
            numbers = range(done, min(done + AT_ONCE, count))
            await self.made.store._writer.submit(partial(self._write, numbers, ends_at, tuple(sends)))
            if time.monotonic() - said > SAY_EVERY:
                said = time.monotonic()
                say(f"{done:,} of {count:,} requests, {done / (said - began):,.0f}/s")

    def _write(
        self, numbers: Sequence[int], ends_at: datetime, sends: tuple[Send, ...], held: Transaction
    ) -> None:
        changes = [prepare(self._change(number, ends_at, sends)) for number in numbers]
        found = find_each(held.connection, asked(changes))
        assert all(isinstance(answer, Committed) for answer in apply_changes(held, changes, found))

    def _change(self, number: int, ends_at: datetime, sends: tuple[Send, ...]) -> Change:
        now, ids, like = self.made.clock.now(), self.made.ids, self.request
        action = replace(like.action, parameters={"payment": f"p{number}", "cents": number})
        fresh = replace(
            like,
            id=ids.request_id(),
            action=action,
            digest=digest(like.subject, action, like.resource, like.context),
            grant_id=ids.grant_id(),
            created_at=now,
            stage_opened_at=now,
            expires_at=ends_at,
            due_at=ends_at,
        )
        entries = tuple(
            replace(entry, at=now, request_id=fresh.id, action_digest=fresh.digest)
            for entry in self.model.entries
        )
        return replace(self.model, after=fresh, entries=entries, sends=sends)
