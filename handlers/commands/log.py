"""audit: the log proves itself, in chat."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.core.errors import TooLarge
from bot.core.log import LogBroken
from bot.services.auditing import Auditing
from handlers.commands.answers import Answer, File, Line, Tone, told
from handlers.commands.asked_for import Finder
from handlers.commands.words import Asked, Role, Trace, Word

FILE_MAX = 20 * 1024 * 1024  # bytes; chats take more, and nobody reads more there


@dataclass(frozen=True, slots=True)
class Log:
    """Words about the audit log."""

    auditing: Auditing
    finder: Finder

    def words(self) -> tuple[Word, ...]:
        """Return them."""
        return (
            Word(
                "audit verify",
                "audit verify",
                "walk the whole log and hold it against its checkpoints",
                ("audit verify",),
                self.verify,
                Role.AUDITOR,
                Trace.ALWAYS,
            ),
            Word(
                "audit prove",
                "audit prove CODE [open]",
                "a file that proves one request to somebody who does not trust us",
                ("audit prove 3f9a0c1b", "audit prove 3f9a0c1b open"),
                self.prove,
                Role.AUDITOR,
                Trace.ALWAYS,
            ),
            Word(
                "audit export",
                "audit export [FROM [UNTIL]]",
                "the entries of a time range as a file; without names and reasons",
                ("audit export", "audit export 2026-01-01 2026-02-01"),
                self.export,
                Role.AUDITOR,
                Trace.ALWAYS,
            ),
        )

    async def verify(self, asked: Asked) -> Answer:
        """Walk the whole log."""
        asked.nothing()
        try:
            held = await self.auditing.verify()
        except LogBroken as broken:
            return _broken(broken)
        lines = [
            Line("The audit log holds: every entry is in its place and none was changed.", tone=Tone.GOOD)
        ]
        lines.append(Line(f"{held.size:,} entries against {held.checkpoints:,} checkpoints"))
        lines.append(Line(held.root.hex(), name="Root"))
        return Answer(lines=tuple(lines))

    async def prove(self, asked: Asked) -> Answer:
        """Hand out the proof of one request; `open` adds names and reasons."""
        code, rest = asked.first()
        if rest.lower() not in ("", "open"):
            raise asked.wrong()
        request = await self.finder.one(asked, code)
        try:
            bundle = await self.auditing.prove(request.id, bool(rest))
        except LogBroken as broken:
            return _broken(broken)
        content = json.dumps(bundle, indent=1, ensure_ascii=False).encode()
        said = "with names and reasons" if rest else "without names and reasons"
        name = f"{request.id}.proof.json"
        return Answer(
            lines=(
                Line(f"{len(bundle['entries'])} entries, {said}; it verifies without us:", tone=Tone.GOOD),
                Line(f"python client/assent/proof.py {name} --key KEY", code=True),
            ),
            file=File(name, _small(content)),
        )

    async def export(self, asked: Asked) -> Answer:
        """Hand out the entries of a time range, exactly as they were hashed."""
        since, until = _range(asked)
        found, count = bytearray(), 0
        async for line in self.auditing.export(since, until):
            found += line
            count += 1
            if len(found) > FILE_MAX:
                _small(bytes(found))
        if not count:
            return told("No entry in that range.")
        lines = (Line(f"{count:,} entries, one a line, exactly as they were hashed.", tone=Tone.GOOD),)
        days = "-".join(f"{at:%Y%m%d}" for at in (since, until) if at)
        return Answer(lines=lines, file=File(f"audit{'-' + days if days else ''}.jsonl", bytes(found)))


def _range(asked: Asked) -> tuple[datetime | None, datetime | None]:
    words = asked.rest.split()
    if len(words) > 2:
        raise asked.wrong()
    try:
        instants = [datetime.fromisoformat(word) for word in words]
        aware = [at if at.tzinfo else at.replace(tzinfo=UTC) for at in instants]
        since, until = [*(at.astimezone(UTC) for at in aware), None, None][:2]
    except (ValueError, OverflowError):
        raise asked.wrong("An instant is written like 2026-01-31 or 2026-01-31T12:00Z.") from None
    return since, until


def _broken(broken: LogBroken) -> Answer:
    text = f"The audit log is broken: {broken}. No grant is issued until an admin has looked."
    return told(text, Tone.BAD)


def _small(content: bytes) -> bytes:
    if len(content) > FILE_MAX:
        limit = FILE_MAX // 1024 // 1024
        raise TooLarge(f"That is over {limit} MiB: narrow the range, or run `python -m bot audit export`.")
    return content
