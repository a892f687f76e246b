"""What an instance's webhook is told: that a request is resolved, and nothing of how; it asks for that."""

from __future__ import annotations

from uuid import UUID

from bot.core.canonical import canonical
from bot.core.terms import CallbackKind, Executor, Request
from bot.core.wire import instant
from bot.ports import Callback
from handlers.aap.mapping import digest_of, is_aap, uuid_of

RESOLVED = (CallbackKind.APPROVED, CallbackKind.DENIED, CallbackKind.EXPIRED, CallbackKind.CANCELLED)


def resolved(executor: Executor, callback: Callback, request: Request) -> tuple[str, bytes] | None:
    """Return the id and the body of the notification, None for what the protocol does not tell.

    That is: what happens after the decision, and a decision that the answer to the submission held already.
    """
    if callback.kind not in RESOLVED or request.decided_at == request.created_at or not is_aap(request):
        return None
    _, _, instance = executor.name.rpartition("/")
    # The same however often it is sent.
    message_id = str(UUID(digest_of([request.id, callback.sequence])[:32]))
    message = {
        "id": message_id,
        "type": "request.resolved",
        "instance_id": instance,
        "request_id": uuid_of(request),
        "created_at": instant(callback.at),
    }
    return message_id, canonical(message)
