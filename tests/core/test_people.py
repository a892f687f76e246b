"""Who may review as people stand now. Empty means nobody, never everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.people import approvers, barred, counted, resolve, seats, shortage, tally
from bot.core.terms import Escalation, PersonName, Request, Stage
from tests.core.builders import (
    AGENT,
    ASKER,
    BO,
    CY,
    DBA,
    DI,
    ED,
    EVERYBODY,
    LEADS,
    OWNER,
    PAIR,
    STRANGER,
    a_plan,
    a_request,
    a_roster,
    approve,
    comment,
    deny,
    reviewed,
)


def people(*names: PersonName) -> frozenset[PersonName]:
    """A set of people."""
    return frozenset(names)


def joined_by(reference: str, *stages: Stage, to: tuple[str, ...] | None = None) -> Request:
    """A request to which an escalation has added people."""
    level = Escalation(timedelta(minutes=5), add=(reference,), stages=to)
    return a_request(plan=a_plan(*stages, escalations=(level,)), escalated=1, added=(reference,))


def test_references_mean_the_people_of_the_groups_and_those_named() -> None:
    roster = a_roster({"dba": [BO], "leads": [CY]})
    assert resolve(["group:dba", f"person:{DI}"], roster) == people(BO, DI)
    assert resolve(["group:dba", "group:leads", "group:dba"], roster) == people(BO, CY)


@pytest.mark.parametrize(
    "reference",
    [
        "group:nobody",
        "group:silent",
        "group:unknown",
        "person:ghost",
        "dba",
        "bo",
        "",
        "group:",
        "agent:bo",
        "*",
    ],
)
def test_what_is_empty_silent_unknown_or_no_reference_means_nobody(reference: str) -> None:
    roster = a_roster({"dba": EVERYBODY, "nobody": [], "silent": None})
    assert resolve([reference], roster) == people()


def test_people_of_two_groups_are_those_whom_the_roster_knows_under_both_names() -> None:
    roster = a_roster({"dba": [BO, CY], "leads": [CY, DI], "dba&leads": [CY]})
    assert resolve(["group:dba&leads"], roster) == people(CY)
    assert resolve(["group:leads&dba"], roster) == people()


def test_only_people_in_the_directory_count_whatever_their_groups_say() -> None:
    roster = a_roster({"dba": [BO, "ghost"]}, people=[BO, DI])
    assert resolve(["group:dba", f"person:{CY}"], roster) == people(BO)


def test_separation_bars_the_agents_side_as_frozen_and_as_it_is_now() -> None:
    assert barred(a_request(), a_roster()) == people(AGENT, OWNER, ASKER)
    assert barred(a_request(), a_roster(barred=[DI])) == people(AGENT, OWNER, ASKER, DI)


def test_only_approvers_of_the_open_stage_and_those_who_joined_may_review() -> None:
    request = a_request(DBA, LEADS)
    roster = a_roster({"dba": [BO], "leads": [DI]})
    assert approvers(request, roster) == people(BO)
    assert approvers(replace(request, stage_index=1), roster) == people(DI)
    assert approvers(replace(joined_by("group:leads", DBA, LEADS), escalated=0), roster) == people(BO)
    assert approvers(joined_by("group:leads", DBA, LEADS), roster) == people(BO, DI)
    assert approvers(replace(request, stage_index=2), roster) == people()


def test_whoever_has_reviewed_or_is_barred_is_awaited_no_more() -> None:
    request = a_request(PAIR)
    assert set(seats(request, a_roster())) == people(BO, CY)
    assert set(seats(reviewed(request, approve(BO)), a_roster())) == people(CY)
    assert set(seats(reviewed(request, comment(BO)), a_roster())) == people(BO, CY)


def test_the_latest_verdict_of_each_person_counts() -> None:
    request = reviewed(
        a_request(replace(PAIR, deny=2)), approve(BO), comment(BO), deny(BO), comment(STRANGER)
    )
    assert {name: review.verdict.value for name, review in counted(request).items()} == {BO: "deny"}
    assert (tally(request, "pair"), tally(request, "other")) == ((0, 1), (0, 0))


@pytest.mark.parametrize(("members", "met"), [([BO], False), ([BO, CY], True), ([BO, CY, DI], True)])
def test_a_stage_needs_as_many_people_as_its_quorum(members: list[str], met: bool) -> None:
    assert (shortage(a_request(PAIR), a_roster({"dba": members})) is None) == met


def test_whoever_separation_bars_cannot_serve_a_stage() -> None:
    assert shortage(a_request(PAIR), a_roster({"dba": [BO, CY]})) is None
    assert shortage(a_request(PAIR), a_roster({"dba": [BO, OWNER]})) is not None
    assert shortage(a_request(PAIR), a_roster({"dba": [BO, CY]}, barred=[CY])) is not None


def test_one_person_cannot_serve_two_stages() -> None:
    roster = a_roster({"dba": [BO, CY], "leads": [BO]})
    assert shortage(a_request(DBA, LEADS), roster) is None
    assert shortage(a_request(PAIR, LEADS), roster) is not None
    assert shortage(a_request(DBA, LEADS), a_roster({"dba": [BO], "leads": [BO]})) is not None


def test_reviews_that_count_shorten_what_is_missing_and_use_people_up() -> None:
    roster = a_roster({"dba": [BO, CY], "leads": [BO, CY, DI]})
    request = reviewed(a_request(PAIR, LEADS), approve(BO, roster=roster))
    assert shortage(request, roster) is None
    assert shortage(request, a_roster({"dba": [CY], "leads": [BO, CY]})) is not None
    denied = reviewed(a_request(replace(PAIR, deny=2)), deny(BO))
    assert shortage(denied, a_roster({"dba": [BO, CY]})) is not None


def test_people_who_joined_help_in_every_stage_still_to_come() -> None:
    roster = a_roster({"dba": [BO], "leads": [], "more": [ED]})
    request = joined_by("group:more", DBA, LEADS)
    assert shortage(replace(request, escalated=0, added=()), roster) is not None
    assert shortage(request, roster) is None


def test_an_escalation_adds_people_only_to_the_stages_it_is_for() -> None:
    roster = a_roster({"dba": [BO], "leads": [DI], "more": [ED]})
    request = joined_by("group:more", DBA, LEADS, to=("leads",))
    assert approvers(request, roster) == people(BO)
    assert approvers(replace(request, stage_index=1), roster) == people(DI, ED)
    assert approvers(replace(joined_by("group:more", DBA, LEADS, to=()), stage_index=1), roster) == people(DI)
    assert shortage(request, a_roster({"dba": [], "leads": [DI], "more": [ED]})) is not None


@pytest.mark.parametrize("quorum", [0, -1])
def test_a_quorum_of_nobody_can_be_met_by_nobody(quorum: int) -> None:
    assert shortage(a_request(Stage("dba", ("group:dba",), quorum)), a_roster()) is not None


def test_a_plan_without_stages_can_be_met_by_nobody() -> None:
    assert shortage(replace(a_request(), plan=replace(a_plan(), stages=())), a_roster()) is not None
