"""One run of the bench: its folder, its databases, its terminal."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench import postgres
from bench.figures import Figure, plain
from bench.scale import Scale


class Run:
    """What every part of the bench needs. Words go to standard error, figures to standard output."""

    def __init__(self, scale: Scale, folder: Path | None) -> None:
        """Nothing is started before it is entered."""
        self.scale = scale
        self.words = Console(stderr=True, highlight=False)
        self.out = Console(highlight=False, soft_wrap=True)
        self._parent = folder
        self._stack = ExitStack()
        self._server: postgres.Postgres | None = None
        self._folders = 0

    def __enter__(self) -> Self:
        """Make the run's folder."""
        parent = self._parent
        self._base = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="assent-bench-", dir=parent))
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what was started, and remove the folder."""
        self._stack.close()

    def fresh(self, name: str) -> Path:
        """Return the path of a folder that is not there yet."""
        self._folders += 1
        return self._base / f"{self._folders}-{name.replace(' ', '-')}"

    def sqlite(self, name: str) -> str:
        """Return the URL of a database file that is not there yet."""
        return f"sqlite:///{self.fresh(name)}.db"

    def postgres(self) -> str:
        """Return the URL of an empty database; the first one starts the server."""
        if self._server is None:
            self._server = self._stack.enter_context(postgres.running())
        return self._server.fresh()

    def log(self, name: str) -> Path:
        """Return where a process writes what nobody reads unless it fails."""
        return self._base / f"{name.replace(' ', '-')}.log"

    def say(self, text: str) -> None:
        """Tell the reader of this run something that does not travel."""
        self.words.print(Text(f"  {text}", style="dim"))

    def show(self, figure: Figure) -> None:
        """Print one figure with its goal and its mark."""
        mark, style = ("✓", "bold green") if figure.met else ("✗", "bold red")
        value = f"{plain(figure.value)}{figure.unit}"
        goal = f"{figure.bound.value} {plain(figure.goal)}{figure.unit}"
        line = Text.assemble(
            (f"{mark} ", style), f"{figure.name:62}", (f"{value:>12}", style), f"  {goal:12}"
        )
        if figure.told:
            line.append(f"  {figure.told}", style="dim")
        self.out.print(line)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[..., None]]:
        """Show how far something long has come; on no terminal only that it began."""
        if not self.words.is_terminal:
            self.say(f"{title} …")
            yield lambda _done=1: None
            return
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.words, transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done=1: bar.advance(task, done)
