"""Ctrl-C and its kin: while we wait they interrupt; from redemption on they belong to the command."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Interrupted(BaseException):
    """A signal asked us to stop waiting."""


class Signals:
    """Decides what a signal means right now."""

    def __init__(self) -> None:
        self._deaf = False
        self._forward: Callable[[int], None] | None = None
        self.held: int | None = None  # one that came when nobody could take it

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Take the signals for as long as the block runs."""
        before = {number: signal.signal(number, self._take) for number in FORWARDED}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def hold(self) -> None:
        """From here on nothing is interrupted: leave to run is being taken."""
        self._deaf = True

    def forward(self, to: Callable[[int], None]) -> None:
        """Hand signals to the command from here on, and the one that was held."""
        self._forward = to
        if self.held is not None:
            to(self.held)

    def release(self) -> None:
        """Interrupt us again: the command has ended."""
        self._forward, self._deaf = None, False

    def _take(self, number: int, _: FrameType | None) -> None:
        if self._forward is not None:
            self._forward(number)
        elif self._deaf:
            self.held = number
        else:
            raise Interrupted
