"""Counts in SQL are the counts that plain Python makes of the same requests, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

import pytest

from bot.core.counts import UNDECIDED, Busy, Counts
from bot.core.terms import AgentName, Digest, PersonName, Request, Review, State, Subject, Verdict
from storage.store import DatabaseStore
from tests.storage.values import BY_ANA, DIGEST, HOUR, MINUTE, NOON, a_request, approved, asked

AGENTS = ("deployer", "janitor", "payer", "reader")
PEOPLE = ("ana", "bo", "cy", "di", "ed", "Äby")
DAY = timedelta(days=1)
TOP = 3


def by_hand(requests: list[Request], since_at: datetime, until_at: datetime) -> Counts:
    """Count as a person would who has all requests before them."""
    made = [one for one in requests if since_at <= one.created_at < until_at]
    days: dict[object, Counter[State]] = {}
    for one in made:
        days.setdefault(one.created_at.date(), Counter())[one.state] += 1
    decided = {one.id: took(one) for one in made if one.state not in UNDECIDED and verdicts(one)}
    every = sorted(decided.values())
    own = {
        name: [decided[one.id] for one in made if one.subject.agent == name and one.id in decided]
        for name in AGENTS
    }
    given: dict[str, list[timedelta]] = {}
    for one in made:
        for review in verdicts(one):
            given.setdefault(review.person, []).append(review.at - one.created_at)
    return Counts(
        since_at,
        until_at,
        states=dict(Counter(one.state for one in made)),
        days={day: dict(of_day) for day, of_day in days.items()},  # type: ignore[misc]
        decided=len(decided),
        median=middle(every),
        tenth=every[-(-9 * len(every) // 10) - 1] if every else None,
        agents=busiest(Counter(str(one.subject.agent) for one in made), own),
        approvers=busiest(Counter({name: len(lengths) for name, lengths in given.items()}), given),
    )


def verdicts(request: Request) -> list[Review]:
    return [review for review in request.reviews if review.verdict is not Verdict.COMMENT]


def took(request: Request) -> timedelta:
    return max(review.at for review in verdicts(request)) - request.created_at


def middle(lengths: list[timedelta]) -> timedelta | None:
    if not lengths:
        return None
    return timedelta(microseconds=int(median(length // timedelta(microseconds=1) for length in lengths)))


def busiest(counts: Counter[str], lengths: dict[str, list[timedelta]]) -> tuple[Busy, ...]:
    order = sorted(counts, key=lambda name: (-counts[name], name))[:TOP]
    return tuple(Busy(name, counts[name], middle(lengths.get(name, []))) for name in order)


def some_request(chance: random.Random) -> Request:
    """Make a request of some day and state, with verdicts that may go with it."""
    at = NOON + timedelta(microseconds=chance.randrange(20 * 86_400_000_000))
    reviews, moment = [], at
    for name in chance.sample(PEOPLE, chance.randrange(4)):
        moment += timedelta(microseconds=chance.randrange(1, 3 * 3_600_000_000))
        verdict = chance.choice((Verdict.APPROVE, Verdict.APPROVE, Verdict.DENY, Verdict.COMMENT))
        reviews.append(Review(PersonName(name), verdict, None, "dba", DIGEST, BY_ANA, moment))
    agent = AgentName(chance.choice(AGENTS))
    return replace(
        a_request(subject=Subject(agent, None), created_at=at),
        expires_at=at + HOUR,
        state=chance.choice(list(State)),
        reviews=tuple(reviews),
    )


async def kept(store: DatabaseStore, request: Request) -> None:
    """Put a request into the store, and then what became of it."""
    await store.commit(asked(replace(request, state=State.PENDING, reviews=())))
    if request.state is not State.PENDING or request.reviews:
        after = replace(request, version=2)
        await store.commit(approved(request, after=after))


@pytest.mark.parametrize("seed", range(4))
async def test_the_counts_are_those_of_plain_python(store: DatabaseStore, seed: int) -> None:
    chance = random.Random(seed)
    requests = [some_request(chance) for _ in range(chance.choice((1, 2, 30, 60)))]
    for request in requests:
        await kept(store, request)
    spans = [(NOON, NOON + 20 * DAY), (NOON + 3 * DAY, NOON + 4 * DAY), (NOON - DAY, NOON)]
    at = requests[0].created_at  # at its first instant, and at the one after
    spans += [(at, at + timedelta(microseconds=1)), (at - MINUTE, at)]
    for since_at, until_at in spans:
        assert await store.counts(since_at, until_at, TOP) == by_hand(requests, since_at, until_at)


async def test_nothing_asked_counts_as_nothing(store: DatabaseStore) -> None:
    counts = await store.counts(NOON, NOON + DAY, TOP)
    assert counts == Counts(NOON, NOON + DAY, {}, {}, 0, None, None, (), ())
    assert counts.asked == 0
    assert counts.expiry_rate is None


async def test_what_policy_decides_and_comments_are_no_decisions_of_people(store: DatabaseStore) -> None:
    allowed = replace(a_request(created_at=NOON), state=State.SUCCEEDED)
    remark = Review(PersonName("ana"), Verdict.COMMENT, "hm", None, DIGEST, BY_ANA, NOON + MINUTE)
    denied = replace(a_request(created_at=NOON), state=State.DENIED, reviews=(remark,))
    late = replace(a_request(created_at=NOON), state=State.EXPIRED)
    for request in (allowed, denied, late):
        await kept(store, request)
    counts = await store.counts(NOON, NOON + DAY, TOP)
    assert (counts.asked, counts.decided, counts.median, counts.approvers) == (3, 0, None, ())
    assert counts.expiry_rate == 1.0


async def test_requests_are_found_by_the_first_digits_of_their_digest(store: DatabaseStore) -> None:
    digests = ["3f9a0c1b" + rest * 56 for rest in "09f"] + ["3f9a0c1c" + "0" * 56, "3f9a0c1a" + "f" * 56]
    made = [a_request(created_at=NOON + number * MINUTE) for number in range(5)]
    for request, digest in zip(made, digests, strict=True):
        await store.commit(asked(replace(request, digest=Digest(digest))))
    assert [one.id for one in await store.coded("3f9a0c1b", 9)] == [made[2].id, made[1].id, made[0].id]
    assert [one.id for one in await store.coded("3f9a0c1b", 1)] == [made[2].id]
    assert await store.coded("ffffffff", 9) == []
