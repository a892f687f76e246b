"""Pages and forms, as a browser without scripts sees and sends them."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from bot.core.terms import RequestId, State, Verdict
from tests.fixtures.clock import FakeClock
from tests.handlers.web.world import DIRECTORY, Browser, World, signed_in

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} \"' </pre>"


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


async def test_the_inbox_shows_what_waits_for_this_person_and_not_for_others(
    world: World, stack: AsyncExitStack
) -> None:
    ana, di = await signed_in(stack, world, "ana"), await signed_in(stack, world, "di")
    migration = await world.asked()
    change = await world.asked("config.change", parameters={"service": "checkout", "change": "-1\n+2"})

    assert f"/requests/{migration.id}" in (await ana.get("/")).text
    assert f"/requests/{change.id}" not in (await ana.get("/")).text
    assert f"/requests/{change.id}" in (await di.get("/")).text
    assert f"/requests/{migration.id}" not in (await di.get("/")).text


async def test_an_empty_inbox_says_so(ana: Browser) -> None:
    assert "Nothing waits for you" in (await ana.get("/")).text


async def test_the_request_page_shows_every_parameter_whole(world: World, ana: Browser) -> None:
    sql = "\n".join(f"SELECT {n};" for n in range(3000)) + "\nDROP TABLE orders"
    request = await world.asked(parameters={"env": "prod", "sql": sql, "rows": 7})

    page = await ana.get(f"/requests/{request.id}")

    assert "SELECT 2999;" in page.text
    assert "DROP TABLE orders" in page.text
    assert "not shown" not in page.text
    assert f"{len(sql):,} bytes, all shown" in page.text
    assert request.digest in page.text


async def test_a_tail_behind_thousands_of_spaces_stands_next_to_its_head(world: World, ana: Browser) -> None:
    request = await world.asked(parameters={"env": "prod", "sql": "SELECT 1;" + " " * 9000 + "DROP TABLE t"})

    page = await ana.get(f"/requests/{request.id}")

    assert '<mark class="hidden-char">⟨9,000 spaces⟩</mark>DROP TABLE t' in page.text
    assert "Read this closely" in page.text


async def test_secrets_stay_hidden_and_unknown_parameters_are_flagged(world: World, ana: Browser) -> None:
    request = await world.asked(
        parameters={"env": "prod", "dsn": "postgres://root:hunter2@db", "force": True}
    )

    inbox, page = await ana.get("/"), await ana.get(f"/requests/{request.id}")

    assert "hunter2" not in inbox.text + page.text
    assert "redacted · commitment" in inbox.text
    assert "redacted · commitment" in page.text
    assert "force: is not in the catalog" in page.text


async def test_hostile_markup_is_inert_everywhere(world: World, ana: Browser, ed: Browser) -> None:
    request = await world.asked(
        parameters={"env": "prod", "sql": EVIL, "extra": {EVIL: EVIL}},
        summary=EVIL,
        justification=EVIL,
        context={"note": EVIL, "more": {EVIL: EVIL}},
        on_behalf_of="ed",
    )
    await ana.decide(request, "comment", EVIL)
    await world.reviewed(request, "bo", Verdict.DENY, EVIL)

    for browser, path in (
        (ana, "/"),
        (ana, f"/requests/{request.id}"),
        (ana, "/history"),
        (ed, "/audit"),
        (ed, f"/audit/{request.id}"),
    ):
        page = await browser.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert ">49<" not in page.text


async def test_the_agents_claims_are_labelled_and_never_the_title(world: World, ana: Browser) -> None:
    request = await world.asked(summary="Approve me, I am harmless")

    page = await ana.get(f"/requests/{request.id}")

    assert "<h1>Run a database migration</h1>" in page.text
    assert "its own words; nobody has checked them" in page.text


async def test_history_lists_by_day_and_what_i_reviewed(world: World, ana: Browser, ed: Browser) -> None:
    first, second = await world.asked(), await world.asked()
    await world.reviewed(first, "ana")

    everything, mine = await ed.get("/history"), await ana.get("/history?mine=1")

    assert "Monday 2 March 2026" in everything.text
    assert str(first.id) in everything.text
    assert str(second.id) in everything.text
    assert str(first.id) in mine.text
    assert str(second.id) not in mine.text


async def test_history_goes_on_page_by_page(world: World, ed: Browser) -> None:
    asked = [await world.asked() for _ in range(45)]

    first = await ed.get("/history")
    cursor = first.text.partition("before=")[2].partition('"')[0]
    second = await ed.get(f"/history?before={cursor}")

    seen = [request for request in asked if str(request.id) in first.text + second.text]
    assert len(seen) == 45
    assert (await ed.get("/history?before=junk")).status == 400


@pytest.mark.parametrize("state", ["succeeded", "failed"])
async def test_a_page_tells_the_whole_story(world: World, ana: Browser, state: str) -> None:
    request = await world.asked()
    await ana.decide(request, "approve", "looks right")
    await world.ran(request, State(state), "took 3 s")

    page = await ana.get(f"/requests/{request.id}")

    for words in (
        "deployer asked",
        "Ana Castell approved",
        "looks right",
        "db-runner started it",
        "took 3 s",
    ):
        assert words in page.text
    assert "on the web" in page.text


@pytest.mark.parametrize(("state", "said"), [("succeeded", "Succeeded"), ("failed", "Failed")])
async def test_what_became_of_it_stands_with_the_status_before_what_ran(
    world: World, ana: Browser, state: str, said: str
) -> None:
    request = await world.asked()
    await ana.decide(request, "approve", "looks right")
    assert "took 3 s" not in (await ana.get(f"/requests/{request.id}")).text
    await world.ran(request, State(state), f"took 3 s; {EVIL}")

    head, ran, _ = (await ana.get(f"/requests/{request.id}")).text.partition("What would run")

    assert ran
    assert f"{said}: took 3 s; &lt;script&gt;" in head
    assert "<script>alert" not in head


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────


async def test_approving_redirects_back_and_the_request_is_approved(world: World, ana: Browser) -> None:
    request = await world.asked()

    page = await ana.decide(request, "approve", "fine")

    assert page.status == 200
    assert page.url == f"{world.url}/requests/{request.id}"
    now = await world.now(request)
    assert now.state is State.APPROVED
    (review,) = now.reviews
    assert (review.person, review.reason, review.by.surface, review.by.proof) == (
        "ana",
        "fine",
        "web",
        "session",
    )
    assert 'name="verdict"' not in page.text


async def test_a_denial_without_its_reason_is_a_banner(world: World, ana: Browser) -> None:
    request = await world.asked()

    page = await ana.decide(request, "deny")

    assert page.status == 409
    assert "This policy wants a reason with that verdict." in page.text
    assert (await world.now(request)).state is State.PENDING


async def test_denying_with_a_reason_keeps_its_lines(world: World, ana: Browser) -> None:
    request = await world.asked()

    await ana.decide(request, "deny", "Not now.\r\nAsk on Monday.")

    now = await world.now(request)
    assert now.state is State.DENIED
    assert now.reviews[0].reason == "Not now.\nAsk on Monday."


async def test_a_refusal_keeps_what_was_typed(world: World, ana: Browser) -> None:
    request = await world.asked()
    page = await ana.get(f"/requests/{request.id}")
    fields = {
        "csrf": page.hidden("csrf"),
        "digest": "0" * 64,
        "verdict": "deny",
        "reason": "my long <b>words</b>",
    }

    refused = await ana.post(f"/requests/{request.id}", fields)

    assert refused.status == 409
    assert "You reviewed another action" in refused.text
    assert ">my long &lt;b&gt;words&lt;/b&gt;</textarea>" in refused.text


async def test_who_loses_a_race_is_told_and_keeps_their_words(world: World, ana: Browser) -> None:
    request = await world.asked()
    page = await ana.get(f"/requests/{request.id}")
    await world.reviewed(request, "bo", Verdict.DENY, "no")
    fields = {"csrf": page.hidden("csrf"), "digest": request.digest, "verdict": "approve", "reason": "mine"}

    late = await ana.post(f"/requests/{request.id}", fields)

    assert late.status == 409
    assert "This request is already denied." in late.text
    assert "mine</textarea>" in late.text


async def test_a_click_after_the_deadline_is_refused_though_no_sweep_has_run(
    world: World, ana: Browser, clock: FakeClock
) -> None:
    request = await world.asked()
    page = await ana.get(f"/requests/{request.id}")
    clock.advance(request.expires_at - clock.now())
    fields = {"csrf": page.hidden("csrf"), "digest": request.digest, "verdict": "approve"}

    late = await ana.post(f"/requests/{request.id}", fields)

    assert late.status == 409
    assert "The deadline of this request has passed." in late.text
    assert "Time is up" in late.text


async def test_the_owner_of_the_agent_reads_and_comments_but_finds_no_button(
    world: World, ed: Browser
) -> None:
    request = await world.asked()
    page = await ed.get(f"/requests/{request.id}")

    assert "other people decide" in page.text
    assert 'value="approve"' not in page.text
    forced = await ed.decide(request, "approve")
    assert forced.status == 403
    assert "Nobody may review a request they made" in forced.text
    assert (await ed.decide(request, "comment", "ask cy")).status == 200
    assert (await world.now(request)).state is State.PENDING


async def test_an_approver_may_take_their_approval_back(world: World, ana: Browser) -> None:
    request = await world.asked("customer.erase", parameters={"customer": "c1"})
    page = await ana.decide(request, "approve")

    assert "turn your approval into a denial" in page.text
    assert 'value="approve"' not in page.text
    await ana.decide(request, "deny", "wrong customer")
    assert (await world.now(request)).state is State.DENIED


async def test_who_is_no_approver_any_more_is_not_offered_to_take_it_back(world: World, ana: Browser) -> None:
    request = await world.asked("customer.erase", parameters={"customer": "c1"})
    await ana.decide(request, "approve")
    directory = world.parts.settings.policy / "directory.yaml"
    directory.write_text(DIRECTORY.replace("ana: {title: Ana Castell, groups: [dba]}", "ana: {}"))
    await world.parts.policies.check()
    page = await ana.get(f"/requests/{request.id}")
    assert "turn your approval into a denial" not in page.text
    assert (await ana.decide(request, "deny", "wrong customer")).status == 403


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"verdict": "explode"}, 400),
        ({"reason": "x" * 2001}, 400),
        ({"reason": "a\x00b"}, 400),
        ({"reason": "\ud83d"}, 400),
        ({"digest": ""}, 409),
    ],
)
async def test_bad_fields_are_refused(
    world: World, ana: Browser, changes: dict[str, str], status: int
) -> None:
    request = await world.asked()
    page = await ana.get(f"/requests/{request.id}")
    fields = {
        "csrf": page.hidden("csrf"),
        "digest": request.digest,
        "verdict": "approve",
        "reason": "",
    } | changes
    body = "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())

    answer = await ana.post_bytes(f"/requests/{request.id}", body.encode())

    assert answer.status == status
    assert (await world.now(request)).reviews == ()


async def test_a_form_that_is_too_large_or_no_form_is_refused(world: World, ana: Browser) -> None:
    request = await world.asked()

    large = await ana.post_bytes(f"/requests/{request.id}", b"reason=" + b"x" * 70_000)
    other = await ana.post_bytes(f"/requests/{request.id}", b"{}", **{"Content-Type": "application/json"})

    assert (large.status, other.status) == (413, 400)


# ── what may not be seen ─────────────────────────────────────────────────────────────────────────


async def test_what_may_not_be_seen_reads_like_what_does_not_exist(
    world: World, ana: Browser, stack: AsyncExitStack
) -> None:
    di = await signed_in(stack, world, "di")
    request = await world.asked()

    hidden = await di.get(f"/requests/{request.id}")
    missing = await di.get(f"/requests/{RequestId('req_' + '0' * 32)}")
    odd = await di.get("/requests/%00%27--")
    nowhere = await di.get("/no/such/page", Accept="text/html")
    audit = await di.get("/audit")
    posted = await di.post(f"/requests/{request.id}", {"verdict": "approve"})

    texts = {page.text for page in (hidden, missing, odd, nowhere, audit, posted)}
    assert {page.status for page in (hidden, missing, odd, nowhere, audit, posted)} == {404}
    assert len(texts) == 1
    assert "There is nothing here that you may see." in texts.pop()


async def test_machines_still_get_problems_for_missing_routes(ana: Browser) -> None:
    page = await ana.get("/v1/nothing", Accept="application/json")

    assert page.headers["Content-Type"].startswith("application/problem+json")


async def test_admins_read_the_audit_log_and_take_a_proof(world: World, ed: Browser) -> None:
    request = await world.asked()
    await world.reviewed(request, "ana", Verdict.APPROVE, "because")
    await world.parts.auditing.checkpoint()

    log, trail = await ed.get("/audit"), await ed.get(f"/audit/{request.id}")
    size = await world.parts.store.size()
    proof = await ed.get(f"/audit/{request.id}/proof")

    assert f"<dd>{size}</dd>" in log.text
    assert "ana · slack" in trail.text
    assert "because" in trail.text
    assert "under a signed checkpoint" in trail.text
    assert proof.headers["Content-Disposition"] == f'attachment; filename="{request.id}.proof.json"'
    assert (await ed.get("/audit?before=x")).status == 400
    assert (await ed.get("/audit?before=3")).status == 200


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass"))
