"""The audit log, for auditors and admins."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from aiohttp import web

from bot.core.errors import Malformed, Unknown
from bot.core.literal import visible
from bot.core.terms import Json
from bot.ports import Sealed
from bot.services.auditing import Auditing
from handlers.web.desk import request_id
from handlers.web.shield import HEADERS
from handlers.web.site import Site, Visitor

PAGE = 50  # entries


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the log."""

    sequence: int
    at: object
    kind: str
    request_id: str | None
    leaf: str
    fields: list[tuple[str, str]]


class Trail:
    """The log on a page."""

    def __init__(self, site: Site, auditing: Auditing) -> None:
        self._site = site
        self._auditing = auditing

    async def show(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Show the log's size, its last checkpoint and a page of entries, newest first."""
        _require_auditor(visitor)
        store = self._site.store
        size = await store.size()
        end = _before(request, size)
        entries = await store.entries(max(end - PAGE, 0), min(PAGE, end))
        values = {
            "size": size,
            "checkpoint": await store.last_checkpoint(),
            "lines": [_line(entry) for entry in reversed(entries)],
            "older": end - PAGE if end > PAGE else None,
            "newest": end == size,
        }
        return self._site.page("audit", visitor, values)

    async def of_request(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Show what the log holds of one request."""
        _require_auditor(visitor)
        found = await self._site.viewing.see(request_id(request), visitor.name)
        entries = await self._site.store.entries_of(found.id)
        values = {
            "found": found,
            "lines": [_line(entry) for entry in entries],
            "checkpoint": await self._site.store.last_checkpoint(),
        }
        return self._site.page("trail", visitor, values)

    async def proof(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Hand out a request's proof bundle, which verifies without us."""
        _require_auditor(visitor)
        found = await self._site.viewing.see(request_id(request), visitor.name)
        bundle = await self._auditing.prove(found.id, opened=True)
        saved = {"Content-Disposition": f'attachment; filename="{found.id}.proof.json"'}
        body = orjson.dumps(bundle, option=orjson.OPT_INDENT_2)
        return web.Response(body=body, content_type="application/json", headers=HEADERS | saved)


def _require_auditor(visitor: Visitor) -> None:
    if not visitor.audits:
        raise Unknown


def _before(request: web.Request, size: int) -> int:
    text = request.query.get("before", str(size))
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Malformed("This link is damaged; start again from the newest.")
    return min(int(text), size)


def _line(entry: Sealed) -> Line:
    fields: dict[str, Json] = orjson.loads(entry.body)
    kind = str(fields.pop("kind", "unknown"))
    for known in ("sequence", "at", "request_id", "version"):
        fields.pop(known, None)
    return Line(entry.sequence, entry.at, kind, entry.request_id, entry.leaf.hex(), _flat("", fields))


def _flat(prefix: str, value: Json) -> list[tuple[str, str]]:
    """Write nested fields as `by.person: ana`; what is absent is left out."""
    if isinstance(value, dict):
        return [
            pair
            for name, inner in value.items()
            for pair in _flat(f"{prefix}.{name}" if prefix else name, inner)
        ]
    if value is None or value == "":
        return []
    return [
        (visible(prefix)[0], visible(value if isinstance(value, str) else orjson.dumps(value).decode())[0])
    ]
