"""Callbacks to executors: Standard Webhooks, signed when they are sent, at least once."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    InvalidURL,
)
from yarl import URL

from bot.core import signing, wire
from bot.core.address import callback_address
from bot.core.canonical import canonical
from bot.core.errors import Malformed
from bot.core.terms import Executor, Request
from bot.ports import Callback, Clock, Gone, Later, Never, Signer
from handlers.executor.egress import Inside

ANSWER_MAX = 16 * 1024  # bytes; nobody reads the answer, but a short one leaves the connection usable
ANSWER_WITHIN = 1  # second
RETRY_AFTER_MAX = timedelta(hours=24)  # as long as a callback is tried
BY_THE_TABLE = timedelta(0)  # the receiver named no time: the outbox's own delays hold


Letter = tuple[str, bytes]  # the message's id, the same however often it is sent, and its body
InstanceLetter = Callable[[Executor, Callback, Request], Letter | None]


@dataclass(frozen=True, slots=True)
class Callbacks:
    """A `Caller` over one session of `egress.session`."""

    session: ClientSession
    signer: Signer
    clock: Clock
    public_url: str
    instance: InstanceLetter  # how an agent's instance is written to

    async def call(self, executor: Executor, callback: Callback, request: Request, grant: str | None) -> None:
        """Tell an executor of its request; returns when it answers 2xx.

        Raises `Gone` on 410, `Never` for what no retry mends, else `Later`: what may have arrived is sent
        again, under the same id.
        """
        url = _address(executor)
        letter = self._letter(executor, callback, request, grant)
        if letter is None:
            return
        body = letter[1]
        headers = self._headers(executor, *letter)
        try:
            async with self.session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                self._judge(response)
                await _finish(response)
        except InvalidURL:
            raise Never("its address is not a URL") from None
        except ClientConnectorError as error:
            if isinstance(error.os_error, Inside):
                raise Never(str(error.os_error)) from None
            raise Later(BY_THE_TABLE, f"no connection: {error.os_error}") from error
        except TimeoutError as error:
            raise Later(BY_THE_TABLE, "no answer in time") from error
        except (ClientError, OSError, ValueError) as error:
            # The text of these may hold what the receiver sent.
            raise Later(BY_THE_TABLE, f"no proper answer: {type(error).__name__}") from error

    def _letter(
        self, executor: Executor, callback: Callback, request: Request, grant: str | None
    ) -> Letter | None:
        if executor.instance is not None:
            return self.instance(executor, callback, request)
        told = wire.callback(callback.kind, callback.sequence, callback.at, request, grant, self.public_url)
        return f"msg_{callback.request_id}_{callback.sequence}", canonical(told)

    def _headers(self, executor: Executor, message_id: str, body: bytes) -> dict[str, str]:
        at = self.clock.now()
        attested = self.signer.attest(signing.content(message_id, at, body))
        try:
            secrets = [self.signer.unseal(sealed).decode() for sealed in executor.secrets]
            signed = signing.sign(message_id, at, body, secrets, attested)
        except ValueError as error:
            raise Never(f"it cannot be signed: {error}") from error
        return {"Content-Type": "application/json", **signed}

    def _judge(self, response: ClientResponse) -> None:
        """Raise unless the receiver took it. A redirect is not followed: only an admin moves an address."""
        if 200 <= response.status < 300:
            return
        if response.status == 410:
            raise Gone("the address answered 410")
        after = BY_THE_TABLE
        if response.status in (429, 503):
            after = _retry_after(response.headers.get("Retry-After", ""), self.clock.now())
        raise Later(after, f"the address answered {response.status}")


def _address(executor: Executor) -> URL:
    """Read a registered address again: a row may be older than the rule."""
    try:
        return URL(callback_address(executor.url or ""))
    except Malformed as refusal:
        raise Never(refusal.detail) from None
    except ValueError:
        raise Never("its address is not a URL") from None


def _retry_after(text: str, now: datetime) -> timedelta:
    """Read Retry-After, seconds or a date; what it cannot be read as is no wish at all."""
    if re.fullmatch("[0-9]{1,9}", text):
        wished = timedelta(seconds=int(text))
    else:
        try:
            at = parsedate_to_datetime(text)
            wished = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
        except (TypeError, ValueError, OverflowError):
            return BY_THE_TABLE
    return min(max(wished, BY_THE_TABLE), RETRY_AFTER_MAX)


async def _finish(response: ClientResponse) -> None:
    """Read a short answer to its end; a long or slow one costs its connection, and changes nothing."""
    with suppress(ClientError, OSError, ValueError):
        async with asyncio.timeout(ANSWER_WITHIN):
            read = 0
            async for chunk in response.content.iter_any():
                read += len(chunk)
                if read > ANSWER_MAX:
                    return
