"""Executors that send mail, and what is asked of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assent import Done, Executor, Receipt
from tests.client.world import Answer, Assent, until

MAIL = {"action": {"name": "mail.send", "parameters": {"to": "you@example.com", "password": "hunter2"}}}


async def asked_mail(server: Assent) -> Answer:
    """Ask for mail to be sent, and get it approved."""
    asked: Answer = await server.call(server.key, "POST", "/v1/requests", MAIL)
    await server.decide("approve")
    return asked


async def ended(server: Assent, asked: Answer) -> Answer:
    """Wait until the executor has reported; return the request."""

    async def reported() -> bool:
        return (await server.seen(asked))["outcome"] is not None

    await until(reported)
    return await server.seen(asked)


def mailer(server: Assent, key: str, folder: Path, **more: Any) -> tuple[Executor, list[Receipt]]:
    """Return an executor that keeps the receipts it ran."""
    executor, ran = Executor(server.url, key, journal=folder / "journal.db", **more), list[Receipt]()

    @executor.runs("mail.send")
    def send(receipt: Receipt) -> Done:
        ran.append(receipt)
        return Done("sent", b"250 OK")

    return executor, ran
