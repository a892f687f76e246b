"""break-glass, glass-review: the emergency, and what an admin says of it afterwards.

1. `break-glass CODE REASON` shows all that would run, and does nothing yet.
2. The button under it asks once more, and carries the digest of what was shown, with a proof that it was
   shown to this person: a line that somebody else wrote, and talked them into, breaks nothing.
3. Only then is the glass broken; who may is asked then, and every refusal is on record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest

from bot.core.action import code
from bot.core.errors import Malformed, MustReadAll, OtherDigest
from bot.core.literal import visible
from bot.core.terms import Digest
from bot.services.reviewing import Breaking
from handlers.commands.answers import Act, Answer, Line, Style, Tone
from handlers.commands.asked_for import Finder
from handlers.commands.words import Asked, Role, Word, always

CONFIRM = "confirm"
GRAVE = ("break-glass", CONFIRM)  # how the line begins; then come request, digest, proof and reason
# No canonical JSON begins like this, so no redacted parameter's commitment is a proof.
PREFIX = b"glass-shown|"
REASON_MAX = 1500  # characters; a button carries it
CODE_LENGTH = 8  # hex digits of the digest
WARNING = "This approves it by you alone. Every admin is told now, and one of them reviews it within a day."


@dataclass(frozen=True, slots=True)
class Glass:
    """Words about emergencies."""

    breaking: Breaking
    finder: Finder
    commit: Callable[[bytes], str]  # `Signer.commitment`

    def words(self) -> tuple[Word, ...]:
        """Return them."""
        return (
            Word(
                "break-glass",
                "break-glass CODE REASON",
                "approve alone, in an emergency; admins are told and review it",
                ("break-glass 3f9a0c1b the shop is down and nobody answers",),
                self.break_glass,
                Role.BREAK_GLASS,
                _confirms,  # before that, it is on record that somebody got as far as looking
            ),
            Word(
                "glass-review",
                "glass-review CODE proper|improper WORDS",
                "say whether glass was broken for a good reason",
                ("glass-review 3f9a0c1b proper the shop was down indeed",),
                self.review,
                Role.ADMIN,
                always,
            ),
        )

    async def break_glass(self, asked: Asked) -> Answer:
        """Show what would run (1), or break the glass over exactly that (3)."""
        named, rest = asked.first()
        if named == CONFIRM:
            return await self._broken(asked, rest)
        if not rest:
            raise asked.wrong("An emergency needs its reason: the admins read it.")
        if len(rest) > REASON_MAX:
            raise Malformed(f"A reason has at most {REASON_MAX:,} characters.")
        request = await self.finder.one(asked, named)
        shown = await self.finder.card(request)
        if not asked.shows_all(shown):
            raise MustReadAll(f"This chat cannot show all that would run; break the glass at {shown.page}")
        proof = shown_to(asked.person.name, request.id, request.digest, self.commit)
        command = f"{asked.word.name} {CONFIRM} {request.id} {request.digest} {proof} {rest}"
        confirm = f"{WARNING} Code {code(request.digest)}."
        return Answer(
            lines=(Line(WARNING, tone=Tone.WARN), Line(visible(rest)[0], name="Your reason")),
            cards=(shown,),
            acts=(Act("Break the glass", command, Style.DANGER, confirm),),
        )

    async def review(self, asked: Asked) -> Answer:
        """Record what an admin found."""
        named, rest = asked.first()
        found, _, words = rest.partition(" ")
        if found.lower() not in ("proper", "improper") or not words.strip():
            raise asked.wrong()
        request = await self.finder.one(asked, named)
        proper = found.lower() == "proper"
        await self.breaking.review(request.id, asked.person.name, proper, words.strip(), asked.actor)
        return Answer(lines=(Line(f"On record: {found.lower()}.", tone=Tone.GOOD),))

    async def _broken(self, asked: Asked, rest: str) -> Answer:
        words = rest.split(None, 3)
        if len(words) != 4:
            raise asked.wrong()
        proof = shown_to(asked.person.name, words[0], words[1], self.commit)
        if not compare_digest(proof.encode(), words[2].encode(errors="replace")):
            raise OtherDigest(
                "You were not shown this action here; break the glass by its code, and read it."
            )
        request = await self.finder.one(asked, words[0])
        complete = asked.shows_all(await self.finder.card(request))
        after = await self.breaking.break_glass(
            request.id, asked.person.name, words[3], Digest(words[1]), asked.actor, complete
        )
        text = f"Glass broken: {visible(after.plan.title)[0]} ({code(after.digest)}) is {after.state.value}."
        return Answer(lines=(Line(text, tone=Tone.WARN), Line("Every admin is told now.")))


def shown_to(person: str, request_id: str, digest: str, commit: Callable[[bytes], str]) -> str:
    """Return the proof that a person was shown this action of this request, in lowercase hex."""
    return commit(PREFIX + f"{person} {request_id} {digest}".encode(errors="replace"))[:32]


def is_grave(line: str) -> bool:
    """Say whether a button that runs this line wants the request's short code typed first."""
    return tuple(line.split()[:2]) == GRAVE


def _confirms(rest: str) -> bool:
    return rest.split(None, 1)[:1] == [CONFIRM]


def confirmed(line: str, typed: str | None) -> None:
    """Raise `Malformed` when a line is grave and what was typed is not the code of its request."""
    words = line.split()
    given = "".join((typed or "").lower().split())
    if is_grave(line) and (len(words) < 4 or given != words[3][:CODE_LENGTH]):
        raise Malformed("That is not the code of this request. It stands on its card; compare both.")
