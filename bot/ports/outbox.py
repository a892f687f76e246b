"""What waits to be sent, and what stands where."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.terms import (
    Digest,
    Entry,
    ExecutorName,
    Request,
    RequestId,
    Send,
)
from bot.ports.records import Callback, Claimed, Conversation, Crowd, Letter, Posted, Stand

ROUNDUP_MAX = 30  # lines of a roundup: a message that people still read, and that every surface takes


EACH_MAX = 16  # sends under way to one address: one that never answers must leave places for the others


class Outbox(Protocol):
    """What waits to be sent."""

    async def next_send(self, full: Collection[str] = ()) -> datetime | None:
        """Return the earliest instant at which a row is due whose address is not `full`."""
        ...

    async def claim(
        self,
        now: datetime,
        limit: int,
        lease: timedelta,
        under_way: Mapping[str, int],
        full: Collection[str],
    ) -> list[Claimed]:
        """Take rows that are due and not under a live lease, approvals first.

        `under_way` counts what this process is sending, by address; nobody gets more than `EACH_MAX` at once.
        An address that is `full` takes nothing new: only cards that stand there are brought up to date.
        """
        ...

    async def finish(self, claimed: Claimed, entry: Entry | None, posted: Posted | None = None) -> None:
        """Mark it sent, with its audit entry and what stands now; a lost lease changes nothing."""
        ...

    async def postpone(
        self, claimed: Claimed, due_at: datetime, problem: str, alerts: Sequence[Send] = ()
    ) -> None:
        """Let it wait after an attempt; an alert that was queued within the hour is not queued again."""
        ...

    async def put_back(self, claimed: Claimed, due_at: datetime) -> None:
        """Let it wait untried: this was no attempt."""
        ...

    async def hand_on(self, claimed: Claimed, sends: Sequence[Send]) -> None:
        """Put others in its place."""
        ...

    async def bury(self, claimed: Claimed, problem: str, entry: Entry, alerts: Sequence[Send]) -> None:
        """Make it a dead letter; an alert that was queued within the hour is not queued again."""
        ...

    async def letters(self, limit: int) -> list[Letter]: ...
    async def letter(self, letter_id: int) -> Letter:
        """Return one dead letter; raises `Unknown`."""
        ...

    async def redeliver(self, letter_id: int, now: datetime, entry: Entry) -> None:
        """Queue a dead letter again; raises `Unknown`."""
        ...

    async def posted(self, request_id: RequestId) -> list[Posted]: ...
    async def shown_at(self, place: str, message: str) -> list[Posted]:
        """Return for which requests a message stands or stood; none for one that is not ours.

        Several for a card that was handed on.
        """
        ...

    async def callback(self, callback_id: int) -> Callback: ...

    async def executions(
        self, executor: ExecutorName, after: int, limit: int, about: RequestId | None = None
    ) -> list[Callback]:
        """Return the executor's callbacks beyond `after`, in sequence; those `about` one request, or all."""
        ...


class Stands(Protocol):
    """Which request is shown where, and how: decided once, before anything is sent."""

    async def stand(self, request_id: RequestId, address: str) -> Stand | None:
        """Return how a request is shown at an address; None while that is not decided."""
        ...

    async def seat(self, claimed: Claimed, crowd: Crowd, now: datetime) -> Stand:
        """Decide how a request is shown that waits behind none: by its own card, in a crowd by a roundup.

        `ALIKE` if its message is another's: that of the `leader`, which is to be shown instead.
        """
        ...

    async def follow(self, claimed: Claimed, leader: RequestId, now: datetime) -> None:
        """Have the claimed row's request wait behind an identical one, whose card is shown anew instead."""
        ...

    async def hand_over(self, claimed: Claimed, heir: RequestId, now: datetime) -> bool:
        """Give a card to the next identical request, which is then shown; False if that has one already."""
        ...

    async def free(self, claimed: Claimed, heir: RequestId, now: datetime) -> None:
        """Let the next identical request be shown by itself, once; the claimed row stays claimed."""
        ...

    async def pass_on(self, claimed: Claimed, to: RequestId, now: datetime) -> None:
        """Show another at the address in the place of the claimed row's request."""
        ...

    async def put_stamp(self, leader: RequestId, address: str, stamp: str) -> None:
        """Remember what a message shows beside its leader."""
        ...

    async def lines(self, leader: RequestId, address: str) -> list[Request]:
        """Return the requests of a roundup as they stand, in the order in which they came."""
        ...

    async def alike(self, digest: Digest, limit: int) -> list[Request]:
        """Return the pending requests of this digest, oldest first."""
        ...

    async def count_alike(self, digests: Sequence[Digest]) -> Mapping[Digest, int]:
        """Return how many pending requests there are of each digest; none of those of which there is none."""
        ...


class Conversations(Protocol):
    """Chats, and what was posted to them where no search tells."""

    async def conversations(self, kind: str = "", limit: int = 10_000) -> list[Conversation]:
        """Return those of a kind, or all; the one heard of last first."""
        ...

    async def conversation(self, id: str) -> Conversation | None: ...
    async def conversation_of(self, account: str) -> Conversation | None:
        """Return somebody's personal chat, the newest if there are several."""
        ...

    async def put_conversation(self, conversation: Conversation, entry: Entry) -> None:
        """Remember or replace one; `entry` is appended when it is new."""
        ...

    async def drop_conversation(self, id: str, entry: Entry) -> None: ...
    async def begin_posting(self, request_id: RequestId, place: str, now: datetime) -> bool:
        """Note that a card is about to be sent; False when it is not known what became of the last one."""
        ...

    async def end_posting(self, request_id: RequestId, place: str, message: str | None) -> None:
        """Note under which id the card stands; None when it surely was not posted."""
        ...

    async def posting(self, request_id: RequestId, place: str) -> str | None:
        """Return the id of the card that was posted there last."""
        ...
