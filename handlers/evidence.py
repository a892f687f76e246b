"""The audit log's files, the same from every surface that hands them out, and where the web has them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from bot.core.errors import Malformed, TooLarge
from bot.core.terms import RequestId
from bot.services.auditing import Auditing

FILE_MAX = 20 * 1024 * 1024  # bytes; chats take more, and nobody reads more there
NO_ENTRY = "No entry in that range."
AS_INSTANT = "An instant is written like 2026-01-31 or 2026-01-31T12:00Z."


@dataclass(frozen=True, slots=True)
class File:
    """A file that is sent to the person alone.

    `url` is the web page that hands it out anew to who signs in there, for chats that take no file.
    """

    name: str
    content: bytes
    url: str


async def proof_of(
    auditing: Auditing, request_id: RequestId, is_open: bool, public_url: str
) -> tuple[File, int]:
    """Return one request's proof and its number of entries; `is_open` adds names and reasons.

    Raises `TooLarge`, `Unknown`, `LogBroken`.
    """
    bundle = await auditing.prove(request_id, is_open)
    content = json.dumps(bundle, indent=1, ensure_ascii=False).encode()
    url = f"{public_url}/audit/{request_id}/proof{'?names=1' if is_open else ''}"
    return File(f"{request_id}.proof.json", _small(content), url), len(bundle["entries"])


async def entries_between(
    auditing: Auditing, since: datetime | None, until: datetime | None, public_url: str
) -> tuple[File, int]:
    """Return the entries of a time range as they were hashed, and their number; raises `TooLarge`."""
    found, count = bytearray(), 0
    async for line in auditing.export(since, until):
        found += line
        count += 1
        if len(found) > FILE_MAX:
            _small(bytes(found))
    days = "-".join(f"{at:%Y%m%d}" for at in (since, until) if at)
    bounds = {name: _written(at) for name, at in (("since", since), ("until", until)) if at}
    url = f"{public_url}/audit/export{'?' + urlencode(bounds) if bounds else ''}"
    return File(f"audit{'-' + days if days else ''}.jsonl", bytes(found), url), count


def instant(text: str) -> datetime:
    """Read an instant; one without a zone is UTC. Raises `Malformed`."""
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(AS_INSTANT) from None


def _written(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat() + "Z"


def _small(content: bytes) -> bytes:
    if len(content) > FILE_MAX:
        limit = FILE_MAX // 1024 // 1024
        raise TooLarge(f"That is over {limit} MiB: narrow the range, or run `python -m bot audit export`.")
    return content
