"""The one door for Slack's calls: events, interactivity and commands.

1. The body is signed with our secret, at most five minutes ago, over exactly these bytes.
2. The payload comes from a workspace that we are installed in.
3. Only then does Bolt see it. Whatever fails before is 401, and nothing is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import Clock as SignatureClock
from slack_sdk.signature import SignatureVerifier

from bot.core.errors import Malformed, Unauthenticated
from bot.ports import Clock
from handlers.slack.reception import Reception

PATH = "/slack/events"


class OurClock(SignatureClock):
    """Slack's verifier on our clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def now(self) -> float:
        """Return the instant as a POSIX timestamp."""
        return self.clock.now().timestamp()


@dataclass(frozen=True, slots=True)
class Door:
    """Lets in what Slack signed for our workspaces."""

    verifier: SignatureVerifier
    reception: Reception

    async def enter(self, request: web.Request) -> web.Response:
        """Handle one call.

        Raises `Unauthenticated`, `Malformed`, or `NotReady` while Slack does not say which workspace is ours.
        """
        body = await self._signed(request)  # 1
        call = _read(body, request.content_type)
        if call.body.get("type") == "url_verification":
            return web.json_response({"challenge": str(call.body.get("challenge"))})
        workspace = await self.reception.whose(call)  # 2
        if workspace is None:
            raise Unauthenticated("This call comes from another Slack workspace.")
        return await to_aiohttp_response(await self.reception.dispatch(call, workspace))  # 3

    async def _signed(self, request: web.Request) -> str:
        # One header each: a second could be the one that somebody else reads.
        stamps = request.headers.getall("X-Slack-Request-Timestamp", [])
        signatures = request.headers.getall("X-Slack-Signature", [])
        try:
            body = (await request.read()).decode()
            stamp, signature = stamps[0].encode("ascii"), signatures[0].encode("ascii")
            genuine = (
                len(stamps) == len(signatures) == 1
                and len(stamp) <= 12
                and self.verifier.is_valid(body, stamp.decode(), signature.decode())
            )
        except (ValueError, LookupError) as error:
            raise Unauthenticated("This call does not carry Slack's signature.") from error
        if not genuine:
            raise Unauthenticated("This call does not carry Slack's signature.")
        return body


def _read(body: str, content_type: str) -> AsyncBoltRequest:
    """Read signed bytes; no header but the content type reaches Bolt, for only the bytes are signed."""
    try:
        return AsyncBoltRequest(body=body, headers={"content-type": content_type})
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise Malformed from error
