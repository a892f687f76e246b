"""The ways out: surfaces, executors, checkpoints kept apart, keys; and how a send can fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bot.core.card import Card, RoundupLine
from bot.core.terms import (
    Executor,
    PersonName,
    Request,
    RequestId,
)
from bot.ports.records import Callback, Checkpoint, Posted


class Later(Exception):
    """Not now: try again `after` this long."""

    def __init__(self, after: timedelta, problem: str = "") -> None:
        super().__init__(problem or f"again after {after}")
        self.after = after


class Turn(Later):
    """It is to wait for its turn: nothing was tried, for so the surface keeps its pace."""


class Full(Turn):
    """The address takes nothing new before then; what stands there can still be changed."""


class Shut(Later):
    """The whole surface is closed to us, until somebody does what the text says."""


class Never(Exception):
    """It will never work as it stands; the text says why."""


class Missing(Never):
    """The card that should be there is not: somebody deleted it."""


class Unsure(Exception):
    """It was sent, and nobody knows whether it arrived."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a surface puts a card: its own id of a channel, a chat or a person."""

    surface: str
    id: str


class Notifier(Protocol):
    """One surface's outgoing half. Each verb raises only `Later`, `Never` or `Unsure`."""

    async def find(self, address: str, person: PersonName | None) -> Place:
        """Return the place behind an address: a person's own chat, or without `person` a shared one."""
        ...

    async def post(self, card: Card, place: Place) -> Posted:
        """Post a card; after `Unsure`, whether it stands there is for `seek` to say."""
        ...

    async def seek(self, request_id: RequestId, place: Place) -> Posted | None:
        """Return our card of that request if it stands there already, posted before a crash or a timeout."""
        ...

    async def update(self, card: Card, posted: Posted) -> Posted:
        """Bring a card up to date; raises `Missing` when somebody deleted it."""
        ...

    async def round_up(
        self, lines: Sequence[RoundupLine], leader: RequestId, place: Place, posted: Posted | None
    ) -> Posted:
        """Post a roundup, or bring the one that stands (`posted`) up to date: one message for many requests.

        Where more than so many cards a minute would crowd a place, further requests are lines of it: title,
        status, agent, code, deadline, and how many identical ones wait behind it. A line that `waits` has a
        button *Open* that carries the request's id and digest; it shows who presses it, alone and authorised
        as of then, that request's card with its buttons. There is no button that decides several. The message
        is kept, found by `seek`, and returned under the request `leader`, whose version counts for nothing;
        every text on it is shown literally. At most `ROUNDUP_MAX` lines, of which some may be decided.
        """
        ...

    async def reply(self, text: str, posted: Posted) -> None:
        """Add a line to a card's thread."""
        ...

    async def tell(self, text: str, place: Place) -> None:
        """Say a line by itself."""
        ...


class Caller(Protocol):
    """Sends a signed callback. Raises only `Later`, `Never`, `Unsure`, and `Gone` for a 410."""

    async def call(self, executor: Executor, callback: Callback, request: Request, grant: str | None) -> None:
        """Tell an executor of a request once; a return means that it took it."""
        ...


class Gone(Exception):
    """The receiver says that it wants no more callbacks."""


class Checkpoints(Protocol):
    """Where signed checkpoints are kept outside the database."""

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write the note beside its predecessors, durably; raises `OSError`."""
        ...

    def newest(self) -> str | None:
        """Return the note with the largest size, or None when there is none yet."""
        ...


@dataclass(slots=True)
class LogTrust:
    """Whether the log still matches its last signed checkpoint; `problem` says what is wrong with it."""

    problem: str | None = None


class Signer(Protocol):
    """The server's keys: grants and checkpoints are signed by it, secrets sealed by it, never handed out."""

    def grant(self, request: Request) -> str:
        """Return the request's grant as a compact JWS; the same request gives the same token."""
        ...

    def jwks(self) -> dict[str, object]: ...
    def checkpoint(self, size: int, root: bytes) -> str:
        """Return a signed note over the log's first `size` entries."""
        ...

    def commitment(self, value: bytes) -> str:
        """Return the keyed commitment of a redacted value, lowercase hex."""
        ...

    def webhook_keys(self) -> tuple[str, ...]:
        """Return the public keys of `attest`, newest first, as `whpk_…`."""
        ...

    def attest(self, content: bytes) -> tuple[bytes, ...]:
        """Return the Ed25519 signatures that a callback carries beside its executor's own."""
        ...

    def verifier_keys(self) -> tuple[str, ...]:
        """Return the verifier keys of our checkpoints, newest first, as `name+id+base64`."""
        ...

    def seal(self, secret: bytes) -> bytes: ...
    def unseal(self, sealed: bytes) -> bytes:
        """Raises `ValueError` for what was sealed with other keys."""
        ...
