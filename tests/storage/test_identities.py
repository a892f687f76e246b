"""The registry, sessions and sign-in links."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.errors import Stale, Unknown
from bot.core.log import unseal
from bot.core.terms import (
    Actor,
    ActorKind,
    Agent,
    Entry,
    EntryKind,
    Executor,
    Freeze,
    Key,
    KeyKind,
    PersonName,
    Proof,
    Registry,
    Surface,
)
from bot.ports import Link, RegistryEdit, Session
from storage.store import DatabaseStore
from tests.storage.conftest import Open
from tests.storage.values import AGENT, ANA, BO, HOUR, MINUTE, NOON, RUNNER, admin_entry

MOMENT = timedelta(microseconds=1)
DEPLOYER = Agent(AGENT, BO, frozenset({ANA}), True, 100, 60, NOON)
EXECUTOR = Executor(RUNNER, "https://runner.example/hook", (b"\0sealed\xff",), NOON)
KEY = Key("key-1", KeyKind.AGENT, AGENT, "aa" * 32, NOON)
FREEZE = Freeze("db.*", "incident", "ana", NOON)
SESSION = Session("cc" * 32, ANA, NOON, NOON + HOUR, "csrf")
NOBODY = Actor(ActorKind.PERSON, "", Surface.WEB, "", Proof.SESSION)
SIGNED_IN = Entry(EntryKind.SIGNED_IN, NOON, NOBODY)


async def test_the_registry_starts_empty(store: DatabaseStore) -> None:
    registry = await store.registry()
    assert (registry.version, registry.agents, registry.executors, registry.keys) == (0, {}, {}, {})
    assert registry.freezes == ()


async def test_an_edit_is_seen_whole_by_the_next_call_in_every_replica(replica: Open) -> None:
    one, two = await replica(), await replica()
    await two.registry()
    edit = RegistryEdit(admin_entry(), (DEPLOYER,), (EXECUTOR,), (KEY,), FREEZE)
    await one.edit(edit)
    registry = await two.registry()
    assert registry.agents == {AGENT: DEPLOYER}
    assert registry.executors == {RUNNER: EXECUTOR}
    assert registry.keys == {KEY.hash: KEY}
    assert registry.freezes == (FREEZE,)
    assert registry == await one.registry()
    assert await one.size() == 1


async def test_an_edit_replaces_what_it_names(store: DatabaseStore) -> None:
    await store.edit(RegistryEdit(admin_entry(), (DEPLOYER,), (), (KEY,), FREEZE))
    revoked, paused = replace(KEY, revoked_at=NOON), replace(DEPLOYER, paused_at=NOON)
    await store.edit(RegistryEdit(admin_entry(), (paused,), (), (revoked,), None, FREEZE.pattern))
    registry = await store.registry()
    assert (registry.agents[AGENT], registry.keys[KEY.hash]) == (paused, revoked)
    assert registry.freezes == ()
    assert registry.version == 2


async def test_a_revoked_key_is_out_of_force_for_everyone_who_asks_afterwards(replica: Open) -> None:
    one, two = await replica(), await replica()
    await one.edit(RegistryEdit(admin_entry(), keys=(KEY,)))
    asking = True

    async def ask() -> None:
        while asking:
            await two.registry()

    askers = [asyncio.create_task(ask()) for _ in range(5)]
    for minute in range(20):
        revoked = replace(KEY, revoked_at=NOON + minute * MINUTE)
        await one.edit(RegistryEdit(admin_entry(), keys=(revoked,)))
        assert (await two.registry()).keys[KEY.hash] == revoked
    asking = False
    await asyncio.gather(*askers)


async def test_an_edit_decided_on_an_older_registry_is_stale(replica: Open) -> None:
    one, two = await replica(), await replica()
    await one.edit(RegistryEdit(admin_entry(), (DEPLOYER,)))
    read = (await two.registry()).version
    await one.edit(RegistryEdit(admin_entry(), (replace(DEPLOYER, paused_at=NOON),)))
    size = await one.size()
    with pytest.raises(Stale):
        await two.edit(RegistryEdit(admin_entry(), (replace(DEPLOYER, per_minute=1),), expected=read))
    assert (await two.registry()).agents[AGENT].paused_at == NOON
    assert await one.size() == size


async def test_no_edit_undoes_another_one_made_at_the_same_time(replica: Open) -> None:
    one, two = await replica(), await replica()
    await one.edit(RegistryEdit(admin_entry(), (replace(DEPLOYER, per_minute=0),)))

    def raised(registry: Registry) -> RegistryEdit:
        agent = registry.agents[AGENT]
        return RegistryEdit(admin_entry(), (replace(agent, per_minute=agent.per_minute + 1),))

    for _ in range(10):
        await asyncio.gather(*(store.amend(raised) for store in (one, two, one, two)))
    assert (await two.registry()).agents[AGENT].per_minute == 40


async def test_the_registry_is_the_same_object_until_it_is_edited(store: DatabaseStore) -> None:
    assert await store.registry() is await store.registry()


async def test_a_caller_that_gives_up_does_not_take_the_read_from_others(store: DatabaseStore) -> None:
    calls = [asyncio.create_task(store.registry()) for _ in range(3)]
    await asyncio.sleep(0)
    calls[0].cancel()
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(told[0], asyncio.CancelledError)
    assert told[1] is told[2]


async def test_a_session_is_in_force_until_its_end(store: DatabaseStore) -> None:
    await store.put_session(SESSION, SIGNED_IN)
    assert await store.session(SESSION.hash, NOON + HOUR - MOMENT) == SESSION
    assert await store.session(SESSION.hash, NOON + HOUR) is None
    assert await store.session("dd" * 32, NOON) is None
    await store.end_session(SESSION.hash)
    assert await store.session(SESSION.hash, NOON) is None


async def test_sessions_that_are_over_are_forgotten(store: DatabaseStore) -> None:
    await store.put_session(SESSION, SIGNED_IN)
    later = replace(SESSION, hash="ee" * 32, expires_at=NOON + 3 * HOUR)
    await store.put_session(later, replace(SIGNED_IN, at=NOON + 2 * HOUR))
    assert await store.session(SESSION.hash, NOON) is None
    assert await store.session(later.hash, NOON) == later


async def test_a_link_lets_its_person_in_once(replica: Open) -> None:
    stores = [await replica(), await replica()]
    await stores[0].put_link(Link("ab" * 32, BO, NOON + 10 * MINUTE), admin_entry())
    sessions = [replace(SESSION, hash=f"{number:064x}", person=PersonName("")) for number in range(6)]
    told = await asyncio.gather(
        *(
            stores[number % 2].take_link("ab" * 32, NOON, session, SIGNED_IN)
            for number, session in enumerate(sessions)
        ),
        return_exceptions=True,
    )
    (winner,) = [one for one in told if isinstance(one, Session)]
    assert sum(isinstance(one, Unknown) for one in told) == 5
    assert winner.person == BO
    assert await stores[1].session(winner.hash, NOON) == winner
    assert await stores[0].size() == 2
    opened = {one.field: one.value for one in await stores[0].openings([1])}
    assert opened == {"private.by_name": "bo"}
    (entry,) = await stores[0].entries(1, 1)
    assert unseal(entry.body, 1)["kind"] == "session.opened"


async def test_a_late_link_lets_nobody_in(store: DatabaseStore) -> None:
    await store.put_link(Link("ab" * 32, BO, NOON + MINUTE), admin_entry())
    with pytest.raises(Unknown):
        await store.take_link("ab" * 32, NOON + MINUTE, SESSION, SIGNED_IN)
    with pytest.raises(Unknown):
        await store.take_link("00" * 32, NOON, SESSION, SIGNED_IN)
