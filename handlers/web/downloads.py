"""The audit log's files for auditors and admins, the same as chats hand out, and on record as there."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from bot.core.errors import Malformed, NotReady, Unknown
from bot.core.log import LogBroken
from bot.core.terms import Change, Entry, EntryKind
from bot.services.auditing import Auditing
from handlers.evidence import NO_ENTRY, File, entries_between, instant, proof_of
from handlers.web.desk import request_id
from handlers.web.shield import HEADERS
from handlers.web.site import Site, Visitor
from handlers.web.trail import require_auditor


class Downloads:
    """Files of the log."""

    def __init__(self, site: Site, auditing: Auditing) -> None:
        self._site = site
        self._auditing = auditing

    async def export(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Hand out the entries from `since` until `until`, either left out or empty, as JSON Lines."""
        self._admit(request, visitor, {"since", "until"})
        since, until = _bound(request, "since"), _bound(request, "until")
        file, count = await entries_between(self._auditing, since, until, self._site.public_url)
        if not count:
            raise Unknown(NO_ENTRY)
        words = " ".join(f"{name} {at.isoformat()}" for name, at in (("from", since), ("until", until)) if at)
        await self._record(visitor, "audit export", words)
        return _attached(file, "application/jsonl")

    async def proof(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Hand out a request's proof, which verifies without us; `names=1` adds names and reasons."""
        self._admit(request, visitor, {"names"})
        is_open = request.query.get("names", "") == "1"
        found = await self._site.viewing.see(request_id(request), visitor.name)
        try:
            file, _ = await proof_of(self._auditing, found.id, is_open, self._site.public_url)
        except LogBroken as broken:
            raise NotReady(f"The audit log is broken: {broken}.") from broken
        await self._record(visitor, "audit prove", f"{found.id}{' open' if is_open else ''}")
        return _attached(file, "application/json")

    def _admit(self, request: web.Request, visitor: Visitor, known: set[str]) -> None:
        require_auditor(visitor)
        self._site.pace.keep_person(visitor.name)  # each is an entry, and reads much
        # A misspelt bound would quietly be none: all of the log instead of a day of it.
        if len(request.query) > len(set(request.query)) or not set(request.query) <= known:
            raise Malformed(f"This address takes {' and '.join(sorted(known))}, once each, and nothing else.")

    async def _record(self, visitor: Visitor, command: str, words: str) -> None:
        entry = Entry(
            kind=EntryKind.ADMIN,
            at=self._site.clock.now(),
            by=visitor.actor(),
            facts={"command": command},
            private={"words": words} if words else {},
        )
        await self._site.store.commit(Change(after=None, expected=None, entries=(entry,)))


def _bound(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name, "")
    return instant(text) if text else None


def _attached(file: File, content_type: str) -> web.Response:
    saved = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return web.Response(
        body=file.content, content_type=content_type, charset="utf-8", headers=HEADERS | saved
    )
