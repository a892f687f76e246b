"""The audit log's files, as a browser takes them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import orjson
import pytest

from assent.proof import check, parse_key
from bot.core.terms import Verdict
from tests.handlers.web.world import DIRECTORY, Browser, World, a_browser, signed_in, world_at


async def _bodies(world: World) -> list[bytes]:
    store = world.parts.store
    return [entry.body for entry in await store.entries(0, await store.size())]


async def test_an_export_is_the_log_as_it_was_hashed_and_on_record_as_the_command(
    world: World, ed: Browser
) -> None:
    await world.asked()
    before = await _bodies(world)

    page = await ed.get("/audit/export")

    assert page.text.encode() == b"".join(body + b"\n" for body in before)
    assert page.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    [entry] = [orjson.loads(body) for body in (await _bodies(world))[len(before) :]]
    assert (entry["kind"], entry["facts"]) == ("admin.command", {"command": "audit export"})
    assert entry["by"]["surface"] == "web"


async def test_a_range_holds_its_entries_alone(world: World, ed: Browser) -> None:
    await world.asked()

    whole = await ed.get("/audit/export?since=2026-03-02&until=2026-03-03T00:00Z")
    form = await ed.get("/audit/export?since=2026-03-02&until=")
    later = await ed.get("/audit/export?since=2026-03-03")

    assert whole.headers["Content-Disposition"] == 'attachment; filename="audit-20260302-20260303.jsonl"'
    assert form.text.startswith(whole.text)
    assert later.status == 404
    assert "No entry in that range." in later.text


@pytest.mark.parametrize("query", ["since=yesterday", "until=2026-13-01", "from=2026-03-02", "since=&since="])
async def test_a_range_that_cannot_be_read_is_refused_instead_of_exporting_everything(
    ed: Browser, query: str
) -> None:
    page = await ed.get(f"/audit/export?{query}")

    assert page.status == 400
    assert "Content-Disposition" not in page.headers
    assert "2026-01-31T12:00Z" in page.text or "once each" in page.text


async def test_a_proof_verifies_without_us_and_opens_names_only_when_asked_to(
    world: World, ed: Browser
) -> None:
    request = await world.asked()
    await world.reviewed(request, "ana", Verdict.DENY, "secret reason")
    keys = [parse_key(text) for text in world.parts.auditing.signer.verifier_keys()]

    closed = await ed.get(f"/audit/{request.id}/proof")
    opened = await ed.get(f"/audit/{request.id}/proof?names=1")

    for page in (closed, opened):
        assert check(page.text.encode(), keys).request_id == request.id
        assert page.headers["Content-Disposition"] == f'attachment; filename="{request.id}.proof.json"'
    assert "secret reason" not in closed.text
    assert "secret reason" in opened.text
    commands = [orjson.loads(body).get("facts", {}).get("command") for body in await _bodies(world)]
    assert commands.count("audit prove") == 2


async def test_an_auditor_takes_both_files_without_being_an_admin(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    async with world_at(tmp_path / "audited", directory=DIRECTORY + "au: {auditor: true}\n") as audited:
        request = await audited.asked()
        au = await signed_in(stack, audited, "au")

        for path in ("/audit/export", f"/audit/{request.id}/proof"):
            page = await au.get(path)
            assert page.status == 200
            assert page.headers["Content-Disposition"].startswith("attachment")
            assert str(request.id) in page.text


async def test_nobody_without_the_role_takes_a_file_and_the_try_is_on_record(
    world: World, ana: Browser
) -> None:
    request = await world.asked()

    for path in ("/audit/export", f"/audit/{request.id}/proof"):
        page = await ana.get(path)
        assert page.status == 404
        assert "There is nothing here that you may see." in page.text
        assert "Content-Disposition" not in page.headers
    assert any(b"/audit/export" in body for body in await _bodies(world))


async def test_who_is_not_signed_in_is_led_to_the_door_and_on_from_there(
    world: World, stack: AsyncExitStack
) -> None:
    page = await (await a_browser(stack, world)).get("/audit/export?since=2026-03-02&until=2026-03-03")

    assert "/enter" in page.url
    assert "Content-Disposition" not in page.headers
    assert page.hidden("next") == "/audit/export?since=2026-03-02&amp;until=2026-03-03"


async def test_auditors_find_the_files_on_the_audit_pages(world: World, stack: AsyncExitStack) -> None:
    ed = await signed_in(stack, world, "ed")
    request = await world.asked()

    assert 'href="/audit/export"' in (await ed.get("/audit")).text
    trail = (await ed.get(f"/audit/{request.id}")).text
    assert f'href="/audit/{request.id}/proof"' in trail
    assert f'href="/audit/{request.id}/proof?names=1"' in trail
