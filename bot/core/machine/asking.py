"""What people do before they decide: ask the agent something, say that they are looking."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core import effects
from bot.core.deadline import wake_at
from bot.core.errors import (
    AlreadyAnswered,
    AlreadyAsked,
    AlreadyLooking,
    EnoughAsked,
    Malformed,
    ReasonMissing,
    Unknown,
)
from bot.core.machine.commands import Inquire, Looking, Reply
from bot.core.machine.reviews import refuse_decided, refuse_nobody, refuse_outsider
from bot.core.machine.states import grown
from bot.core.people import barred
from bot.core.terms import Change, EntryKind, Look, PersonName, Question, Request

LOOK = timedelta(minutes=5)  # for so long reminders wait for somebody who looks
QUESTIONS_MAX = 20  # of one request
SIDE_MAX = 5  # of them by the requester's side, which could else leave the approvers none
WORDS_MAX = 2000  # characters of a question, and of an answer


def asked(request: Request, command: Inquire, now: datetime) -> Change:
    """Return the change that puts a person's question to the agent."""
    refuse_decided(request, now)
    refuse_nobody(command.person, command.roster, command.by)
    text = _words(command.text, "A question")
    if any(one.person == command.person and one.text == text for one in request.questions):
        raise AlreadyAsked
    side = barred(request, command.roster)
    of_side = sum(one.person in side for one in request.questions)
    if len(request.questions) >= QUESTIONS_MAX or (command.person in side and of_side >= SIDE_MAX):
        raise EnoughAsked
    number = len(request.questions) + 1
    question = Question(number, command.person, text, command.by, now)
    after = replace(grown(request), questions=(*request.questions, question))
    facts, private = {"number": str(number)}, {"question": text}
    entry = effects.entry(EntryKind.QUESTION_ASKED, after, command.by, now, facts=facts, private=private)
    return effects.changed(after, request, now, (entry,), event=f"question:{number}")


def answered(request: Request, command: Reply, now: datetime) -> Change:
    """Return the change that records the agent's answer, as its claim."""
    refuse_decided(request, now)
    if command.by.name != request.subject.agent or not 1 <= command.number <= len(request.questions):
        raise Unknown
    question = request.questions[command.number - 1]
    if question.answer is not None:
        raise AlreadyAnswered
    answer = replace(question, answer=_words(command.text, "An answer"), answered_at=now)
    before, later = request.questions[: command.number - 1], request.questions[command.number :]
    after = replace(grown(request), questions=(*before, answer, *later))
    facts, private = {"number": str(command.number)}, {"answer": answer.answer or ""}
    entry = effects.entry(EntryKind.QUESTION_ANSWERED, after, command.by, now, facts=facts, private=private)
    return effects.changed(after, request, now, (entry,), event=f"answer:{command.number}")


def looked(request: Request, command: Looking, now: datetime) -> Change:
    """Return the change that lets reminders wait while an approver of the open stage reads.

    Once a person and stage, so that nobody holds them for ever.
    """
    refuse_decided(request, now)
    refuse_nobody(command.person, command.roster, command.by)
    refuse_outsider(request, command.person, command.roster)
    if has_looked(request, command.person):
        raise AlreadyLooking
    stage = request.plan.stages[request.stage_index].name
    look = Look(command.person, stage, now, now + LOOK)
    after = replace(grown(request), looks=(*request.looks, look))
    after = replace(after, due_at=wake_at(after, now))
    entry = effects.entry(EntryKind.LOOKED, after, command.by, now, facts={"stage": stage})
    return effects.changed(after, request, now, (entry,), event=f"looking:{command.person}")


def has_looked(request: Request, person: PersonName) -> bool:
    """Say whether somebody has said of the open stage that they are looking."""
    stages = request.plan.stages[request.stage_index : request.stage_index + 1]
    looks = {(look.person, look.stage) for look in request.looks}
    return any((person, stage.name) in looks for stage in stages)


def _words(text: str, what: str) -> str:
    words = text.strip()
    if not words:
        raise ReasonMissing(f"{what} needs words; put them in `text`.")
    if len(words) > WORDS_MAX:
        raise Malformed(f"{what} has at most {WORDS_MAX:,} characters; this one has {len(words):,}.")
    return words
