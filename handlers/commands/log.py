"""audit: the log proves itself, in chat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.errors import Malformed
from bot.core.log import LogBroken
from bot.services.auditing import Auditing
from handlers.commands.answers import Answer, Line, Tone, told
from handlers.commands.asked_for import Finder
from handlers.commands.words import Asked, Role, Word
from handlers.evidence import NO_ENTRY, entries_between, instant, proof_of


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
            ),
            Word(
                "audit prove",
                "audit prove CODE [open]",
                "a file that proves one request to somebody who does not trust us",
                ("audit prove 3f9a0c1b", "audit prove 3f9a0c1b open"),
                self.prove,
                Role.AUDITOR,
            ),
            Word(
                "audit export",
                "audit export [FROM [UNTIL]]",
                "the entries of a time range as a file; without names and reasons",
                ("audit export", "audit export 2026-01-01 2026-02-01"),
                self.export,
                Role.AUDITOR,
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
            file, count = await proof_of(self.auditing, request.id, bool(rest), self.finder.public_url)
        except LogBroken as broken:
            return _broken(broken)
        said = "with names and reasons" if rest else "without names and reasons"
        return Answer(
            lines=(
                Line(f"{count} entries, {said}; it verifies without us:", tone=Tone.GOOD),
                Line(f"python client/assent/proof.py {file.name} --key KEY", code=True),
            ),
            file=file,
        )

    async def export(self, asked: Asked) -> Answer:
        """Hand out the entries of a time range, exactly as they were hashed."""
        since, until = _range(asked)
        file, count = await entries_between(self.auditing, since, until, self.finder.public_url)
        if not count:
            return told(NO_ENTRY)
        lines = (Line(f"{count:,} entries, one a line, exactly as they were hashed.", tone=Tone.GOOD),)
        return Answer(lines=lines, file=file)


def _range(asked: Asked) -> tuple[datetime | None, datetime | None]:
    words = asked.rest.split()
    if len(words) > 2:
        raise asked.wrong()
    try:
        since, until = [*map(instant, words), None, None][:2]
    except Malformed as refusal:
        raise asked.wrong(refusal.detail) from None
    return since, until


def _broken(broken: LogBroken) -> Answer:
    text = f"The audit log is broken: {broken}. No grant is issued until an admin has looked."
    return told(text, Tone.BAD)
