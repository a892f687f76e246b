"""What the demo shows on the terminal: a welcome, a line for each thing that happens, and the end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from bot.core.action import code
from bot.core.literal import visible
from bot.core.log import Verified
from bot.core.terms import Request, State, Verdict
from bot.demo.asking import SAMPLES
from bot.demo.cast import Cast
from bot.demo.ground import EXAMPLES, Ground
from bot.demo.watching import Happening

ROOT = EXAMPLES.parent
MARGIN = 12  # columns before what does not fit beside its title
OWN_ASK = {
    "action": {
        "name": "db.migrate",
        "parameters": {"env": "staging", "sql": "DELETE FROM orders WHERE id = 3", "rows": 1},
    },
    "justification": "I am trying Assent",
}
STYLES = {
    State.SUCCEEDED: "green",
    State.PENDING: "yellow",
    State.APPROVED: "yellow",
    State.RELEASED: "yellow",
    State.CANCELLED: "dim",
}


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Guide:
    """Speaks to the visitor; calm, and without control characters where there is no terminal."""

    console: Console = field(default_factory=_console)

    def welcome(self, ground: Ground, cast: Cast, people: Sequence[str]) -> None:
        """Say where everything is and what can be done."""
        self._line(("\n  Assent", "bold cyan"), "  people approve what AI agents may do\n")
        self._fact("Inbox", (ground.url, "bold underline"), f"  pick who you are: {', '.join(people)}")
        self._fact("Folder", str(ground.folder), "  policy (edit it!), shop.db, logs: all fresh, all yours")
        self._fact("Stop", "Ctrl-C", "  says what happened and verifies the audit log")
        self._line("\n  A sample agent asks for five real actions:")
        for number, sample in enumerate(SAMPLES, 1):
            self._line(
                (f"    {number}  ", "dim"), f"{sample.body['action']['name']:<13}", (sample.shows, "dim")
            )
        self._line("\n  Ask for one of your own, from another terminal:\n")
        self._line((self.curl(ground, cast), "cyan"))
        self._line("\n  What happens, as the audit log has it:\n")

    def curl(self, ground: Ground, cast: Cast) -> str:
        """Return the line with which the visitor asks; it works when pasted."""
        parts = (
            *("curl", "-s", "-w", r"\n", f"{ground.url}/v1/requests"),
            *("-H", f"Authorization: Bearer {cast.visitor_key}"),
            *("-H", "Content-Type: application/json"),
            *("-d", orjson.dumps(OWN_ASK).decode()),
        )
        return shlex.join(parts)

    def happened(self, happening: Happening) -> None:
        """Show one line."""
        told = happening.told
        at = happening.at.astimezone().strftime("%H:%M:%S")
        line = Text.assemble(
            (f"  {at}  ", "dim"),
            (f"{told.word:<10}", told.style),
            (f"{happening.code:<9}", "dim"),
            f"{happening.title:<24}  " if happening.title else "",
        )
        more = Text(_one_line(told.more), "dim")
        if self.console.is_terminal and line.cell_len + more.cell_len > self.console.width:
            self._cut(line)  # what it is about, and below it what happened: both are wanted whole
            line = Text(" " * MARGIN)
        self._cut(line.append_text(more))

    def rest(self) -> None:
        """Say that nothing waits any more."""
        self._line(("\n  All five are decided. Ask for something yourself, or press Ctrl-C.\n", "dim"))

    def trouble(self, text: str) -> None:
        """Say what went wrong."""
        self._line(("  ✗ ", "bold red"), text)

    def farewell(self, requests: Sequence[Request], held: Verified, ground: Ground) -> None:
        """Say what happened, and that the log holds."""
        self._line(("\n\n  What happened\n", "bold"))
        self._rows([_row(request) for request in reversed(requests)])
        count = f"{held.size} entries, {held.checkpoints} signed checkpoints"
        self._line(("\n  ✓ ", "bold green"), f"The audit log verifies: {count}, none changed or missing.")
        self._line((f"    root {held.root.hex()}", "dim"))
        self._line(
            (f"    newest checkpoint, kept apart: {ground.folder / 'checkpoints' / 'latest.note'}", "dim")
        )

    def proof(self, file: Path, key: str, about: str) -> None:
        """Say how anybody can check the proof that was written."""
        self._line(("  ✓ ", "bold green"), f"A proof of {about} is in {file}; anybody can check it:\n")
        script = (ROOT / "client" / "assent" / "proof.py").relative_to(ROOT)
        self._line(
            (f"    {shlex.join(['.venv/bin/python', str(script), str(file), '--key', key])}\n", "cyan")
        )

    def _rows(self, rows: Sequence[tuple[Text, ...]]) -> None:
        """Show rows in columns; on a terminal that is too narrow the last one is cut."""
        widths = [max(cell_len(cell.plain) for cell in column) for column in zip(*rows, strict=True)]
        for row in rows:
            line = Text("  ")
            for cell, width in zip(row, widths, strict=True):
                line.append_text(cell).append(" " * (width - cell_len(cell.plain) + 2))
            self._cut(line)

    def _fact(self, name: str, value: tuple[str, str] | str, more: str) -> None:
        self._line((f"  {name:<8}", "dim"), value, (more, "dim"))

    def _line(self, *parts: tuple[str, str] | str) -> None:
        self.console.print(Text.assemble(*parts))

    def _cut(self, line: Text) -> None:
        """Show one line; a terminal gets as much of it as fits, a file all."""
        line.rstrip()
        if self.console.is_terminal:
            self.console.print(line, soft_wrap=False, no_wrap=True, overflow="ellipsis")
        else:
            self.console.print(line)


def _row(request: Request) -> tuple[Text, ...]:
    people = ", ".join(dict.fromkeys(f"{r.person} ({r.verdict.value})" for r in request.reviews))
    return (
        Text(code(request.digest), "dim"),
        Text(request.state.value, STYLES.get(request.state, "red")),
        Text(request.plan.title),
        Text(request.subject.agent),
        Text(people or "-"),
        Text(_one_line(_note(request) or ""), "dim"),
    )


def _note(request: Request) -> str | None:
    """Return how it ended, in the words of whoever ended it."""
    if request.outcome is not None:
        return request.outcome.note
    if request.state is not State.DENIED:
        return None
    denials = [review.reason for review in request.reviews if review.verdict is Verdict.DENY]
    return denials[-1] if denials else request.plan.reason


def _one_line(text: str) -> str:
    """Return somebody else's words on one line, with nothing hidden in them."""
    return visible(text.replace("\n", " "))[0]
