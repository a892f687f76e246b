"""Chats, and cards where no search tells whether they arrived."""

from __future__ import annotations

from bot.core.terms import RequestId
from bot.ports import Conversation
from storage.store import DatabaseStore
from tests.storage.values import MINUTE, NOON, admin_entry

ONE = RequestId("req_1")
TEAM = Conversation("19:t@thread.tacv2", "team", "https://old.test", None, "Platform")


async def test_a_chat_is_remembered_moved_and_forgotten(store: DatabaseStore) -> None:
    await store.put_conversation(TEAM, admin_entry())
    moved = Conversation(TEAM.id, "team", "https://new.test", None, "Platform")
    await store.put_conversation(moved, admin_entry())
    assert await store.conversations() == [moved]
    assert await store.size() == 1
    await store.drop_conversation(TEAM.id, admin_entry())
    await store.drop_conversation(TEAM.id, admin_entry())
    assert await store.conversations() == []
    assert await store.size() == 2


async def test_somebodys_chat_is_found_by_their_account_and_teams_by_their_kind(store: DatabaseStore) -> None:
    mine = Conversation("a:1", "personal", "https://new.test", "tenant/ana")
    await store.put_conversation(TEAM, admin_entry())
    await store.put_conversation(mine, admin_entry())
    assert await store.conversation_of("tenant/ana") == mine
    assert await store.conversation_of("tenant/bo") is None
    assert await store.conversation("a:1") == mine
    assert await store.conversation("a:2") is None
    assert await store.conversations("team") == [TEAM]
    assert len(await store.conversations(limit=1)) == 1


async def test_a_posting_of_unknown_end_is_never_begun_again(store: DatabaseStore) -> None:
    assert await store.begin_posting(ONE, "here", NOON)
    assert not await store.begin_posting(ONE, "here", NOON + MINUTE)
    assert await store.posting(ONE, "here") is None
    assert await store.begin_posting(ONE, "there", NOON)


async def test_a_posting_that_surely_failed_may_be_begun_again(store: DatabaseStore) -> None:
    assert await store.begin_posting(ONE, "here", NOON)
    await store.end_posting(ONE, "here", None)
    assert await store.begin_posting(ONE, "here", NOON)


async def test_a_posted_card_is_found_again_and_may_be_put_up_anew(store: DatabaseStore) -> None:
    assert await store.begin_posting(ONE, "here", NOON)
    await store.end_posting(ONE, "here", "m1")
    assert await store.posting(ONE, "here") == "m1"
    assert await store.begin_posting(ONE, "here", NOON)
    await store.end_posting(ONE, "here", "m2")
    assert await store.posting(ONE, "here") == "m2"
