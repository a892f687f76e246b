"""A chat account becomes somebody's: once, in one browser, and only when both sides say so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import AlreadyLinked, DirectoryStale, TooMany, Unknown
from bot.core.terms import Actor, ActorKind, PersonName, Proof, Surface
from bot.services.linking import Linking
from tests.fixtures.policy import BUNDLE, DIRECTORY, write_policy
from tests.world import OPERATOR, World

NEW = "T0ASSENT/U0NEW"
STRANGER = Actor(ActorKind.PERSON, "", Surface.SLACK, NEW, Proof.SIGNATURE)
ANA = PersonName("ana")
IN_BROWSER = Actor(ActorKind.PERSON, "ana", Surface.WEB, "session", Proof.SESSION)


@pytest.fixture
def linking(small_world: World) -> Linking:
    return small_world.running.parts.linking


async def confirmed(linking: Linking, browser: str = "b1") -> str:
    """The code that the page shows after ana has confirmed."""
    token = await linking.begin("slack", NEW, "new", STRANGER)
    await linking.opened(token, browser)
    return await linking.confirm(token, browser, ANA, IN_BROWSER)


async def test_both_sides_confirm_and_the_account_is_theirs(linking: Linking, small_world: World) -> None:
    code = await confirmed(linking)
    assert await linking.person("slack", NEW) is None
    assert await linking.finish("slack", NEW, f" {code.lower()} ", STRANGER) == "ana"
    assert await linking.person("slack", NEW) == "ana"
    assert await linking.person("teams", NEW) is None
    assert await linking.held(ANA, "slack") == ("T0ASSENT/U0ANA", NEW)
    with pytest.raises(Unknown):
        await linking.finish("slack", NEW, code, STRANGER)
    assert await small_world.audit() > 0


async def test_opening_a_link_ties_it_to_that_browser(linking: Linking) -> None:
    token = await linking.begin("slack", NEW, "new", STRANGER)
    assert (await linking.opened(token, "b1")).shown == "new"
    assert (await linking.opened(token, "b1")).account == NEW  # again, after a reload
    for refused in (linking.opened(token, "b2"), linking.confirm(token, "b2", ANA, IN_BROWSER)):
        with pytest.raises(Unknown):
            await refused


async def test_a_link_that_no_browser_opened_cannot_be_confirmed(linking: Linking) -> None:
    token = await linking.begin("slack", NEW, "new", STRANGER)
    with pytest.raises(Unknown):
        await linking.confirm(token, "b1", ANA, IN_BROWSER)


async def test_a_link_is_confirmed_once(linking: Linking) -> None:
    token = await linking.begin("slack", NEW, "new", STRANGER)
    await linking.opened(token, "b1")
    await linking.confirm(token, "b1", ANA, IN_BROWSER)
    with pytest.raises(Unknown):
        await linking.confirm(token, "b1", PersonName("bo"), IN_BROWSER)


async def test_a_link_confirmed_by_mistake_is_worth_nothing_without_its_code(linking: Linking) -> None:
    code = await confirmed(linking)
    wrong = "A" * 8 if code != "A" * 8 else "B" * 8
    for guess in (wrong, "", code[:-1], f"{code}A", wrong):
        with pytest.raises(Unknown):
            await linking.finish("slack", NEW, guess, STRANGER)
    with pytest.raises(Unknown):  # five wrong ones, and it is over
        await linking.finish("slack", NEW, code, STRANGER)
    assert await linking.person("slack", NEW) is None


async def test_another_account_cannot_use_the_code(linking: Linking) -> None:
    code = await confirmed(linking)
    with pytest.raises(Unknown):
        await linking.finish("slack", "T0ASSENT/U0EVE", code, STRANGER)


async def test_a_new_link_takes_the_place_of_the_one_before(linking: Linking) -> None:
    code = await confirmed(linking)
    await linking.begin("slack", NEW, "new", STRANGER)
    with pytest.raises(Unknown):
        await linking.finish("slack", NEW, code, STRANGER)


async def test_an_account_of_nobody_does_not_fill_the_log_with_links(
    linking: Linking, small_world: World
) -> None:
    store = small_world.running.parts.store
    before = await store.size()
    for _ in range(5):
        await linking.begin("slack", NEW, "new", STRANGER)
    for _ in range(20):
        with pytest.raises(TooMany):
            await linking.begin("slack", NEW, "new", STRANGER)
    assert await store.size() == before + 5
    await linking.begin("slack", "T0ASSENT/U0EVE", "eve", STRANGER)  # another one waits for nobody
    small_world.clock.advance(timedelta(minutes=1))
    await linking.begin("slack", NEW, "new", STRANGER)


@pytest.mark.parametrize("late", [timedelta(minutes=10), timedelta(minutes=9, seconds=59)])
async def test_a_link_lasts_ten_minutes(linking: Linking, small_world: World, late: timedelta) -> None:
    code = await confirmed(linking)
    small_world.clock.advance(late)
    if late < timedelta(minutes=10):
        assert await linking.finish("slack", NEW, code, STRANGER) == "ana"
    else:
        with pytest.raises(Unknown):
            await linking.finish("slack", NEW, code, STRANGER)


async def test_an_account_of_the_directory_is_never_linked_anew(linking: Linking, small_world: World) -> None:
    with pytest.raises(AlreadyLinked):
        await linking.begin("slack", "T0ASSENT/U0BO", "bo", STRANGER)
    code = await confirmed(linking)
    await edit(small_world, DIRECTORY.replace("T0ASSENT/U0BO", f"T0ASSENT/U0BO, {NEW}"))
    with pytest.raises(AlreadyLinked):  # the directory spoke while the link was under way
        await linking.finish("slack", NEW, code, STRANGER)


async def test_the_directory_goes_before_a_link(linking: Linking, small_world: World) -> None:
    await linking.finish("slack", NEW, await confirmed(linking), STRANGER)
    with pytest.raises(AlreadyLinked):
        await linking.begin("slack", NEW, "new", STRANGER)
    await edit(small_world, DIRECTORY.replace("T0ASSENT/U0BO", f"T0ASSENT/U0BO, {NEW}"))
    assert await linking.person("slack", NEW) == "bo"
    assert await linking.held(ANA, "slack") == ("T0ASSENT/U0ANA",)


async def test_who_leaves_the_directory_loses_the_account_for_good(
    linking: Linking, small_world: World
) -> None:
    await linking.finish("slack", NEW, await confirmed(linking), STRANGER)
    await edit(small_world, DIRECTORY.replace("ana: {", "al: {"), BUNDLE.replace("ana", "al"))
    assert await linking.person("slack", NEW) is None
    await small_world.running.loops.loaded()  # as after every reload
    await edit(small_world, DIRECTORY)  # another ana
    assert await linking.person("slack", NEW) is None


async def test_no_account_becomes_anybodys_while_the_directory_has_not_loaded_for_long(
    linking: Linking, small_world: World
) -> None:
    policies, clock = small_world.running.parts.policies, small_world.clock
    (small_world.running.parts.settings.policy / "directory.yaml").write_text("ana: [", "utf-8")
    await policies.check()
    clock.advance(timedelta(minutes=7))
    code, other = await confirmed(linking), await linking.begin("slack", "T0ASSENT/U0OTHER", "o", STRANGER)
    await linking.opened(other, "b1")
    clock.advance(timedelta(minutes=8))
    for step in (
        linking.begin("slack", "T0ASSENT/U0MORE", "more", STRANGER),
        linking.confirm(other, "b1", ANA, IN_BROWSER),
        linking.finish("slack", NEW, code, STRANGER),
    ):
        with pytest.raises(DirectoryStale):
            await step
    assert await linking.person("slack", NEW) is None
    write_policy(small_world.running.parts.settings.policy)
    await policies.check()
    assert await linking.finish("slack", NEW, code, STRANGER) == "ana"


async def test_an_account_is_untied(linking: Linking) -> None:
    await linking.finish("slack", NEW, await confirmed(linking), STRANGER)
    assert await linking.unlink("slack", NEW, OPERATOR) == "ana"
    assert await linking.person("slack", NEW) is None
    for account in (NEW, "T0ASSENT/U0BO"):  # what the directory says is edited there
        with pytest.raises(Unknown):
            await linking.unlink("slack", account, OPERATOR)


async def edit(world: World, directory: str, bundle: str = BUNDLE) -> None:
    """Change the policy folder under the running bot."""
    write_policy(Path(world.running.parts.settings.policy), bundle, directory)
    await world.running.parts.policies.check()
