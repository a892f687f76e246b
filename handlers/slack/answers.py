"""An Answer becomes messages: what fits is decided here; `templates/slack/answer.json.j2` arranges it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from bot.core.terms import Json
from handlers.commands import Act, Answer, Line, Row, Table, Tone
from handlers.commands.asked_for import ID
from handlers.fitting import clip
from handlers.render import Renderer
from handlers.slack.blocks import escaped, message
from handlers.slack.limits import HEADER_TEXT_MAX

MESSAGES_MAX = 5  # a response_url takes no more
PART_TEXT_MAX = 6000  # characters of one message; below `limits.MESSAGE_TEXT_MAX`, with room for the rest
PART_BLOCKS_MAX = 48  # of 50; a title is one, too
LINE_MAX = 1500  # characters
CELL_MAX, LAST_CELL_MAX = 32, 60  # characters of a table's cell; the last column holds reasons
ENTRY_MAX = 600  # characters of a row that is shown as an entry
MARKS = {Tone.GOOD: "✓ ", Tone.WARN: "⚠ ", Tone.BAD: "✗ ", Tone.PLAIN: "", Tone.QUIET: ""}
LABEL_MAX, CONFIRM_MAX, COMMAND_MAX = 30, 300, 2000  # of a button and its dialog
NAMELESS = "-"
LEFT_OUT = "There is more than fits here; ask for less, or look on the web."

Message = dict[str, Json]  # `text` and `blocks`, for one person's eyes


@dataclass(frozen=True, slots=True)
class Piece:
    """A block or two of an answer: `lines`, an aligned `grid`, an `entry` with its acts, or `acts`."""

    lines: tuple[Line, ...] = ()
    quiet: str = ""
    grid: str = ""
    entry: tuple[str, str] | None = None
    acts: tuple[Act, ...] = ()

    def size(self) -> int:
        """Return how many characters it takes, roughly."""
        said = sum(len(line.name) + len(line.text) + len(line.url) + 4 for line in self.lines)
        entry = sum(map(len, self.entry or ()))
        return said + len(self.quiet) + len(self.grid) + entry + sum(len(act.label) for act in self.acts)

    def blocks(self) -> int:
        """Return how many blocks it takes: several acts of an entry stand below it."""
        return 2 if self.entry and len(self.acts) > 1 else 1


def messages(answer: Answer, renderer: Renderer) -> list[Message]:
    """Return the messages that show an answer; the last says so when there is more."""
    pieces, acts = list(_pieces(answer)), [Piece(acts=_acts(answer.acts))] if answer.acts else []
    if not answer.cards:
        pieces, acts = [*pieces, *acts], []
    parts = list(_parts(pieces)) or ([[]] if answer.title else [])
    text = clip(answer.title or _first(answer), 300)
    made: list[Message] = []
    for number, part in enumerate(parts):
        title = clip(answer.title, HEADER_TEXT_MAX) if answer.title and number == 0 else None
        blocks = renderer.json("slack/answer.json.j2", title=title, pieces=part, marks=MARKS, opened=opened)
        made.append({"text": escaped(text), "blocks": blocks})
    for card in answer.cards:
        shown = message(card, renderer)
        made.append({"text": shown.text, "blocks": shown.blocks})
    for last in acts:  # below the card that they are about
        blocks = renderer.json("slack/answer.json.j2", title=None, pieces=[last], marks=MARKS, opened=opened)
        made.append({"text": escaped(text), "blocks": blocks})
    if len(made) > MESSAGES_MAX:
        made = [*made[: MESSAGES_MAX - 1], {"text": LEFT_OUT}]
    return made or [{"text": "Done."}]


def opened(act: Act) -> str:
    """Return the id of the request that an act shows, which opens in a window of its own; else nothing."""
    word, _, rest = act.command.partition(" ")
    return rest if word == "show" and ID.fullmatch(rest) else ""


def _first(answer: Answer) -> str:
    line = next((line for line in answer.lines if (line.text + line.name).strip()), Line("Done."))
    return " ".join(filter(str.strip, (line.name, line.text))) or "Done."


def _pieces(answer: Answer) -> Iterator[Piece]:
    """Yield an answer's pieces in order: each small enough for one message."""
    for quiet, run in groupby(answer.lines, key=lambda line: line.tone is Tone.QUIET and not line.url):
        for some in _portions([_short(line) for line in run]):
            said = "\n".join(" ".join(filter(None, (line.name, line.text))) for line in some)
            if quiet and said.strip():
                yield Piece(quiet=said)
            elif not quiet:
                yield Piece(lines=tuple(some))
    if answer.table is not None:
        yield from _rows(answer.table)


def _acts(acts: Sequence[Act]) -> tuple[Act, ...]:
    """Return what Slack takes of them: a command that is too long for a button can still be typed."""
    return tuple(
        replace(act, label=clip(act.label, LABEL_MAX), confirm=act.confirm and clip(act.confirm, CONFIRM_MAX))
        for act in acts
        if len(act.command) <= COMMAND_MAX
    )


def _portions(lines: Sequence[Line]) -> Iterator[list[Line]]:
    portion: list[Line] = []
    room = PART_TEXT_MAX // 2
    for line in lines:
        cost = len(line.name) + len(line.text) + len(line.url) + 4
        if portion and cost > room:
            yield portion
            portion, room = [], PART_TEXT_MAX // 2
        portion.append(line)
        room -= cost
    if portion:
        yield portion


def _short(line: Line) -> Line:
    return replace(line, text=clip(line.text, LINE_MAX), name=clip(line.name, 300))


def _rows(table: Table) -> Iterator[Piece]:
    if any(row.acts for row in table.rows):
        for row in table.rows:
            about = " · ".join(
                f"{title.lower()} {cell}".strip()
                for title, cell in zip(table.titles[1:], row.cells[1:], strict=True)
                if cell
            )
            entry = clip(row.cells[0].strip() or NAMELESS, ENTRY_MAX // 3), clip(about, ENTRY_MAX)
            yield Piece(entry=entry, acts=_acts(row.acts))
        return
    written = _aligned(table)
    portion: list[str] = []
    for line in written:
        if portion and sum(map(len, portion)) + len(line) > PART_TEXT_MAX // 2:
            yield Piece(grid="\n".join(portion))
            portion = []
        portion.append(line)
    yield Piece(grid="\n".join(portion))


def _aligned(table: Table) -> list[str]:
    """Return the rows as lines of one width for each column."""
    last = len(table.titles) - 1
    rows = [tuple(table.titles), *(_one_line(row, last) for row in table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(last)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip()
        for row in rows
    ]


def _one_line(row: Row, last: int) -> tuple[str, ...]:
    limits = [LAST_CELL_MAX if column == last else CELL_MAX for column in range(last + 1)]
    cells = (cell.replace("\n", "⏎").replace("\t", " ") for cell in row.cells)
    return tuple(clip(cell, limit) for cell, limit in zip(cells, limits, strict=True))


def _parts(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield the pieces of each message."""
    part: list[Piece] = []
    room = PART_TEXT_MAX
    for piece in pieces:
        if part and (
            piece.size() > room or sum(one.blocks() for one in part) + piece.blocks() > PART_BLOCKS_MAX
        ):
            yield part
            part, room = [], PART_TEXT_MAX
        part.append(piece)
        room -= piece.size()
    if part:
        yield part
