"""Before an address is called about decisions, whoever serves it proves that they asked for that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hmac import compare_digest

import orjson
from aiohttp import ClientError, ClientResponse, ClientSession

from bot.core import signing
from bot.core.errors import Malformed
from bot.core.strict import parse
from bot.core.wire import instant
from bot.ports import Clock, Ids
from handlers.aap.errors import Unverified
from handlers.aap.shapes import DeliveryBody

ANSWER_MAX = 4096  # bytes
WITHIN = 10  # seconds; the protocol's limit of one delivery


@dataclass(frozen=True, slots=True)
class Verification:
    """Asks over the same gated session as every callback: it reaches no address that those do not."""

    session: ClientSession
    clock: Clock
    ids: Ids

    async def require(self, hook: DeliveryBody, instance_id: str) -> None:
        """Return once the receiver has given the challenge back; else raise `Unverified`."""
        challenge, message_id, at = self.ids.secret(), self.ids.secret(), self.clock.now()
        message = {
            "id": message_id,
            "type": "webhook.verification",
            "registration_id": hook.registration_id,
            "instance_id": instance_id,
            "created_at": instant(at),
            "challenge": challenge,
        }
        body = orjson.dumps(message)
        headers = {
            "Content-Type": "application/json",
            **signing.sign(message_id, at, body, [hook.signing_secret]),
        }
        if not compare_digest(await self._asked(hook.url, body, headers), challenge):
            raise Unverified("The receiver did not answer 200 with the challenge.")

    async def _asked(self, url: str, body: bytes, headers: dict[str, str]) -> str:
        """Return the challenge that came back, empty for any answer but 200 with one."""
        try:
            async with (
                asyncio.timeout(WITHIN),
                self.session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                answer = parse(await _short(response))
        except TimeoutError:
            raise Unverified(f"The receiver did not answer within {WITHIN} s.") from None
        except (ClientError, OSError, ValueError, Malformed) as error:
            raise Unverified(
                f"The receiver could not be asked, or gave no JSON ({type(error).__name__})."
            ) from None
        given = answer.get("challenge") if isinstance(answer, dict) else None
        return given if response.status == 200 and isinstance(given, str) and given.isascii() else ""


async def _short(response: ClientResponse) -> bytes:
    read = bytearray()
    async for chunk in response.content.iter_any():
        read += chunk
        if len(read) > ANSWER_MAX:
            raise ValueError("too long")
    return bytes(read)
