"""The words of the commands: who may say them, how, and what is said back to somebody who cannot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from bot.core.card import Card
from bot.core.errors import Forbidden, Malformed, NotAHolder, NotAnAdmin, NotAnAuditor
from bot.core.terms import Actor, Person
from handlers.commands.answers import Act, Answer, Line, Tone


class Role(StrEnum):
    """Who may say a word; the directory says who that is."""

    ANYONE = "everybody"
    AUDITOR = "auditors"  # and admins
    ADMIN = "admins"
    BREAK_GLASS = "holders of break-glass"

    def held_by(self, person: Person) -> bool:
        """Say whether the directory gives this person the role."""
        match self:
            case Role.ANYONE:
                return True
            case Role.AUDITOR:
                return person.auditor or person.admin
            case Role.ADMIN:
                return person.admin
            case Role.BREAK_GLASS:
                return person.break_glass

    def refusal(self) -> Forbidden:
        """Return what somebody without the role is told."""
        match self:
            case Role.AUDITOR:
                return NotAnAuditor()
            case Role.BREAK_GLASS:
                return NotAHolder()
            case _:
                return NotAnAdmin()


def never(_rest: str) -> bool:
    """Say that a word changes nothing: the desk puts on record that somebody looked."""
    return False


def always(_rest: str) -> bool:
    """Say that a word's service leaves its audit entry, with what it changes."""
    return True


@dataclass(frozen=True, slots=True)
class Asked:
    """A command as somebody typed it: `rest` is what follows the word, as it was typed.

    `shows_all` says whether the chat in which it was typed can show a card whole.
    """

    actor: Actor
    person: Person
    word: Word
    rest: str
    prefix: str
    shows_all: Callable[[Card], bool]

    def wrong(self, why: str = "") -> Malformed:
        """Return how the word is used, as the refusal of what was typed."""
        return Malformed(f"{why} Say it like this: {self.prefix}{self.word.usage}".strip())

    def nothing(self) -> None:
        """Refuse what follows a word that takes nothing."""
        if self.rest:
            raise self.wrong()

    def one(self) -> str:
        """Return the one thing that follows; raises `Malformed`."""
        if len(self.rest.split()) != 1:
            raise self.wrong()
        return self.rest.strip()

    def first(self) -> tuple[str, str]:
        """Return the first thing that follows and the words after it, perhaps none; raises `Malformed`."""
        if not self.rest.strip():
            raise self.wrong()
        first, _, words = self.rest.strip().partition(" ")
        return first, words.strip()


Work = Callable[[Asked], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Word:
    """One command: `usage` with what follows it in capitals, what it `does`, and `examples`.

    `recorded` says whether, with what follows it, its service leaves the audit entry; else the desk does. A
    refused one has its entry in any case. One that `loosens` lets more happen than before; it needs a
    directory that loads, as a review does.
    """

    name: str
    usage: str
    does: str
    examples: tuple[str, ...]
    work: Work
    role: Role = Role.ANYONE
    recorded: Callable[[str], bool] = never
    loosens: bool = False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Every word, in the order in which help tells them."""

    words: tuple[Word, ...]

    def read(self, line: str) -> tuple[Word, str] | None:
        """Return the word with which a line begins, and the rest; None when it begins with none."""
        typed = line.split()
        for length in (2, 1):
            name = " ".join(typed[:length]).lower()
            found = [word for word in self.words if word.name == name]
            if found:
                rest = line.split(None, length)[length:]
                return found[0], rest[0].strip() if rest else ""
        return None

    def beginning(self, name: str) -> tuple[Word, ...]:
        """Return the words called so, or that begin so: `agents` stands for `agents list` and the others."""
        wanted = " ".join(name.lower().split())
        return tuple(w for w in self.words if w.name == wanted or w.name.startswith(f"{wanted} "))

    def near(self, line: str, person: Person) -> Word | None:
        """Return the word that was perhaps meant, among those this person may say."""
        known = {word.name: word for word in self.words if word.role.held_by(person)}
        typed = [part.lower() for part in line.split()]
        for said in (" ".join(typed[:2]), "".join(typed[:1])):
            if close := get_close_matches(said, known, n=1, cutoff=0.7):
                return known[close[0]]
        return None


def overview(words: Iterable[Word], person: Person, prefix: str) -> Answer:
    """Return everything this person may say, by role."""
    lines: list[Line] = []
    held = list(words)
    for role in Role:
        own = [word for word in held if word.role is role]
        if not own or not role.held_by(person):
            continue
        if role is not Role.ANYONE:
            lines += [Line(""), Line("", name=f"For {role.value}")]
        lines += [Line(word.does, name=prefix + word.usage, code=True) for word in own]
    lines += [Line(""), Line("Approve or deny on the cards themselves; View full shows all that would run.")]
    example = f"{prefix}help {'freeze' if person.admin else 'list'}"
    lines.append(Line(f"{example} shows examples.", tone=Tone.QUIET))
    return Answer(title="What you can say", lines=tuple(lines))


def examples(words: Iterable[Word], prefix: str) -> Answer:
    """Return how some words are used, with examples."""
    lines: list[Line] = []
    for word in words:
        lines += [Line(word.does, name=prefix + word.usage, code=True)]
        lines += [Line(f"{prefix}{one}", tone=Tone.QUIET, code=True) for one in word.examples]
    return Answer(lines=tuple(lines))


def unknown(line: str, near: Word | None, prefix: str) -> Answer:
    """Return what is said to words that nobody knows."""
    said = " ".join(line.split()[:2])
    if near is None:
        text = f"I do not know “{said[:60]}”. {prefix}help shows what you can say."
        return Answer(lines=(Line(text, tone=Tone.WARN),), acts=(Act("Help", "help"),))
    # A word that wants more is shown, not offered: pressing it would only be refused.
    acts = (Act(near.name.capitalize(), near.name),) if near.usage == near.name else ()
    text = f"I do not know “{said[:60]}”. Did you mean this?"
    meant = Line(near.does, name=prefix + near.usage, code=True)
    return Answer(lines=(Line(text, tone=Tone.WARN), meant), acts=(*acts, Act("Help", "help")))
