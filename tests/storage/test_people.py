"""What people say of themselves: absences, quiet hours, linked accounts; and accounts on their way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.errors import Stale, Unknown
from bot.core.terms import (
    Absence,
    Actor,
    ActorKind,
    Change,
    Entry,
    EntryKind,
    Linked,
    Proof,
    Quiet,
    Surface,
)
from bot.ports import Conversation, Link, Pairing, RegistryEdit, Session
from storage.store import DatabaseStore
from tests.storage.conftest import Open
from tests.storage.values import ANA, BO, BY_BO, HOUR, MINUTE, NOON, admin_entry

AWAY = Absence(ANA, BO, NOON, NOON + HOUR, "ana")
NIGHT = Quiet(ANA, "22:00", "07:00", "Europe/Paris")
LINKED = Linked("slack", "T1/U7", ANA, NOON)
PAIRING = Pairing("aa" * 32, "slack", "T1/U7", "Ana", NOON + HOUR)


async def test_what_somebody_says_of_themselves_is_seen_in_every_replica(replica: Open) -> None:
    one, two = await replica(), await replica()
    await two.registry()
    await one.edit(RegistryEdit(admin_entry(), absence=AWAY, quiet=NIGHT, linked=LINKED))
    registry = await two.registry()
    assert (registry.absences, registry.quiet) == ({ANA: AWAY}, {ANA: NIGHT})
    assert registry.links == {("slack", "T1/U7"): LINKED}


async def test_the_latest_absence_stands_and_each_thing_is_taken_back_alone(store: DatabaseStore) -> None:
    other = replace(AWAY, person=BO, deputy=None)
    await store.edit(RegistryEdit(admin_entry(), absence=AWAY, quiet=NIGHT, linked=LINKED))
    await store.edit(RegistryEdit(admin_entry(), absence=other))
    await store.edit(RegistryEdit(admin_entry(), absence=replace(AWAY, deputy=None)))
    assert (await store.registry()).absences == {ANA: replace(AWAY, deputy=None), BO: other}
    await store.edit(RegistryEdit(admin_entry(), back=ANA))
    await store.edit(RegistryEdit(admin_entry(), loud=ANA))
    await store.edit(RegistryEdit(admin_entry(), unlinked=("slack", "T1/U8")))
    registry = await store.registry()
    assert (registry.absences, registry.quiet, len(registry.links)) == ({BO: other}, {}, 1)
    await store.edit(RegistryEdit(admin_entry(), unlinked=("slack", "T1/U7")))
    assert (await store.registry()).links == {}


async def test_an_account_has_one_pairing_which_ends(store: DatabaseStore) -> None:
    await store.put_pairing(PAIRING, admin_entry())
    newer = replace(PAIRING, hash="bb" * 32)
    await store.put_pairing(newer, admin_entry())
    assert await store.pairing(PAIRING.hash, NOON) is None
    assert await store.pairing_of("slack", "T1/U7", NOON + HOUR - MINUTE) == newer
    assert await store.pairing_of("slack", "T1/U7", NOON + HOUR) is None
    assert await store.pairing(newer.hash, NOON + HOUR) is None


async def test_of_two_who_change_a_pairing_one_wins(store: DatabaseStore) -> None:
    await store.put_pairing(PAIRING, admin_entry())
    first = replace(PAIRING, browser="one", person=ANA, code="cc" * 32, tries=1)
    await store.change_pairing(PAIRING, first)
    with pytest.raises(Stale):
        await store.change_pairing(PAIRING, replace(PAIRING, browser="two"))
    assert await store.pairing(PAIRING.hash, NOON) == first


async def test_a_pairing_is_finished_once_and_together_with_its_link(store: DatabaseStore) -> None:
    await store.put_pairing(PAIRING, admin_entry())
    edit = RegistryEdit(admin_entry(), linked=LINKED)
    with pytest.raises(Stale):
        await store.finish_pairing(replace(PAIRING, tries=3), edit)
    assert (await store.registry()).links == {}
    await store.finish_pairing(PAIRING, edit)
    assert (await store.registry()).links == {("slack", "T1/U7"): LINKED}
    with pytest.raises(Stale):
        await store.finish_pairing(PAIRING, edit)


async def test_a_name_in_somebody_elses_entry_is_erased_with_its_person(store: DatabaseStore) -> None:
    private = {"giver": "ana", "reason": "in her place"}
    await store.commit(Change(None, None, (Entry(EntryKind.REVIEWED, NOON, BY_BO, private=private),)))
    assert await store.erase(ANA, (), admin_entry()) == 1
    assert {one.value for one in await store.openings([0])} == {"in her place", "bo"}


async def test_who_is_erased_leaves_nothing_that_they_said_of_themselves(replica: Open) -> None:
    one, two = await replica(), await replica()
    await two.registry()
    bos = Absence(BO, ANA, NOON, NOON + HOUR, "bo")
    edit = RegistryEdit(admin_entry(), absence=AWAY, quiet=NIGHT, linked=LINKED)
    own = replace(LINKED, account="T1/U9", person=BO)
    for each in (edit, RegistryEdit(admin_entry(), absence=bos), RegistryEdit(admin_entry(), linked=own)):
        await one.edit(each)
    for person in (ANA, BO):
        await one.put_session(Session(f"s {person}", person, NOON, NOON + HOUR, "csrf"), admin_entry())
        await one.put_link(Link(f"l {person}", person, NOON + HOUR), admin_entry())
    for number, account in enumerate(("T1/U7", "tenant/ana", "tenant/bo")):
        chat = Conversation(f"chat {number}", "personal", "https://teams.test", account)
        await one.put_conversation(chat, admin_entry())
    await one.put_pairing(replace(PAIRING, hash="cc" * 32, account="T1/U6", person=ANA), admin_entry())
    await one.erase(ANA, ["tenant/ana"], admin_entry())
    registry = await two.registry()
    assert registry.absences == {BO: replace(bos, deputy=None)}
    assert (registry.quiet, registry.links) == ({}, {("slack", "T1/U9"): own})
    assert await one.session(f"s {ANA}", NOON) is None
    assert await one.session(f"s {BO}", NOON) is not None
    session = Session("new", BO, NOON, NOON + HOUR, "csrf")
    with pytest.raises(Unknown):
        await one.take_link(f"l {ANA}", NOON, session, admin_entry())
    assert await one.take_link(f"l {BO}", NOON, session, admin_entry())
    assert [chat.account for chat in await one.conversations()] == ["tenant/bo"]
    assert await one.pairing("cc" * 32, NOON) is None


async def test_an_account_is_erased_where_it_acted_as_nobody_too(store: DatabaseStore) -> None:
    await store.edit(RegistryEdit(admin_entry(), linked=LINKED))
    before = await store.size()
    for account in ("T1/U7", "T2/U2", "T1/U8"):
        nobody = Actor(ActorKind.PERSON, "", Surface.SLACK, account, Proof.SIGNATURE)
        entry = Entry(EntryKind.PERSONAL, NOON, nobody, private={"account": account})
        await store.commit(Change(None, None, (entry,)))
    assert await store.erase(ANA, ["T2/U2"], admin_entry()) == 4
    left = {one.value for one in await store.openings(range(before, before + 3))}
    assert left == {"", "T1/U8"}
