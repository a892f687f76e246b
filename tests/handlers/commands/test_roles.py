"""Who may say what, what the log keeps of it, and what is said to words that nobody knows."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from bot.core.errors import DirectoryStale, Malformed, NotAnAdmin, Refusal, TooMany, UnknownPerson
from bot.core.terms import Actor, ActorKind, PersonName, Proof, Surface
from handlers.commands import Act, Role
from handlers.pace import PERSON_PER_MINUTE
from tests.fixtures.policy import write_policy
from tests.handlers.commands.conftest import PEOPLE, Counter, text
from tests.handlers.commands.test_words import asked
from tests.world import OPERATOR

# A line for each word that only some may say; the arguments need not be true.
LINES = {
    "revoke": "revoke 3f9a0c1b",
    "agents pause": "agents pause deployer",
    "agents resume": "agents resume deployer",
    "agents limits": "agents limits deployer pending 3",
    "freeze": "freeze db.* incident",
    "unfreeze": "unfreeze db.*",
    "deliveries redeliver": "deliveries redeliver 7",
    "policy explain": "policy explain 3f9a0c1b",
    "audit prove": "audit prove 3f9a0c1b",
    "glass-review": "glass-review 3f9a0c1b proper it was",
    "break-glass": "break-glass 3f9a0c1b the shop is down",
}
HELD_BY = {Role.ANYONE: "ana", Role.AUDITOR: "au", Role.ADMIN: "ed", Role.BREAK_GLASS: "gil"}


async def test_every_word_is_on_record_whether_it_is_done_or_refused(counter: Counter) -> None:
    for word in counter.desk.vocabulary.words:
        before = await counter.world.audit()
        with suppress(Refusal):
            await counter.types(HELD_BY[word.role], LINES.get(word.name, word.name))
        assert await counter.world.audit() == before + 1, word.name


async def test_nobody_without_the_role_may_say_a_word_and_the_try_is_on_record(counter: Counter) -> None:
    guarded = [word for word in counter.desk.vocabulary.words if word.role is not Role.ANYONE]
    assert {word.role for word in guarded} == set(Role) - {Role.ANYONE}
    registry = await counter.world.running.parts.store.registry()
    for word in guarded:
        for person in HELD_BY.values():
            if word.role.held_by(counter.person(person)):
                continue
            wanted = type(word.role.refusal())
            with pytest.raises(wanted):
                await counter.types(person, LINES.get(word.name, word.name))
            last = (await counter.entries())[-1]
            assert last["facts"] == {"command": word.name, "refusal": wanted.slug()}
            assert last["by"]["surface"] == "slack"
    assert await counter.world.running.parts.store.registry() == registry


async def test_what_admins_do_is_on_record_once_and_with_who_did_it(counter: Counter) -> None:
    lines = ("agents pause deployer", "agents list", "freeze db.* incident 12", "stats", "unfreeze db.*")
    before = len(await counter.entries())
    for line in lines:
        await counter.types("ed", line)
    kept = (await counter.entries())[before:]
    assert [one["facts"]["command"] for one in kept] == [
        "agents pause", "agents list", "freeze", "stats", "unfreeze",
    ]  # fmt: skip
    assert all(one["by"]["kind"] == "person" and one["by"]["proof"] == "signature" for one in kept)
    assert await counter.world.audit()


async def test_what_a_service_refuses_an_admin_is_on_record_too(counter: Counter) -> None:
    for line, slug in (
        ("agents pause nobody", "unknown"),
        ("freeze db.*", "malformed"),
        ("agents limits deployer pending 0", "malformed"),
        ("deliveries redeliver 99", "unknown"),
        ("policy explain zzz", "malformed"),
    ):
        with pytest.raises(Refusal):
            await counter.types("ed", line)
        assert (await counter.entries())[-1]["facts"]["refusal"] == slug, line


async def test_nothing_is_loosened_under_a_directory_that_has_not_loaded_for_long(counter: Counter) -> None:
    await counter.types("ed", "freeze db.* incident")
    await counter.types("ed", "agents pause deployer")
    (counter.folder / "directory.yaml").write_text("ana: [")
    await counter.types("ed", "policy reload")
    loosening = ("unfreeze db.*", "agents resume deployer", "agents limits deployer pending 99")
    counter.world.clock.advance(timedelta(minutes=15))
    before = await counter.world.running.parts.store.registry()
    for line in loosening:
        with pytest.raises(DirectoryStale):
            await counter.types("ed", line)
        assert (await counter.entries())[-1]["facts"]["refusal"] == "directory-stale"
    assert await counter.world.running.parts.store.registry() == before
    write_policy(counter.folder, directory=PEOPLE)
    await counter.types("ed", "policy reload")
    for line in loosening:
        await counter.types("ed", line)


async def test_nobody_enters_and_nobody_new_stands_in_under_a_directory_that_has_not_loaded_for_long(
    counter: Counter,
) -> None:
    parts = counter.world.running.parts
    (counter.folder / "directory.yaml").write_text("ana: [")
    await counter.types("ed", "policy reload")
    counter.world.clock.advance(timedelta(minutes=15))
    before = await parts.store.registry()
    for line in ("sign-in", "away until 3d to @bo"):
        with pytest.raises(DirectoryStale):
            await counter.types("ana", line)
        assert (await counter.entries())[-1]["facts"]["refusal"] == "directory-stale", line
    assert await parts.store.registry() == before
    await counter.types("ana", "away until 3d")  # which lets nobody do anything
    await counter.types("ana", "back")
    assert await parts.entering.invite(PersonName("ana"), OPERATOR)
    until_at = counter.world.clock.now() + timedelta(days=1)
    assert await parts.absences.away(PersonName("ana"), until_at, PersonName("bo"), OPERATOR)


async def test_everything_is_still_stopped_under_a_directory_that_has_not_loaded_for_long(
    counter: Counter,
) -> None:
    first, second = await asked(counter), await asked(counter, rows=4)
    (counter.folder / "directory.yaml").write_text("ana: [")
    await counter.types("ed", "policy reload")
    counter.world.clock.advance(timedelta(minutes=15))
    for line in (
        "freeze db.* incident",
        "agents pause deployer",
        f"revoke {first['id']}",
        f"cancel {second['id']}",
    ):
        await counter.types("ed", line)
    assert (await counter.world.agent.sees(first))["state"] == "cancelled"
    assert (await counter.world.agent.sees(second))["state"] == "cancelled"


async def test_what_one_person_types_has_a_pace_and_a_freeze_never_waits(counter: Counter) -> None:
    for _ in range(PERSON_PER_MINUTE):
        counter.desk.pace.keep_person(PersonName("ed"))
    before = await counter.world.audit()
    lines = (
        "help",
        "who",
        "inbox",
        "sign-in",
        "away until 3d",
        "quiet off",
        "ask 3f9a0c1b why?",
        "delegate 3f9a0c1b @bo",
    )
    for line in lines:
        with pytest.raises(TooMany):
            await counter.types("ed", line)
    assert await counter.world.audit() == before
    await counter.types("ed", "freeze * incident")
    await counter.types("ana", "who")
    counter.world.clock.advance(timedelta(minutes=1))
    await counter.types("ed", "who")


async def test_what_was_typed_can_be_erased_and_only_its_commitment_stays(counter: Counter) -> None:
    with pytest.raises(NotAnAdmin):
        await counter.types("ana", "freeze db.* because bo said so")
    body = (await counter.entries())[-1]
    assert "bo said" not in str(body)
    assert "words" in body["private"]


async def test_looking_is_on_record(counter: Counter) -> None:
    request = await asked(counter)
    for line, command in (
        ("", "help"),
        ("HELP freeze", "help"),
        ("inbox", "inbox"),
        ("list pending", "list"),
        (f"show {request['id']}", "show"),
        ("history", "history"),
        ("away", "away"),
        ("unlink", "unlink"),
    ):
        before = await counter.world.audit()
        await counter.types("ana", line)
        assert await counter.world.audit() == before + 1, line
        assert (await counter.entries())[-1]["facts"] == {"command": command}, line


async def test_what_is_no_word_leaves_no_entry(counter: Counter) -> None:
    before = await counter.world.audit()
    for line in ("inbxo", "frobnicate"):
        await counter.types("ana", line)
    assert await counter.world.audit() == before


async def test_what_somebody_does_for_themselves_is_on_record_once(counter: Counter) -> None:
    for line in ("away until 3d", "back", "quiet 22:00 07:00", "quiet off", "sign-in"):
        before = await counter.world.audit()
        await counter.types("ana", line)
        assert await counter.world.audit() == before + 1, line


async def test_somebody_whom_the_directory_no_longer_knows_is_nobody(counter: Counter) -> None:
    for line in ("help", "inbox", "freeze * now"):
        with pytest.raises(UnknownPerson):
            await counter.types("zoe", line)


async def test_a_stranger_who_types_a_word_is_on_record(counter: Counter) -> None:
    stranger = Actor(ActorKind.PERSON, "", Surface.SLACK, "T0X/U0X", Proof.SIGNATURE)
    before = await counter.world.audit()
    await counter.desk.refused(stranger, "freeze * now", UnknownPerson())
    assert (await counter.entries())[-1]["facts"] == {"command": "freeze", "refusal": "unknown-person"}
    await counter.desk.refused(stranger, "inbox", UnknownPerson())
    assert (await counter.entries())[-1]["facts"] == {"command": "inbox", "refusal": "unknown-person"}
    await counter.desk.refused(stranger, "open sesame", UnknownPerson())
    assert await counter.world.audit() == before + 2


async def test_help_tells_each_role_what_it_may_say(counter: Counter) -> None:
    words = counter.desk.vocabulary.words
    for person, roles in (
        ("ana", {Role.ANYONE}),
        ("gil", {Role.ANYONE, Role.BREAK_GLASS}),
        ("au", {Role.ANYONE, Role.AUDITOR}),
        ("ed", {Role.ANYONE, Role.AUDITOR, Role.ADMIN}),
    ):
        told = {line.name for line in (await counter.types(person, "help")).lines}
        for word in words:
            assert (word.usage in told) == (word.role in roles), (person, word.name)


async def test_help_about_a_word_shows_examples_that_work_as_written(counter: Counter) -> None:
    for word in counter.desk.vocabulary.words:
        said = await counter.types(HELD_BY[word.role], f"help {word.name}")
        shown = [line.text for line in said.lines if line.code and not line.name]
        assert set(word.examples) <= set(shown), word.name
        for example in word.examples:
            read = counter.desk.vocabulary.read(example)
            assert read is not None
            assert read[0].name == word.name, example


async def test_help_of_admins_is_not_for_others(counter: Counter) -> None:
    assert "do not know" in text(await counter.types("ana", "help freeze"))
    assert "freeze PATTERN" in text(await counter.types("ed", "help freeze"))


async def test_the_first_half_of_a_word_shows_its_other_halves(counter: Counter) -> None:
    said = text(await counter.types("ed", "agents"))
    assert "agents pause NAME" in said
    assert "agents list" in said


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("inbxo", "inbox"),
        ("INBOX now?", "inbox"),
        ("agent list", "agents list"),
        ("audit verfy", "audit verify"),
    ],
)
async def test_a_slip_gets_a_suggestion(counter: Counter, typed: str, meant: str) -> None:
    if typed.startswith("INBOX"):
        with pytest.raises(Malformed, match="Say it like this: inbox"):
            await counter.types("ed", typed)
        return
    said = await counter.types("ed", typed)
    assert meant in text(said)
    assert Act(meant.capitalize(), meant) in said.acts


async def test_suggestions_are_only_of_words_that_one_may_say(counter: Counter) -> None:
    said = text(await counter.types("ana", "freze db.*"))
    assert "freeze" not in said
    assert "freeze PATTERN REASON" in text(await counter.types("ed", "freze db.*"))


async def test_case_and_spaces_do_not_matter_and_a_newline_ends_nothing(counter: Counter) -> None:
    said = await counter.types("ed", "  Agents   PAUSE\n deployer ")
    assert "deployer is paused" in text(said)
