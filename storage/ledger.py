"""The audit log's end, held under its lock: entries get their sequence and their leaf here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from bot.core.log import Tree, commit, leaf_hash, seal
from bot.core.terms import ActorKind, Entry
from storage.batch import Batch, Question
from storage.statements import Write
from storage.tables import ENTRIES, HEAD, PRIVATE

CHANNEL = "assent_log"
VERSION = 1  # of an entry's members
NOTHING: dict[str, str] = {}
NAMES = frozenset({"person", "giver", "deputy"})  # private fields that name whose they are
PERSONAL = (ActorKind.PERSON, ActorKind.OPERATOR)  # whose name and account can be erased
END = Question("SELECT frontier FROM log_head", ())  # asked under the lock that the transaction began with
_MOVE = "UPDATE log_head SET size = ?, frontier = ?"
_MOVE_AND_TELL = "UPDATE log_head SET size = $1, frontier = $2 RETURNING pg_notify($3, '')"

Salt = Callable[[], bytes]


class Ledger:
    """The log as a transaction that holds its lock found it, and what is appended until its end."""

    def __init__(self, frontier: bytes, batch: Batch, salt: Salt) -> None:
        """Begin at the log's end, which nobody else moves before ours."""
        self._batch = batch
        self._salt = salt
        self._tree = Tree.from_bytes(frontier)
        self._entries: list[dict[str, Any]] = []
        self._private: list[dict[str, Any]] = []
        self.appended: list[Entry] = []

    @property
    def size(self) -> int:
        """How many entries the log has, with those not yet written."""
        return self._tree.size + len(self._entries)

    def append(self, entry: Entry) -> None:
        """Give an entry its place."""
        sequence = self.size
        body = seal(self._fields(entry, sequence))
        self.appended.append(entry)
        self._entries.append(
            {
                "sequence": sequence,
                "kind": entry.kind.value,
                "at": entry.at,
                "request_id": entry.request_id,
                "body": body,
                "leaf": leaf_hash(body),
            }
        )

    def write(self) -> None:
        """Put what was appended into the batch, and the log's new end."""
        if not self._entries:
            return
        self._tree = self._tree.extend(entry["leaf"] for entry in self._entries)
        self._batch.add(ENTRIES, self._entries)
        self._batch.add(PRIVATE, self._private)
        end = (self._tree.size, self._tree.to_bytes())
        if self._batch.dialect == "postgresql":
            # The notice goes out with the commit, once however many entries there are.
            self._batch.take(Write(HEAD.name, _MOVE_AND_TELL, (*end, CHANNEL)))
        else:
            self._batch.take(Write(HEAD.name, _MOVE, end))
        self._entries, self._private = [], []

    def _fields(self, entry: Entry, sequence: int) -> dict[str, Any]:
        by = entry.by
        who: dict[str, str] = {"kind": by.kind, "surface": by.surface, "proof": by.proof}
        if by.kind not in PERSONAL:
            who |= {"name": by.name, "account": by.account}
        fields = {
            "version": VERSION,
            "sequence": sequence,
            "at": _written(entry.at),
            "kind": entry.kind,
            "request_id": entry.request_id,
            "by": who,
            "agent": entry.agent,
            "action_digest": entry.action_digest,
            "shown_digest": entry.shown_digest,
            "policy_digest": entry.policy_digest,
            "decision": entry.decision,
            "facts": entry.facts and dict(entry.facts),
            "private": self._commitments(entry, sequence),
        }
        return {name: value for name, value in fields.items() if value is not None and value != NOTHING}

    def _commitments(self, entry: Entry, sequence: int) -> dict[str, str]:
        """Put the entry's private fields aside; return what the log keeps of them."""
        commitments = {}
        for field, value, person in _private(entry):
            salt = self._salt()
            commitments[field] = commit(salt, value)
            self._private.append(
                {
                    "sequence": sequence,
                    "field": f"private.{field}",  # the way to the commitment in the entry
                    "salt": salt,
                    "value": value.encode(),
                    "person": person,
                }
            )
        return commitments


def _private(entry: Entry) -> Iterator[tuple[str, str, str | None]]:
    """Yield each private field, its value, and whose it is."""
    by, for_whom = entry.by, entry.on_behalf_of
    actor = by.name if by.kind is ActorKind.PERSON else None
    for field, value in entry.private.items():
        yield field, value, value if field in NAMES else actor or for_whom
    if by.kind in PERSONAL:
        yield "by_name", by.name, by.name
        if by.account:
            yield "by_account", by.account, by.name
    if for_whom:
        yield "on_behalf_of", for_whom, for_whom


def _written(instant: datetime) -> str:
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return f"{utc.isoformat(timespec='microseconds')[:-6]}Z"
