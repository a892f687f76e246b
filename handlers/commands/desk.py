"""Runs what people type: who may is asked each time, and every word is on record before it is answered."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from bot.core.card import Card
from bot.core.deadline import refuse_stale
from bot.core.errors import Refusal, UnknownPerson
from bot.core.terms import Actor, Change, Entry, EntryKind, Person, PersonName
from bot.ports import Clock, Policies, Refusals, Store
from handlers.commands.answers import Answer
from handlers.commands.tying import Tying
from handlers.commands.words import Asked, Role, Vocabulary, examples, overview, unknown
from handlers.pace import Pace

LINE_MAX = 3000  # characters of a command; a reason is shorter, and chats cut longer ones anyway
HELP = "help"  # also what nothing at all means
KEPT_MAX = 500  # characters of what was typed, in the entry


@dataclass(frozen=True, slots=True)
class Desk:
    """Does what people ask for.

    `prefix` is what a chat puts before each word: `/assent ` in Slack. `shows_all` says whether it shows a
    card whole; `tying` is there for accounts that are nobody's yet.
    """

    vocabulary: Vocabulary
    store: Store
    policies: Policies
    clock: Clock
    tying: Tying
    refusals: Refusals
    pace: Pace
    prefix: str = ""
    shows_all: Callable[[Card], bool] = operator.attrgetter("complete")

    async def run(self, actor: Actor, line: str) -> Answer:
        """Do what a person typed; mentions are `@name` of the directory by now. Raises the `Refusal`.

        A press of an `Act` is run the same way, for whoever pressed it.
        """
        person = self.policies.current().directory.people.get(PersonName(actor.name))
        if person is None:
            raise UnknownPerson
        line = " ".join(line[:LINE_MAX].splitlines()).strip()
        if not line or line.lower().split()[0] == HELP:
            return await self._help(actor, person, line[len(HELP) :].strip())
        read = self.vocabulary.read(line)
        if read is None:
            said = [w for w in self.vocabulary.beginning(line) if w.role.held_by(person)]
            return examples(said, self.prefix) if said else self._unknown(line, actor)
        return await self._do(Asked(actor, person, *read, self.prefix, self.shows_all))

    async def _help(self, actor: Actor, person: Person, about: str) -> Answer:
        self.pace.keep_person(person.name)
        await self._record(actor, HELP, about, None)
        if not about:
            return overview(self.vocabulary.words, person, self.prefix)
        said = [word for word in self.vocabulary.beginning(about) if word.role.held_by(person)]
        return examples(said, self.prefix) if said else self._unknown(about, actor)

    async def stranger(self, actor: Actor, shown: str, line: str) -> Answer | None:
        """Answer what an account may type that is nobody's yet; None for anything else.

        `actor.name` is empty, its account proven; `shown` is how the chat calls it. Raises the `Refusal`,
        after its audit entry.
        """
        try:
            return await self.tying.answer(actor, shown, line, self.prefix)
        except Refusal as refusal:
            await self.refused(actor, line.split()[0], refusal)  # a code is nobody else's to read
            raise

    async def refused(self, actor: Actor, line: str, refusal: Refusal) -> None:
        """Put on record that somebody who is nobody here typed a word of ours; `actor.name` is empty."""
        read = self.vocabulary.read(line[:LINE_MAX])
        if read is not None:
            await self._record(actor, read[0].name, read[1], refusal)

    async def _do(self, asked: Asked) -> Answer:
        word = asked.word
        if word.role is Role.ANYONE:  # a freeze or a revocation never waits
            self.pace.keep_person(asked.person.name)
        try:
            if not word.role.held_by(asked.person):
                raise word.role.refusal()
            if word.loosens:  # who is an admin may have changed in what does not load
                refuse_stale(self.policies.current().broken_since, self.clock.now())
            answer = await word.work(asked)
        except Refusal as refusal:
            if not refusal.on_record:
                await self._record(asked.actor, word.name, asked.rest, refusal)
            raise
        if not word.recorded(asked.rest):
            await self._record(asked.actor, word.name, asked.rest, None)
        return answer

    async def _record(self, actor: Actor, name: str, rest: str, refusal: Refusal | None) -> None:
        facts = {"command": name} | ({"refusal": refusal.slug()} if refusal else {})
        private = {"words": rest[:KEPT_MAX]} if rest else {}
        now = self.clock.now()
        # A flood of one word refused to one person is counted; another word has an entry of its own.
        said = name if refusal else None
        entry = Entry(kind=EntryKind.ADMIN, at=now, by=actor, decision=said, facts=facts, private=private)
        if refusal is not None:
            await self.refusals.note(entry, refusal)
        else:
            await self.store.commit(Change(after=None, expected=None, entries=(entry,)))

    def _unknown(self, line: str, actor: Actor) -> Answer:
        person = self.policies.current().directory.people[PersonName(actor.name)]
        return unknown(line, self.vocabulary.near(line, person), self.prefix)
