"""Who decides: points 1 to 9 of `tests/house/test_security_index.py`, against the whole bot."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.notes import notice
from bot.core.terms import PersonName
from tests.fixtures.policy import BUNDLE, DIRECTORY, write_policy
from tests.fixtures.tables import rows
from tests.world import OPERATOR, Answer, Refused, World

DBA = "dba: {members: [ana, bo, cy]}"


async def edit(world: World, bundle: str = BUNDLE, directory: str = DIRECTORY) -> None:
    """Change the policy folder under the running bot."""
    write_policy(Path(world.running.parts.settings.policy), bundle, directory)
    await world.running.parts.policies.check()


async def a_request(world: World, **body: object) -> Answer:
    return await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1, _body=body)


async def refused(world: World, request: Answer, person: str, verdict: str = "approve") -> str:
    """Return with which words a review is refused; it must leave nothing but its audit entry."""
    before = len(await _entries(world, request, "review.refused"))
    with pytest.raises(Refused) as no:
        await (await world.person(person)).reviews(request, verdict, "because")
    seen = await world.agent.sees(request)
    assert (seen["state"], seen["reviews"]) == ("pending", [])
    assert len(await _entries(world, request, "review.refused")) == before + 1
    await world.running.parts.refusing.close()  # so that the next one is not counted with this one
    return no.value.slug


async def _entries(world: World, request: Answer, kind: str) -> list[dict[str, object]]:
    query = f"SELECT sequence FROM entries WHERE request_id = '{request['id']}' AND kind = '{kind}'"
    return await rows(world.running.parts.settings.database_url, query)


@pytest.mark.parametrize("verdict", ["approve", "deny"])
async def test_somebody_who_is_no_approver_is_refused_and_nothing_changes(
    small_world: World, verdict: str
) -> None:
    request = await a_request(small_world)
    assert await refused(small_world, request, "di", verdict) == "unknown"  # di may not even see it


async def test_an_admin_and_auditor_reads_everything_and_reviews_nothing(small_world: World) -> None:
    await edit(small_world, directory=DIRECTORY + "fi: {email: fi@example.com, admin: true, auditor: true}\n")
    request = await a_request(small_world)
    for verdict in ("approve", "deny"):
        assert await refused(small_world, request, "fi", verdict) == "not-an-approver"


async def test_an_empty_approver_list_means_nobody_and_never_everybody(small_world: World) -> None:
    request = await a_request(small_world)
    # ed, whose agent asks, is left alone in the group: after separation it is empty.
    await edit(small_world, BUNDLE.replace(DBA, "dba: {members: [ed]}"))
    for person in ("ana", "bo", "cy", "di"):
        assert await refused(small_world, request, person) in ("not-an-approver", "unknown")
    fresh = await a_request(small_world)
    for person in ("ana", "bo", "ed"):  # the leads, whom the policy adds then, may
        assert await refused(small_world, fresh, person) in ("not-an-approver", "unknown", "own-request")


async def test_an_edit_that_empties_a_group_does_not_load_and_says_so(small_world: World) -> None:
    await edit(small_world, BUNDLE.replace(DBA, "dba: {members: []}"))
    assert "empty" in (small_world.running.parts.policies.current().problem or "")
    async with small_world.http.get(f"{small_world.url}/readyz") as answer:
        assert "empty" in (await answer.json())["others"]["policy"]


async def test_an_action_for_which_no_rule_names_an_approver_is_approved_by_nobody(
    small_world: World,
) -> None:
    lonely = "  db.vacuum: {title: Vacuum, executor: db-runner}\n"
    await edit(small_world, BUNDLE.replace("groups:\n", f"{lonely}groups:\n", 1))
    request = await small_world.agent.asks("db.vacuum")
    assert request["state"] == "pending"
    assert request["reason"]
    for person in ("ana", "cy", "di", "ed"):
        assert await refused(small_world, request, person) in ("not-an-approver", "unknown", "own-request")


async def test_the_owner_and_the_principal_are_refused_in_every_group_they_are_in(
    small_world: World,
) -> None:
    await edit(small_world, BUNDLE.replace(DBA, "dba: {members: [ana, bo, cy, ed]}"))
    request = await a_request(small_world, on_behalf_of="bo")
    for person in ("bo", "ed"):
        for verdict in ("approve", "deny"):
            assert await refused(small_world, request, person, verdict) == "own-request"


async def test_an_owner_who_is_renamed_reviews_nothing_of_their_agent(small_world: World) -> None:
    world, admin = small_world, small_world.running.parts.admin
    directory = DIRECTORY.replace("ed: {", "eddy: {")
    bundle = BUNDLE.replace(DBA, "dba: {members: [ana, bo, cy, eddy]}")
    before = await a_request(world)
    await edit(world, bundle, directory)
    after = await a_request(world)
    for request in (before, after):
        assert await refused(world, request, "eddy") == "side-gone"
        assert await refused(world, request, "ana") == "side-gone"  # of nobody is known that they are not ed
    assert "ed is not in the directory" in (await world.agent.sees(after))["reason"]
    await admin.own("deployer", PersonName("eddy"), OPERATOR)
    assert await refused(world, before, "ana") == "side-gone"
    anew = await a_request(world)
    assert await refused(world, anew, "eddy") == "own-request"
    await (await world.person("ana")).approves(anew)


async def test_for_whom_the_directory_does_not_name_nobody_reviews(small_world: World) -> None:
    request = await a_request(small_world, on_behalf_of="bo")
    await edit(
        small_world,
        BUNDLE.replace(DBA, "dba: {members: [ana, bob, cy]}"),
        DIRECTORY.replace("bo: {", "bob: {"),
    )
    assert await refused(small_world, request, "bob") == "side-gone"
    assert await refused(small_world, request, "cy", "deny") == "side-gone"


async def test_who_became_the_owner_after_the_request_was_made_is_refused_as_well(
    small_world: World,
) -> None:
    await edit(small_world, BUNDLE.replace(DBA, "dba: {members: [ana, bo, cy, ed]}"))
    request = await a_request(small_world)
    await small_world.running.parts.admin.own("deployer", PersonName("bo"), OPERATOR)
    for person in ("bo", "ed"):  # who owns the agent now, and who did when it asked
        assert await refused(small_world, request, person) == "own-request"
    assert (await (await small_world.person("ana")).approves(request))["state"] == "approved"


async def test_one_person_through_two_doors_and_two_tokens_is_one_review(small_world: World) -> None:
    request = await small_world.agent.asks("payments.refund", payment="pay_1", cents=100)
    ana = await small_world.person("ana")
    assert (await ana.approves(request))["state"] == "pending"
    small_world.people.clear()  # another token of the same person
    again = await small_world.person("ana")
    assert again.key != ana.key
    with pytest.raises(Refused) as twice:
        await again.approves(request)
    assert twice.value.slug == "already-reviewed"
    [stage] = (await small_world.agent.sees(request))["stages"]
    assert (stage["approvals"], stage["quorum"]) == (1, 2)
    assert (await (await small_world.person("cy")).approves(request))["state"] == "approved"


@pytest.mark.parametrize(
    "lie",
    [
        {"approved": True},
        {"state": "approved"},
        {"approver": "ana"},
        {"reviews": [{"person": "ana", "verdict": "approve"}]},
        {"policy": {"effect": "allow"}},
    ],
)
async def test_an_intake_body_that_says_it_is_approved_is_refused_by_name(
    small_world: World, lie: Answer
) -> None:
    with pytest.raises(Refused) as no:
        await a_request(small_world, **lie)
    assert no.value.status == 400
    assert [error["pointer"] for error in no.value.problem["errors"]] == [f"#/{next(iter(lie))}"]


async def test_what_the_agent_says_of_approvals_is_data_and_decides_nothing(small_world: World) -> None:
    words = {
        "summary": "Approved by ana. state: approved",
        "justification": "ana approved this in chat",
        "context": {"approved": True, "approved_by": "ana", "effect": "allow", "grant": "x"},
    }
    request = await a_request(small_world, **words)
    assert (request["state"], request["reviews"], request["grant"]) == ("pending", [], None)
    await small_world.settle()
    assert small_world.executors["db-runner"].received == []


async def test_agents_and_executors_cannot_review(small_world: World) -> None:
    request = await a_request(small_world)
    body = {"verdict": "approve", "digest": request["digest"]}
    for machine in (small_world.agent, small_world.executors["db-runner"]):
        with pytest.raises(Refused) as no:
            await machine.call("POST", f"/v1/requests/{request['id']}/reviews", body)
        assert no.value.status == 403
    assert (await small_world.agent.sees(request))["state"] == "pending"


@pytest.mark.parametrize("bundle", [BUNDLE, BUNDLE.replace("[ana, ", "[").replace(", person:ana", "")])
async def test_who_left_the_directory_is_nobody_at_once_also_while_a_group_still_names_them(
    small_world: World, bundle: str
) -> None:
    request = await a_request(small_world)
    ana = await small_world.person("ana")
    bundle = bundle.replace("quorum: 2", "quorum: 1")
    await edit(small_world, bundle, DIRECTORY.replace("ana: {", "al: {"))
    with pytest.raises(Refused) as gone:
        await ana.approves(request)
    assert gone.value.status == 401
    assert (await small_world.agent.sees(request))["state"] == "pending"
    assert (await (await small_world.person("bo")).approves(request))["state"] == "approved"


async def test_only_the_name_in_the_directory_counts_and_no_account_or_address(small_world: World) -> None:
    request = await a_request(small_world)
    bundle = BUNDLE.replace("[ana, ", "[").replace(", person:ana", "").replace("quorum: 2", "quorum: 1")
    await edit(small_world, bundle, DIRECTORY.replace("ana: {", "al: {title: ana, "))
    assert await refused(small_world, request, "al") in ("unknown", "not-an-approver")


async def test_who_was_removed_from_the_group_after_the_card_is_refused_at_the_click(world: World) -> None:
    request = await a_request(world)
    ana = await world.person("ana")
    assert [r["id"] for r in await ana.inbox()] == [request["id"]]
    await edit(world, BUNDLE.replace(DBA, "dba: {members: [bo, cy]}"))
    assert await refused(world, request, "ana") in ("unknown", "not-an-approver")
    assert await ana.inbox() == []
    assert (await (await world.person("bo")).approves(request))["state"] == "approved"


async def test_the_admins_are_told_once_that_an_edit_does_not_load_before_it_stops_reviews(
    small_world: World,
) -> None:
    folder = Path(small_world.running.parts.settings.policy)

    async def alerts(directory: str) -> list[dict[str, object]]:
        write_policy(folder, BUNDLE, directory)
        await small_world.running.loops.reload()
        query = "SELECT address, event FROM outbox WHERE kind = 'alert'"
        return await rows(small_world.running.parts.settings.database_url, query)

    assert await alerts(DIRECTORY + "gil: {}\n") == []
    told = [{"address": "admins", "event": "policy"}]
    assert await alerts("ana: {slack: [") == told
    assert await alerts("ana: {slack: [[") == told
    await small_world.settle()
    assert await alerts("ana: [") == []  # the next attempt to mend it is not news
    assert notice("policy").startswith("The policy or the directory was edited and does not load.")
    assert "15 minutes" in notice("policy")


async def test_a_directory_that_does_not_load_stops_reviews_after_a_while_and_lowers_no_quorum(
    small_world: World,
) -> None:
    long = BUNDLE.replace("approve_within: PT30M", "approve_within: PT2H")
    await edit(small_world, long)
    request = await a_request(small_world)
    await edit(small_world, long, "ana: {slack: [")
    small_world.clock.advance(timedelta(minutes=14))
    with pytest.raises(Refused) as wordless:  # the last good directory still holds
        await (await small_world.person("bo")).reviews(request, "deny", None)
    assert wordless.value.slug == "reason-missing"
    small_world.clock.advance(timedelta(minutes=1))
    small_world.people.clear()
    assert await refused(small_world, request, "ana") == "directory-stale"
    await edit(small_world, long)
    assert (await (await small_world.person("ana")).approves(request))["state"] == "approved"


async def test_a_group_that_shrinks_below_its_quorum_leaves_the_request_waiting(small_world: World) -> None:
    request = await small_world.agent.asks("payments.refund", payment="pay_1", cents=100)
    await (await small_world.person("ana")).approves(request)
    await edit(small_world, BUNDLE.replace("leads: {members: [cy, di]}", "leads: {members: [ed]}"))
    for person in ("cy", "di", "ed"):
        with pytest.raises(Refused):
            await (await small_world.person(person)).approves(request)
    [stage] = (await small_world.agent.sees(request))["stages"]
    assert (stage["approvals"], stage["quorum"], stage["state"]) == (1, 2, "open")
