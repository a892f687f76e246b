"""Cards go out once, at Teams' pace, and every trouble is `Later`, `Shut`, `Never` or `Unsure`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.core.terms import PersonName, RequestId, State
from bot.ports import Full, Later, Missing, Never, Place, Posted, Shut, Turn, Unsure
from handlers.teams import TeamsNotifier
from tests.fakes.teams import BOT, FakeTeams, Fault, account
from tests.handlers.slack.cards import ID, a_card
from tests.world import World

ANA, DI = "29:1ana", "29:1di"
MIGRATION = "Run a database migration"


@pytest.fixture
def notifier(world: World) -> TeamsNotifier:
    """Our way out."""
    found = world.running.delivering.outside.notifiers["teams"]
    assert isinstance(found, TeamsNotifier)
    return found


@pytest.fixture
async def ops(notifier: TeamsNotifier) -> Place:
    """The channel ops."""
    return await notifier.find("teams:ops", None)


async def test_a_channel_is_found_by_name_with_its_team_and_by_its_id(
    notifier: TeamsNotifier, ops: Place
) -> None:
    for name in ("ops", "#ops", "Ops", "Platform/ops", "platform/OPS", "19:platform-ops@thread.tacv2"):
        assert await notifier.find(f"teams:{name}", None) == ops
    general = await notifier.find("teams:Platform/General", None)
    assert general.id.endswith("19:platform@thread.tacv2")


async def test_two_teams_with_one_channel_name_are_told_apart(
    notifier: TeamsNotifier, teams: FakeTeams
) -> None:
    await teams.install_in_team("Data", "ops")
    with pytest.raises(Never, match="write Team/ops"):
        await notifier.find("teams:ops", None)
    assert (await notifier.find("teams:Data/ops", None)).id.endswith("19:data-ops@thread.tacv2")


async def test_a_channel_that_is_made_later_is_found(notifier: TeamsNotifier, teams: FakeTeams) -> None:
    with pytest.raises(Never, match="no team that has the app has a channel new"):
        await notifier.find("teams:new", None)
    teams.add_channel("19:platform@thread.tacv2", "new")
    assert (await notifier.find("teams:new", None)).id.endswith("-new@thread.tacv2")


async def test_a_person_is_found_once_they_have_the_app(notifier: TeamsNotifier, teams: FakeTeams) -> None:
    with pytest.raises(Never, match="not installed for that person"):
        await notifier.find("person:ana", PersonName("ana"))
    teams.state.refusals.clear()
    await teams.install_for(ANA, tell=False)  # by an admin, for everybody: nobody tells us
    place = await notifier.find("person:ana", PersonName("ana"))
    await notifier.post(a_card(), place)
    assert teams.chat(ANA).card(MIGRATION).buttons[0] == "Approve"


async def test_a_person_who_wrote_to_us_is_found_without_asking(
    notifier: TeamsNotifier, teams: FakeTeams
) -> None:
    await teams.install_for(ANA)
    await teams.write(ANA, "help")
    await teams.chat(ANA).coming("What you can say")
    await notifier.find("person:ana", PersonName("ana"))
    assert "chat" not in [verb for verb, _ in teams.state.calls]


async def test_a_person_without_an_account_is_never_found(notifier: TeamsNotifier) -> None:
    with pytest.raises(Never, match="no Teams account"):
        await notifier.find("person:ed", PersonName("ed"))


async def test_the_newest_service_url_counts(
    world: World, notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    store = world.running.parts.store
    [known] = await store.conversations()
    assert known.url == teams.service_url
    moved = {**teams.activity(ANA, "19:platform-ops@thread.tacv2"), "type": "message", "text": "hm"}
    moved["serviceUrl"] = f"{teams.origin}/apac/"
    moved["membersAdded"] = []
    moved["type"] = "conversationUpdate"
    await teams.send(moved, teams.signer.token(moved["serviceUrl"]))
    [known] = await store.conversations()
    assert known.url == f"{teams.origin}/apac/"
    with pytest.raises(Never):  # nothing is sent to the old one any more
        await notifier.post(a_card(), ops)


async def test_after_the_app_is_removed_nothing_is_sent_until_it_is_back(
    notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    await teams.removed("19:platform@thread.tacv2")
    before = len(teams.state.calls)
    with pytest.raises(Never, match="was removed"):
        await notifier.post(a_card(), ops)
    assert len(teams.state.calls) == before
    await teams.installed("19:platform@thread.tacv2")
    await notifier.post(a_card(), await notifier.find("teams:ops", None))
    teams.channel("ops").card(MIGRATION)


async def test_who_leaves_a_team_does_not_take_us_along(
    world: World, notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    update = {"type": "conversationUpdate", "membersRemoved": [{"id": ANA}]}
    await teams.send({**teams.activity(ANA, "19:platform@thread.tacv2"), **update})
    assert await world.running.parts.store.conversations()
    assert BOT not in str(update)


async def test_an_update_replaces_the_card(notifier: TeamsNotifier, teams: FakeTeams, ops: Place) -> None:
    posted = await notifier.post(a_card(), ops)
    again = await notifier.update(a_card(version=2, state=State.CANCELLED), posted)
    card = teams.channel("ops").card(MIGRATION)
    assert card.buttons == ["View full"]
    assert "Cancelled" in card.message.summary
    assert again.version == 2


async def test_a_deleted_card_is_missing(notifier: TeamsNotifier, teams: FakeTeams, ops: Place) -> None:
    posted = await notifier.post(a_card(), ops)
    teams.channel("ops").card(MIGRATION).delete()
    with pytest.raises(Missing):
        await notifier.update(a_card(), posted)
    teams.state.refusals.clear()


async def test_a_posted_card_is_found_again_after_a_crash(
    notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    posted = await notifier.post(a_card(), ops)
    found = await notifier.seek(ID, ops)
    assert found is not None
    assert found.message == posted.message
    assert await notifier.seek(RequestId("req_" + "1" * 32), ops) is None
    teams.channel("ops").card(MIGRATION)


UNCLEAR = (Fault(drop=True), Fault(status=500), Fault(status=503, body="<html>"), Fault(status=200, body="<"))


@pytest.mark.parametrize("fault", UNCLEAR, ids=str)
async def test_a_card_of_which_nobody_knows_whether_it_arrived_is_never_posted_again(
    notifier: TeamsNotifier, teams: FakeTeams, ops: Place, fault: Fault
) -> None:
    teams.goes_wrong("post", fault)
    with pytest.raises(Unsure):
        await notifier.post(a_card(), ops)
    with pytest.raises(Never, match="nobody knows whether the card arrived"):
        await notifier.post(a_card(version=2), ops)
    for card in teams.channel("ops").cards():
        card.message.seen = True
    assert len(teams.channel("ops").cards()) == (1 if fault.drop else 0)


async def test_lines_are_literal_and_stand_below_their_card(
    notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    posted = await notifier.post(a_card(), ops)
    await notifier.reply("bo denied: **no** <at>ana</at>", posted)
    assert teams.channel("ops").card(MIGRATION).thread == ["bo denied: **no** <at>ana</at>"]
    await notifier.tell("&" * 9000, ops)
    teams.channel("ops").line("&&&")


async def test_a_roundup_is_posted_once_and_kept_up_to_date(
    notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    from tests.handlers.teams.test_cards import roundup_line

    lines = [roundup_line(n) for n in range(20)]
    posted = await notifier.round_up(lines, ID, ops, None)
    assert await notifier.round_up(lines[:3], ID, ops, posted) == posted
    assert "3 more waiting here" in teams.channel("ops").card("more waiting here").title


async def verb(name: str, notifier: TeamsNotifier, place: Place, posted: Posted) -> None:
    match name:
        case "post":
            other: dict[str, Any] = {"id": RequestId("req_" + "7" * 32)}
            await notifier.post(a_card(**other), place)
        case "update":
            await notifier.update(a_card(), posted)
        case "reply":
            await notifier.reply("a line", posted)
        case "tell":
            await notifier.tell("a line", place)
        case "find":
            await notifier.find("teams:somewhere else", None)


CALLS = {"post": "post", "update": "update", "reply": "post", "tell": "post", "find": "channels"}
ONCE = ("post", "reply", "tell")


async def trouble(
    name: str, fault: Fault, notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> Exception:
    """Let one call go wrong, and return what comes of it."""
    posted = await notifier.post(a_card(), ops)
    teams.goes_wrong(CALLS[name], fault)
    with pytest.raises((Later, Never, Unsure)) as raised:
        await verb(name, notifier, ops, posted)
    teams.state.faults.clear()
    teams.channel("ops").card(MIGRATION)
    teams.state.refusals.clear()
    return raised.value


@pytest.mark.parametrize("name", CALLS)
async def test_teams_asks_for_patience(
    name: str, notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    error = await trouble(name, Fault(status=429, retry_after=17), notifier, teams, ops)
    assert isinstance(error, Full if name in ONCE else Turn)
    assert error.after == timedelta(seconds=17)


@pytest.mark.parametrize("header", ["0", "-5", "soon", "1e9", "9" * 30, None])
async def test_a_strange_retry_after_is_bounded(
    header: str | None, notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    error = await trouble("post", Fault(status=429, retry_after=header), notifier, teams, ops)
    assert isinstance(error, Later)
    assert timedelta(seconds=1) <= error.after <= timedelta(hours=1)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("status", [412, 502, 504])
async def test_what_is_to_be_tried_again_is_tried_again(
    name: str, status: int, notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    error = await trouble(name, Fault(status=status), notifier, teams, ops)
    assert type(error) is Later
    await verb(name, notifier, ops, Posted(ID, "", ops.id, "x", 1)) if name == "post" else None
    for card in teams.channel("ops").cards():
        card.message.seen = True


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("fault", UNCLEAR, ids=str)
async def test_no_clear_answer_is_later_or_unsure(
    name: str, fault: Fault, notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    error = await trouble(name, fault, notifier, teams, ops)
    assert isinstance(error, Unsure if name in ONCE else Later)
    for message in teams.channel("ops").chat.messages:
        message.seen = True


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "BadSyntax"), (403, "BotNotInConversationRoster"), (404, "ConversationNotFound"),
     (413, "MessageSizeTooBig"), (405, "")],
)  # fmt: skip
async def test_a_clear_no_is_never(
    name: str, status: int, code: str, notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    error = await trouble(name, Fault(status=status, code=code), notifier, teams, ops)
    assert isinstance(error, Never)
    assert str(error).startswith("Teams: ")


@pytest.mark.parametrize("name", CALLS)
async def test_a_token_that_is_not_taken_shuts_the_surface_and_is_got_anew(
    name: str, notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    error = await trouble(name, Fault(status=401, code="Unauthorized"), notifier, teams, ops)
    assert isinstance(error, Shut)
    before = len(teams.state.tokens)
    await notifier.tell("again", ops)
    assert len(teams.state.tokens) == before + 1
    teams.channel("ops").line("again")


async def test_without_the_right_secret_the_surface_is_shut(
    notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    notifier.connector._entra._secret = "wrong"
    notifier.connector._entra.forget()
    with pytest.raises(Shut, match="does not take the app's secret"):
        await notifier.tell("never", ops)


async def test_one_token_serves_until_it_ends(
    world: World, notifier: TeamsNotifier, teams: FakeTeams, ops: Place
) -> None:
    for _ in range(3):
        await notifier.tell("line", ops)
    assert len(teams.state.tokens) == 1
    world.clock.advance(timedelta(seconds=3599) - timedelta(minutes=5))
    await notifier.tell("line", ops)
    assert len(teams.state.tokens) == 2
    for message in teams.channel("ops").chat.messages:
        message.seen = True


async def test_a_storm_in_one_channel_keeps_teams_pace_and_loses_nothing(
    world: World, teams: FakeTeams
) -> None:
    for number in range(40):
        await world.agent.asks("db.migrate", env="prod", sql=f"SELECT {number}", rows=3)
    await world.settle()
    assert not teams.state.refusals  # the fake counts 7/1 s, 60/30 s, 1800/h and 30/s for all
    cards = teams.channel("ops").cards()
    assert cards
    for card in cards:
        card.message.seen = True
    assert account("ana")
