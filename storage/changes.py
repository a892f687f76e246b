"""Making a group of changes durable: judge each in arrival order, then insert the winners in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.errors import Refusal, Stale
from bot.core.people import open_delegations
from bot.core.policy import parts
from bot.core.terms import Change, OutboxKind, PersonName, Request, RequestId, Send, State
from bot.ports import Committed
from storage.batch import Question
from storage.mail import Cards, Posting, card_questions, queue, queue_alerts
from storage.rows import document
from storage.standing import CALLBACKS_COUNTER, Rows, Standing, instant_of, questions, told_counter
from storage.tables import CALLBACKS, COUNTERS, REQUESTS, REVIEWS, USES, WAITS
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Prepared:
    """A change with its request's document, written before the lock is taken."""

    change: Change
    document: bytes


def prepare(change: Change) -> Prepared:
    """Do what needs no database."""
    return Prepared(change, b"" if change.after is None else document(change.after))


def asked(group: Sequence[Prepared]) -> list[Question]:
    """Return what is to be known of a group when it is applied."""
    changes = [one.change for one in group]
    return [*questions(changes), *card_questions(_renewed(changes))]


def _renewed(changes: Sequence[Change]) -> list[RequestId]:
    """Return the requests of which a card may wait or stand already."""
    return [
        change.after.id
        for change in changes
        if change.after is not None
        and change.expected is not None
        and any(send.kind is OutboxKind.SHOW for send in change.sends)
    ]


def apply_changes(
    held: Transaction, group: Sequence[Prepared], found: Sequence[Rows]
) -> list[Committed | Exception]:
    """Write those of the group that win, by what was found when it `asked`; tell each what came of it."""
    versions, keys, counters, shows, posted = found
    changes = [one.change for one in group]
    standing = Standing(held.connection, changes, versions, keys, counters)
    answers: list[Committed | Exception] = []
    winners: list[Prepared] = []
    for one in group:
        try:
            answer = standing.judge(one.change)
        except (Stale, Refusal) as loss:
            answers.append(loss)
            continue
        answers.append(answer)
        if not answer.replayed:
            winners.append(one)
    _write(held, winners, standing, Cards(shows, posted))
    return answers


def _write(held: Transaction, winners: Sequence[Prepared], standing: Standing, cards: Cards) -> None:
    _write_requests(held, winners)
    _write_reviews_and_waits(held, [one.change for one in winners])
    postings = [
        Posting(_about(one.change), send, is_new=one.change.expected is None, is_over=_is_over(one.change))
        for one in winners
        for send in one.change.sends
        if one.change.after is not None or send.kind is not OutboxKind.ALERT
    ]
    for one in winners:
        if one.change.after is None:  # a refusal can be had as often as one likes; its alarm cannot
            queue_alerts(
                held, _about(one.change), [s for s in one.change.sends if s.kind is OutboxKind.ALERT]
            )
    queue(held, postings + _write_callbacks(held, winners, standing), cards)
    uses = [
        {"rule": use.rule, "bucket": use.bucket, "at": instant_of(one.change)}
        for one in winners
        for use in one.change.uses
    ]
    held.batch.add(USES, uses)
    moved = standing.counters.items() - standing.before.items()
    held.batch.put(COUNTERS, [{"name": name, "value": value} for name, value in moved])
    for one in winners:
        for entry in one.change.entries:
            held.ledger.append(entry)


def _about(change: Change) -> str | None:
    """Return the request that the change's sends are about; a refusal has only its entry's."""
    return change.after.id if change.after else change.entries[0].request_id


def _is_over(change: Change) -> bool:
    return change.after is not None and change.after.state is not State.PENDING


def _write_requests(held: Transaction, winners: Sequence[Prepared]) -> None:
    new: list[dict[str, Any]] = []
    saved: list[dict[str, Any]] = []
    for one in winners:
        after = one.change.after
        if after is None:
            continue
        held.changed[after.id] = after
        if after.due_at is not None:
            held.will_tick(after.due_at)
        if one.change.expected is None:
            new.append(_new_row(after, one))
        else:
            saved.append(_saved_row(after, one))
    held.batch.add(REQUESTS, new)
    held.batch.save(REQUESTS, saved)  # `Standing` has compared the versions, under the lock


def _new_row(after: Request, one: Prepared) -> dict[str, Any]:
    key, body = one.change.idempotency or (None, None)
    return {
        "id": after.id,
        "version": after.version,
        "state": after.state.value,
        "agent": after.subject.agent,
        "created_at": after.created_at,
        "due_at": after.due_at,
        "expires_at": after.expires_at,
        "digest": after.digest,
        "grant_id": after.grant_id,
        "idempotency_key": key,
        "body_digest": body,
        "document": one.document,
    }


def _saved_row(after: Request, one: Prepared) -> dict[str, Any]:
    return {
        "id": after.id,
        "version": after.version,
        "state": after.state.value,
        "due_at": after.due_at,
        "expires_at": after.expires_at,
        "document": one.document,
    }


def _write_reviews_and_waits(held: Transaction, winners: Sequence[Change]) -> None:
    """Bring the search rows in line with the documents."""
    saved = [change.after.id for change in winners if change.after and change.expected is not None]
    held.batch.drop(WAITS, "DELETE FROM waits WHERE request_id IN ({keys})", saved)
    requests = [change.after for change in winners if change.after is not None]
    held.batch.skip(REVIEWS, [row for request in requests for row in _review_rows(request)])
    held.batch.add(WAITS, [row for request in requests for row in _wait_rows(request)])


def _review_rows(request: Request) -> list[dict[str, Any]]:
    return [
        {
            "request_id": request.id,
            "position": position,
            "person": review.person,
            "verdict": review.verdict.value,
            "stage": review.stage,
            "at": review.at,
        }
        for position, review in enumerate(request.reviews)
    ]


def _wait_rows(request: Request) -> list[dict[str, Any]]:
    if request.state is not State.PENDING:
        return []
    stages = request.plan.stages[request.stage_index : request.stage_index + 1]
    here = {stage.name for stage in stages}
    deputies = [f"person:{one.deputy}" for one in request.delegations if one.stage in here]
    parties = [one for lent in open_delegations(request) for one in (lent.giver, lent.deputy)]
    named = [*(one for stage in stages for one in stage.approvers), *request.added, *deputies]
    # Who is in all of `group:dba&leads` looks for each of the two.
    references = dict.fromkeys(part for one in named for part in sorted(parts(one)))
    references |= dict.fromkeys(party(name) for name in parties)
    return [
        {"request_id": request.id, "reference": one, "expires_at": request.expires_at} for one in references
    ]


def party(person: PersonName) -> str:
    """Return the reference by which a giver and a deputy find what they agreed on while it waits."""
    return f"delegation:{person}"


def _write_callbacks(held: Transaction, winners: Sequence[Prepared], standing: Standing) -> list[Posting]:
    """Number what executors are to be told; return what brings it to them."""
    rows: list[dict[str, Any]] = []
    tells: list[Posting] = []
    for one in winners:
        after, kind = one.change.after, one.change.callback
        if after is None or kind is None or after.plan.executor is None:
            continue
        executor, at = after.plan.executor, instant_of(one.change)
        number = standing.next_number(CALLBACKS_COUNTER)
        sequence = standing.next_number(told_counter(executor))
        rows.append(
            {
                "id": number,
                "executor": executor,
                "sequence": sequence,
                "kind": kind.value,
                "request_id": after.id,
                "at": at,
            }
        )
        tells.append(Posting(after.id, Send(OutboxKind.TELL, f"executor:{executor}", at, kind.value), number))
    held.batch.add(CALLBACKS, rows)
    return tells
