"""The policy folder: the last good bundle stays in force, and groups are asked live."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.conditions import compile_condition
from bot.core.policy import PolicyBroken
from bot.core.terms import (
    Action,
    AgentName,
    Digest,
    Effect,
    Escalation,
    GrantId,
    GroupName,
    Linked,
    PersonName,
    Plan,
    Registry,
    Request,
    RequestId,
    Reversibility,
    Stage,
    State,
    Subject,
)
from storage.files import read_folder, split
from storage.folder import PolicyFolder
from tests.core.policy.policies import CATALOG, NOON, PEOPLE, REQUIRE, an_agent
from tests.fixtures.clock import FakeClock

GIL, HAL = PersonName("gil"), PersonName("hal")
RULE = f"  - {{id: r, match: {{action: db.migrate}}, {REQUIRE}}}\n"


@dataclass
class Slack:
    """Says who is in a user group, or nothing."""

    groups: dict[str, frozenset[str] | None] = field(default_factory=dict)

    async def members(self, usergroup: str) -> frozenset[str] | None:
        return self.groups[usergroup]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bundle.yaml").write_text(CATALOG + RULE, "utf-8")
    (tmp_path / "directory.yaml").write_text(PEOPLE, "utf-8")
    return tmp_path


def opened(folder: Path, slack: Slack | None = None, clock: FakeClock | None = None) -> PolicyFolder:
    policies = PolicyFolder(folder, compile_condition, clock or FakeClock(), slack)
    policies.current()  # as the server does when it starts
    return policies


def edit(path: Path, text: str) -> None:
    """Write as an editor does: another file under the same name."""
    beside = path.with_suffix(".tmp")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def hide(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def a_request(
    *approvers: str,
    separation: tuple[str, ...] = (),
    on_behalf_of: str | None = None,
    add: tuple[str, ...] = (),
) -> Request:
    plan = Plan(
        effect=Effect.REQUIRE_APPROVAL,
        rules=(),
        bundle=Digest("0" * 64),
        reason=None,
        title="",
        reversibility=Reversibility.REVERSIBLE,
        parameters=(),
        executor=None,
        approve_within=timedelta(minutes=1),
        execute_within=timedelta(minutes=1),
        report_within=timedelta(minutes=1),
        stages=(Stage("s", approvers, 1),),
        separation=separation,
        escalations=(Escalation(timedelta(minutes=1), add=add),),
    )
    return Request(
        id=RequestId("req_1"),
        version=1,
        state=State.PENDING,
        action=Action("db.migrate", {}),
        resource=None,
        context=None,
        subject=Subject(AgentName("deployer"), PersonName(on_behalf_of) if on_behalf_of else None),
        owner=PersonName("ed"),
        justification=None,
        summary=None,
        digest=Digest("0" * 64),
        plan=plan,
        grant_id=GrantId("0" * 32),
        created_at=NOON,
        expires_at=NOON,
        stage_opened_at=NOON,
    )


def a_registry(owner: str = "ed") -> Registry:
    agent = replace(an_agent(), owner=PersonName(owner))
    return Registry(1, {agent.name: agent}, {}, {}, ())


def test_the_bundle_is_every_yaml_file_but_the_directory_the_tests_and_hidden_ones(folder: Path) -> None:
    (folder / "bundle_test.yaml").write_text("cases: []", "utf-8")
    (folder / "more").mkdir()
    (folder / "more" / "rules.yaml").write_text("rules: []", "utf-8")
    (folder / "..data").mkdir()
    (folder / "..data" / "old.yaml").write_text("rules: nonsense", "utf-8")
    (folder / "README.md").write_text("hello", "utf-8")
    bundle, directory, tests = split(read_folder(folder))
    assert (sorted(bundle), directory, list(tests)) == (
        ["bundle.yaml", "more/rules.yaml"],
        PEOPLE,
        ["bundle_test.yaml"],
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rules.yml", b"rules: []", "policy files end in .yaml"),
        ("rules.yaml", b"\xff\xfe", "this file cannot be read"),
        ("rules.yaml", b"a" * (1024 * 1024 + 1), "this file has more than"),
    ],
)
def test_a_file_that_would_be_left_out_is_a_problem(
    folder: Path, name: str, content: bytes, message: str
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(PolicyBroken, match=message):
        opened(folder)


def test_a_server_without_a_directory_does_not_start(folder: Path) -> None:
    (folder / "directory.yaml").unlink()
    with pytest.raises(PolicyBroken, match=r"there is no directory\.yaml"):
        opened(folder)


async def test_an_edit_is_in_force_after_the_next_look(folder: Path) -> None:
    policies = opened(folder)
    before = policies.current()
    assert await policies.check() is False
    edit(folder / "bundle.yaml", CATALOG + RULE.replace("id: r", "id: s"))
    assert await policies.check() is True
    assert policies.current().bundle.digest != before.bundle.digest
    assert await policies.check() is False


async def test_a_touched_file_changes_nothing(folder: Path) -> None:
    policies = opened(folder)
    before = policies.current()
    edit(folder / "bundle.yaml", CATALOG + RULE)
    assert await policies.check() is False
    assert policies.current() is before


async def test_a_broken_edit_leaves_the_last_good_policy_and_says_since_when(folder: Path) -> None:
    clock = FakeClock()
    policies = opened(folder, clock=clock)
    before = policies.current()
    edit(folder / "bundle.yaml", CATALOG + RULE.replace("effect", "effct"))
    since = clock.now()
    assert await policies.check() is True
    assert policies.current().bundle is before.bundle
    assert (policies.current().broken_since, "bundle.yaml:30" in (policies.current().problem or "")) == (
        since,
        True,
    )
    clock.advance(timedelta(minutes=5))
    edit(folder / "directory.yaml", "ana: [")
    assert await policies.check() is True
    assert policies.current().directory is before.directory
    assert policies.current().broken_since == since
    edit(folder / "bundle.yaml", CATALOG + RULE)
    edit(folder / "directory.yaml", PEOPLE)
    assert await policies.check() is True
    assert (policies.current().broken_since, policies.current().problem) == (None, None)
    assert policies.current().bundle.digest == before.bundle.digest


async def test_a_folder_that_vanishes_is_a_broken_edit(folder: Path) -> None:
    policies = opened(folder)
    hide(folder)
    assert await policies.check() is True
    assert "there is no directory.yaml" in (policies.current().problem or "")
    assert policies.current().bundle.rules


async def test_members_come_from_the_bundle_the_directory_or_slack(folder: Path) -> None:
    slack = Slack({"S0REMOTE": frozenset({"T0A/U0ANA", "T0A/U0STRANGER"})})
    policies = opened(folder, slack)
    assert await policies.members(GroupName("dba")) == frozenset({"ana", "bo", "cy"})
    assert await policies.members(GroupName("ops")) == frozenset({"ana", "bo"})
    assert await policies.members(GroupName("remote")) == frozenset({"ana"})
    assert await policies.members(GroupName("nobody")) == frozenset()
    assert await policies.members(GroupName("dba&leads")) == frozenset({"cy"})
    assert await policies.members(GroupName("dba&person:bo")) == frozenset({"bo"})
    slack.groups["S0REMOTE"] = None
    assert await policies.members(GroupName("remote")) is None
    assert await policies.members(GroupName("dba&remote")) is None


async def test_without_slack_its_groups_do_not_answer(folder: Path) -> None:
    assert await opened(folder).members(GroupName("remote")) is None


async def test_a_roster_knows_every_group_the_plan_names(folder: Path) -> None:
    request = a_request("group:dba", "person:di", separation=("group:ops",), add=("group:leads",))
    roster = await opened(folder).roster(request, a_registry())
    assert set(roster.groups) == {"dba", "ops", "leads"}
    assert roster.people == {"ana", "bo", "cy", "di", "ed"}


async def test_the_owners_then_and_now_and_the_principal_are_barred(folder: Path) -> None:
    request = a_request("group:dba", separation=("group:ops",), on_behalf_of="cy")
    roster = await opened(folder).roster(request, a_registry(owner="di"))
    assert roster.barred == {"deployer", "ed", "di", "cy", "ana", "bo"}


async def test_while_nobody_says_whom_to_keep_out_everybody_is(folder: Path) -> None:
    roster = await opened(folder).roster(a_request("group:dba", separation=("group:remote",)), a_registry())
    assert roster.barred >= roster.people


async def test_who_has_no_account_on_any_chat_is_mute_until_they_link_one(folder: Path) -> None:
    edit(folder / "directory.yaml", PEOPLE + "gil: {email: gil@example.com}\nhal: {slack: T1/U9}\n")
    edit(folder / "bundle.yaml", CATALOG + RULE)
    registry = a_registry()
    roster = await opened(folder).roster(a_request("group:dba"), registry)
    assert (GIL in roster.mute, HAL in roster.mute) == (True, False)
    linked = replace(registry, links={("slack", "T1/U8"): Linked("slack", "T1/U8", GIL, NOON)})
    assert GIL not in (await opened(folder).roster(a_request("group:dba"), linked)).mute


async def test_leaving_a_group_counts_from_the_next_look(folder: Path) -> None:
    policies = opened(folder)
    edit(folder / "bundle.yaml", (CATALOG + RULE).replace("members: [ana, bo, cy]", "members: [bo, cy]"))
    await policies.check()
    roster = await policies.roster(a_request("group:dba"), a_registry())
    assert roster.groups[GroupName("dba")] == frozenset({"bo", "cy"})
