"""What a clicker alone is told: an answer, a refusal, or that something broke."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import structlog
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.core.errors import NotReady, Refusal
from handlers.slack.answers import Message
from handlers.slack.desk import said
from handlers.slack.troubles import NO_ANSWER

BROKEN = "Something went wrong on our side; look at the card before you try again."

log = structlog.get_logger(__name__)


async def answer(work: Awaitable[Message | None]) -> Message | None:
    """Return what the clicker is to be told: the answer, the refusal, or nothing."""
    try:
        return await work
    except Refusal as refusal:
        return said(refusal)


async def refused(work: Awaitable[None]) -> Refusal | None:
    """Return why it was refused, if it was."""
    try:
        await work
    except Refusal as refusal:
        return refusal
    return None


async def telling(task: asyncio.Task[Refusal | None]) -> Message | None:
    """Return in words, once it is done, why it was refused."""
    refusal = await task
    return None if refusal is None else said(refusal)


async def logged(work: Awaitable[None]) -> None:
    """Do what nobody waits for."""
    try:
        await work
    except Exception:  # an outer loop: Slack was told already that it arrived
        log.exception("slack.listener_failed")


async def answers(work: Awaitable[list[Message]]) -> list[Message]:
    """Return what somebody is answered, or the refusal."""
    try:
        return await work
    except Refusal as refusal:
        return [said(refusal)]


async def whisper(task: asyncio.Task[Message | None], response_url: str) -> None:
    """Tell the clicker alone, once the work is done."""
    await asyncio.wait({task})
    if (broke := task.exception()) is not None:
        log.error("slack.listener_failed", exc_info=broke)
        await send(response_url, said(NotReady(BROKEN)))
    elif (message := task.result()) is not None:
        await send(response_url, message)


async def tell(task: asyncio.Task[list[Message]], response_url: str) -> None:
    """Send an answer, once it is there."""
    await asyncio.wait({task})
    if (broke := task.exception()) is not None:
        log.error("slack.listener_failed", exc_info=broke)
        await send(response_url, {"text": BROKEN})
        return
    await send_all(response_url, task.result())


async def send_all(response_url: str, messages: list[Message]) -> None:
    """Say several things to somebody alone, in order."""
    for message in messages:
        await send(response_url, message)


async def send(response_url: str, message: Message) -> None:
    """Say something to somebody alone; what Slack does not take is lost."""
    await _post(response_url, message, replace_original=False)


async def replace(response_url: str, message: Message) -> None:
    """Put this in the place of the message for one person in which they pressed something."""
    await _post(response_url, message, replace_original=True)


async def _post(response_url: str, message: Message, *, replace_original: bool) -> None:
    client = AsyncWebhookClient(response_url, timeout=10, retry_handlers=[])
    try:
        await client.send(
            text=message["text"],
            blocks=message.get("blocks"),
            response_type="ephemeral",
            replace_original=replace_original,
        )
    except NO_ANSWER as error:
        log.warning("slack.whisper_lost", error=type(error).__name__)
