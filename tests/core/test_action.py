"""Digests, and the body of an ask."""

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import rfc8785

from bot.core.action import code, digest, read_ask
from bot.core.errors import Malformed
from bot.core.terms import Action, AgentName, Ask, Digest, PersonName, Resource, Subject

# ── digests ──────────────────────────────────────────────────────────────────────────────────────

DEPLOYER = Subject(AgentName("deployer"), None)


def test_the_digest_is_sha256_over_the_canonical_form_with_null_for_what_is_absent() -> None:
    made = digest(DEPLOYER, Action("deploy", {"rows": 1.0}), None, None)
    text = (
        '{"action":{"name":"deploy","parameters":{"rows":1}},"context":null,"resource":null,'
        '"subject":{"agent":"deployer","on_behalf_of":null}}'
    )
    assert made == sha256(text.encode()).hexdigest()
    assert code(made) == made[:8]


def test_every_part_moves_the_digest() -> None:
    action, resource, context = Action("deploy", {"a": 1}), Resource("db", "orders"), {"ticket": "1"}
    digests = {
        digest(DEPLOYER, action, resource, context),
        digest(Subject(AgentName("other"), None), action, resource, context),
        digest(Subject(AgentName("deployer"), PersonName("ana")), action, resource, context),
        digest(DEPLOYER, Action("deploy", {"a": "1"}), resource, context),
        digest(DEPLOYER, Action("Deploy", {"a": 1}), resource, context),
        digest(DEPLOYER, action, Resource("db", "order"), context),
        digest(DEPLOYER, action, Resource("d", "borders"), context),
        digest(DEPLOYER, action, None, context),
        digest(DEPLOYER, action, resource, None),
        digest(DEPLOYER, action, resource, {}),
        digest(DEPLOYER, Action("deploy", {"a": 1, "b": None}), resource, context),
    }
    assert len(digests) == 11


# ── asks ─────────────────────────────────────────────────────────────────────────────────────────

WHOLE: dict[str, Any] = {
    "action": {"name": "db.migrate", "parameters": {"env": "prod", "rows": 120}},
    "resource": {"type": "database", "id": "orders"},
    "on_behalf_of": "ana",
    "justification": "Ticket OPS-42",
    "summary": "adds an index",
    "context": {"ticket": "OPS-42"},
    "approve_within": "PT10M",
}


def test_a_whole_ask_is_read() -> None:
    body = json.dumps(WHOLE).encode()
    assert read_ask(body) == Ask(
        action=Action("db.migrate", {"env": "prod", "rows": 120}),
        body_digest=Digest(sha256(rfc8785.dumps(WHOLE)).hexdigest()),
        resource=Resource("database", "orders"),
        on_behalf_of=PersonName("ana"),
        justification="Ticket OPS-42",
        summary="adds an index",
        context={"ticket": "OPS-42"},
        approve_within=timedelta(minutes=10),
    )


def test_only_the_action_is_required() -> None:
    ask = read_ask(b'{"action": {"name": "deploy"}}')
    assert ask.action == Action("deploy", {})
    assert (ask.resource, ask.context, ask.approve_within) == (None, None, None)


def test_null_stands_for_absent() -> None:
    absent: dict[str, Any] = dict.fromkeys(WHOLE)
    ask = read_ask(json.dumps(absent | {"action": {"name": "deploy"}}).encode())
    assert (ask.resource, ask.on_behalf_of, ask.justification, ask.summary) == (None, None, None, None)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"approved": True}, "/approved"),
        ({"approved_by/x": "ana"}, "/approved_by~1x"),
        ({"action": {"name": "x", "params": {}}}, "/action/params"),
        ({"action": {}}, "/action/name"),
        ({"action": None}, "/action"),
        ({"action": "deploy"}, "/action"),
        ({"action": {"name": ""}}, "/action/name"),
        ({"action": {"name": "x" * 129}}, "/action/name"),
        ({"action": {"name": "de\u202eploy"}}, "/action/name"),
        ({"action": {"name": "d\u0435ploy"}}, "/action/name"),
        ({"action": {"name": "deploy\n"}}, "/action/name"),
        ({"action": {"name": ["deploy"]}}, "/action/name"),
        ({"action": {"name": "deploy", "parameters": []}}, "/action/parameters"),
        ({"resource": {"type": "db"}}, "/resource/id"),
        ({"resource": {"type": "db", "id": 7}}, "/resource/id"),
        ({"resource": {"type": "db", "id": "a\u200bb"}}, "/resource/id"),
        ({"resource": {"type": "db", "id": "x" * 257}}, "/resource/id"),
        ({"on_behalf_of": "a b"}, "/on_behalf_of"),
        ({"justification": 1}, "/justification"),
        ({"justification": "x" * 4001}, "/justification"),
        ({"summary": "x" * 4001}, "/summary"),
        ({"context": []}, "/context"),
        ({"approve_within": 600}, "/approve_within"),
        ({"approve_within": "10 minutes"}, "/approve_within"),
        ({"approve_within": "PT0S"}, "/approve_within"),
        ({"approve_within": "P1Y"}, "/approve_within"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_pointer(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_ask(json.dumps(WHOLE | change).encode())
    assert [where for where, _ in caught.value.pointers] == [pointer]


def test_4000_characters_of_justification_are_taken() -> None:
    assert read_ask(json.dumps(WHOLE | {"justification": "\U0001f600" * 4000}).encode()).justification


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"{}"])
def test_an_ask_is_an_object_with_an_action(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_ask(body)


def test_no_value_stands_in_an_error() -> None:
    with pytest.raises(Malformed) as caught:
        read_ask(json.dumps({"action": {"name": "hunter2 secret"}}).encode())
    assert "hunter2" not in str(caught.value) + str(caught.value.pointers)


def test_order_and_spelling_do_not_move_the_body_digest() -> None:
    one = read_ask(b'{"action": {"name": "x", "parameters": {"a": 1.0, "b": "\\u0041"}}}')
    two = read_ask(b'{"action":{"parameters":{"b":"A","a":1},"name":"x"}}')
    assert one.body_digest == two.body_digest
