"""Taking things that were sent out of the outbox, a group at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.terms import Entry
from bot.ports import Claimed, Posted
from storage.statements import drop, find, put
from storage.tables import OUTBOX, POSTED
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Finish:
    """A claimed row that was sent, its audit entry, and what stands now."""

    claimed: Claimed
    entry: Entry | None
    posted: Posted | None


def finish_all(held: Transaction, group: Sequence[Finish]) -> None:
    """Mark a group sent; one whose lease was lost changes nothing."""
    ours = let_go(held, [one.claimed for one in group])
    standing: dict[tuple[str, str], dict[str, Any]] = {}
    for one in group:
        if one.claimed.id not in ours:
            continue
        ours.remove(one.claimed.id)  # finished twice is finished once
        if one.posted is not None:
            standing[one.posted.request_id, one.posted.address] = posted_row(one.posted)
        if one.entry is not None:
            held.ledger.append(one.entry)
    put(held.connection, POSTED, list(standing.values()))
    if standing:  # what was queued while the first card was on its way up is a change of it by now
        requests, addresses = zip(*standing, strict=True)
        renew = "UPDATE outbox SET rank = 0 WHERE kind = 'show' AND (request_id, address) IN ({keys})"
        drop(held.connection, OUTBOX, renew, requests, addresses)


def let_go(held: Transaction, claims: Sequence[Claimed]) -> set[int]:
    """Remove the claimed rows whose lease was not lost; return their ids."""
    rows = find(
        held.connection,
        "SELECT id FROM outbox WHERE (id, token) IN ({keys})",
        [claimed.id for claimed in claims],
        [claimed.token for claimed in claims],
    )
    ours = {row_id for (row_id,) in rows}
    if ours:
        drop(held.connection, OUTBOX, "DELETE FROM outbox WHERE id IN ({keys})", list(ours))
    return ours


def posted_row(posted: Posted) -> dict[str, Any]:
    """Return the row of what stands somewhere."""
    return {
        "request_id": posted.request_id,
        "address": posted.address,
        "place": posted.place,
        "message": posted.message,
        "version": posted.version,
    }
