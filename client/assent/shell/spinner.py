"""One line of a terminal that moves while something waits."""

from __future__ import annotations

import os
import shutil
import threading
import unicodedata
from typing import Protocol, TextIO

from assent.terms import Request

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_FRAMES = "-\\|/"  # where the terminal cannot write the others
ROOM_MIN = 20  # cells for whom it waits for
EVERY = 0.1  # seconds
HIDE, SHOW, CLEAR = "\033[?25l", "\033[?25h", "\r\033[K"


class Line(Protocol):
    """What the line says; asked anew for each frame."""

    request: Request
    coloured: bool

    def words(self) -> tuple[str, str]:
        """Return the bright part and the dim part."""
        ...


class Spinner:
    """Draws on a thread of its own, and leaves the line empty."""

    def __init__(self, line: Line, to: TextIO) -> None:
        self._line, self._to = line, to
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)
        utf8 = "utf" in (to.encoding or "").lower()
        self._frames, self._between = (FRAMES, " · ") if utf8 else (PLAIN_FRAMES, " - ")

    def __enter__(self) -> Spinner:
        self._to.write(HIDE)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._to.write(f"{CLEAR}{SHOW}")
        self._to.flush()

    def now(self, request: Request) -> None:
        """Take how the request stands now."""
        self._line.request = request

    def _draw(self) -> None:
        turn = 0
        while not self._stop.is_set():
            self._to.write(f"{CLEAR}{self._frame(self._frames[turn % len(self._frames)])}")
            self._to.flush()
            turn += 1
            self._stop.wait(EVERY)

    def _frame(self, mark: str) -> str:
        bright, dim = self._line.words()
        dim = dim.replace(" · ", self._between)
        room = self._width() - 3  # a full line would wrap, and could not be drawn over
        if len(dim) + ROOM_MIN > room:
            dim = ""
        bright = fitted(bright, room - len(dim) - 2)
        if not self._line.coloured:
            return f"{mark} {bright}  {dim}"
        return f"\033[36m{mark}\033[0m {bright}  \033[2m{dim}\033[0m"

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._to.fileno()).columns or 80
        except (OSError, ValueError):
            return shutil.get_terminal_size().columns


def fitted(text: str, cells: int) -> str:
    """Cut a text to so many cells of a terminal; some characters take two."""
    used = 0
    for at, char in enumerate(text):
        used += 2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1
        if used > cells:
            return f"{text[: max(0, at - 1)]}…"
    return text
