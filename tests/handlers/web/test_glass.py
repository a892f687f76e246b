"""Breaking glass on the request page: the role, the typed code, the review; and identical requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.core.terms import State
from tests.fixtures.clock import FakeClock
from tests.handlers.web.world import DIRECTORY, Browser, Page, World, signed_in, world_at

HOLDERS = """\
fay: {title: Fay Holder, break_glass: true}
gus: {title: Gus Admin, admin: true}
"""
WHY = "The shop is down and nobody of dba answers"


@pytest.fixture
async def world(tmp_path: Path, clock: FakeClock) -> AsyncIterator[World]:
    """The pages, with a holder of the role and an admin who is nobody's owner."""
    async with world_at(tmp_path / "world", clock=clock, directory=DIRECTORY + HOLDERS) as made:
        yield made


@pytest.fixture
async def fay(world: World, stack: AsyncExitStack) -> Browser:
    """Who may break glass."""
    return await signed_in(stack, world, "fay")


async def breaks(browser: Browser, path: str, code: str, reason: str = WHY) -> Page:
    """Fill in the form and send it."""
    page = await browser.get(path)
    fields = {"csrf": page.hidden("csrf"), "digest": page.hidden("digest"), "reason": reason, "code": code}
    return await browser.post(f"{path}/break-glass", fields)


async def test_a_holder_breaks_glass_by_typing_the_code_and_an_admin_reviews_it(
    world: World, fay: Browser, stack: AsyncExitStack
) -> None:
    request = await world.asked()
    path = f"/requests/{request.id}"
    done = await breaks(fay, path, f"{request.digest[:4]} {request.digest[4:8].upper()}")
    assert "Approved by breaking glass (fay, not reviewed yet)" in done.text
    assert WHY in done.text
    assert (await world.now(request)).state is State.APPROVED

    gus = await signed_in(stack, world, "gus")
    page = await gus.get(path)
    fields = {"csrf": page.hidden("csrf"), "reason": "They were right", "found": "proper"}
    after = await gus.post(f"{path}/glass-review", fields)
    assert "Gus Admin found that proper" in after.text
    assert "glass-review" not in after.text
    glass = (await world.now(request)).glass
    assert glass is not None
    assert (glass.reviewed_by, glass.proper, glass.words) == ("gus", True, "They were right")


async def test_a_wrong_code_breaks_nothing_and_keeps_what_was_typed(world: World, fay: Browser) -> None:
    request = await world.asked()
    page = await breaks(fay, f"/requests/{request.id}", "00000000")
    assert page.status == 409
    assert "The code that you typed" in page.text
    assert WHY in page.text
    assert (await world.now(request)).state is State.PENDING


async def test_others_find_no_such_form_and_a_forged_one_is_refused(
    world: World, ana: Browser, ed: Browser
) -> None:
    request = await world.asked()
    path = f"/requests/{request.id}"
    for browser in (ana, ed):
        assert "break-glass" not in (await browser.get(path)).text
        page = await breaks(browser, path, request.digest[:8])
        assert page.status == 403
    assert (await world.now(request)).state is State.PENDING


async def test_a_form_from_elsewhere_breaks_nothing(world: World, fay: Browser) -> None:
    request = await world.asked()
    path = f"/requests/{request.id}"
    page = await fay.get(path)
    fields = {"csrf": "x", "digest": page.hidden("digest"), "reason": WHY, "code": request.digest[:8]}
    assert (await fay.post(f"{path}/break-glass", fields)).status == 403
    assert (await world.now(request)).state is State.PENDING


async def test_a_holder_sees_what_waits_and_what_they_broke_and_nothing_else(
    world: World, fay: Browser
) -> None:
    waiting, decided = await world.asked(), await world.asked()
    await world.reviewed(decided, "ana")
    assert (await fay.get(f"/requests/{waiting.id}")).status == 200
    assert (await fay.get(f"/requests/{decided.id}")).status == 404


async def test_the_page_names_the_identical_requests_that_wait(world: World, ana: Browser) -> None:
    first, second = await world.asked(), await world.asked()
    other = await world.asked(parameters={"env": "prod", "sql": "SELECT 2"})
    page = await ana.get(f"/requests/{first.id}")
    assert "1 identical request waits as well" in page.text
    assert f'href="/requests/{second.id}"' in page.text
    assert other.id not in page.text
