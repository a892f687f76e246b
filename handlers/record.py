"""Every door puts what it refuses on record, whichever words it then refuses with.

Who called is read from the credential only now: a call that is not refused pays nothing for this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from bot.core.errors import NotReady, Refusal
from bot.core.terms import Actor
from handlers import door

log = structlog.get_logger()


class Record:
    """Where refusals go: `holder` says whose a secret is, `record` writes the refusal down."""

    def __init__(
        self,
        holder: Callable[[str], Awaitable[Actor | None]],
        record: Callable[[Actor, Refusal, str], Awaitable[None]],
    ) -> None:
        self._holder = holder
        self._record = record

    def install(self, app: web.Application) -> None:
        """Be the record of an application and of those mounted in it."""
        app[_RECORD] = self

    async def keep(self, request: web.Request, refusal: Refusal, by: Actor | None) -> None:
        """Put a refusal on record; the answer does not depend on whether that could be done."""
        try:
            by = by or await self._caller(request)
            if by is not None:
                await self._record(by, refusal, f"{request.method} {pattern_of(request)}")
        except NotReady as fault:
            log.warning("refusal.unrecorded", refusal=refusal.slug(), error=type(fault).__name__)

    async def _caller(self, request: web.Request) -> Actor | None:
        try:
            secret = door.bearer(request)
        except Refusal:
            return None
        return await self._holder(secret)


async def keep(request: web.Request, refusal: Refusal, by: Actor | None = None) -> None:
    """Put a refusal on record, unless it has its own entry or is none: `NotReady` says nothing of the caller.

    `by` is who called, where the door knows that from elsewhere than the Authorization header.
    """
    if type(refusal) is not NotReady and not refusal.on_record:
        await request.config_dict[_RECORD].keep(request, refusal, by)


def pattern_of(request: web.Request) -> str:
    """Return the route's pattern, not the path: paths may hold secrets."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""


_RECORD = web.AppKey("record", Record)
