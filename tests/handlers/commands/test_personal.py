"""Being away, quiet hours, questions, delegation, linked accounts, and glass in an emergency."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.core.errors import (
    AlreadyLinked,
    Malformed,
    MustReadAll,
    NotADeputy,
    NotAHolder,
    NotAnAdmin,
    OtherDigest,
    Refusal,
    Unknown,
)
from bot.core.terms import Actor, ActorKind, Proof, Surface
from handlers.commands import Style
from handlers.commands.glass import shown_to
from handlers.commands.moments import moment
from tests.handlers.commands.conftest import Counter, text
from tests.handlers.commands.test_words import asked, code

FRIDAY = datetime(2026, 10, 2, 23, 30, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")  # where it is Saturday by then, at UTC+2


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("tomorrow", "2026-10-03T22:00"),
        ("friday", "2026-10-08T22:00"),
        ("Fri", "2026-10-08T22:00"),
        ("saturday", "2026-10-09T22:00"),
        ("sunday", "2026-10-03T22:00"),
        ("2026-12-01", "2026-11-30T23:00"),
        ("2026-12-01T14:00", "2026-12-01T13:00"),
        ("2026-12-01t14:00z", "2026-12-01T14:00"),
        ("3d", "2026-10-05T23:30"),
        ("5h", "2026-10-03T04:30"),
    ],
)
def test_a_day_means_its_beginning_where_its_person_lives(said: str, meant: str) -> None:
    assert moment(said, FRIDAY, PARIS) == datetime.fromisoformat(f"{meant}+00:00")


@pytest.mark.parametrize("said", ["", "fr", "soon", "2026-13-01", "0d", "3 days", "99999d", "31.12."])
def test_what_is_no_moment_is_told_how_to_say_one(said: str) -> None:
    with pytest.raises(Malformed, match="Say when: Friday"):
        moment(said, FRIDAY, ZoneInfo("America/Los_Angeles"))


async def test_a_deputy_stands_in_until_one_is_back(counter: Counter) -> None:
    request = await asked(counter)
    assert "You are not away" in text(await counter.types("ana", "away"))
    said = await counter.types("ana", "away until 3d to @bo")
    assert "bo stands in for you" in text(said)
    assert [act.command for act in said.acts] == ["back"]
    assert "bo stands in" in text(await counter.types("ana", "away"))
    assert "You stand in for ana" in text(await counter.types("bo", "away"))
    assert "Welcome back" in text(await counter.types("ana", "back"))
    with pytest.raises(Unknown):
        await counter.types("ana", "back")
    assert (await counter.world.agent.sees(request))["state"] == "pending"


async def test_who_cannot_stand_in_is_refused_and_that_is_on_record(counter: Counter) -> None:
    for line in ("away until 3d to @ed", "away until 3d to @zoe"):
        with pytest.raises(Refusal):
            await counter.types("ana", line)
        assert (await counter.entries())[-1]["facts"]["command"] == "away"
    for line in ("away 3d", "away until", "away until 3d @bo", "away until 3d to", "away until 3d for @bo"):
        with pytest.raises(Malformed):
            await counter.types("ana", line)


async def test_days_are_those_of_ones_quiet_hours(counter: Counter) -> None:
    said = text(await counter.types("ana", "quiet 22:00 07:00 America/New_York"))
    assert "from 22:00 until 07:00 (America/New_York)" in said
    assert "00:00 (America/New_York)" in text(await counter.types("ana", "away until tomorrow"))
    assert "any hour" in text(await counter.types("ana", "quiet OFF"))
    for line in ("quiet", "quiet 22", "quiet 22:00 22:00", "quiet 22:00 07:00 Mars/Base"):
        with pytest.raises(Malformed):
            await counter.types("ana", line)


async def test_a_question_reaches_the_agent_with_its_words_as_they_were_typed(counter: Counter) -> None:
    request = await asked(counter)
    await counter.types("ana", f"ask {code(request)} Which  tables?  <all>")
    seen = await counter.world.agent.sees(request)
    assert [one["text"] for one in seen["questions"]] == ["Which  tables?  <all>"]
    with pytest.raises(Malformed):
        await counter.types("ana", f"ask {code(request)}")


async def test_one_request_is_delegated_to_a_possible_deputy(counter: Counter) -> None:
    request = await counter.world.agent.asks("payments.refund", payment="p1", cents=5)
    with pytest.raises(NotADeputy):
        await counter.types("ana", f"delegate {code(request)} @ed")
    assert "bo may now decide" in text(await counter.types("ana", f"delegate {code(request)} to @bo"))
    assert code(request) in text(await counter.types("bo", "inbox"))


async def test_what_was_delegated_is_taken_back_with_the_same_word(counter: Counter) -> None:
    request = await counter.world.agent.asks("payments.refund", payment="p1", cents=5)
    off = f"delegate {request['id']} off"
    with pytest.raises(Unknown, match="asked nobody"):
        await counter.types("ana", off)
    await counter.types("ana", f"delegate {code(request)} @bo")
    viewing = counter.world.running.parts.viewing
    for name in ("ana", "bo"):
        [(_, lent)] = await viewing.delegated(counter.person(name).name, 5)
        assert (lent.giver, lent.deputy) == ("ana", "bo")
    assert await viewing.delegated(counter.person("cy").name, 5) == []
    with pytest.raises(Unknown):
        await counter.types("bo", off)
    assert f"({code(request)}) in your place any more" in text(await counter.types("ana", off))
    assert await viewing.delegated(counter.person("ana").name, 5) == []
    assert code(request) not in text(await counter.types("bo", "inbox"))


async def test_a_delegation_that_has_run_out_of_time_is_not_told(counter: Counter) -> None:
    request = await counter.world.agent.asks("payments.refund", payment="p1", cents=5)
    await counter.types("ana", f"delegate {code(request)} @bo")
    viewing, ana = counter.world.running.parts.viewing, counter.person("ana").name
    counter.world.clock.advance(timedelta(minutes=29, seconds=59))
    assert len(await viewing.delegated(ana, 5)) == 1
    counter.world.clock.advance(timedelta(seconds=1))
    assert await viewing.delegated(ana, 5) == []


async def test_who_may_stand_in_is_exactly_who_is_taken_as_a_deputy(counter: Counter) -> None:
    absences = counter.world.running.parts.absences
    assert [one.name for one in await absences.may_stand_in(counter.person("ana").name)] == ["bo", "cy"]
    await counter.types("cy", "away until 3d to @ana")
    people = counter.world.running.parts.policies.current().directory.people
    for name in people:
        listed = {one.name for one in await absences.may_stand_in(name)}
        taken = set[str]()
        for deputy in people:
            with suppress(Refusal):
                await counter.types(name, f"away until 1d to @{deputy}")
                taken.add(deputy)
                await counter.types(name, "back")
        if name == "cy":
            await counter.types("cy", "away until 3d to @ana")
        assert listed == taken, name


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────


def nobody(account: str) -> Actor:
    return Actor(ActorKind.PERSON, "", Surface.SLACK, account, Proof.SIGNATURE)


async def test_an_account_of_nobody_becomes_somebodys_when_both_sides_said_so(counter: Counter) -> None:
    linking, stranger = counter.world.running.parts.linking, nobody("T0ASSENT/U0NEW")
    assert await counter.desk.stranger(stranger, "new", "inbox") is None
    said = await counter.desk.stranger(stranger, "new", "link")
    assert said is not None
    token = said.lines[0].url.rpartition("/link#")[2]
    await linking.opened(token, "browser")
    confirmed = await linking.confirm(token, "browser", "ana", nobody(""))  # type: ignore[arg-type]
    with pytest.raises(Unknown):
        await counter.desk.stranger(stranger, "new", "link WRONGONE")
    done = await counter.desk.stranger(stranger, "new", f"Link {confirmed.lower()}")
    assert done is not None
    assert "ana's now" in text(done)
    assert await linking.person("slack", "T0ASSENT/U0NEW") == "ana"
    shown = await counter.types("ana", "unlink")
    assert shown.table is not None
    [unlink] = shown.table.rows[0].acts
    with pytest.raises(NotAnAdmin):
        await counter.types("bo", unlink.command)
    assert "no longer ana's" in text(await counter.types("ana", unlink.command))
    assert await linking.person("slack", "T0ASSENT/U0NEW") is None


async def test_who_has_an_account_already_is_told_so(counter: Counter) -> None:
    with pytest.raises(AlreadyLinked, match="ana's already"):
        await counter.types("ana", "link")
    assert "linked no account" in text(await counter.types("ana", "unlink"))


# ── glass ────────────────────────────────────────────────────────────────────────────────────────


async def shown_to_gil(counter: Counter, request: dict[str, Any]) -> Any:
    return await counter.types("gil", f"break-glass {code(request)} the shop is down")


async def test_glass_is_shown_first_and_broken_by_a_second_act(counter: Counter) -> None:
    request = await asked(counter)
    said = await shown_to_gil(counter, request)
    assert (await counter.world.agent.sees(request))["state"] == "pending"
    assert [card.request_id for card in said.cards] == [request["id"]]
    [act] = said.acts
    assert act.style is Style.DANGER
    assert act.confirm
    assert "Every admin is told" in text(await counter.types("gil", act.command))
    assert (await counter.world.agent.sees(request))["state"] == "approved"
    glass = (await counter.world.running.parts.store.get(request["id"])).glass
    assert glass is not None
    assert glass.reason == "the shop is down"


async def test_the_second_act_counts_for_what_was_shown_only(counter: Counter) -> None:
    request = await asked(counter)
    said = await shown_to_gil(counter, request)
    other = said.acts[0].command.replace(request["digest"], "0" * 64)
    with pytest.raises(OtherDigest):
        await counter.types("gil", other)
    with pytest.raises(NotAHolder):
        await counter.types("ed", said.acts[0].command)  # an admin is not above the rules
    assert (await counter.world.agent.sees(request))["state"] == "pending"
    assert (await counter.entries())[-1]["facts"] == {"command": "break-glass", "refusal": "not-a-holder"}


async def test_glass_is_not_broken_in_a_chat_that_cannot_show_everything(counter: Counter) -> None:
    request = await asked(counter, sql="x" * 20_000)
    with pytest.raises(MustReadAll, match=r"http://assent\.test/requests/req_"):
        await counter.types("gil", f"break-glass {request['id']} the shop is down")
    proof = shown_to("gil", request["id"], request["digest"], counter.world.running.parts.keys.commitment)
    late = f"break-glass confirm {request['id']} {request['digest']} {proof} the shop is down"
    with pytest.raises(MustReadAll):
        await counter.types("gil", late)


async def test_a_line_that_a_holder_is_talked_into_breaks_no_glass_they_were_not_shown(
    counter: Counter,
) -> None:
    request, other = await asked(counter), await asked(counter, rows=4)
    directory = counter.folder / "directory.yaml"
    directory.write_text(f"{directory.read_text('utf-8')}ivy: {{break_glass: true}}\n", "utf-8")
    await counter.types("ed", "policy reload")
    ivys = (await counter.types("ivy", f"break-glass {other['id']} it burns")).acts[0].command
    begun = f"break-glass confirm {request['id']} {request['digest']}"
    for line in (
        f"{begun} the shop is down",
        f"{begun} {'0' * 32} the shop is down",
        f"{begun} é the shop is down",
        f"{begun} {ivys.split()[4]} the shop is down",
        ivys,
    ):
        with pytest.raises(OtherDigest, match="not shown"):
            await counter.types("gil", line)
    tried = {"command": "break-glass", "refusal": "other-digest"}
    assert tried in [entry["facts"] for entry in await counter.entries()]
    for one in (request, other):
        assert (await counter.world.agent.sees(one))["state"] == "pending"


async def test_an_admin_reviews_broken_glass(counter: Counter) -> None:
    request = await asked(counter)
    said = await shown_to_gil(counter, request)
    await counter.types("gil", said.acts[0].command)
    with pytest.raises(Malformed):
        await counter.types("hal", f"glass-review {code(request)} fine it was")
    await counter.types("hal", f"glass-review {code(request)} improper the shop was up")
    glass = (await counter.world.running.parts.store.get(request["id"])).glass
    assert glass is not None
    assert (glass.proper, glass.words) == (False, "the shop was up")
