"""Whatever a template prints is inert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from handlers.render import Renderer, duration

EVIL = '</pre><script>alert("1")</script>", "type": "{{ 7*7 }} \\'


def templates(folder: Path, **files: str) -> Renderer:
    for name, text in files.items():
        (folder / name).write_text(text)
    return Renderer(folder)


def test_html_is_escaped(tmp_path: Path) -> None:
    shown = templates(tmp_path, page="<p title='{{ x }}'>{{ x }}</p>").html("page", x=EVIL)

    assert "<script" not in shown
    assert '"' not in shown
    assert "{{ 7*7 }}" in shown


@pytest.mark.parametrize("text", ['{"text": {{ x }}}', '{"text": {{ x | json }}}'])
def test_a_value_in_a_json_template_cannot_break_out(tmp_path: Path, text: str) -> None:
    assert templates(tmp_path, card=text).json("card", x=EVIL) == {"text": EVIL}


def test_a_macros_result_is_json_already(tmp_path: Path) -> None:
    text = (
        '{% macro plain(t) %}{"type": "plain_text", "text": {{ t }}}{% endmacro %}[{{ plain(x) }}, {{ n }}]'
    )

    assert templates(tmp_path, card=text).json("card", x=EVIL, n=5) == [
        {"type": "plain_text", "text": EVIL},
        5,
    ]


def test_a_missing_value_is_an_error_not_an_empty_place(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError):
        templates(tmp_path, page="{{ nobody }}").html("page")


def test_instants_are_utc(tmp_path: Path) -> None:
    at = datetime(2026, 10, 5, 12, 5, tzinfo=UTC)
    shown = templates(tmp_path, page="{{ at | instant }}|{{ at | iso }}|{{ at | clock }}|{{ at | day }}")

    assert (
        shown.html("page", at=at)
        == "2026-10-05 12:05:00 UTC|2026-10-05T12:05:00Z|12:05|Monday 5 October 2026"
    )


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=61), "1 min 1 s"),
        (timedelta(hours=1, minutes=30, seconds=5), "1 h 30 min"),
        (timedelta(days=2), "2 d"),
    ],
)
def test_durations_show_their_two_largest_units(length: timedelta, text: str) -> None:
    assert duration(length) == text
