"""What each word does and says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.core.errors import AlreadyDecided, Conflict, Forbidden, Malformed, NotAnAuditor, TooLarge, Unknown
from bot.core.terms import AgentName
from handlers import evidence
from handlers.commands import Act, Answer, Style, Tone
from tests.fixtures.policy import BUNDLE
from tests.handlers.commands.conftest import Counter, text


async def asked(counter: Counter, **parts: Any) -> dict[str, Any]:
    """Ask for a migration of production, for ed, whose agent it is, unless told."""
    parameters: dict[str, Any] = {"env": "prod", "sql": "ALTER TABLE x", "rows": 3} | parts
    return await counter.world.agent.asks("db.migrate", **parameters)


def code(request: dict[str, Any]) -> str:
    return str(request["digest"][:8])


def acts_of(answer: Answer) -> tuple[Act, ...]:
    """Return the buttons that stand beside a table's rows."""
    assert answer.table is not None
    return tuple(act for row in answer.table.rows for act in row.acts)


# ── requests ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_inbox_lists_what_waits_and_opens_each(counter: Counter) -> None:
    request = await asked(counter)
    said = await counter.types("ana", "inbox")
    assert said.table is not None
    [row] = said.table.rows
    assert row.cells[1] == "pending, 30 min left"
    assert row.acts[0].command == f"show {request['id']}"
    shown = await counter.types("ana", row.acts[0].command)
    assert [card.request_id for card in shown.cards] == [request["id"]]
    assert "Nothing waits" in text(await counter.types("di", "inbox"))


async def test_a_request_is_named_by_its_code_or_its_id_in_any_case(counter: Counter) -> None:
    request = await asked(counter)
    for name in (code(request), code(request).upper(), request["id"]):
        [card] = (await counter.types("ana", f"show {name}")).cards
        assert card.request_id == request["id"]
        assert "ana" in card.stages[0].who


async def test_what_one_may_not_see_does_not_exist(counter: Counter) -> None:
    request = await counter.world.agent.asks("payments.refund", payment="p1", cents=5)
    for line in (f"show {code(request)}", f"show {request['id']}", f"history {code(request)}"):
        with pytest.raises(Unknown):
            await counter.types("bo", line)
    assert "No request" in text(await counter.types("bo", "list"))
    assert (await counter.types("di", f"show {code(request)}")).cards


async def test_a_code_that_is_none_says_what_one_looks_like(counter: Counter) -> None:
    for line in ("show", "show it", "show 3f9a", "show 3f9a0c1b 3f9a0c1c"):
        with pytest.raises(Malformed, match="show CODE"):
            await counter.types("ana", line)


async def test_identical_requests_share_a_code_and_are_listed_or_asked_about(counter: Counter) -> None:
    first, second = await asked(counter), await asked(counter)
    assert code(first) == code(second)
    said = await counter.types("ana", f"show {code(first)}")
    assert said.table is not None
    assert {row.acts[0].command for row in said.table.rows} == {f"show {r['id']}" for r in (first, second)}
    with pytest.raises(Conflict, match="name one by its id"):
        await counter.types("ed", f"cancel {code(first)}")
    await counter.types("ed", f"cancel {first['id']}")
    await counter.types("ed", f"cancel {code(first)}")  # the one that still waits
    assert (await counter.world.agent.sees(second))["state"] == "cancelled"


async def test_lists_can_be_of_one_state(counter: Counter) -> None:
    request, other = await asked(counter), await asked(counter, rows=4)
    await counter.types("ed", f"cancel {request['id']}")
    listed = (await counter.types("ana", "list Pending")).table
    assert listed is not None
    assert [row.cells[3] for row in listed.rows] == [code(other)]
    with pytest.raises(Malformed, match="A state is one of pending, approved"):
        await counter.types("ana", "list waiting")


async def test_a_long_list_says_that_there_is_more(counter: Counter) -> None:
    for number in range(13):
        await asked(counter, rows=number)
    for line in ("inbox", "list"):
        said = await counter.types("ana", line)
        assert said.table is not None
        assert len(said.table.rows) == 12
        assert said.lines[0].url.startswith("http://assent.test/")


async def test_history_tells_what_one_reviewed_and_what_happened_to_a_request(counter: Counter) -> None:
    request = await asked(counter)
    assert "nothing yet" in text(await counter.types("ana", "history"))
    counter.world.clock.advance(timedelta(minutes=1))
    await (await counter.world.person("ana")).reviews(request, "deny", "wrong\u202etable")
    assert code(request) in text(await counter.types("ana", "history"))
    told = text(await counter.types("ana", f"history {code(request)}"))
    assert told.index("asked by agent deployer") < told.index("deny by ana: wrong⟨U+202E⟩table")
    assert told.rstrip().endswith("denied")


async def test_the_history_of_a_request_leaves_nothing_out(counter: Counter) -> None:
    request = await asked(counter)
    ana, bo = await counter.world.person("ana"), await counter.world.person("bo")
    for who, line in (
        ("cy", "ask {} which tables?"),
        ("ana", "delegate {} @bo"),
    ):
        counter.world.clock.advance(timedelta(seconds=1))
        await counter.types(who, line.format(request["id"]))
    counter.world.clock.advance(timedelta(seconds=1))
    await bo.reviews(request, "comment", "Hm")
    counter.world.clock.advance(timedelta(seconds=1))
    await ana.approves(request)
    counter.world.clock.advance(timedelta(seconds=1))
    await counter.types("ed", f"revoke {request['id']} a slip")
    said = (await counter.types("ana", f"history {request['id']}")).table
    assert said is not None
    assert [row.cells[1] for row in said.rows] == [
        "asked by agent deployer",
        "question 1 by cy: which tables?",
        "ana asked bo to decide in their place",
        "comment by bo: Hm",
        "approve by ana",
        "approved",
        "its grant was revoked",
    ]


async def test_the_history_of_broken_glass_says_by_whom_and_what_was_found(counter: Counter) -> None:
    request = await asked(counter)
    shown = await counter.types("gil", f"break-glass {code(request)} the shop is down")
    await counter.types("gil", shown.acts[0].command)
    counter.world.clock.advance(timedelta(minutes=6))
    await counter.world.settle()
    await counter.types("hal", f"glass-review {request['id']} improper no outage")
    told = text(await counter.types("hal", f"history {request['id']}"))
    assert told.index("glass broken by gil: the shop is down") < told.index("lapsed: it was not run in time")
    assert "hal found that NOT proper: no outage" in told


async def test_its_own_side_cancels_what_waits_and_nobody_else_does(counter: Counter) -> None:
    request = await asked(counter, _body={"on_behalf_of": "bo"})
    for person in ("ana", "cy"):
        with pytest.raises(Forbidden):
            await counter.types(person, f"cancel {code(request)}")
        assert (await counter.entries())[-1]["facts"] == {"command": "cancel", "refusal": "forbidden"}
    assert "cancelled; it will not run" in text(await counter.types("bo", f"cancel {code(request)} a slip"))
    with pytest.raises(AlreadyDecided):
        await counter.types("ed", f"cancel {code(request)}")


async def test_an_admin_revokes_what_waits_and_what_was_approved(counter: Counter) -> None:
    waits, granted = await asked(counter), await asked(counter, rows=9)
    await (await counter.world.person("ana")).approves(granted)
    for request, state in ((waits, "cancelled"), (granted, "revoked")):
        assert state in text(await counter.types("ed", f"revoke {code(request)} the window closed"))
        assert (await counter.world.agent.sees(request))["state"] == state


# ── agents, freezes, deliveries ──────────────────────────────────────────────────────────────────


async def test_agents_are_listed_with_the_button_that_stops_or_starts_them(counter: Counter) -> None:
    listed = (await counter.types("ed", "agents list")).table
    assert listed is not None
    assert listed.rows[0].cells == ("deployer", "active", "ed", "bo, ed", "100", "120")
    [pause] = listed.rows[0].acts
    assert (pause.style, bool(pause.confirm)) == (Style.DANGER, True)
    await counter.types("ed", pause.command)
    seen = (await counter.types("au", "agents list")).table
    assert seen is not None
    assert seen.rows[0].cells[1] == "paused"
    assert not seen.rows[0].acts  # an auditor changes nothing


async def test_limits_are_changed_one_by_one_or_together(counter: Counter) -> None:
    store = counter.world.running.parts.store

    async def limits() -> tuple[int, int]:
        agent = (await store.registry()).agents[AgentName("deployer")]
        return agent.pending_max, agent.per_minute

    await counter.types("ed", "agents limits deployer pending 3")
    assert await limits() == (3, 120)
    await counter.types("ed", "agents limits deployer MINUTE 9 pending 10000")
    assert await limits() == (10_000, 9)
    entry = (await counter.entries())[-1]["facts"]
    assert (entry["pending_max"], entry["per_minute"]) == ("3 → 10000", "120 → 9")
    wrong = [
        "",
        " pending",
        " pending 0",
        " pending 10001",
        " minute 6001",
        " pending 1 pending 2",
        " most 3",
    ]
    for rest in wrong:
        with pytest.raises(Malformed):
            await counter.types("ed", f"agents limits deployer{rest}")
    assert await limits() == (10_000, 9)


async def test_the_new_limit_holds_at_the_next_ask(counter: Counter) -> None:
    await counter.types("ed", "agents limits deployer pending 1")
    await asked(counter)
    with pytest.raises(Exception, match="429"):
        await asked(counter, rows=5)


async def test_a_freeze_says_what_it_stops_and_is_lifted_by_its_button(counter: Counter) -> None:
    said = await counter.types("ed", "freeze db.* restoring a backup")
    assert "It stops db.migrate." in text(said)
    assert (await asked(counter))["state"] == "denied"
    shown = text(await counter.types("au", "freezes"))
    assert "db.* | ed" in shown
    assert "restoring a backup" in shown
    assert acts_of(await counter.types("au", "freezes")) == ()
    [lift] = said.acts
    assert acts_of(await counter.types("ed", "freezes")) == (lift,)
    assert "no longer frozen" in text(await counter.types("ed", lift.command))
    assert (await asked(counter))["state"] == "pending"
    assert "Nothing is frozen" in text(await counter.types("ed", "freezes"))


async def test_lifting_one_freeze_names_those_that_are_left(counter: Counter) -> None:
    await counter.types("ed", "freeze db.* one")
    await counter.types("ed", "freeze * all of it")
    said = text(await counter.types("ed", "unfreeze db.*"))
    assert "Still frozen" in said
    assert "all of it" in said


async def test_no_dead_letters_is_good_news(counter: Counter) -> None:
    said = await counter.types("ed", "deliveries list")
    assert said.lines[0].tone is Tone.GOOD
    with pytest.raises(Malformed):
        await counter.types("ed", "deliveries redeliver seven")


# ── policy ───────────────────────────────────────────────────────────────────────────────────────


async def test_the_policy_in_force_is_shown(counter: Counter) -> None:
    said = text(await counter.types("au", "policy show"))
    assert "prod-migrate | require_approval | db.migrate" in said
    assert "2 actions, 4 rules, 8 people" in said


async def test_explain_asks_the_policy_as_it_is_now_about_an_old_ask(counter: Counter) -> None:
    request = await asked(counter)
    said = text(await counter.types("au", f"policy explain {code(request)}"))
    assert "✓ | prod-migrate | require_approval" in said
    assert "· | dev-auto | allow | params.env is not dev" in said
    head, _, tail = BUNDLE.partition("    effect: require_approval\n    report_within: PT15M")
    denied = f"{head}    effect: deny\n{tail[tail.index('  - id: refunds') :]}"
    (counter.folder / "bundle.yaml").write_text(denied)
    assert "In force now" in text(await counter.types("ed", "policy reload"))
    said = text(await counter.types("au", f"policy explain {code(request)}"))
    assert "Now deny by prod-migrate" in said
    assert "A running request keeps the plan that it got." in said
    assert (await counter.world.agent.sees(request))["state"] == "pending"


async def test_check_reads_the_folder_and_puts_nothing_in_force(counter: Counter) -> None:
    assert "it is what is in force" in text(await counter.types("ed", "policy check"))
    before = counter.world.running.parts.policies.current()
    (counter.folder / "bundle.yaml").write_text(BUNDLE.replace("quorum: 2", "quorum: 1"))
    assert "not what is in force yet" in text(await counter.types("ed", "policy check"))
    (counter.folder / "bundle.yaml").write_text(BUNDLE.replace("quorum: 2", "quorum: two"))
    said = await counter.types("ed", "policy check")
    assert said.lines[0].tone is Tone.BAD
    assert "bundle.yaml:" in said.lines[1].text
    assert counter.world.running.parts.policies.current() is before


async def test_a_reload_of_a_broken_edit_says_so_and_keeps_the_last_good_one(counter: Counter) -> None:
    digest = counter.world.running.parts.policies.current().bundle.digest
    (counter.folder / "bundle.yaml").write_text("rules: [")
    said = await counter.types("ed", "policy reload")
    assert any(line.tone is Tone.BAD for line in said.lines)
    assert counter.world.running.parts.policies.current().bundle.digest == digest


# ── the log ──────────────────────────────────────────────────────────────────────────────────────


async def test_verify_walks_the_log(counter: Counter) -> None:
    said = await counter.types("au", "audit verify")
    assert said.lines[0].tone is Tone.GOOD
    assert "entries against" in said.lines[1].text


async def test_a_proof_opens_names_only_when_asked_to(counter: Counter) -> None:
    request = await asked(counter)
    await (await counter.world.person("ana")).reviews(request, "deny", "secret reason")
    closed = await counter.types("au", f"audit prove {code(request)}")
    opened = await counter.types("au", f"audit prove {code(request)} OPEN")
    assert closed.file is not None
    assert opened.file is not None
    assert b"secret reason" not in closed.file.content
    assert b"secret reason" in opened.file.content
    with pytest.raises(Malformed):
        await counter.types("au", f"audit prove {code(request)} all")


async def test_an_export_too_large_for_chat_says_where_to_get_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FILE_MAX", 500)
    with pytest.raises(TooLarge, match="python -m bot audit export"):
        await counter.types("au", "audit export")


# ── people, stats, doctor ────────────────────────────────────────────────────────────────────────


async def test_who_tells_what_the_directory_says_and_what_one_may_approve(counter: Counter) -> None:
    said = text(await counter.types("ana", "who"))
    for part in ("Ana Castell (ana)", "Groups dba", "Possible deputies bo", "T0ASSENT/U0ANA"):
        assert part in said
    assert "db.migrate: stage dba of rule prod-migrate" in said
    assert "payments.refund: stage both of rule refunds" in said
    assert "second-pair" not in said


async def test_only_auditors_and_admins_look_others_up(counter: Counter) -> None:
    with pytest.raises(NotAnAuditor):
        await counter.types("ana", "who @cy")
    for person in ("au", "ed"):
        assert "Groups dba, leads" in text(await counter.types(person, "who @cy"))
    with pytest.raises(Unknown, match="zoe is not in the directory"):
        await counter.types("ed", "who @zoe")


async def test_stats_count_what_was_asked(counter: Counter) -> None:
    assert "Nothing was asked" in text(await counter.types("au", "stats"))
    request = await asked(counter)
    counter.world.clock.advance(timedelta(minutes=6))
    await (await counter.world.person("ana")).approves(request)
    await asked(counter, rows=8)
    await counter.world.advance(minutes=31)
    said = await counter.types("au", "stats")
    for part in ("2 (1 expired, 1 lapsed)", "6 min in the median", "50% of what waited", "ana | 1 | 6 min"):
        assert part in text(said), part
    assert said.picture is not None
    assert said.picture.png.startswith(b"\x89PNG")
    assert len(said.picture.png) < 20_000
    for wrong in ("stats 0", "stats week", "stats 367", "stats 7 8"):
        with pytest.raises(Malformed):
            await counter.types("au", wrong)


async def test_the_doctor_says_first_what_must_be_mended(counter: Counter) -> None:
    said = await counter.types("ed", "doctor")
    assert [line.tone for line in said.lines] == [
        Tone.BAD, Tone.BAD, Tone.QUIET, Tone.WARN, Tone.QUIET, Tone.GOOD,
    ]  # fmt: skip
    assert said.lines[0].text == "1 thing to mend."
    assert said.lines[2].text == "→ Check it."
