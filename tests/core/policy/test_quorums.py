"""Whether distinct people can meet all quorums, against a count of every way to try."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.policy import barred, parts, people_of, satisfiable
from bot.core.policy.references import joined, shared
from bot.core.terms import AgentName, GroupName, PersonName, Stage, Subject

PEOPLE = [PersonName(name) for name in "abcdef"]
GROUPS = ["group:x", "group:y", "group:z"]

some = st.frozensets(st.sampled_from(PEOPLE))
members = st.fixed_dictionaries(dict.fromkeys(GROUPS, some))
stages = st.lists(
    st.builds(
        Stage,
        name=st.sampled_from(["one", "two"]),
        approvers=st.lists(st.sampled_from(GROUPS), max_size=2, unique=True).map(tuple),
        quorum=st.integers(1, 3),
    ),
    min_size=1,
    max_size=3,
)


def possible(left: list[Stage], known: dict[str, frozenset[PersonName]], free: frozenset[PersonName]) -> bool:
    """Try every way to give each stage its people."""
    if not left:
        return True
    stage, rest = left[0], left[1:]
    able = frozenset().union(*(known[name] for name in stage.approvers)) & free
    return any(possible(rest, known, free - set(who)) for who in combinations(sorted(able), stage.quorum))


@given(stages, members, some)
def test_matching_finds_a_way_exactly_where_there_is_one(
    wanted: list[Stage], known: dict[str, frozenset[PersonName]], kept_out: frozenset[PersonName]
) -> None:
    free = frozenset(PEOPLE) - kept_out
    assert (satisfiable(wanted, known, kept_out) is None) == possible(wanted, known, free)


def test_no_stages_no_approvers_and_no_answer_are_nobody() -> None:
    assert satisfiable((), {}, frozenset()) is not None
    assert satisfiable((Stage("s", (), 1),), {}, frozenset()) is not None
    assert satisfiable((Stage("s", ("group:x",), 1),), {"group:x": None}, frozenset()) is not None


def test_a_quorum_below_one_is_never_met() -> None:
    known = {"group:x": frozenset(PEOPLE)}
    assert satisfiable((Stage("s", ("group:x",), 0),), known, frozenset()) is not None


def test_one_person_in_two_groups_counts_once() -> None:
    known = {"group:x": frozenset({PersonName("a")}), "group:y": frozenset({PersonName("a")})}
    wanted = (Stage("one", ("group:x",), 1), Stage("two", ("group:y",), 1))
    said = satisfiable(wanted, known, frozenset())
    assert said == "Stage two needs 1 person, but one person counts in one stage and the others need theirs."


@pytest.mark.parametrize("separation", [(), ("requester", "on_behalf_of", "agent_owner")])
def test_requester_principal_and_both_owners_are_barred_even_if_the_plan_forgot_them(
    separation: tuple[str, ...],
) -> None:
    subject = Subject(AgentName("bot"), PersonName("ana"))
    found = barred(separation, subject, PersonName("bo"), PersonName("cy"), {})
    assert found == {"bot", "ana", "bo", "cy"}


def test_what_a_bundle_adds_is_barred_as_well() -> None:
    known = {"group:x": frozenset({PersonName("di")})}
    found = barred(("person:ed", "group:x"), Subject(AgentName("bot"), None), PersonName("bo"), None, known)
    assert found == {"bot", "bo", "di", "ed"}


references = st.lists(
    st.sampled_from(["group:x", "group:y", "group:z", "person:a", "person:b"]),
    min_size=1,
    max_size=3,
    unique=True,
).map(lambda found: tuple(sorted(found)))


@given(references, references, members)
def test_shared_references_are_the_people_both_name(
    left: tuple[str, ...], right: tuple[str, ...], known: dict[str, frozenset[PersonName]]
) -> None:
    def who(names: tuple[str, ...]) -> frozenset[PersonName]:
        found = [people_of(name, lambda group: known[f"group:{group}"]) for name in names]
        return frozenset().union(*(people or frozenset() for people in found))

    assert who(shared(left, right)) == who(left) & who(right)
    assert shared(left, right) == shared(right, left)


@given(references)
def test_parts_and_joined_are_each_others_reverse(names: tuple[str, ...]) -> None:
    assert parts(joined(names)) == frozenset(names)


def test_a_part_that_does_not_answer_leaves_nobody() -> None:
    def answer(group: GroupName) -> frozenset[PersonName] | None:
        return None if group == "y" else frozenset(PEOPLE)

    assert people_of("group:x&y", answer) is None
    assert people_of("person:a", answer) == frozenset({"a"})
