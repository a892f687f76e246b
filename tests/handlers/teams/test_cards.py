"""Teams cards: everything that runs is on them, literally, or they say what is missing and cannot approve."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.card import (
    AlikeLine,
    Button,
    Card,
    Fact,
    LookLine,
    QuestionLine,
    ReviewLine,
    RoundupLine,
    StageLine,
    Tone,
)
from bot.core.terms import Digest, Json, RequestId, Reversibility, State
from handlers.teams.cards import message, roundup
from handlers.teams.limits import CARD_MAX
from tests.fakes.teams_cards import actions, check_card, nodes, paragraphs, texts
from tests.fixtures.clock import NOON
from tests.handlers.slack.cards import ID, PAGE, PLAN, RENDERER, a_card

HOSTILE = (
    "**bold** _it_ [ok](https://evil.test) ![x](https://evil.test/x.png) <at>ana</at> <b>x</b> `code` "
    "{{DATE(2026-01-01T00:00:00Z, SHORT)}} ${title} "
    '"},{"type":"TextBlock" {{ 7*7 }} {% raw %}'
)


def shown(card: Card) -> dict[str, Json]:
    """Return a card, which Teams takes."""
    content = message(card, RENDERER).content
    check_card(content)
    assert len(orjson.dumps(content)) <= CARD_MAX
    return content


def read(content: dict[str, Json]) -> str:
    return "\n".join([*paragraphs(content), *texts(content)])


def buttons(card: Card) -> list[str]:
    return [one["title"] for one in actions(shown(card))]


def everything(fact: Fact) -> Card:
    """Return a card in which every field says its own name."""
    later = [NOON + timedelta(days=days) for days in range(9)]
    answer = replace(fact, name="S-answer")
    return Card(
        request_id=ID, version=1234567, state=State.PENDING, tone=Tone.DANGER, title="S-title",
        action="S-action", status="S-status", code="S-code", digest=Digest("S-digest"), agent="S-agent",
        on_behalf_of="S-for", resource="S-resource", reversibility="S-reversibility", facts=(fact,),
        context=(replace(fact, name="S-context"),), claims=(replace(fact, name="S-claim"),), why="S-why",
        stages=(StageLine("S-stage", "open", 31, 17, "S-who"),),
        reviews=(ReviewLine("S-person", "S-verdict", "S-reason", later[3], "S-surface"),),
        outcome="S-outcome", created_at=later[0], expires_at=later[1], execute_before=later[2],
        warnings=("S-warning",), complete=False, buttons=(Button.REVIEW_FULL, Button.DENY),
        page="https://assent.test/S-page",
        questions=(QuestionLine(41, "S-asker", "S-question", later[4], answer, later[5]),),
        looking=(LookLine("S-looker", later[6]),), glass="S-glass",
        alike=(AlikeLine(RequestId("S-alike"), later[7], later[8], "https://assent.test/S-alike-page"),),
        alike_count=7531, reasons_for=(Button.DENY,),
    )  # fmt: skip


def test_every_field_of_a_card_reaches_teams() -> None:
    fact = Fact("S-fact-name", "S-fact-text", "uninspectable", 4711, "S-fact-digest", True, ("S-odd",))
    card = everything(fact)
    assert {one.name for one in fields(Card)} == {one.name for one in fields(card)}
    content = shown(card)
    text = read(content) + "\n".join(str(node["url"]) for node in nodes(content) if "url" in node)
    sentinels = {
        "S-title", "S-action", "S-status", "S-code", "S-digest", "S-agent", "S-for", "S-resource",
        "S-reversibility", "S-fact-name", "S-fact-text", "uninspectable", "4,711", "S-fact-digest", "S-odd",
        "S-context", "S-claim", "S-why", "S-stage", "open", "31", "17", "S-who", "S-person", "S-verdict",
        "S-reason", "S-surface", "S-outcome", "S-warning", "S-page", "1234567", "🚨", ID, "Review full",
        "Deny", "S-asker", "S-question", "S-answer", "41", "S-looker", "S-glass", "S-alike", "S-alike-page",
        "7531", *(f"{NOON + timedelta(days=days):%Y-%m-%d %H:%M} UTC" for days in range(9)),
    }  # fmt: skip
    assert {part for part in sentinels if part not in text} == set()


def test_nothing_on_a_card_reads_markdown() -> None:
    values = {"env": HOSTILE, "sql": HOSTILE}
    content = shown(a_card(values, summary=HOSTILE, justification=HOSTILE, context={"a": HOSTILE}))
    assert not [node for node in nodes(content) if node.get("type") in ("TextBlock", "FactSet", "CodeBlock")]
    literal = [text.replace("\u00a0", " ") for text in paragraphs(content)]
    assert sum(HOSTILE in text for text in literal) == 5


def test_a_client_finds_no_date_to_put_in_the_place_of_words() -> None:
    content = shown(
        a_card({"env": "{{DATE(2026-01-01T00:00:00Z)}}", "sql": "{{{TIME(2026-01-01T00:00:00Z)}}}"})
    )
    assert not [node for node in nodes(content) if "{{DATE" in str(node) or "{{TIME" in str(node)]
    assert "{{DATE(2026-01-01T00:00:00Z)}}" in read(content)


def test_blanks_and_lines_of_code_are_kept() -> None:
    content = shown(a_card({"env": "prod", "sql": "IF x:\n    DROP  TABLE a -- b\n\tEND"}))
    [code] = [text for text in paragraphs(content) if "DROP" in text]
    assert code == "IF x:\n\u00a0\u00a0\u00a0\u00a0DROP \u00a0TABLE a -- b\n\u00a0\u00a0\u00a0\u00a0END"


def test_notifications_hold_no_word_of_the_agent() -> None:
    card = a_card(
        {"env": "E-WORD", "sql": "S-WORD"}, summary="A-WORD", justification="J-WORD", context={"c": "C-WORD"}
    )
    assert "WORD" not in message(card, RENDERER).summary
    assert "Waiting for 1 of dba" in message(card, RENDERER).summary


def test_a_whole_card_offers_everything_that_a_person_may_do() -> None:
    assert buttons(a_card()) == [button.value for button in a_card().buttons]


@pytest.mark.parametrize("state", [s for s in State if s is not State.PENDING])
def test_a_decided_card_can_only_be_viewed(state: State) -> None:
    assert buttons(a_card(state=state)) == ["View full"]


@pytest.mark.parametrize("reversibility", Reversibility)
def test_only_what_cannot_be_undone_is_asked_twice(reversibility: Reversibility) -> None:
    plan = replace(PLAN, reversibility=reversibility)
    approve = actions(shown(a_card(plan=plan)))[0]
    twice = reversibility is Reversibility.IRREVERSIBLE
    assert approve["type"] == ("Action.ShowCard" if twice else "Action.Execute")
    assert ("This cannot be undone." in str(approve)) is twice


@pytest.mark.parametrize(
    "parameters",
    [
        {"env": "prod", "sql": "SELECT 1;" + " " * 5000 + "DROP TABLE x"},
        {"env": "prod", "sql": "x" * 100_000},
        {"env": "prod", "sql": "SELECT 1", "extra": 1},
        {"env": "prod", "sql": "SELECT 1", **{f"p{n}": "v" for n in range(100)}},
        {"env": "💥" * 2000, "sql": "💥" * 2000, "more": "💥" * 2000},
        {name: name * 2000 for name in ("a", "b", "c", "d", "e", "f")},
    ],
)
def test_a_card_that_cannot_show_everything_cannot_approve(parameters: dict[str, Json]) -> None:
    card = a_card(parameters)
    assert buttons(card)[0] == "Review full"
    assert not message(card, RENDERER).card.complete
    assert "does not show everything" in read(shown(card))


def test_what_is_left_out_is_counted() -> None:
    values = {name: name * 2300 for name in ("a", "b", "c", "d", "e")}
    card = a_card(values)
    text = read(shown(card))
    missing = [fact for fact in card.facts if f"{fact.size:,} bytes, SHA-256 {fact.digest}" in text]
    assert missing


def roundup_line(number: int, **differs: Any) -> RoundupLine:
    line = RoundupLine(
        request_id=RequestId(f"req_{number:032x}"), tone=Tone.WAITING, title="Migrate", status="Waiting",
        agent="deployer", code="9f2a61c0", digest=Digest("d" * 64), expires_at=NOON, waits=True, alike=0,
        page=PAGE,
    )  # fmt: skip
    return replace(line, **differs)


def test_a_roundup_opens_single_requests_and_never_decides_several() -> None:
    content = roundup([roundup_line(1), roundup_line(2, waits=False)], 1, ID, RENDERER)
    check_card(content)
    executes = [node for node in nodes(content) if node.get("type") == "Action.Execute"]
    assert [(one["verb"], one["data"]["request"]) for one in executes] == [("open", f"req_{1:032x}")]


def test_the_longest_roundup_is_taken() -> None:
    lines = [roundup_line(n, title="💥" * 150, status="💥" * 300, agent="💥" * 100) for n in range(30)]
    content = roundup(lines, 30, ID, RENDERER)
    check_card(content)
    assert len(orjson.dumps(content)) <= CARD_MAX


# What cannot be seen is written out before it comes to a card (bot/core/literal.py).
WORDS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=40)


@pytest.mark.parametrize("worst", ["💥", "W", '"', "{{DATE(", "\n", "文"])
def test_teams_takes_the_fullest_card(worst: str) -> None:
    full = (worst * 2500)[:2500]
    odd = (full,) * 8
    made = (Fact(full, full, "code", len(full), "d" * 64, False, odd),) * 12
    card = replace(
        a_card(),
        title=full,
        agent=full,
        on_behalf_of=full,
        facts=made * 6,
        context=made,
        claims=made[:2],
        warnings=odd * 5,
        stages=(StageLine(full, "open", 1, 0, full),) * 8,
        reviews=(ReviewLine(full, "comment", full, NOON, "slack"),) * 8,
        questions=tuple(QuestionLine(n, full, full, NOON, made[0], NOON) for n in range(8)),
        looking=(LookLine(full, NOON),) * 8,
        outcome=full,
        glass=full,
        why=full,
        status=full,
        reversibility="irreversible",
    )
    assert "not whole here" in read(shown(card))


@settings(max_examples=25)
@given(text=WORDS, times=st.integers(1, 200), facts=st.integers(0, 30))
def test_teams_takes_every_card(text: str, times: int, facts: int) -> None:
    said = (text * times)[:2500]
    made = tuple(Fact(said, said, "text", 1, "d" * 64) for _ in range(facts))
    shown(replace(a_card(), title=said, facts=made, context=made[:3], status=said, outcome=said))
