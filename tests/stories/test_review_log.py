"""Somebody who can write into the database, and cannot sign: what they put beside the log is found out."""

from __future__ import annotations

import pytest

from bot.core.log import LogBroken
from tests.stories.test_faults_log import attack
from tests.stories.test_review_reading import migration, page
from tests.world import World


async def a_denial(world: World) -> str:
    request = await migration(world.agent)
    await (await world.person("ana")).denies(request, "because of the freeze")
    await world.running.parts.auditing.checkpoint()
    return str(request["id"])


@pytest.mark.parametrize(
    "change",
    [
        "SET value = CAST('bo' AS BLOB) WHERE field = 'private.by_name' AND value = CAST('ana' AS BLOB)",
        "SET value = CAST('never mind' AS BLOB) WHERE field = 'private.reason'",
        "SET value = 'text, not bytes' WHERE field = 'private.reason'",
        "SET value = x'ff' WHERE field = 'private.reason'",
        "SET salt = x'00' WHERE field = 'private.reason'",
        "SET field = 'private.other' WHERE field = 'private.reason'",
    ],
)
async def test_names_and_reasons_changed_beside_the_log_are_found_and_not_shown(
    small_world: World, change: str
) -> None:
    denied = await a_denial(small_world)
    assert "because of the freeze" in (await page(small_world, "ed", f"/audit/{denied}"))[1]

    await attack(small_world, f"UPDATE private {change}")

    with pytest.raises(LogBroken):
        await small_world.audit()
    status, shown = await page(small_world, "ed", f"/audit/{denied}")
    assert status == 200
    assert "altered: not what this entry committed to" in shown
    assert "never mind" not in shown
    assert "bo · api" not in shown


async def test_what_was_erased_is_missed_by_nobody(small_world: World) -> None:
    denied = await a_denial(small_world)
    await attack(small_world, "DELETE FROM private")
    await small_world.audit()
    assert "altered" not in (await page(small_world, "ed", f"/audit/{denied}"))[1]
