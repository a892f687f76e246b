"""The audit log, for auditors and admins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import orjson
from aiohttp import web

from bot.core.errors import Malformed, Unknown
from bot.core.literal import visible
from bot.core.log import LogBroken, commitment_matches
from bot.core.terms import Json
from bot.ports import Opening, Sealed
from handlers.web.desk import request_id
from handlers.web.site import Site, Visitor

PAGE = 50  # entries
ALTERED = "altered: not what this entry committed to"
SHOWN_APART = ("sequence", "at", "request_id", "version")


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the log."""

    sequence: int
    at: datetime
    kind: str
    request_id: str | None
    who: str
    decision: str
    leaf: str
    fields: list[tuple[str, str]]


class Trail:
    """The log on a page."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Show the log's size, its last checkpoint and a page of entries, newest first."""
        require_auditor(visitor)
        store = self._site.store
        size = await store.size()
        end = _before(request, size)
        entries = await store.entries(max(end - PAGE, 0), min(PAGE, end))
        values = {
            "size": size,
            "checkpoint": await store.last_checkpoint(),
            "lines": await self._lines(list(reversed(entries))),
            "older": end - PAGE if end > PAGE else None,
            "newest": end == size,
        }
        return self._site.page("audit", visitor, values)

    async def of_request(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Show what the log holds of one request."""
        require_auditor(visitor)
        found = await self._site.viewing.see(request_id(request), visitor.name)
        entries = await self._site.store.entries_of(found.id)
        values = {
            "found": found,
            "lines": await self._lines(entries),
            "checkpoint": await self._site.store.last_checkpoint(),
        }
        return self._site.page("trail", visitor, values)

    async def _lines(self, entries: list[Sealed]) -> list[Line]:
        """Read entries; the private fields that are not erased stand beside what the log keeps of them."""
        opened: dict[int, list[Opening]] = {}
        for opening in await self._site.store.openings([entry.sequence for entry in entries]):
            opened.setdefault(opening.sequence, []).append(opening)
        return [_line(entry, opened.get(entry.sequence, [])) for entry in entries]


def require_auditor(visitor: Visitor) -> None:
    """Raise `Unknown` for whom the log is not there."""
    if not visitor.audits:
        raise Unknown


def _before(request: web.Request, size: int) -> int:
    text = request.query.get("before", str(size))
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Malformed("This link is damaged; start again from the newest.")
    return min(int(text), size)


def _line(entry: Sealed, openings: list[Opening]) -> Line:
    fields: dict[str, Json] = orjson.loads(entry.body)
    kind, decision = str(fields.pop("kind", "unknown")), str(fields.pop("decision", ""))
    by = fields.get("by", {})
    for known in SHOWN_APART:
        fields.pop(known, None)
    flat = dict(_flat("", fields))
    opened = {one.field: _held(flat.get(one.field, ""), one) for one in openings}
    who = opened.get("private.by_name") or by.get("name") or "somebody erased"
    surface = by.get("surface", "")
    return Line(
        entry.sequence,
        entry.at,
        visible(kind)[0],
        entry.request_id,
        visible(f"{who} · {surface}" if surface not in ("", "system") else who)[0],
        visible(decision)[0],
        entry.leaf.hex(),
        [(visible(name)[0], visible(text)[0]) for name, text in (flat | opened).items()],
    )


def _held(commitment: str, opening: Opening) -> str:
    """Return what an entry committed to; whoever writes into the side table puts no words into its mouth."""
    try:
        matches = commitment_matches(commitment, opening.salt, opening.value)
    except LogBroken:  # a salt that is none
        matches = False
    return opening.value if matches else ALTERED


def _flat(path: str, value: Json) -> Iterator[tuple[str, str]]:
    """Write nested fields as `by.surface: web`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else name, inner)
    else:
        yield path, value if isinstance(value, str) else orjson.dumps(value).decode()
