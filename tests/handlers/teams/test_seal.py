"""Each button of each card carries our seal, and the card stays as small as Teams wants it."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import orjson
import pytest

from bot.core.terms import Json, RequestId
from handlers.commands import Act, Answer, Row, Table
from handlers.teams.answers import contents
from handlers.teams.cards import message, roundup
from handlers.teams.limits import CARD_MAX
from handlers.teams.seal import Seal, Sealing
from tests.fakes.teams_cards import check_card, nodes
from tests.handlers.slack.cards import RENDERER, a_card
from tests.handlers.teams.test_cards import roundup_line

SEAL = Seal(lambda value: sha256(b"key" + value).hexdigest())
LEADER = RequestId("req_" + "1" * 32)
HERE = "19:ops@thread.tacv2"
SEALING = Sealing(RENDERER, SEAL).within(HERE)
ROWS = tuple(
    Row((f"row {n}",), (Act("Show", f"show {n}"), Act("End", f"end {n}", confirm="?"))) for n in range(90)
)
SHOWN: dict[str, Callable[[], list[dict[str, Json]]]] = {
    "card": lambda: [message(a_card(), SEALING).content],
    "long card": lambda: [message(a_card({"env": "prod", "sql": "\U0001f4a5" * 5600}), SEALING).content],
    "roundup": lambda: [roundup([roundup_line(n) for n in range(150)], 150, LEADER, SEALING)],
    "answer": lambda: contents(Answer("Rows", (), Table(("A",), ROWS)), SEALING),
}


@pytest.mark.parametrize("what", SHOWN)
def test_each_button_is_sealed_within_the_size_of_a_card(what: str) -> None:
    told = SHOWN[what]()
    for content in told:
        check_card(content)
        assert len(orjson.dumps(content)) <= CARD_MAX
    buttons = [one for content in told for one in nodes(content) if one.get("type") == "Action.Execute"]
    assert buttons
    assert all(SEAL.holds(one["verb"], one["data"], HERE) for one in buttons)


def test_a_seal_holds_for_one_verb_one_data_and_one_place_under_one_key_whatever_a_form_adds() -> None:
    data = {"request": "req_1", "digest": "d" * 64}
    sealed = {**data, "tag": SEAL.tag("deny", data, HERE)}
    assert SEAL.holds("deny", {**sealed, "deny_words": "No"}, HERE)
    assert not SEAL.holds("approve", sealed, HERE)
    assert not SEAL.holds("deny", {**sealed, "request": "req_2"}, HERE)
    assert not SEAL.holds("deny", {**sealed, "command": "freeze *"}, HERE)
    assert not SEAL.holds("deny", {**sealed, "leader": "req_2"}, HERE)
    assert not SEAL.holds("deny", sealed, "19:lunch@thread.tacv2")
    assert not SEAL.holds("deny", data, HERE)
    assert not Seal(lambda value: sha256(b"other" + value).hexdigest()).holds("deny", sealed, HERE)
