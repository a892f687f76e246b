"""Slack cards: everything that runs is on them, literally, or they say what is missing and cannot approve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.card import AlikeLine, Button, Card, Fact, LookLine, QuestionLine, ReviewLine, StageLine, Tone
from bot.core.terms import Digest, Json, RequestId, Reversibility, State
from handlers.slack.blocks import ROOM, fit, message
from handlers.slack.limits import MESSAGE_TEXT_MAX
from tests.fakes.slack_blocks import check_message, check_types, texts
from tests.fixtures.clock import NOON
from tests.handlers.slack.cards import ID, PAGE, PLAN, RENDERER, a_card

HOSTILE = (
    "<!channel> <@U0ANA> <https://evil.test|ok> *bold* _it_ `code` :tada: &lt; "
    '"},{"type":"x" {{ 7*7 }} {% raw %}'
)


def shown(card: Card) -> list[Json]:
    """Return the blocks of a card, which Slack takes."""
    blocks = message(card, RENDERER).blocks
    check_message(blocks)
    return blocks


def buttons(card: Card) -> list[str]:
    elements = shown(card)[-1]["elements"]
    plain = [element["text"]["text"] for element in elements if element["type"] == "button"]
    return [*plain, *(option["text"]["text"] for one in elements for option in one.get("options", ()))]


def nodes(node: Json) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def test_a_card_says_what_would_run_for_whom_and_until_when() -> None:
    text = "\n".join(texts(shown(a_card())))
    for part in ("Run a database migration", "deployer", "db.migrate", "database orders", "SELECT 1", "prod"):
        assert part in text
    for part in (
        "9f2a61c0",
        ID,
        "prod-migrate",
        "Waiting for 1 of dba",
        "2026-03-02 12:30 UTC",
        "reversible",
    ):
        assert part in text


def test_every_field_of_a_card_reaches_slack() -> None:
    fact = Fact(
        "S-fact-name", "S-fact-text", "uninspectable", 4711, "S-fact-digest", True, ("S-fact-warning",)
    )
    later = [NOON + timedelta(days=days) for days in range(9)]
    card = Card(
        request_id=ID, version=1234567, state=State.PENDING, tone=Tone.DANGER, title="S-title",
        action="S-action",
        status="S-status", code="S-code", digest=Digest("S-digest"), agent="S-agent", on_behalf_of="S-for",
        resource="S-resource", reversibility="S-reversibility", facts=(fact,),
        context=(replace(fact, name="S-context"),), claims=(replace(fact, name="S-claim"),), why="S-why",
        stages=(StageLine("S-stage", "open", 31, 17, "S-who"),),
        reviews=(ReviewLine("S-person", "S-verdict", "S-reason", later[3], "S-surface"),),
        outcome="S-outcome",
        created_at=later[0], expires_at=later[1], execute_before=later[2], warnings=("S-warning",),
        complete=False, buttons=(Button.REVIEW_FULL, Button.DENY), page="https://assent.test/S-page",
        questions=(
            QuestionLine(8, "S-asker", "S-question", later[6], replace(fact, name="S-answer"), later[7]),
        ),
        looking=(LookLine("S-looker", later[8]),),
        glass="S-glass", alike_count=53,
        alike=(AlikeLine(RequestId("req_S-alike"), later[4], later[5], "https://assent.test/S-alike-page"),),
    )  # fmt: skip
    blocks = shown(card)
    text = "\n".join((*texts(blocks), *(node["url"] for node in nodes(blocks) if "url" in node)))
    sentinels = {
        "S-title", "S-action", "S-status", "S-code", "S-digest", "S-agent", "S-for", "S-resource",
        "S-reversibility", "S-fact-name", "S-fact-text", "uninspectable", "4,711", "S-fact-digest",
        "S-fact-warning", "S-context", "S-claim", "S-why", "S-stage", "open", "31", "17", "S-who", "S-person",
        "S-verdict", "S-reason", "S-surface", "S-outcome", "S-warning", "S-page", "1234567",
        "S-asker", "S-question", "question 8", "S-answer", "S-looker", "is looking",
        "S-glass", "req_S-alike", "S-alike-page", "53 identical", "52 more",
        "🚨", ID, "Review full", "Deny", *(f"{at:%Y-%m-%d %H:%M} UTC" for at in later),
    }  # fmt: skip
    assert {part for part in sentinels if part not in text} == set()
    check_types(blocks)


def test_nothing_is_mrkdwn_and_no_colon_becomes_an_emoji() -> None:
    card = a_card(
        {"env": HOSTILE, "sql": HOSTILE}, summary=HOSTILE, justification=HOSTILE, context={"a": HOSTILE}
    )
    blocks = shown(card)
    assert not [node for node in nodes(blocks) if node.get("type") in ("mrkdwn", "user", "link", "emoji")]
    assert all(node["emoji"] is False for node in nodes(blocks) if node.get("type") == "plain_text")
    assert sum(HOSTILE in text for text in texts(blocks)) == 5


@pytest.mark.parametrize("field", ["title", "status"])
def test_no_mention_hides_in_what_notifications_show(field: str) -> None:
    changed: dict[str, Json] = {field: "<!channel> & <@U0ANA>"}
    text = message(replace(a_card(), **changed), RENDERER).text
    assert "&lt;!channel&gt; &amp; &lt;@U0ANA&gt;" in text
    assert "<" not in text


def test_notifications_hold_no_word_of_the_agent() -> None:
    card = a_card(
        {"env": "E-WORD", "sql": "S-WORD"}, summary="A-WORD", justification="J-WORD", context={"c": "C-WORD"}
    )
    assert "WORD" not in message(card, RENDERER).text


def test_the_agents_words_stand_apart_and_are_labelled() -> None:
    blocks = shown(a_card(summary="It is safe, believe me"))
    holding = [block for block in blocks if "believe me" in str(block)]
    assert [block["text"]["type"] for block in holding] == ["plain_text"]
    assert holding[0]["text"]["text"].startswith("The agent's own words, unchecked")


def test_an_answer_stands_apart_and_is_labelled_and_its_question_is_literal() -> None:
    answer = Fact("answer to question 1", HOSTILE, "text", 9, "d" * 64)
    lines = (
        QuestionLine(1, "bo", HOSTILE, NOON, answer, NOON),
        QuestionLine(2, "cy", "Still?", NOON, None, None),
    )
    blocks = shown(replace(a_card(), questions=lines))
    assert not [node for node in nodes(blocks) if node.get("type") in ("mrkdwn", "user", "link", "emoji")]
    [said] = [block["text"] for block in blocks if block.get("block_id") == "answer-1"]
    assert said["type"] == "plain_text"
    assert said["text"].startswith("The agent's own words, unchecked")
    assert HOSTILE in said["text"]
    assert "Not answered yet." in "\n".join(texts(blocks))


def test_only_the_last_questions_stand_on_a_card_and_the_others_are_counted() -> None:
    lines = tuple(QuestionLine(n, "bo", f"Number {n}?", NOON, None, None) for n in range(1, 6))
    text = "\n".join(texts(shown(replace(a_card(), questions=lines))))
    assert "3 earlier questions are on the full page" in text
    assert [n for n in range(1, 6) if f"Number {n}?" in text] == [4, 5]


def test_code_is_shown_as_a_block_of_its_own() -> None:
    blocks = shown(a_card({"env": "prod", "sql": "DROP TABLE x"}))
    preformatted = [node for node in nodes(blocks) if node.get("type") == "rich_text_preformatted"]
    assert [list(texts(node)) for node in preformatted] == [["DROP TABLE x"]]


def test_a_whole_card_offers_approve_deny_comment_and_the_page() -> None:
    assert buttons(a_card()) == [
        "Approve",
        "Deny",
        "View full",
        "Comment",
        "Ask for information",
        "I'm looking",
        "Delegate",
    ]


def test_buttons_carry_the_request_and_what_was_seen_of_it() -> None:
    elements = shown(a_card())[-1]["elements"]
    assert [element.get("value") for element in elements[:2]] == [f"{ID} {a_card().digest}"] * 2
    assert elements[2]["url"] == PAGE
    words = [option["value"] for option in elements[3]["options"]]
    assert words == [f"{word} {ID} {a_card().digest}" for word in ("comment", "ask", "look", "delegate")]


@pytest.mark.parametrize("state", [s for s in State if s is not State.PENDING])
def test_a_decided_card_can_only_be_viewed(state: State) -> None:
    assert buttons(a_card(state=state)) == ["View full"]


def test_only_what_cannot_be_undone_is_asked_twice() -> None:
    for reversibility in Reversibility:
        plan = replace(PLAN, reversibility=reversibility)
        approve, *others = shown(a_card(plan=plan))[-1]["elements"]
        assert ("confirm" in approve) == (reversibility is Reversibility.IRREVERSIBLE)
        assert not [element for element in others if "confirm" in element]


@pytest.mark.parametrize(
    "parameters",
    [
        {"env": "prod", "sql": "SELECT 1;" + " " * 5000 + "DROP TABLE x"},
        {"env": "prod", "sql": "x" * 100_000},
        {"env": "prod", "sql": "SELECT 1", "extra": 1},
        {"env": "prod", "sql": "SELECT 1", **{f"p{n}": "v" for n in range(100)}},
        {"env": "prod", "sql": "\n".join("line" for _ in range(500))},
        {"env": "a" * 2000, "sql": "b" * 2000, "c": "c" * 2000},
    ],
)
def test_a_card_that_cannot_show_everything_cannot_approve(parameters: dict[str, Json]) -> None:
    card = a_card(parameters)
    assert buttons(card)[0] == "Review full"
    assert not fit(card).complete
    assert "does not show everything" in "\n".join(texts(shown(card)))


def test_what_is_left_out_is_counted() -> None:
    sql = "x" * 2300
    card = a_card({"env": sql, "sql": sql}, context={"a": sql, "b": "é" * 100})
    text = "\n".join(texts(shown(card)))
    assert card.complete
    assert buttons(card)[0] == "Review full"
    assert "2,300 bytes, SHA-256 " + card.facts[0].digest in text


@pytest.mark.parametrize(("slack", "complete"), [(0, True), (1, False)])
def test_the_last_character_that_fits(slack: int, complete: bool) -> None:
    whole = a_card({"env": "", "sql": "x"})
    room = ROOM.text - sum(len(fact.name) + len(fact.text) + ROOM.fact for fact in whole.facts)
    facts = (whole.facts[0], replace(whole.facts[1], text="x" * (1 + room + slack)))
    assert fit(replace(whole, facts=facts)).complete is complete


@pytest.mark.parametrize(("count", "complete"), [(ROOM.places, True), (ROOM.places + 1, False)])
def test_the_last_fact_that_fits(count: int, complete: bool) -> None:
    one = Fact("n", "t", "text", 1, "d" * 64)
    card = fit(replace(a_card(), facts=(one,) * count))
    assert card.complete is complete
    assert (Button.APPROVE in card.buttons) is complete


def test_a_card_that_fits_is_shown_as_it_is() -> None:
    assert fit(a_card()) == a_card()


@given(
    facts=st.lists(st.tuples(st.text(max_size=300), st.text(min_size=1, max_size=3000)), max_size=60),
    claims=st.lists(st.text(min_size=1, max_size=3000), max_size=2),
    warnings=st.lists(st.text(min_size=1, max_size=500), max_size=80),
    who=st.lists(st.text(max_size=500), max_size=12),
    reasons=st.lists(st.text(min_size=1, max_size=2500), max_size=12),
    title=st.text(min_size=1, max_size=200),
)
def test_slack_takes_every_card(
    facts: list[tuple[str, str]],
    claims: list[str],
    warnings: list[str],
    who: list[str],
    reasons: list[str],
    title: str,
) -> None:
    card = replace(
        a_card(),
        title=title,
        facts=tuple(Fact(f"n{name}", text, "code", len(text), "d" * 64) for name, text in facts),
        claims=tuple(Fact("summary", text, "text", len(text), "d" * 64) for text in claims),
        warnings=tuple(warnings),
        stages=tuple(StageLine(f"s{name}", "open", 1, 0, name) for name in who),
        reviews=tuple(ReviewLine("ana", "comment", reason, NOON, "web") for reason in reasons),
    )
    blocks = shown(card)
    assert sum(len(text) for text in texts(blocks)) <= MESSAGE_TEXT_MAX
    if Button.APPROVE in fit(card).buttons:
        assert {text for _, text in facts} <= set(texts(blocks))


def test_the_fullest_card_fits() -> None:
    big = Fact("n" * 300, "x" * 2400, "code", 10**9, "d" * 64, True, ("w" * 300,) * 9)
    card = replace(
        a_card(), title="t" * 200, status="s" * 9000, why="y" * 9000, outcome="o" * 9000, agent="a" * 200,
        on_behalf_of="b" * 200, resource="r" * 300, facts=(big,) * 200, context=(big,) * 200,
        claims=(big,) * 2, warnings=("w" * 900,) * 99,
        stages=(StageLine("s" * 300, "open", 1, 0, "w" * 900),) * 30,
        reviews=(ReviewLine("p" * 200, "approve", "r" * 2000, NOON, "slack"),) * 50,
        questions=tuple(QuestionLine(n, "p" * 200, "q" * 2000, NOON, big, NOON) for n in range(20)),
        looking=(LookLine("p" * 200, NOON),) * 30,
        glass="g" * 2000, alike=(AlikeLine(ID, NOON, NOON, PAGE),) * 10, alike_count=10**6,
    )  # fmt: skip
    assert sum(len(text) for text in texts(shown(card))) <= MESSAGE_TEXT_MAX
