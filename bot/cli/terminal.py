"""What the commands say: results on standard output, words for people on standard error.

Text that agents or people wrote is shown literally: control and invisible characters as code points,
and nothing of it is markup.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.core.literal import visible

Step = Callable[[int, int], None]  # (done, of how many)


def literal(text: str) -> Text:
    """Return somebody else's words, inert."""
    return Text(visible(text)[0])


def _out() -> Console:
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def _words() -> Console:
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Terminal:
    """Standard output and standard error; colour only where both a terminal and NO_COLOR allow it."""

    out: Console = field(default_factory=_out)
    words: Console = field(default_factory=_words)

    def say(self, text: str, style: str = "") -> None:
        """Say something to the person at the keyboard."""
        self.words.print(Text(text, style=style))

    def good(self, text: str) -> None:
        """Say that it was done."""
        self.words.print(Text.assemble(("✓ ", "bold green"), text))

    def warn(self, text: str) -> None:
        """Say what deserves a look."""
        self.words.print(Text.assemble(("! ", "bold yellow"), text))

    def bad(self, text: str) -> None:
        """Say why it was not done."""
        self.words.print(Text.assemble(("✗ ", "bold red"), text))

    def result(self, line: str) -> None:
        """Write one line of result, for a pipe as for a person."""
        self.out.file.write(f"{line}\n")
        self.out.file.flush()

    def finding(self, mark: str, style: str, what: str, todo: str) -> None:
        """Write one line of a check-up, and below it what to do about it."""
        self.out.print(Text.assemble((f"{mark} ", style), literal(what)))
        if todo:
            self.out.print(Text.assemble("  → ", literal(todo), style="dim"))

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
        """Show rows: a table to a person, lines of tab-separated fields to a pipe."""
        if not rows:
            self.say(empty, "dim")
        elif self.out.is_terminal:
            table = Table(*titles, box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
            for row in rows:
                table.add_row(*(literal(_one_line(cell)) for cell in row))
            self.out.print(table, soft_wrap=False)
        else:
            for row in (titles, *rows):
                self.result("\t".join(visible(_one_line(cell))[0] for cell in row))

    @contextmanager
    def progress(self, title: str) -> Iterator[Step]:
        """Show how far something long has come; nothing where there is no terminal."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(
            *columns, console=self.words, transient=True, disable=not self.words.is_terminal
        ) as bar:
            task = bar.add_task(title, total=None)

            def step(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            yield step


def _one_line(text: str) -> str:
    return text.replace("\n", "⏎").replace("\t", " ")


def day(at: datetime) -> str:
    """Write an instant for a table."""
    return f"{at:%Y-%m-%d %H:%M}Z"
