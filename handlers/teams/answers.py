"""An Answer becomes Adaptive Cards: as many as it takes, each small enough for Teams."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace

import orjson

from bot.core.terms import Json
from handlers.commands import Act, Answer, File, Line, Row
from handlers.commands.glass import CODE_LENGTH, is_grave
from handlers.fitting import clip
from handlers.render import Renderer
from handlers.teams.cards import WORDS, Content, message
from handlers.teams.limits import ACTIONS_MAX, CARD_MAX

TITLE = "Assent"  # of an answer without one
LINE_MAX = 3000  # characters
CELL_MAX = 1000
PICTURE_MAX = 15 * 1024  # bytes of PNG; base64 makes a third more of them


def contents(answer: Answer, renderer: Renderer) -> list[Content]:
    """Return the cards that say an answer, in the order in which they are sent."""
    lines = [
        replace(line, text=clip(line.text, LINE_MAX), name=clip(line.name, CELL_MAX)) for line in answer.lines
    ]
    if answer.file is not None:
        lines.append(_about(answer.file))
    if answer.picture is not None and len(answer.picture.png) > PICTURE_MAX:
        lines.append(Line(answer.picture.alt))
    titles = answer.table.titles if answer.table else ()
    rows = [
        replace(row, cells=tuple(clip(cell, CELL_MAX) for cell in row.cells), acts=row.acts[:ACTIONS_MAX])
        for row in (answer.table.rows if answer.table else ())
    ]
    acts, told = answer.acts[:ACTIONS_MAX], []
    if answer.title or lines or rows or acts:
        told = _split(renderer, answer.title or TITLE, lines, titles, rows, acts)
    if answer.picture is not None and len(answer.picture.png) <= PICTURE_MAX:
        url = f"data:image/png;base64,{base64.b64encode(answer.picture.png).decode()}"
        told.append(_one(renderer, answer.title or TITLE, picture=url, alt=answer.picture.alt))
    return [*told, *(message(card, renderer).content for card in answer.cards)]


def _split(
    renderer: Renderer,
    title: str,
    lines: Sequence[Line],
    titles: Sequence[str],
    rows: Sequence[Row],
    acts: Sequence[Act],
) -> list[Content]:
    """Render it whole, or in halves until each part fits."""
    content = _one(renderer, title, lines=lines, titles=titles, rows=rows, acts=acts)
    if len(orjson.dumps(content)) <= CARD_MAX or len(lines) + len(rows) < 2:
        return [content]
    if rows and lines:
        parts = [(lines, []), ([], rows)]
    else:
        half = max(len(lines), len(rows)) // 2
        parts = [(lines[:half], rows[:half]), (lines[half:], rows[half:])]
    (first_lines, first_rows), (last_lines, last_rows) = parts
    return [
        *_split(renderer, title, first_lines, titles, first_rows, ()),
        *_split(renderer, f"{title} (continued)", last_lines, titles, last_rows, acts),
    ]


def _one(renderer: Renderer, title: str, **parts: Json) -> Content:
    lines: Sequence[Line] = parts.get("lines", ())
    values = {"lines": (), "rows": (), "titles": (), "acts": (), "picture": None, "alt": "", **parts}
    values |= {"is_grave": is_grave, "longest": 4 * CODE_LENGTH}
    links = [line for line in lines if line.url][:2]
    content: Content = renderer.json("teams/answer.json.j2", title=title, links=links, **values, **WORDS)
    return content


def _about(file: File) -> Line:
    # A bot may send a file only into a person's OneDrive, after a consent of their own: the web has it.
    return Line(
        f"{len(file.content):,} bytes as of now; you sign in there.",
        name=f"Download {file.name}",
        url=file.url,
    )
