"""Whatever an answer holds, Slack takes its messages, and nothing in it is markup."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.app.parts import TEMPLATES
from handlers.commands import Act, Answer, Line, Row, Style, Table, Tone
from handlers.render import Renderer
from handlers.slack.answers import LEFT_OUT, MESSAGES_MAX, messages
from tests.core.builders import NOON, a_request
from tests.fakes.slack_blocks import check_message, check_types, texts

RENDERER = Renderer(TEMPLATES)
SAID = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60) | st.sampled_from(
    ["", " ", "<!channel>", "*bold*", "x" * 5000, ":tada:", "<https://evil.example|ok>", "a\nb\tc"]
)
LABEL = st.text(st.characters(categories=("Lu", "Ll", "Lo")), min_size=1, max_size=40)
ACTS = st.builds(
    Act, LABEL, st.text(min_size=1, max_size=80).filter(str.strip), st.sampled_from(Style), st.none() | LABEL
)
LINES = st.builds(
    Line,
    SAID,
    SAID,
    st.sampled_from(Tone),
    st.booleans(),
    st.sampled_from(["", "https://assent.test/enter#secret"]),
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Draw a table whose rows fit its titles."""
    titles = tuple(draw(st.lists(LABEL, min_size=1, max_size=5)))
    row = st.builds(
        Row,
        st.lists(SAID, min_size=len(titles), max_size=len(titles)).map(tuple),
        st.lists(ACTS, max_size=2).map(tuple),
    )
    return Table(titles, tuple(draw(st.lists(row, max_size=4))))


ANSWERS = st.builds(
    Answer,
    title=st.none() | LABEL,
    lines=st.lists(LINES, max_size=8).map(tuple),
    table=st.none() | tables(),
    acts=st.lists(ACTS, max_size=5).map(tuple),
)


@settings(max_examples=60)
@given(ANSWERS)
def test_slack_takes_whatever_is_answered(answer: Answer) -> None:
    made = messages(answer, RENDERER)
    assert 1 <= len(made) <= MESSAGES_MAX
    for one in made:
        assert one["text"].strip()
        assert len(one["text"]) <= 4000
        if "blocks" in one:
            check_message(one["blocks"])
            check_types(one["blocks"])
            assert "mrkdwn" not in {node.get("type") for node in nodes(one["blocks"])}


def nodes(node: Any) -> list[dict[str, Any]]:
    """Return every object in blocks."""
    if isinstance(node, dict):
        return [node, *(held for value in node.values() for held in nodes(value))]
    return [held for value in node for held in nodes(value)] if isinstance(node, list) else []


def test_every_row_of_a_table_is_there_in_columns() -> None:
    table = Table(("NAME", "COUNT", "WHY"), (Row(("ana", "12", "busy")), Row(("bo", "3", "x" * 90))))
    [made] = messages(Answer(title="Busy", table=table), RENDERER)
    [grid] = [text for text in texts(made["blocks"]) if "NAME" in text]
    assert grid.splitlines()[:2] == ["NAME  COUNT  WHY", "ana   12     busy"]
    assert grid.endswith("…")


def test_a_row_with_an_act_has_its_button_beside_it() -> None:
    rows = (Row(("ana", "1"), (Act("Open", "show 1"),)), Row(("bo", ""), (Act("Open", "show 2"),)))
    [made] = messages(Answer(table=Table(("WHO", "COUNT"), rows)), RENDERER)
    assert [block["accessory"]["value"] for block in made["blocks"]] == ["show 1", "show 2"]
    assert all(block["accessory"]["action_id"].startswith("act-") for block in made["blocks"])
    assert [block["text"]["text"] for block in made["blocks"]] == ["ana\ncount 1", "bo"]
    assert len({block["accessory"]["action_id"] for block in made["blocks"]}) == 2


def test_a_button_that_shows_a_request_opens_a_window() -> None:
    request = "req_" + "0" * 32
    rows = (
        Row(("ana",), (Act("Open", f"show {request}"),)),
        Row(("bo",), (Act("Open", f"show {request} x"),)),
    )
    [made] = messages(Answer(table=Table(("WHO",), rows)), RENDERER)
    first, second = (block["accessory"] for block in made["blocks"])
    assert (first["action_id"], first["value"]) == ("open", f"{request} -")
    assert second["action_id"].startswith("act-")


def test_a_command_too_long_for_a_button_is_left_to_be_typed() -> None:
    acts = (Act("Long", "x" * 2001), Act("Longest", "y" * 2000))
    table = Table(("WHO",), (Row(("ana",), acts),))
    for made in messages(Answer(lines=(Line("Well"),), table=table, acts=acts), RENDERER):
        check_message(made["blocks"])
        said = list(texts(made["blocks"]))
        assert "Long" not in said
        assert said.count("Longest") == 2


def test_what_does_not_fit_is_said() -> None:
    lines = tuple(Line(f"{number} " + "x" * 1400) for number in range(40))
    made = messages(Answer(lines=lines), RENDERER)
    assert len(made) == MESSAGES_MAX
    assert made[-1] == {"text": LEFT_OUT}


def test_a_card_is_a_message_of_its_own_with_its_buttons() -> None:
    from bot.core.card import card

    shown = card(a_request(), NOON + timedelta(minutes=1), "https://assent.test/requests/x")
    said, one, other = messages(Answer(lines=(Line("Two:"),), cards=(shown, shown)), RENDERER)
    assert said["text"] == "Two:"
    for made in (one, other):
        check_message(made["blocks"])
        assert any(block["type"] == "actions" for block in made["blocks"])
