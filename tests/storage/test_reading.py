"""Finding requests: pages, inboxes, what is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.core.terms import (
    AgentName,
    Delegation,
    OutboxKind,
    PersonName,
    Request,
    Review,
    Send,
    Stage,
    State,
    Subject,
    Verdict,
)
from storage.store import DatabaseStore
from tests.storage.values import (
    AGENT,
    ANA,
    BO,
    BY_ANA,
    BY_BO,
    HOUR,
    MINUTE,
    NOON,
    PLAN,
    a_request,
    approved,
    asked,
)

MOMENT = timedelta(microseconds=1)


async def five(store: DatabaseStore) -> list[Request]:
    """Make five requests, a minute apart; the second and fourth are approved. Return them oldest first."""
    made = [a_request(created_at=NOON + number * MINUTE) for number in range(5)]
    for request in made:
        await store.commit(asked(request))
    for number in (1, 3):
        made[number] = (await store.commit(approved(made[number]))).request or made[number]
    return made


async def test_an_agents_requests_come_newest_first_page_by_page(store: DatabaseStore) -> None:
    made = await five(store)
    await store.commit(asked(a_request(subject=Subject(AgentName("other"), None))))
    first = await store.of_agent(AGENT, (), 3, None)
    assert first == made[:1:-1]
    cursor = (first[-1].created_at, first[-1].id)
    assert await store.of_agent(AGENT, (), 3, cursor) == made[1::-1]


async def test_a_cursor_parts_requests_of_the_same_instant(store: DatabaseStore) -> None:
    made = sorted((a_request(created_at=NOON) for _ in range(4)), key=lambda one: one.id, reverse=True)
    for request in made:
        await store.commit(asked(request))
    assert await store.recent(10, (NOON, made[1].id)) == made[2:]


async def test_requests_can_be_asked_for_by_state(store: DatabaseStore) -> None:
    made = await five(store)
    assert await store.of_agent(AGENT, [State.APPROVED], 10, None) == [made[3], made[1]]
    assert await store.recent(2, None, [State.PENDING, State.DENIED]) == [made[4], made[2]]
    assert len(await store.recent(10, None, [State.PENDING, State.APPROVED, State.PENDING])) == 5


async def test_a_person_finds_what_they_reviewed(store: DatabaseStore) -> None:
    made = await five(store)
    await store.commit(approved(made[4], BY_BO))
    assert [one.id for one in await store.reviewed_by(BO, 10, None)] == [made[4].id]
    assert await store.reviewed_by(ANA, 10, None, verdicts=[Verdict.APPROVE]) == [made[3], made[1]]
    assert await store.reviewed_by(ANA, 10, None, verdicts=[Verdict.DENY]) == []
    assert await store.reviewed_by(ANA, 10, None, [State.PENDING]) == []
    assert await store.reviewed_by(ANA, 1, None, [State.APPROVED, State.DENIED]) == [made[3]]
    assert await store.reviewed_by(ANA, 10, (made[3].created_at, made[3].id)) == [made[1]]


async def test_who_reviewed_a_request_twice_finds_it_once(store: DatabaseStore) -> None:
    made = (await store.commit(approved((await five(store))[0]))).request
    assert made is not None
    await store.commit(approved(replace(made, state=State.PENDING)))
    assert [one.id for one in await store.reviewed_by(ANA, 10, None)][-1] == made.id
    assert len(await store.reviewed_by(ANA, 10, None)) == 3


async def test_the_inbox_is_of_the_open_stage_soonest_deadline_first(store: DatabaseStore) -> None:
    late, soon = a_request(expires_at=NOON + HOUR), a_request(expires_at=NOON + MINUTE)
    second_stage = a_request(stage_index=1)
    for request in (late, soon, second_stage):
        await store.commit(asked(request))
    assert await store.waiting_for(["group:dba", "person:bo"], 10) == [soon, late]
    assert await store.waiting_for(["group:dba"], 1) == [soon]
    assert await store.waiting_for(["group:leads"], 10) == [second_stage]
    assert await store.waiting_for([], 10) == []


async def test_an_escalation_brings_a_request_into_more_inboxes(store: DatabaseStore) -> None:
    request = a_request()
    await store.commit(asked(request))
    added = replace(request, version=2, added=("group:leads",))
    await store.commit(replace(asked(added), expected=1))
    assert await store.waiting_for(["group:leads"], 10) == [added]
    assert await store.waiting_for(["group:leads", "group:dba"], 10) == [added]


async def test_both_sides_of_a_delegation_find_it_while_neither_has_spoken(store: DatabaseStore) -> None:
    request, other = a_request(), a_request()
    for one in (request, other):
        await store.commit(asked(one))
    di = PersonName("di")
    lent = replace(request, version=2, delegations=(Delegation(ANA, di, "dba", NOON),))
    await store.commit(replace(asked(lent), expected=1))
    assert await store.delegated(ANA, 10) == await store.delegated(di, 10) == [lent]
    assert await store.delegated(BO, 10) == []
    assert await store.waiting_for(["person:di"], 10) == [lent]
    review = Review(ANA, Verdict.APPROVE, None, "dba", lent.digest, BY_ANA, NOON)
    spoken = replace(lent, version=3, reviews=(review,))
    await store.commit(replace(asked(spoken), expected=2))
    assert await store.delegated(ANA, 10) == await store.delegated(di, 10) == []


async def test_a_delegation_is_not_found_once_its_stage_or_its_request_is_over(store: DatabaseStore) -> None:
    lent = (Delegation(ANA, BO, "dba", NOON),)
    await store.commit(asked(a_request(delegations=lent, stage_index=1)))
    decided = a_request(delegations=lent)
    await store.commit(asked(decided))
    assert await store.delegated(BO, 10) == [decided]
    await store.commit(approved(decided))
    assert await store.delegated(BO, 10) == []


async def test_a_request_without_stages_waits_for_nobody(store: DatabaseStore) -> None:
    await store.commit(asked(a_request(plan=replace(PLAN, stages=()))))
    stage = Stage("only", ("group:dba",), 1)
    await store.commit(asked(a_request(plan=replace(PLAN, stages=(stage,)), stage_index=1)))
    assert await store.waiting_for(["group:dba"], 10) == []


async def test_requests_are_due_at_their_instant_and_not_before(store: DatabaseStore) -> None:
    async def due(now: datetime, limit: int) -> list[object]:
        return [one.request for one in await store.due(now, limit)]

    early, late = a_request(due_at=NOON), a_request(due_at=NOON + MINUTE)
    for request in (late, early, a_request(due_at=None)):
        await store.commit(asked(request, sends=()))
    assert await store.due(NOON - MOMENT, 10) == []
    assert await due(NOON, 10) == [early]
    assert await due(NOON + MINUTE, 10) == [early, late]
    assert await due(NOON + MINUTE, 1) == [early]
    assert await store.next_tick() == NOON


async def test_the_clock_asks_apart_for_deadlines_and_for_sends(store: DatabaseStore) -> None:
    send = Send(OutboxKind.SHOW, "slack:#ops", NOON - MINUTE)
    await store.commit(asked(a_request(due_at=NOON), sends=(send,)))
    assert await store.next_tick() == NOON
    assert await store.next_send() == NOON - MINUTE


async def test_nothing_is_due_in_an_empty_store(store: DatabaseStore) -> None:
    assert await store.next_tick() is await store.next_send() is None
    assert await store.count_pending() == 0
    assert await store.recent(10, None) == []


async def test_the_databases_clock_is_aware_and_runs(store: DatabaseStore) -> None:
    before = datetime.now(UTC)
    assert abs(await store.now() - before) < MINUTE
    assert (await store.now()).utcoffset() == timedelta(0)


async def test_instants_keep_their_microseconds(store: DatabaseStore) -> None:
    instant = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    await store.commit(asked(a_request(due_at=instant), sends=()))
    assert await store.next_tick() == instant
