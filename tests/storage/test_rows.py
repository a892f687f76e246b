"""Documents give back exactly what was put into them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import Unreadable
from bot.core.terms import (
    Action,
    Agent,
    Executor,
    Freeze,
    Grant,
    Key,
    Look,
    Outcome,
    Question,
    Request,
    Review,
)
from storage.rows import (
    document,
    read_agent,
    read_executor,
    read_freeze,
    read_key,
    read_request,
    read_requests,
)
from tests.storage.values import a_request

SAFE = 2**53 - 1  # RFC 8785; larger integers are refused at the door
INSTANTS = st.datetimes(timezones=st.just(UTC))
MAYBE = st.none() | INSTANTS
NUMBERS = st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)
REQUESTS = st.builds(
    Request,
    action=st.builds(Action, parameters=OBJECTS),
    context=st.none() | OBJECTS,
    created_at=INSTANTS,
    expires_at=INSTANTS,
    stage_opened_at=INSTANTS,
    decided_at=MAYBE,
    report_due_at=MAYBE,
    due_at=MAYBE,
    reviews=st.lists(st.builds(Review, at=INSTANTS), max_size=2).map(tuple),
    questions=st.lists(st.builds(Question, at=INSTANTS, answer=st.none() | st.text(), answered_at=MAYBE)).map(
        tuple
    ),
    looks=st.lists(st.builds(Look, at=INSTANTS, until_at=INSTANTS), max_size=2).map(tuple),
    grant=st.none()
    | st.builds(Grant, issued_at=INSTANTS, expires_at=INSTANTS, redeemed_at=MAYBE, revoked_at=MAYBE),
    outcome=st.none() | st.builds(Outcome, at=INSTANTS),
)


@given(REQUESTS)
def test_a_request_comes_back_as_it_was(request: Request) -> None:
    written = document(request)
    read = read_request(written)
    assert read == request
    assert document(read) == written  # 1 and 1.0 are equal, yet not the same
    assert hash(read.plan) == hash(request.plan)


@given(REQUESTS)
def test_a_document_from_before_questions_and_looks_is_read(request: Request) -> None:
    held = msgspec.json.decode(document(request))
    del held["questions"], held["looks"]
    assert read_request(msgspec.json.encode(held)) == replace(request, questions=(), looks=())


@given(st.builds(Agent, created_at=INSTANTS, paused_at=MAYBE))
def test_an_agent_comes_back_as_it_was(agent: Agent) -> None:
    assert read_agent(document(agent)) == agent


@given(st.builds(Executor, created_at=INSTANTS, disabled_at=MAYBE))
def test_an_executor_comes_back_as_it_was(executor: Executor) -> None:
    assert read_executor(document(executor)) == executor


@given(st.builds(Key, created_at=INSTANTS, expires_at=MAYBE, revoked_at=MAYBE))
def test_a_key_comes_back_as_it_was(key: Key) -> None:
    assert read_key(document(key)) == key


@given(st.builds(Freeze, at=INSTANTS))
def test_a_freeze_comes_back_as_it_was(freeze: Freeze) -> None:
    assert read_freeze(document(freeze)) == freeze


@given(st.binary() | st.text() | st.none() | st.integers() | JSON.map(msgspec.json.encode))
def test_what_is_no_request_is_unreadable_whatever_it_is(column: object) -> None:
    with pytest.raises(Unreadable):
        read_request(column)  # type: ignore[arg-type]  # SQLite keeps in a column what it is given


def test_a_list_shows_the_others_beside_what_cannot_be_read() -> None:
    one, other = a_request(), a_request()
    assert read_requests([document(one), b"{", b"[" * 100_000, document(other)]) == [one, other]


def test_what_a_newer_version_adds_is_no_reason_not_to_read() -> None:
    request = a_request()
    newer = msgspec.json.decode(document(request)) | {"of_tomorrow": [1]}
    assert read_request(msgspec.json.encode(newer)) == request
